//! Whether this host may be trusted with timed work: what the doctor misses, a full data directory, and what takes time
//! from programs without their seeing it.
//!
//! Looked at with every heartbeat, judged over the last [`WINDOW`]: one bad moment is made good by the runs that are made
//! again near a limit, a host that stays bad is not. What cannot be read here (no hypervisor, no quota) is no reason and
//! no proof. A verdict of unfitness holds until half the bound is kept; meanwhile jobs wait or go elsewhere.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::engine::blocking;
use crate::room::Room;

/// How far back a host is judged.
const WINDOW: Duration = Duration::from_mins(1);
/// With less than this there is no judgement yet.
const ENOUGH: Duration = Duration::from_secs(30);
/// The hypervisor's part of the processor time in use, in percent, from which on times mean nothing.
const STEAL_MAX: f64 = 30.0;
/// With less than this percentage of the processors in use, the part that is stolen says nothing.
const BUSY_MIN: f64 = 10.0;
/// Time that the quota of our own control group stopped it, in percent of the window.
const THROTTLED_MAX: f64 = 30.0;
/// How far the steered clock may run off the hardware's own, in percent; a time server steers by 0.05 at most.
const CLOCK_MAX: f64 = 2.0;
/// Between two questions to a doctor that missed something.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// What is said of a host that takes nothing, before the reason.
pub const UNFIT: &str = "this host is unfit";
/// And once it does again.
pub const FIT_AGAIN: &str = "this host is fit again";

/// What the doctor misses, in words; `None` when all that is required is there. Runs boxes and may block for seconds.
pub type Doctor = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// One look at the host.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    /// `CLOCK_MONOTONIC`.
    at: Duration,
    /// `CLOCK_MONOTONIC_RAW`.
    raw: Duration,
    /// Ticks of all processors in use, the stolen ones among them.
    busy: f64,
    stolen: f64,
    total: f64,
    /// How long the quota stopped us; `None` where there is none.
    throttled: Option<Duration>,
}

#[derive(Debug, Default)]
struct Seen {
    samples: VecDeque<Sample>,
    /// Why it is unfit by its samples.
    unfit: Option<String>,
    /// What the doctor missed, and when he was asked.
    missed: Option<(String, Instant)>,
    /// The room that the data directory lacks.
    lacking: Option<String>,
}

/// The host.
pub struct Fitness {
    /// Where `/proc` and `/sys` lie.
    root: PathBuf,
    doctor: Option<Doctor>,
    room: Option<Room>,
    seen: Mutex<Seen>,
}

