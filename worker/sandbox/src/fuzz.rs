//! What a fuzzer may throw at this crate: each function takes any bytes and panics only for a defect of ours.
//!
//! Compiled for tests, which throw a bounded number of things, and under `--cfg fuzzing`, for a fuzzer that
//! goes on.

use std::os::fd::AsFd;
use std::path::Path;

use proto::facts::Accounting;
use proto::limits::Limits;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::birth;
use crate::channel::{self, Frame, MESSAGE_MAX};
use crate::error::SandboxError;
use crate::keeper::layer;
use crate::policy;
use crate::run::{start_message, start_plan};
use crate::spec::{Profile, RootSpec, RunSpec, Stdin};
use crate::wire::{Request, StartPlan};

/// A datagram as it may arrive on any line between worker, box server and box.
pub fn wire(bytes: &[u8]) {
    if let Some(frame) = Frame::decode(bytes) {
        assert_eq!(frame.encode(), bytes, "a frame is what it was sent as");
        drop(birth::failed(frame));
    }
    same_again::<Request>(bytes);
    same_again::<StartPlan>(bytes);
    // The worker's side of a box that lies.
    let (ours, theirs) = channel::pair().expect("a socket pair");
    let carried = bytes.first().map_or(0, |b| usize::from(b % 16));
    if bytes.is_empty() || channel::send(theirs.as_fd(), bytes, &vec![theirs.as_fd(); carried]).is_err() {
        return;
    }
    if let Ok(Some((frame, fds))) = channel::receive_frame(&ours) {
        assert_eq!((Some(frame), fds.len()), (Frame::decode(bytes), carried));
    }
}

/// What parses is written and parsed to the same.
fn same_again<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(plan) = serde_json::from_slice::<T>(bytes) {
        let text = serde_json::to_vec(&plan).expect("a plan is plain data");
        assert_eq!(serde_json::from_slice::<T>(&text).expect("our own text"), plan);
    }
}

/// A policy file.
pub fn policy(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(policy::check(text));
    }
}

/// The policy of this executable, to start from.
pub const POLICY: &str = policy::TEXT;

/// A run described by lines: the program, then arguments, then `K=V` after an empty line.
pub fn plan(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (argv, env) = text.split_once("\n\n").unwrap_or((&text, ""));
    let env = env.lines().map(|l| l.split_once('=').unwrap_or((l, "")));
    check_plan(
        argv.lines().map(str::to_owned).collect(),
        env.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        Limits::run_defaults(),
    );
    check_layer(&text);
}

fn check_plan(argv: Vec<String>, env: Vec<(String, String)>, limits: Limits) {
    let spec = RunSpec {
        root: RootSpec { lower: Vec::new(), binds: Vec::new() },
        argv,
        env,
        files: Vec::new(),
        stdin: Stdin::Empty,
        keep_stdout: 0,
        overflow: None,
        keep_stderr: 0,
        limits,
        profile: Profile::default(),
        writable: true,
        collect: Vec::new(),
    };
    for accounting in [Accounting::Exact, Accounting::Sampled] {
        match start_message(&spec, accounting) {
            Ok(message) => {
                assert!(message.len() <= MESSAGE_MAX, "a message has to fit");
                let plan: StartPlan = serde_json::from_slice(&message).expect("our own text");
                assert_eq!(plan, start_plan(&spec, accounting).expect("the same again"));
                assert_eq!((plan.argv.len(), plan.env.len()), (spec.argv.len(), spec.env.len()));
                let all = plan.argv.iter().chain(&plan.env).chain(&plan.candidates);
                assert!(all.clone().all(|t| !t.contains('\0')), "what execve takes ends at a NUL byte");
                assert!(plan.env.iter().all(|t| !t.starts_with('=') && t.contains('=')));
                let found = |c: &String| c.starts_with('/') || plan.argv[0].contains('/');
                assert!(plan.candidates.iter().all(found), "nothing is searched below the work directory");
                let kinds: std::collections::BTreeSet<_> =
                    plan.rlimits.iter().map(|(kind, _)| kind).collect();
                assert_eq!(kinds.len(), plan.rlimits.len(), "a resource is limited once");
            }
            Err(SandboxError::BadSpec(why)) => assert!(why.len() < 1 << 20),
            Err(other) => panic!("the requester is to blame and nobody else: {other}"),
        }
    }
}

