//! `tribunal serve` (everything in one process) and `tribunal api` (the API alone).

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{Broker, Service, ServiceConfig};
use proto::id::WorkerId;
use proto::units::Bytes;
use sandbox::BoxServer;
use tokio_util::sync::CancellationToken;
use worker::consume::Drained;

use crate::args::{ApiArgs, ServeArgs};
use crate::context::{Settings, default_slots, runtime};
use crate::output::{Failure, chain, note, print_line};
use crate::{otlp, stop, worker_cmd};

pub(crate) fn serve(args: ServeArgs, settings: &Settings) -> Result<u8, Failure> {
    let slots = args.work.slots.or(settings.config.slots).unwrap_or_else(default_slots);
    let boxes = Settings::boxes(slots as usize)?;
    let _exporting = otlp::start(args.otlp.endpoint(), "tribunal-serve")?;
    let mut config = base_config(settings, args.listen);
    config.web_dir = args.web_dir;
    config.database.clone_from(&settings.config.database);
    config.blobs.clone_from(&settings.config.blobs);
    let drain =
        args.work.drain_timeout.or(settings.config.drain_timeout).unwrap_or(worker_cmd::DRAIN_DEFAULT);
    let (problems, cap) = (args.problems, args.work.packages_cap);
    runtime()?.block_on(serve_all(settings, config, boxes, slots, drain, problems, cap))
}

async fn serve_all(
    settings: &Settings,
    config: ServiceConfig,
    boxes: BoxServer,
    slots: u32,
    drain: Duration,
    problems: Option<PathBuf>,
    packages_cap: Option<Bytes>,
) -> Result<u8, Failure> {
    let stop = stop::on_signal()?;
    let service = Service::start(config).await.map_err(|e| Failure::usage(chain(&e)))?;
    let link = service
        .embedded_link(slots as usize)
        .ok_or_else(|| Failure::ours("the service has no embedded queue"))?;
    install_all(&service, problems.as_deref()).await?;
    let id = WorkerId::new();
    let worker =
        worker_cmd::Worker::prepare(settings, boxes, id, slots, drain, Drained::Stays, packages_cap).await?;
    announce(&service)?;

    // The worker stops first; the service takes its last reports.
    let service_stop = CancellationToken::new();
    let serving = tokio::spawn(service.run(service_stop.clone()));
    let worked = tokio::select! {
        worked = worker.run(link, stop.clone()) => worked,
        // The service ended by itself; the join below says why.
        () = ended(&serving) => Ok(()),
    };
    service_stop.cancel();
    join(serving).await?;
    worked.map(|()| 0)
}

pub(crate) fn api(args: ApiArgs, settings: &Settings) -> Result<u8, Failure> {
    let Some(broker) = args.broker.or_else(|| settings.config.broker.clone()) else {
        return Err(Failure::usage(
            "`api` needs a broker: --broker amqp://… or TRIBUNAL_BROKER (`serve` needs none)",
        ));
    };
    let mut config = base_config(settings, args.listen);
    config.broker = Broker::Amqp(broker);
    config.database = args.database.or_else(|| settings.config.database.clone());
    config.blobs = args.blobs.or_else(|| settings.config.blobs.clone());
    config.web_dir = args.web_dir;
    config.worker_token_file = args.worker_token_file;
    let _exporting = otlp::start(args.otlp.endpoint(), "tribunal-api")?;
    runtime()?.block_on(api_alone(config, args.problems))
}

async fn api_alone(config: ServiceConfig, problems: Option<PathBuf>) -> Result<u8, Failure> {
    let stop = stop::on_signal()?;
    let service = Service::start(config).await.map_err(|e| Failure::usage(chain(&e)))?;
    install_all(&service, problems.as_deref()).await?;
    announce(&service)?;
    join(tokio::spawn(service.run(stop))).await?;
    Ok(0)
}

fn base_config(settings: &Settings, listen: Option<std::net::SocketAddr>) -> ServiceConfig {
    let mut config = ServiceConfig::new(settings.data.clone());
    if let Some(listen) = listen.or(settings.config.listen) {
        config.listen = listen;
    }
    config.maxima = settings.config.maxima.clone();
    config.callbacks = settings.config.callbacks.clone();
    config.retention = settings.config.retention;
    config.s3 = settings.config.s3.clone();
    config
}

/// The two lines that people and scripts wait for.
fn announce(service: &Service) -> Result<(), Failure> {
    if let Some(token) = service.first_token() {
        print_line(&format!("admin token (shown once): {token}"))?;
    }
    print_line(&format!("worker token: {}", service.worker_token_file().display()))?;
    print_line(&format!("listening on http://{}", service.local_addr()))
}

/// Installs every package of a folder. One that is broken is named and left out: the others still serve.
async fn install_all(service: &Service, folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    for path in packages(folder)? {
        let shown = path.display().to_string();
        match pack(path).await? {
            Ok((zip, name)) => match service.install_problem(zip.into(), Some(&name)).await {
                Ok((_, true)) => tracing::info!(problem = name, "installed"),
                Ok((_, false)) => {}
                Err(error) => note(&format!("{shown}: {error}")),
            },
            Err(why) => note(&why),
        }
    }
    Ok(())
}

fn packages(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: std::io::Error| Failure::usage(format!("--problems {}: {e}", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.join("problem.yaml").is_file() || path.extension().is_some_and(|e| e == "zip") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The package as a zip, and its short name.
async fn pack(path: PathBuf) -> Result<Result<(Vec<u8>, String), String>, Failure> {
    tokio::task::spawn_blocking(move || {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let zip = if path.is_dir() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return problem::pack_zip(&path).map(|zip| (zip, name)).map_err(|e| e.to_string());
        } else {
            std::fs::read(&path).map_err(|e| format!("could not read {}: {e}", path.display()))
        };
        zip.map(|zip| (zip, name))
    })
    .await
    .map_err(|e| Failure::ours(format!("reading a package ended early: {e}")))
}

async fn ended<T>(task: &tokio::task::JoinHandle<T>) {
    while !task.is_finished() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn join(task: tokio::task::JoinHandle<std::io::Result<()>>) -> Result<(), Failure> {
    match task.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(Failure::ours(format!("the service stopped: {e}"))),
        Err(e) => Err(Failure::ours(format!("the service stopped: {e}"))),
    }
}