impl std::fmt::Debug for Fitness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fitness").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Fitness {
    /// The host whose `/proc` and `/sys` lie below `root`; without a doctor only its clocks and counters are looked at.
    pub fn new(root: impl Into<PathBuf>, doctor: Option<Doctor>) -> Self {
        Self { root: root.into(), doctor, room: None, seen: Mutex::default() }
    }

    /// The same host, unfit as well while the data directory has no room.
    #[must_use]
    pub fn with_room(self, room: Room) -> Self {
        Self { room: Some(room), ..self }
    }

    /// Asks the doctor, and again when he misses something, so that one box that failed on a busy host is no finding.
    pub async fn ask(&self) {
        const TRIES: u32 = 3;
        let Some(doctor) = &self.doctor else { return };
        let mut missed = None;
        for _ in 0..TRIES {
            let doctor = Arc::clone(doctor);
            missed = match blocking(move || doctor()).await {
                Ok(missed) => missed,
                Err(e) => Some(format!("the doctor could not be asked: {e}")),
            };
            if missed.is_none() {
                break;
            }
        }
        self.seen().missed = missed.map(|what| (what, Instant::now()));
    }

    /// Looks at the host now; why it is unfit, if it is.
    pub async fn look(&self) -> Option<String> {
        let again = self.seen().missed.as_ref().is_some_and(|(_, asked)| asked.elapsed() >= ASK_AGAIN);
        if again {
            self.ask().await;
        }
        let sample = sample(&self.root);
        let mut seen = self.seen();
        if let Some(sample) = sample {
            let was = seen.unfit.is_some();
            seen.samples.push_back(sample);
            while seen.samples.front().is_some_and(|first| sample.at.saturating_sub(first.at) > WINDOW) {
                seen.samples.pop_front();
            }
            let first = seen.samples.front().copied().unwrap_or(sample);
            seen.unfit = judge(&first, &sample, was);
        }
        seen.lacking = self.room.as_ref().and_then(|room| room.lacks(seen.lacking.is_some()));
        let missed = seen.missed.as_ref().map(|(what, _)| what.clone());
        missed.or_else(|| seen.lacking.clone()).or_else(|| seen.unfit.clone())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the time between two looks makes the host unfit. `was` is whether it was so before: then half of each bound counts.
fn judge(first: &Sample, last: &Sample, was: bool) -> Option<String> {
    let wall = last.at.saturating_sub(first.at);
    if wall < ENOUGH {
        // Too little to say that it is over, too.
        return was.then(|| "it was unfit, and too little was seen of it since".to_owned());
    }
    let over = |share: f64, max: f64| share > if was { max / 2.0 } else { max };
    let seconds = wall.as_secs_f64();
    let raw = last.raw.saturating_sub(first.raw).as_secs_f64();
    let drift = (seconds - raw).abs() / seconds * 100.0;
    if over(drift, CLOCK_MAX) {
        return Some(format!(
            "the clock runs {drift:.1} % off the hardware's own; up to {CLOCK_MAX} % is borne"
        ));
    }
    let (busy, stolen, total) =
        (last.busy - first.busy, last.stolen - first.stolen, last.total - first.total);
    if total > 0.0 && busy / total * 100.0 >= BUSY_MIN {
        let share = stolen / busy * 100.0;
        if over(share, STEAL_MAX) {
            return Some(format!(
                "the hypervisor took {share:.0} % of the processor time in use; up to {STEAL_MAX} % is borne"
            ));
        }
    }
    let throttled = first.throttled.zip(last.throttled).map(|(first, last)| last.saturating_sub(first));
    let share = throttled.map_or(0.0, |stopped| stopped.as_secs_f64() / seconds * 100.0);
    over(share, THROTTLED_MAX).then(|| {
        format!("a quota of its control group stopped it {share:.0} % of the time; up to {THROTTLED_MAX} % is borne")
    })
}

fn sample(root: &Path) -> Option<Sample> {
    let clock = |id| clock_gettime(id).ok().map(Duration::from);
    let text = std::fs::read_to_string(root.join("proc/stat")).ok()?;
    let (busy, stolen, total) = ticks(&text)?;
    let throttled = throttled(root);
    let (at, raw) = (clock(ClockId::CLOCK_MONOTONIC)?, clock(ClockId::CLOCK_MONOTONIC_RAW)?);
    Some(Sample { at, raw, busy, stolen, total, throttled })
}

/// Busy, stolen and all ticks of the first line of `/proc/stat` (proc(5)): user nice system idle iowait irq softirq steal;
/// guest time is in user already.
fn ticks(stat: &str) -> Option<(f64, f64, f64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<f64> = line.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
    let &[user, nice, system, idle, iowait, irq, softirq, steal] = fields.as_slice() else { return None };
    let busy = user + nice + system + irq + softirq + steal;
    Some((busy, steal, busy + idle + iowait))
}

/// How long quotas stopped our control group or one around it, the longest of them.
fn throttled(root: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mut longest = None;
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let mounts: &[&str] = match (number, controllers) {
            ("0", "") => &["sys/fs/cgroup", "sys/fs/cgroup/unified"],
            (_, list) if list.split(',').any(|c| c == "cpu") => {
                &["sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"]
            }
            _ => continue,
        };
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            for mount in mounts {
                let stat = std::fs::read_to_string(root.join(mount).join(group).join("cpu.stat"));
                longest = longest.max(stat.ok().as_deref().and_then(stopped));
            }
        }
    }
    longest
}

