//! Who can judge what: pure questions about the workers that registered.
//!
//! A job goes only to workers that can do it, so nobody has to refuse it and send it round (a broker would hand it to
//! the same worker again). Workers that can do the same are one class with queues of its own; what no class can do
//! waits in the store, and is told by name.

use std::collections::{BTreeMap, BTreeSet};

use proto::facts::Accounting;
use proto::language::HOST;
use proto::report::Stored;
use proto::units::Bytes;

use crate::store::{Millis, WorkerRow};

/// What follows the architecture where jobs against harnesses are kept. An API of the release before takes it for part
/// of the name, finds no worker of such an architecture, and leaves these jobs to one that knows them.
const HARNESS: &str = "+harness";

/// What a job needs of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Machine architecture.
    pub(crate) arch: String,
    /// The language's id.
    pub(crate) language: String,
    /// Whether figures have to be exact.
    pub(crate) exact: bool,
    /// Whether it is to grade against a harness.
    pub(crate) harness: bool,
    /// What has to fit on its disk.
    pub(crate) room: RoomNeed,
}

/// What a job stores on a worker's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoomNeed {
    pub(crate) what: Stored,
    /// It fits where a package of so many bytes does; 0 when nobody knows.
    pub(crate) bytes: i64,
}

impl Needs {
    /// With the word by which jobs keep architecture and kind.
    pub(crate) fn of(capability: &str, language: String, exact: bool, room: RoomNeed) -> Self {
        let arch = capability.strip_suffix(HARNESS);
        let harness = arch.is_some();
        Self { arch: arch.unwrap_or(capability).to_owned(), language, exact, harness, room }
    }

    /// What follows the architecture in that word.
    pub(crate) const fn kind(harness: bool) -> &'static str {
        if harness { HARNESS } else { "" }
    }

    /// Whether this worker could, were it ready.
    pub(crate) fn met_by(&self, worker: &WorkerRow) -> bool {
        self.on(worker)
            && worker.can(&self.language)
            && self.grades_on(worker)
            && self.trusts(worker)
            && self.fits(worker)
    }

    fn on(&self, worker: &WorkerRow) -> bool {
        worker.registration.arch == self.arch
    }

    fn grades_on(&self, worker: &WorkerRow) -> bool {
        !self.harness || worker.registration.harnesses
    }

    fn trusts(&self, worker: &WorkerRow) -> bool {
        !self.exact || worker.registration.accounting == Accounting::Exact
    }

    fn fits(&self, worker: &WorkerRow) -> bool {
        self.room.bytes <= most(worker)
    }

    /// The room it needs, in words, beside what these workers have.
    fn room_in_words(&self, workers: &[&WorkerRow]) -> String {
        let Some(best) = workers.iter().max_by_key(|w| most(w)).and_then(|w| w.room) else {
            return String::new();
        };
        let what = match self.room.what {
            Stored::Package => "the package".to_owned(),
            Stored::Image => format!("the image of `{}`", self.language),
        };
        let needed = Bytes(self.room.bytes.unsigned_abs());
        let (free, cap) = (Bytes(best.free_bytes), Bytes(best.cap_bytes));
        let bound = if cap < needed {
            format!("{} is the most that one keeps (`--packages-cap`)", cap.in_mib())
        } else {
            format!("{} is the most that one has free", free.in_mib())
        };
        format!("room:{what} needs {} on a worker's disk; {bound}", needed.in_mib())
    }

    /// The first thing that no living worker has, as `waiting_for` tells it; `None` while one can.
    pub(crate) fn lacking(&self, workers: &[WorkerRow], now: Millis) -> Option<String> {
        let mut left: Vec<&WorkerRow> = workers.iter().filter(|w| w.alive(now)).collect();
        let mut narrowed = |keep: &dyn Fn(&WorkerRow) -> bool| {
            left.retain(|w| keep(w));
            left.is_empty()
        };
        match () {
            () if narrowed(&|_| true) => Some("worker".to_owned()),
            () if narrowed(&|w| self.on(w)) => Some(format!("architecture:{}", self.arch)),
            () if narrowed(&|w| w.can(&self.language)) => Some(format!("language:{}", self.language)),
            () if narrowed(&|w| self.grades_on(w)) => Some("harness_worker".to_owned()),
            () if narrowed(&|w| self.trusts(w)) => Some("accounting:exact".to_owned()),
            () if narrowed(&|w| w.unfit.is_none()) => Some("fit_worker".to_owned()),
            () if narrowed(&|w| w.ready(now)) => Some("uncordoned_worker".to_owned()),
            () if !left.iter().any(|w| self.fits(w)) => Some(self.room_in_words(&left)),
            () => None,
        }
    }
}

