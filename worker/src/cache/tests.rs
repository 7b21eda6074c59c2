//! What is recalled, what never is, and what a full or damaged store does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::facts::{Exit, LimitEvent, LimitHit, Violation};
use proto::units::Bytes;
use sandbox::spec::{BoxFile, Collected, RootBind};

use super::*;
use crate::testing::{FakeRunner, ran};

fn spec() -> RunSpec {
    RunSpec {
        root: sandbox::spec::RootSpec { lower: vec!["/images/layers/a".into()], binds: Vec::new() },
        argv: vec!["./a.out".to_owned()],
        env: vec![("A".to_owned(), "b".to_owned())],
        files: vec![BoxFile { path: "a.out".to_owned(), content: b"ELF"[..].into(), executable: true }],
        stdin: Stdin::Bytes(b"1 2\n"[..].into()),
        keep_stdout: 10,
        overflow: None,
        keep_stderr: 10,
        limits: proto::limits::Limits::run_defaults(),
        profile: sandbox::spec::Profile::Default,
        writable: false,
        collect: Vec::new(),
    }
}

const SECOND: Keep = Keep::Within(Duration::from_secs(1));

fn store(most: u64) -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Bytes(most)).unwrap();
    (folder, Arc::new(store))
}

/// Makes a run another one.
type Change = fn(&mut RunSpec);

#[test]
fn every_part_of_a_run_is_in_its_key() {
    let bytes = |text: &'static [u8]| -> Arc<[u8]> { text.into() };
    let changes: Vec<(&str, Change)> = vec![
        ("image", |s| s.root.lower.push("/images/layers/b".into())),
        ("argument", |s| s.argv.push("x".to_owned())),
        ("environment", |s| s.env[0].1.push('c')),
        ("file's name", |s| s.files[0].path.push('2')),
        ("file's content", |s| s.files[0].content = b"ELG"[..].into()),
        ("file's bit", |s| s.files[0].executable = false),
        ("input", |s| s.stdin = Stdin::Bytes(b"1 3\n"[..].into())),
        ("no input", |s| s.stdin = Stdin::Empty),
        ("kept stdout", |s| s.keep_stdout = 11),
        ("kept stderr", |s| s.keep_stderr = 11),
        ("limits", |s| s.limits.processes += 1),
        ("profile", |s| s.profile = sandbox::spec::Profile::Strict),
        ("writable", |s| s.writable = true),
        ("collected", |s| {
            s.collect.push(sandbox::spec::Collect::read("x", 1));
        }),
    ];
    let mut seen = vec![key_of(&spec()).unwrap()];
    for (what, change) in changes {
        let mut other = spec();
        change(&mut other);
        let key = key_of(&other).unwrap();
        assert!(!seen.contains(&key), "{what}");
        seen.push(key);
    }
    let mut moved = spec();
    moved.argv = vec!["./a.outA".to_owned()];
    moved.env = vec![(String::new(), "b".to_owned())];
    assert!(!seen.contains(&key_of(&moved).unwrap()), "bytes do not wander from part to part");
    let empty = RunSpec { stdin: Stdin::Bytes(bytes(b"")), ..spec() };
    assert_ne!(key_of(&empty), key_of(&RunSpec { stdin: Stdin::Empty, ..spec() }));
}

/// Takes what flows over and does nothing with it.
#[derive(Debug)]
struct Drain;

impl sandbox::spec::Overflow for Drain {
    fn begin(&self) {}

    fn take(&self, _: &[u8]) {}
}

#[tokio::test]
async fn an_output_that_flowed_over_is_never_recalled_and_a_whole_one_is_for_every_checker() {
    for (truncated, recalled) in [(true, false), (false, true)] {
        let (_folder, store) = store(1 << 20);
        let fake = FakeRunner::new(move |_| {
            let mut outcome = ran(Exit::Code(0), "out\n");
            outcome.stdout.truncated = truncated;
            Ok(outcome)
        });
        let runner = CachedRunner::new(Arc::clone(&fake) as _, store);
        let flowing = RunSpec { overflow: Some(Arc::new(Drain)), ..spec() };
        let all = usize::try_from(spec().limits.output.get()).unwrap();
        let whole = RunSpec { keep_stdout: all, ..spec() };
        assert!(!runner.run_or_recall(flowing.clone(), SECOND).await.unwrap().1);
        assert_eq!(runner.run_or_recall(flowing, SECOND).await.unwrap().1, recalled);
        assert_eq!(runner.run_or_recall(whole, SECOND).await.unwrap().1, recalled);
        assert!(!runner.run_or_recall(spec(), SECOND).await.unwrap().1, "keeps less, and is another run");
    }
}