/// `throttled_usec` of cgroup v2, `throttled_time` (ns) of v1.
fn stopped(stat: &str) -> Option<Duration> {
    stat.lines().find_map(|line| match line.split_once(' ')? {
        ("throttled_usec", us) => us.trim().parse().ok().map(Duration::from_micros),
        ("throttled_time", ns) => ns.trim().parse().ok().map(Duration::from_nanos),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: f64, busy: f64, stolen: f64, throttled: f64) -> Sample {
        Sample {
            at: Duration::from_secs_f64(seconds),
            raw: Duration::from_secs_f64(seconds),
            busy,
            stolen,
            total: seconds * 200.0,
            throttled: Some(Duration::from_secs_f64(throttled)),
        }
    }

    #[test]
    fn what_takes_time_unseen_makes_a_host_unfit_beyond_its_bound_and_until_half_of_it() {
        let none = after(0.0, 0.0, 0.0, 0.0);
        let of = |sample: Sample, was| judge(&none, &sample, was);
        assert_eq!(of(after(60.0, 10_000.0, 2_900.0, 17.0), false), None, "within every bound");
        assert!(of(after(60.0, 10_000.0, 3_100.0, 0.0), false).unwrap().contains("hypervisor took 31 %"));
        assert!(of(after(60.0, 10_000.0, 2_000.0, 0.0), true).is_some(), "not half of it yet");
        assert_eq!(of(after(60.0, 10_000.0, 1_400.0, 0.0), true), None, "it is fit again");
        assert_eq!(of(after(60.0, 1_000.0, 900.0, 0.0), false), None, "an idle host shows nothing");
        assert!(of(after(60.0, 10_000.0, 0.0, 20.0), false).unwrap().contains("quota"));
        assert_eq!(of(after(29.0, 5_000.0, 4_000.0, 20.0), false), None, "too short to tell");
        assert!(of(after(29.0, 5_000.0, 0.0, 0.0), true).is_some(), "too short to be well again");
        let fast = Sample { raw: Duration::from_secs(58), ..after(60.0, 0.0, 0.0, 0.0) };
        assert!(of(fast, false).unwrap().contains("clock runs 3.3 %"));
        let unread = Sample { throttled: None, ..after(60.0, 0.0, 0.0, 0.0) };
        assert_eq!(of(unread, false), None, "what cannot be read is no reason");
    }

    #[test]
    fn counters_are_read_from_both_kinds_of_control_groups() {
        assert_eq!(ticks("cpu  10 20 30 400 50 6 7 8 9 1\ncpu0 1"), Some((81.0, 8.0, 531.0)));
        assert_eq!(ticks("cpu  10 20 30\n"), None);
        let host = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = host.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(throttled(host.path()), None);
        write("proc/self/cgroup", "0::/a/b\n");
        write("sys/fs/cgroup/a/b/cpu.stat", "usage_usec 5\nthrottled_usec 7\n");
        write("sys/fs/cgroup/a/cpu.stat", "throttled_usec 2000000\n");
        assert_eq!(throttled(host.path()), Some(Duration::from_secs(2)), "the group around it counts too");
        write("proc/self/cgroup", "4:cpu,cpuacct:/x\n1:name=systemd:/a\n");
        write("sys/fs/cgroup/cpu,cpuacct/x/cpu.stat", "nr_throttled 1\nthrottled_time 3000000000\n");
        assert_eq!(throttled(host.path()), Some(Duration::from_secs(3)));
    }

    #[tokio::test]
    async fn what_the_doctor_misses_three_times_makes_a_host_unfit_and_once_does_not() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let of = |misses: u32| {
            let asked = Arc::new(AtomicU32::new(0));
            let doctor: Doctor = Arc::new(move || {
                (asked.fetch_add(1, Ordering::SeqCst) < misses).then(|| "missing: pid namespace".to_owned())
            });
            Fitness::new("/", Some(doctor))
        };
        let (busy, broken) = (of(2), of(99));
        busy.ask().await;
        assert_eq!(busy.look().await, None);
        broken.ask().await;
        assert_eq!(broken.look().await.as_deref(), Some("missing: pid namespace"));
    }
}
