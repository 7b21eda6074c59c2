//! `tribunal worker`, and the worker inside `serve`.

use std::sync::Arc;
use std::time::Duration;

use proto::id::WorkerId;
use proto::language::LanguageInfo;
use proto::units::Bytes;
use queue::WorkerLink;
use sandbox::BoxServer;
use tokio_util::sync::CancellationToken;
use worker::consume::{self, ConsumeConfig, Drained};
use worker::coordinator_http::HttpCoordinator;
use worker::engine::Engine;
use worker::harnesses::Harnesses;
use worker::packages::{DEFAULT_CACHE_BYTES, Packages};
use worker::versions;

use crate::args::WorkerArgs;
use crate::config::read_secret;
use crate::context::{Settings, default_slots, host_name, runtime, tell_host_image, tell_outdated};
use crate::host::{self, Host};
use crate::output::{Failure, note, print_line};
use crate::{otlp, stop};

/// How long running jobs may take after the order to stop, unless somebody says otherwise.
pub(crate) const DRAIN_DEFAULT: Duration = Duration::from_secs(30);

/// Time between heartbeats (architecture: every 5 s).
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A worker that is ready for its first job.
pub(crate) struct Worker {
    engine: Arc<Engine>,
    packages: Packages,
    harnesses: Harnesses,
    config: ConsumeConfig,
}

impl Worker {
    /// Opens images and package cache and asks every language for its version.
    pub(crate) async fn prepare(
        settings: &Settings,
        boxes: BoxServer,
        id: WorkerId,
        slots: u32,
        drain_timeout: Duration,
        drained: Drained,
        packages_cap: Option<Bytes>,
    ) -> Result<Self, Failure> {
        let accounting = boxes.accounting();
        let store = settings.store()?;
        // Before anything else runs in boxes, so that the two do not disturb each other.
        let Host { fitness, speed } = host::look(settings, &boxes, &store).await?;
        let fitness = Arc::new(fitness);
        for language in language::all() {
            tell_host_image(&store, language);
        }
        let harnesses = settings.harnesses(boxes.clone(), &store);
        let engine = Arc::new(settings.engine(boxes, &store));
        let cap = packages_cap.or(settings.config.packages_cap).map_or(DEFAULT_CACHE_BYTES, Bytes::get);
        let packages = Packages::open(&settings.data, id, cap).map_err(|e| {
            Failure::usage(format!("the data directory {} cannot be used: {e}", settings.data.display()))
        })?;
        let mut languages = versions::describe_all(&engine).await;
        for told in tell_outdated(&store, &mut languages) {
            note(&told);
        }
        for line in unusable(&languages) {
            note(&line);
        }
        let config = ConsumeConfig {
            id,
            name: host_name(),
            slots: slots as usize,
            accounting,
            languages,
            harnesses: true,
            speed,
            fitness,
            drained,
            drain_timeout,
            heartbeat: HEARTBEAT,
        };
        Ok(Self { engine, packages, harnesses, config })
    }

    /// The name of the queues it takes jobs from.
    pub(crate) fn class(&self) -> String {
        self.config.class()
    }

    /// Works until `stop` is cancelled and everything is reported or handed back.
    pub(crate) async fn run(self, link: WorkerLink, stop: CancellationToken) -> Result<(), Failure> {
        let Self { engine, packages, harnesses, config } = self;
        consume::run(link, engine, packages, Some(harnesses), config, stop.cancelled_owned())
            .await
            .map_err(|e| Failure::usage(format!("the worker had to stop: {e}")))
    }
}

pub(crate) fn main(args: WorkerArgs, settings: &Settings) -> Result<u8, Failure> {
    let Some(broker) = args.broker.or_else(|| settings.config.broker.clone()) else {
        return Err(Failure::usage("`worker` needs a broker: --broker amqp://… or TRIBUNAL_BROKER"));
    };
    let token = read_secret(&args.token_file).map_err(|e| Failure::usage(format!("--token-file: {e}")))?;
    let coordinator =
        HttpCoordinator::new(&args.api, &token).map_err(|e| Failure::usage(format!("--api: {e}")))?;
    let slots = args.work.slots.or(settings.config.slots).unwrap_or_else(default_slots);
    let drain = args.work.drain_timeout.or(settings.config.drain_timeout).unwrap_or(DRAIN_DEFAULT);
    let wrong_broker = |e| Failure::usage(format!("--broker: {e}"));
    queue::amqp::check_url(&broker).map_err(wrong_broker)?;
    let boxes = Settings::boxes(slots as usize)?;
    let _exporting = otlp::start(args.otlp.endpoint(), "tribunal-worker")?;
    runtime()?.block_on(async {
        let stop = stop::on_signal()?;
        let cap = args.work.packages_cap;
        let id = WorkerId::new();
        let worker = Worker::prepare(settings, boxes, id, slots, drain, Drained::Ends, cap).await?;
        let (jobs, reports, events) = queue::amqp::connect_worker(&broker, slots as usize, &worker.class())
            .await
            .map_err(wrong_broker)?;
        print_line("working")?;
        let link = WorkerLink { jobs, reports, events, coordinator: Arc::new(coordinator) };
        worker.run(link, stop).await.map(|()| 0)
    })
}

/// What to say of languages that cannot be judged here: those without an image on one line, others with their reason.
fn unusable(languages: &[LanguageInfo]) -> Vec<String> {
    let (away, broken): (Vec<_>, Vec<_>) =
        languages.iter().filter(|l| !l.usable).partition(|l| l.image.is_none() && l.image_kind.is_none());
    let mut lines: Vec<String> = broken
        .iter()
        .map(|l| {
            format!("{} cannot be judged here: {}", l.name, l.reason.as_deref().unwrap_or("no reason given"))
        })
        .collect();
    if !away.is_empty() {
        let ids: Vec<&str> = away.iter().map(|l| l.id.as_str()).collect();
        lines.push(format!(
            "without an image and not judged here: {} (`tribunal images build ID...`; `tribunal languages` says more)",
            ids.join(" ")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_without_an_image_take_one_line_and_a_broken_one_its_reason() {
        let language = |id: &str, usable, kind: Option<&str>| LanguageInfo {
            id: id.to_owned(),
            name: id.to_uppercase(),
            version: None,
            extensions: Vec::new(),
            variant_of: None,
            image: None,
            image_kind: kind.map(str::to_owned),
            compile: None,
            run: Vec::new(),
            usable,
            reason: Some("it broke".to_owned()),
            note: None,
        };
        let lines = unusable(&[
            language("ada", false, None),
            language("cpp", true, Some("oci")),
            language("d", false, None),
            language("go", false, Some("oci")),
        ]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "GO cannot be judged here: it broke");
        assert!(lines[1].contains(": ada d ("), "{lines:?}");
        assert!(unusable(&[language("cpp", true, Some("oci"))]).is_empty());
    }
}