#[test]
fn what_a_description_does_not_tell_has_no_key() {
    let mut host = spec();
    host.root.binds.push(RootBind { source: "/usr".into(), target: "/usr".into() });
    assert_eq!(key_of(&host), None, "the machine's own files change without telling");
    let file = std::fs::File::open("/dev/null").unwrap();
    let streamed = RunSpec { stdin: Stdin::Fd(Arc::new(file.into())), ..spec() };
    assert_eq!(key_of(&streamed), None);
}

#[test]
fn only_a_run_that_ended_far_from_every_limit_is_kept() {
    let event = |limit| LimitEvent { limit, observed_ns: 1, value: 1, bound: 1 };
    let facts = |change: fn(&mut RunFacts)| {
        let mut facts = ran(Exit::Code(0), "").facts;
        change(&mut facts);
        facts
    };
    for (facts, kept) in [
        (facts(|_| ()), true),
        (facts(|f| f.exit = Some(Exit::Code(1))), true),
        (facts(|f| f.exit = Some(Exit::Signal(11))), true),
        (facts(|f| f.cpu_time = Duration::from_millis(900)), true),
        (facts(|f| f.cpu_time = Duration::from_millis(901)), false),
        (facts(|f| f.exit = None), false),
        (facts(|f| f.oom_kills = 1), false),
        (facts(|f| f.process_limit_hits = 1), false),
        (facts(|f| f.violation = Some(Violation { syscall: 1, name: None })), false),
        (RunFacts { limit_events: vec![event(LimitHit::Output)], ..facts(|_| ()) }, false),
        (RunFacts { limit_events: vec![event(LimitHit::Disk)], ..facts(|_| ()) }, false),
    ] {
        assert_eq!(SECOND.allows(&facts), kept, "{facts:?}");
    }
    assert!(Keep::Ended.allows(&facts(|f| f.cpu_time = Duration::from_secs(100))));
}

#[test]
fn of_a_packages_own_examples_those_far_beyond_the_limit_are_kept_too() {
    let took = |ms, events: &[LimitHit]| {
        let mut facts = ran(Exit::Signal(9), "").facts;
        facts.cpu_time = Duration::from_millis(ms);
        facts.limit_events =
            events.iter().map(|&limit| LimitEvent { limit, observed_ns: 1, value: 1, bound: 1 }).collect();
        facts
    };
    let own = Keep::FarFrom(Duration::from_secs(1));
    for (facts, kept) in [
        (took(900, &[]), true),
        (took(901, &[]), false),
        (took(1249, &[]), false),
        (took(1249, &[LimitHit::CpuTime]), false),
        (took(1250, &[LimitHit::CpuTime]), true),
        (took(1250, &[]), true),
        (took(2000, &[LimitHit::CpuTime]), true),
        (took(2000, &[LimitHit::CpuTime, LimitHit::Output]), false),
        (took(2000, &[LimitHit::WallTime]), false),
        (took(500, &[LimitHit::CpuTime]), false),
        (RunFacts { oom_kills: 1, ..took(2000, &[LimitHit::CpuTime]) }, false),
        (RunFacts { violation: Some(Violation { syscall: 1, name: None }), ..took(2000, &[]) }, false),
    ] {
        assert_eq!(own.allows(&facts), kept, "{facts:?}");
        assert!(kept || !SECOND.allows(&facts), "whoever takes part is given no more: {facts:?}");
    }
    assert!(
        !SECOND.allows(&took(2000, &[LimitHit::CpuTime])),
        "nobody who takes part is too slow from memory"
    );
}

#[tokio::test]
async fn an_output_handed_out_open_is_not_recalled() {
    let (_folder, store) = store(1 << 20);
    let fake = FakeRunner::new(|_| {
        let mut outcome = ran(Exit::Code(0), "");
        let file = tempfile::tempfile().unwrap().try_into().unwrap();
        outcome.opened = vec![sandbox::spec::Opened { path: b"out".to_vec(), file }];
        Ok(outcome)
    });
    let runner = CachedRunner::new(Arc::clone(&fake) as _, store);
    for _ in 0..2 {
        let (outcome, cached) = runner.run_or_recall(spec(), SECOND).await.unwrap();
        assert!(!cached && outcome.opened.len() == 1);
    }
}

#[tokio::test]
async fn a_file_given_open_is_known_by_its_bytes_and_one_that_changes_meanwhile_is_not_kept() {
    let given = tempfile::NamedTempFile::new().unwrap();
    let bytes = vec![b'x'; PIECE + 10];
    std::fs::write(given.path(), &bytes).unwrap();
    let open = || {
        let mut spec = spec();
        spec.files[0].content = Content::File(OpenFile::open(given.path()).unwrap());
        spec
    };
    let mut at_hand = spec();
    at_hand.files[0].content = bytes.into();
    assert_eq!(key_of(&open()), key_of(&at_hand));

    let (_folder, store) = store(1 << 20);
    let path = given.path().to_owned();
    let changing = FakeRunner::new(move |_| {
        std::fs::write(&path, "another").unwrap();
        Ok(ran(Exit::Code(0), "of which?"))
    });
    let runner = CachedRunner::new(changing as _, Arc::clone(&store));
    runner.run_or_recall(open(), SECOND).await.unwrap();
    let quiet = FakeRunner::new(|_| Ok(ran(Exit::Code(0), "right")));
    let runner = CachedRunner::new(quiet as _, store);
    assert!(!runner.run_or_recall(at_hand, SECOND).await.unwrap().1, "of bytes that it may not have had");
    assert!(!runner.run_or_recall(open(), SECOND).await.unwrap().1);
    assert!(runner.run_or_recall(open(), SECOND).await.unwrap().1, "nobody changed it");
}