/// What may stand between colons and commas of a mount option.
fn check_layer(text: &str) {
    if let Ok(text) = layer(Path::new(text)) {
        assert!(text.starts_with('/') && !text.contains([':', ',', '\\', '\0']));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use proto::units::Bytes;

    use super::*;
    use crate::channel::Tag;

    /// The same cases in every run: CI is no place for news. a fuzzer makes new ones.
    fn cases(n: u32) -> ProptestConfig {
        ProptestConfig {
            cases: n,
            rng_seed: RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    /// Overwrites and cuts bytes.
    fn spoiled(from: &[u8], spoils: &[(prop::sample::Index, u8)], end: prop::sample::Index) -> Vec<u8> {
        let mut bytes = from.to_vec();
        for (at, byte) in spoils {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        bytes.truncate(end.index(bytes.len()).max(bytes.len() / 2) + 1);
        bytes
    }

    proptest! {
        #![proptest_config(cases(2000))]

        #[test]
        fn any_datagram_is_a_message_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            wire(&bytes);
        }

        #[test]
        fn a_spoiled_message_is_another_message_or_a_refusal(
            spoils in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            end: prop::sample::Index,
            which in 0..3usize,
        ) {
            let request = r#"{"make":{"lower":["/a","/b"],"binds":[[["/c","/d"],"/usr"]],"base":"/e","disk_bytes":1,"inodes":2,"writable":true,"host_id":7,"enters":false}}"#;
            let start = r#"{"candidates":["/a"],"argv":["a"],"env":["K=V"],"rlimits":[[4,0]]}"#;
            let frame = Frame::new(Tag::Failed, 1, 2, 3).encode();
            let from = [request.as_bytes(), start.as_bytes(), &frame][which];
            wire(&spoiled(from, &spoils, end));
        }

        #[test]
        fn a_plan_holds_what_was_asked_for_or_the_requester_is_told(
            argv in prop::collection::vec("(/|\\.|\\x00|\\x01|[a-z]|\u{e4}){0,12}", 0..6),
            env in prop::collection::vec(("(PATH|[A-Z=]{0,3})", "(/|:|\\x00|[a-z]){0,24}"), 0..6),
            cpu: u64, memory: u64, processes: u32,
        ) {
            let limits = Limits {
                cpu_time: Duration::from_secs(cpu),
                memory: Bytes(memory),
                processes,
                ..Limits::run_defaults()
            };
            check_plan(argv, env, limits);
        }

        #[test]
        fn a_layer_never_ends_its_mount_option(path in "/?(\\.|:|,|\\\\|\\x00|[a-z/]){0,16}") {
            check_layer(&path);
        }
    }

    proptest! {
        #![proptest_config(cases(150))]

        #[test]
        fn a_spoiled_policy_is_another_policy_or_a_refusal(
            lines in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
            spoils in prop::collection::vec((any::<prop::sample::Index>(), "[-0-9a-z\\[\\]=\"{},\n]"), 0..4),
        ) {
            // Lines change places first, so that most of what comes is still TOML.
            let mut text: Vec<String> = POLICY.lines().map(str::to_owned).collect();
            for (a, b) in lines {
                let (a, b) = (a.index(text.len()), b.index(text.len()));
                text.swap(a, b);
            }
            let mut text = text.join("\n").into_bytes();
            for (at, byte) in spoils {
                let at = at.index(text.len());
                text[at] = byte.as_bytes()[0];
            }
            policy(&text);
        }
    }

    #[test]
    fn a_long_path_and_a_long_name_are_refused_before_they_are_multiplied() {
        let path = "/:".repeat(20_000);
        let spec = (vec!["x".repeat(30_000)], vec![("PATH".to_owned(), path)]);
        check_plan(spec.0, spec.1, Limits::run_defaults());
        // Six bytes of JSON for each of these.
        check_plan(vec!["/a".into(), "\u{1}".repeat(70_000)], Vec::new(), Limits::run_defaults());
    }
}
