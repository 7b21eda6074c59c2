//! This host, as workers and `grade` look at it before and while they use boxes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbox::BoxServer;
use sandbox::doctor::HostFiles;
use tokio::sync::Mutex;
use worker::fitness::{Doctor, FIT_AGAIN, Fitness, UNFIT};
use worker::room::Room;
use worker::speed;

use crate::context::{Settings, root_spec};
use crate::output::{Failure, chain, note};

/// Between two looks at a host that is unfit, as between a worker's heartbeats.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a command waits for its host to become fit: ten times what one is judged over.
const PATIENCE: Duration = Duration::from_mins(10);

/// What is known of it.
pub(crate) struct Host {
    /// Whether it may be trusted, asked anew with each look.
    pub(crate) fitness: Fitness,
    /// How fast a core is beside the reference.
    pub(crate) speed: Option<f64>,
}

/// Asks the doctor and measures. Before anything else runs in boxes, so that the two do not disturb each other.
pub(crate) async fn look(
    settings: &Settings,
    boxes: &BoxServer,
    store: &images::Store,
) -> Result<Host, Failure> {
    let fitness =
        Fitness::new("/", Some(doctor(settings, boxes, store)?)).with_room(Room::of(&settings.data));
    fitness.ask().await;
    let speed = tokio::task::spawn_blocking(speed::measure).await.ok().flatten();
    Ok(Host { fitness, speed })
}

/// What `tribunal doctor` would say is missing and required.
fn doctor(settings: &Settings, boxes: &BoxServer, store: &images::Store) -> Result<Doctor, Failure> {
    let rootfs = store.rootfs("host").map_err(|e| Failure::ours(chain(&e)))?;
    let (boxes, data) = (boxes.clone(), settings.data.clone());
    Ok(Arc::new(move || {
        // Made here, so that the image's tree lives as long as the doctor may be asked.
        let root = root_spec(&rootfs);
        let files = HostFiles { root: "/".into(), data: data.clone() };
        let found = sandbox::doctor::probe(Ok(&boxes), &root, &files);
        let missing: Vec<String> = found
            .probes
            .iter()
            .filter(|p| p.required && !p.present)
            .map(|p| format!("{} ({}): without it {}", p.name, p.seen, p.lost))
            .collect();
        (!missing.is_empty()).then(|| format!("`tribunal doctor` misses {}", missing.join("; ")))
    }))
}

/// Lets a command's steps go on while the host is fit.
pub(crate) struct Gate {
    /// One step looks for all that wait.
    fitness: Mutex<Fitness>,
    patience: Duration,
}

impl Gate {
    /// A gate that is open now.
    ///
    /// # Errors
    /// When the host is unfit as it stands: nothing is begun on it.
    pub(crate) async fn open(fitness: Fitness) -> Result<Self, Failure> {
        match fitness.look().await {
            Some(why) => Err(Failure::ours(format!("nothing was begun: {UNFIT}: {why}"))),
            None => Ok(Self { fitness: Mutex::new(fitness), patience: PATIENCE }),
        }
    }

    /// Waits while the host is unfit, and says so.
    ///
    /// # Errors
    /// When it stays so.
    pub(crate) async fn pass(&self) -> Result<(), Failure> {
        let fitness = self.fitness.lock().await;
        let Some(mut why) = fitness.look().await else { return Ok(()) };
        note(&format!("beginning no more: {UNFIT}: {why}"));
        let begun = Instant::now();
        while begun.elapsed() < self.patience {
            tokio::time::sleep(LOOK_EVERY.min(self.patience)).await;
            match fitness.look().await {
                Some(still) => why = still,
                None => {
                    note(FIT_AGAIN);
                    return Ok(());
                }
            }
        }
        Err(Failure::ours(format!("gave up after {} s: {UNFIT}: {why}", self.patience.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A host whose doctor misses something while `ill`.
    fn host(ill: &Arc<AtomicBool>) -> Fitness {
        let ill = Arc::clone(ill);
        Fitness::new(
            "/nowhere",
            Some(Arc::new(move || ill.load(Ordering::SeqCst).then(|| "no pids".to_owned()))),
        )
    }

    #[tokio::test]
    async fn nothing_begins_on_an_unfit_host_and_what_stays_unfit_ends_with_its_reason() {
        let ill = Arc::new(AtomicBool::new(true));
        let fitness = host(&ill);
        fitness.ask().await;
        let refused = Gate::open(fitness).await.err().expect("it is unfit").to_string();
        assert!(refused.contains("this host is unfit: no pids"), "{refused}");

        let fitness = host(&ill);
        let gate = Gate { fitness: Mutex::new(fitness), patience: Duration::from_millis(20) };
        gate.pass().await.expect("nobody asked yet");
        gate.fitness.lock().await.ask().await;
        let told = gate.pass().await.expect_err("it stays so").to_string();
        assert!(told.contains("gave up") && told.contains("no pids"), "{told}");
        ill.store(false, Ordering::SeqCst);
        gate.fitness.lock().await.ask().await;
        gate.pass().await.expect("it is fit again");
    }
}