/// Ready workers that take jobs from the same queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Class {
    /// The name of those queues.
    pub(crate) route: String,
    pub(crate) arch: String,
    pub(crate) exact: bool,
    /// Whether all of them grade against harnesses: one that does not could not even read such a job.
    pub(crate) harnesses: bool,
    pub(crate) languages: BTreeSet<String>,
    /// Jobs they can have at once.
    pub(crate) slots: i64,
    /// The largest package that one of them could store, in bytes.
    pub(crate) room: i64,
}

/// The largest package that a worker could store, in bytes.
fn most(worker: &WorkerRow) -> i64 {
    worker.room.map_or(i64::MAX, |room| i64::try_from(room.most()).unwrap_or(i64::MAX))
}

/// The classes of the workers that are ready. Members are alike by name; should they differ, as workers of an older
/// release may, the class can judge what one of them can, and grades where all do.
pub(crate) fn classes(workers: &[WorkerRow], now: Millis) -> Vec<Class> {
    let mut found = BTreeMap::<String, Class>::new();
    for worker in workers.iter().filter(|w| w.ready(now)) {
        let told = &worker.registration;
        let class = found.entry(told.class().to_owned()).or_insert_with(|| Class {
            route: told.class().to_owned(),
            arch: told.arch.clone(),
            exact: false,
            harnesses: true,
            languages: BTreeSet::from([HOST.to_owned()]),
            slots: 0,
            room: 0,
        });
        class.room = class.room.max(most(worker));
        class.exact |= told.accounting == Accounting::Exact;
        class.harnesses &= told.harnesses;
        class.slots += i64::from(told.slots);
        class.languages.extend(told.languages.iter().filter(|l| l.usable).map(|l| l.id.clone()));
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::http::{Order, RoomLeft, WorkerRegistration};

    use super::*;
    use crate::testing::registration;

    const NOW: Millis = 1_000_000;

    fn worker(languages: &[&str], change: impl FnOnce(&mut WorkerRow)) -> WorkerRow {
        let mut row = WorkerRow {
            registration: registration("w", languages).into(),
            registered_ms: NOW,
            seen_ms: NOW,
            draining: false,
            wanted: Order::Work,
            unfit: None,
            counted: None,
            room: None,
        };
        change(&mut row);
        row
    }

    fn told(worker: &mut WorkerRow) -> &mut WorkerRegistration {
        Arc::make_mut(&mut worker.registration)
    }

    fn needs(language: &str, exact: bool) -> Needs {
        let room = RoomNeed { what: Stored::Package, bytes: 0 };
        Needs::of(crate::CAPABILITY, language.into(), exact, room)
    }

    #[test]
    fn what_nobody_has_is_told_by_name_and_the_first_thing_first() {
        let lacking = |workers: &[WorkerRow]| needs("cpp", true).lacking(workers, NOW).unwrap_or_default();
        let dead = worker(&["cpp"], |w| w.seen_ms = 0);
        assert_eq!(lacking(&[]), "worker");
        assert_eq!(lacking(std::slice::from_ref(&dead)), "worker");
        let far = worker(&["cpp"], |w| told(w).arch = "z80".into());
        assert_eq!(lacking(&[dead.clone(), far]), format!("architecture:{}", crate::CAPABILITY));
        let other = worker(&["python3"], |_| {});
        assert_eq!(lacking(std::slice::from_ref(&other)), "language:cpp");
        let rough = worker(&["cpp"], |w| told(w).accounting = Accounting::Sampled);
        assert_eq!(lacking(&[other.clone(), rough.clone()]), "accounting:exact");
        assert_eq!(needs("cpp", false).lacking(&[rough], NOW), None);
        let unfit = worker(&["cpp"], |w| w.unfit = Some("hot".into()));
        assert_eq!(lacking(std::slice::from_ref(&unfit)), "fit_worker");
        let cordoned = worker(&["cpp"], |w| w.wanted = Order::Cordon);
        let leaving = worker(&["cpp"], |w| w.draining = true);
        assert_eq!(lacking(&[unfit, cordoned, leaving]), "uncordoned_worker");
        let graded = Needs { harness: true, ..needs("cpp", false) };
        let mut grades = worker(&["cpp"], |w| told(w).harnesses = true);
        assert_eq!(graded.lacking(&[worker(&["cpp"], |_| {})], NOW).unwrap(), "harness_worker");
        assert_eq!(graded.lacking(&[other.clone(), grades.clone()], NOW), None);
        grades.wanted = Order::Cordon;
        assert_eq!(graded.lacking(&[grades, worker(&["cpp"], |_| {})], NOW).unwrap(), "uncordoned_worker");
        assert_eq!(lacking(&[other, dead, worker(&["cpp"], |_| {})]), "");
    }

    #[test]
    fn what_fits_on_no_disk_is_told_with_what_and_how_much_after_everything_else() {
        let with = |free: u64, cap: u64| {
            worker(&["cpp"], |w| w.room = Some(RoomLeft { free_bytes: free << 20, cap_bytes: cap << 20 }))
        };
        let need =
            |what, mib: i64| Needs { room: RoomNeed { what, bytes: mib << 20 }, ..needs("cpp", false) };
        let large = need(Stored::Package, 300);
        let said = large.lacking(&[with(100, 4096), with(200, 4096)], NOW).unwrap();
        let wanted =
            "room:the package needs 300.0 MiB on a worker's disk; 200.0 MiB is the most that one has free";
        assert_eq!(said, wanted);
        let said = large.lacking(&[with(9999, 64), with(20, 4096)], NOW).unwrap();
        assert!(said.ends_with("64.0 MiB is the most that one keeps (`--packages-cap`)"), "{said}");
        let image = need(Stored::Image, 300).lacking(&[with(100, 4096)], NOW).unwrap();
        assert!(image.starts_with("room:the image of `cpp` needs 300.0 MiB"), "{image}");
        assert_eq!(large.lacking(&[with(100, 4096), with(300, 300)], NOW), None);
        assert_eq!(large.lacking(&[worker(&["cpp"], |_| {})], NOW), None, "an older worker says nothing");
        let told = |w: &WorkerRow| large.met_by(w);
        assert!(told(&with(300, 300)) && !told(&with(299, 4096)) && !told(&with(4096, 299)));
        assert_eq!(classes(&[with(100, 4096), with(4096, 200)], NOW)[0].room, 200 << 20);
    }

    #[test]
    fn ready_workers_that_can_the_same_are_one_class() {
        let of = |class: &str, languages: &[&str], slots| {
            worker(languages, |w| {
                let told = told(w);
                (told.class, told.slots) = (Some(class.into()), slots);
            })
        };
        let workers = [
            of("b", &["java"], 4),
            of("a", &["cpp"], 1),
            of("a", &["cpp"], 2),
            worker(&["ruby"], |w| w.draining = true),
        ];
        let found = classes(&workers, NOW);
        assert_eq!(
            found.iter().map(|c| (c.route.as_str(), c.slots)).collect::<Vec<_>>(),
            [("a", 3), ("b", 4)]
        );
        assert!(found.iter().all(|c| !c.harnesses), "nobody said so");
        let two = |other| {
            let grades = |yes| worker(&["cpp"], |w| told(w).harnesses = yes);
            classes(&[grades(true), grades(other)], NOW)[0].harnesses
        };
        assert!(two(true) && !two(false), "the queue is of all of them");
        assert!(found[0].languages.contains("cpp") && !found[0].languages.contains("java"));
    }
}