#[tokio::test]
async fn the_same_run_is_made_once_and_recalled_whole() {
    let (_folder, store) = store(1 << 20);
    let fake = FakeRunner::new(|_| {
        let mut outcome = ran(Exit::Code(3), "out\n");
        outcome.stderr.bytes = b"err".to_vec();
        outcome.stderr.truncated = true;
        outcome.files =
            vec![Collected { path: b"x\xff".to_vec(), executable: true, bytes: b"\0\x01".to_vec() }];
        Ok(outcome)
    });
    let runner = CachedRunner::new(Arc::clone(&fake) as _, Arc::clone(&store));
    let (made, cached) = runner.run_or_recall(spec(), SECOND).await.unwrap();
    assert!(!cached);
    let (again, cached) = runner.run_or_recall(spec(), SECOND).await.unwrap();
    assert!(cached);
    assert_eq!((again.facts, again.stdout, again.stderr), (made.facts, made.stdout, made.stderr));
    assert_eq!(again.files, made.files);
    assert_eq!(fake.commands().len(), 1);
    runner.run(spec()).await.unwrap();
    assert_eq!(fake.commands().len(), 2, "who asks for a run gets one");
    let tight = Keep::Within(Duration::from_millis(3));
    assert!(!runner.run_or_recall(spec(), tight).await.unwrap().1, "too near a lower limit");
}

#[test]
fn a_damaged_entry_is_dropped_and_none_is_taken_for_another() {
    let (folder, store) = store(1 << 20);
    let key = Digest::of(b"key");
    store.put(&key, b"content");
    assert_eq!(store.get(&key).unwrap(), b"content");
    let place = folder.path().join(&key.hex()[..2]).join(key.hex());
    for spoil in [&b""[..], b"short", &[0; 100]] {
        std::fs::write(&place, spoil).unwrap();
        assert_eq!(store.get(&key), None);
        assert!(!place.exists());
        store.put(&key, b"content");
    }
    assert_eq!(store.get(&Digest::of(b"other")), None);
    for broken in [&b""[..], &[1, 2, 3], &[255; 64], &[0; 64]] {
        assert!(entry::read(broken).is_none());
    }
}

#[test]
fn a_full_store_forgets_what_was_not_used_for_longest() {
    let (folder, store) = store(1000);
    let key = |n: u8| Digest::of(&[n]);
    for n in 0..8 {
        store.put(&key(n), &[n; 90]);
        let place = folder.path().join(&key(n).hex()[..2]).join(key(n).hex());
        let old = SystemTime::now() - Duration::from_secs(100 - u64::from(n));
        std::fs::File::open(place).unwrap().set_modified(old).unwrap();
    }
    assert!(store.get(&key(0)).is_some(), "used now");
    store.put(&key(8), &[8; 90]);
    assert!(store.get(&key(0)).is_some() && store.get(&key(8)).is_some());
    assert_eq!(store.get(&key(1)), None, "the oldest of the rest went");
    let used: u64 = store_size(folder.path());
    assert!(used <= 1000, "{used}");
    store.put(&key(9), &[9; 125]);
    assert_eq!(store.get(&key(9)), None, "one entry never takes an eighth of it");
}

fn store_size(folder: &std::path::Path) -> u64 {
    let folders = std::fs::read_dir(folder).unwrap().flatten();
    let files = folders.flat_map(|f| std::fs::read_dir(f.path()).unwrap().flatten());
    files.map(|file| file.metadata().unwrap().len()).sum()
}

#[test]
fn two_stores_in_one_folder_see_each_others_entries() {
    let (folder, one) = store(1 << 20);
    let two = Store::open(folder.path(), Bytes(1 << 20)).unwrap();
    let writers = std::thread::scope(|scope| {
        let a = scope.spawn(|| (0..50u8).for_each(|n| one.put(&Digest::of(&[n]), &[n; 300])));
        let b = scope.spawn(|| (0..50u8).for_each(|n| two.put(&Digest::of(&[n]), &[n; 300])));
        a.join().is_ok() && b.join().is_ok()
    });
    assert!(writers);
    for n in 0..50u8 {
        assert_eq!(one.get(&Digest::of(&[n])), Some(vec![n; 300]));
        assert_eq!(two.get(&Digest::of(&[n])), Some(vec![n; 300]));
    }
}
