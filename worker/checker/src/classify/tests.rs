//! One table: what was observed, what follows.

use std::time::Duration;

use proto::facts::{Accounting, Exit, LimitEvent, LimitHit, RunFacts, Violation};
use proto::limits::Limits;
use proto::units::Bytes;
use proto::verdict::Verdict;

use super::*;

fn limits() -> Limits {
    Limits {
        cpu_time: Duration::from_secs(1),
        memory: Bytes::mib(64),
        output: Bytes(1000),
        ..Limits::run_defaults()
    }
}

fn clean() -> RunFacts {
    RunFacts {
        exit: Some(Exit::Code(0)),
        cpu_time: Duration::from_millis(10),
        cpu_user: None,
        wall_time: Duration::from_millis(20),
        memory_bytes: Some(1 << 20),
        memory_peak_raw: Some(2 << 20),
        stdout_bytes: 10,
        stderr_bytes: 0,
        written_bytes: None,
        limit_events: Vec::new(),
        oom_kills: 0,
        process_limit_hits: 0,
        violation: None,
        accounting: Accounting::Exact,
    }
}

fn at(limit: LimitHit, ms: u64) -> LimitEvent {
    LimitEvent { limit, observed_ns: ms * 1_000_000, value: 1_003_000_000, bound: 1_000_000_000 }
}

fn killed(events: Vec<LimitEvent>) -> RunFacts {
    RunFacts { exit: Some(Exit::Signal(9)), limit_events: events, ..clean() }
}

fn sigsys() -> RunFacts {
    let violation = Some(Violation { syscall: 101, name: Some("ptrace".into()) });
    RunFacts { exit: Some(Exit::Signal(9)), violation, ..clean() }
}

#[test]
fn every_row_of_the_verdict_table_holds() {
    use LimitHit::{CpuTime, Disk, FileSize, Idle, Inodes, Memory, Output, Processes, WallTime};
    use Verdict::{ILE, MLE, OLE, RTE, SE, SV, TLE};
    let s = Duration::from_secs;
    let ms = Duration::from_millis;
    let full = Some(64 << 20);
    let exit = |e| RunFacts { exit: Some(e), ..clean() };
    #[rustfmt::skip]
    let rows: Vec<(&str, RunFacts, Option<Verdict>, Option<LimitHit>)> = vec![
        ("a clean run is for the checker", clean(), None, None),
        ("an exit status", exit(Exit::Code(1)), Some(RTE), None),
        ("a signal", exit(Exit::Signal(11)), Some(RTE), None),
        ("SIGKILL without evidence", exit(Exit::Signal(9)), Some(RTE), None),
        ("exit 137 is no evidence", exit(Exit::Code(137)), Some(RTE), None),
        ("a bare SIGSYS", exit(Exit::Signal(31)), Some(RTE), None),
        ("a bare SIGXFSZ", exit(Exit::Signal(25)), Some(RTE), None),
        ("a recorded violation", sigsys(), Some(SV), None),
        ("a violation in a run that also used too much cpu", RunFacts { cpu_time: s(2), ..sigsys() }, Some(SV), None),
        ("a limit before the violation", RunFacts { limit_events: vec![at(CpuTime, 5)], ..sigsys() }, Some(TLE), Some(CpuTime)),
        ("cpu limit", killed(vec![at(CpuTime, 1000)]), Some(TLE), Some(CpuTime)),
        ("clean exit, cpu over the limit", RunFacts { cpu_time: ms(1001), ..clean() }, Some(TLE), Some(CpuTime)),
        ("clean exit, cpu at the limit", RunFacts { cpu_time: s(1), ..clean() }, None, None),
        ("crash past the cpu limit", RunFacts { cpu_time: s(2), ..exit(Exit::Signal(11)) }, Some(TLE), Some(CpuTime)),
        ("wall limit", killed(vec![at(WallTime, 4000)]), Some(ILE), Some(WallTime)),
        ("idle limit", killed(vec![at(Idle, 4000)]), Some(ILE), Some(Idle)),
        ("output limit", killed(vec![at(Output, 5)]), Some(OLE), Some(Output)),
        ("clean exit, output over the cap", RunFacts { stdout_bytes: 600, stderr_bytes: 401, ..clean() }, Some(OLE), Some(Output)),
        ("clean exit, files bounded by nobody", RunFacts { written_bytes: Some(9999), ..clean() }, None, None),
        ("clean exit, output at the cap", RunFacts { stdout_bytes: 600, stderr_bytes: 400, ..clean() }, None, None),
        ("file size", RunFacts { exit: Some(Exit::Signal(25)), limit_events: vec![at(FileSize, 5)], ..clean() }, Some(OLE), Some(FileSize)),
        ("oom kill", RunFacts { oom_kills: 1, ..killed(vec![at(Memory, 5)]) }, Some(MLE), Some(Memory)),
        ("oom kill of a child, exit 0", RunFacts { oom_kills: 1, ..clean() }, Some(MLE), Some(Memory)),
        ("oom kill of a child, exit 1", RunFacts { oom_kills: 1, ..exit(Exit::Code(1)) }, Some(MLE), Some(Memory)),
        ("oom kill without event, then the cpu limit", RunFacts { oom_kills: 1, ..killed(vec![at(CpuTime, 1000)]) }, Some(MLE), Some(Memory)),
        ("oom kill took init, exit unknown", RunFacts { exit: None, oom_kills: 1, ..clean() }, Some(MLE), Some(Memory)),
        ("peak at the limit is no evidence", RunFacts { memory_bytes: full, memory_peak_raw: full, ..clean() }, None, None),
        ("peak at the limit and SIGKILL is no evidence", RunFacts { memory_bytes: full, ..exit(Exit::Signal(9)) }, Some(RTE), None),
        ("sampled memory is never claimed", RunFacts { accounting: Accounting::Sampled, oom_kills: 1, ..killed(vec![at(Memory, 5)]) }, Some(RTE), None),
        ("what was killed for sampled memory is no MLE", RunFacts { accounting: Accounting::Sampled, exit: None, ..killed(vec![at(Memory, 5)]) }, Some(RTE), Some(Memory)),
        ("sampled cpu is claimed", RunFacts { accounting: Accounting::Sampled, ..killed(vec![at(CpuTime, 5)]) }, Some(TLE), Some(CpuTime)),
        ("the earlier limit wins: cpu, output", killed(vec![at(CpuTime, 100), at(Output, 300)]), Some(TLE), Some(CpuTime)),
        ("the earlier limit wins: idle, cpu", killed(vec![at(Idle, 100), at(CpuTime, 300)]), Some(ILE), Some(Idle)),
        ("a tie goes by rank: cpu, memory", RunFacts { oom_kills: 1, ..killed(vec![at(CpuTime, 100), at(Memory, 199)]) }, Some(MLE), Some(Memory)),
        ("a tie goes by rank: memory, output", RunFacts { oom_kills: 1, ..killed(vec![at(Memory, 100), at(Output, 101)]) }, Some(OLE), Some(Output)),
        ("just outside the tie window", RunFacts { oom_kills: 1, ..killed(vec![at(CpuTime, 100), at(Memory, 201)]) }, Some(TLE), Some(CpuTime)),
        ("the process limit is no verdict", RunFacts { process_limit_hits: 3, limit_events: vec![at(Processes, 1)], ..clean() }, None, None),
        ("a full directory is no verdict", RunFacts { limit_events: vec![at(Disk, 1)], ..clean() }, None, None),
        ("a full directory explains a failure", RunFacts { limit_events: vec![at(Disk, 1)], ..exit(Exit::Code(1)) }, Some(RTE), Some(Disk)),
        ("a directory without room for a file is no verdict", RunFacts { limit_events: vec![at(Inodes, 1)], ..clean() }, None, None),
        ("a directory without room for a file explains a failure", RunFacts { limit_events: vec![at(Inodes, 1)], ..exit(Exit::Signal(6)) }, Some(RTE), Some(Inodes)),
        ("a file at its limit without the signal explains a failure", RunFacts { limit_events: vec![at(FileSize, 1)], ..exit(Exit::Code(1)) }, Some(RTE), Some(FileSize)),
        ("a file at its limit and another signal", RunFacts { limit_events: vec![at(FileSize, 1)], ..exit(Exit::Signal(6)) }, Some(RTE), Some(FileSize)),
        ("a file at its limit in a clean run", RunFacts { limit_events: vec![at(FileSize, 1)], ..clean() }, None, None),
        ("a full directory never hides a limit", killed(vec![at(Disk, 1), at(CpuTime, 900)]), Some(TLE), Some(CpuTime)),
        ("run on past the limit and killed there", RunFacts { cpu_time: ms(1250), ..killed(vec![at(CpuTime, 1300)]) }, Some(TLE), Some(CpuTime)),
        ("output limit well past the time limit", RunFacts { cpu_time: ms(1200), ..killed(vec![at(Output, 1250)]) }, Some(TLE), Some(CpuTime)),
        ("output limit just past the time limit is a tie", RunFacts { cpu_time: ms(1050), ..killed(vec![at(Output, 1250)]) }, Some(OLE), Some(Output)),
        ("output limit a whole tie past the time limit is still one", RunFacts { cpu_time: ms(1100), ..killed(vec![at(Output, 1250)]) }, Some(OLE), Some(Output)),
        ("memory well past the time limit", RunFacts { oom_kills: 1, cpu_time: ms(1200), ..killed(vec![at(Memory, 1250)]) }, Some(TLE), Some(CpuTime)),
        ("idle after the time limit", RunFacts { cpu_time: ms(1020), ..killed(vec![at(Idle, 4000)]) }, Some(TLE), Some(CpuTime)),
        ("crash well past the time limit", RunFacts { cpu_time: ms(1240), ..exit(Exit::Code(1)) }, Some(TLE), Some(CpuTime)),
        ("no exit and no evidence is our fault", RunFacts { exit: None, ..clean() }, Some(SE), None),
        ("no exit and no evidence where memory is sampled", RunFacts { exit: None, accounting: Accounting::Sampled, ..clean() }, Some(SE), None),
    ];
    for (what, facts, verdict, limit) in rows {
        let got = classify(&facts, &limits());
        assert_eq!((got.verdict, got.limit_hit), (verdict, limit), "{what}: {got:?}");
        assert_eq!(got.reason.is_some(), verdict.is_some(), "{what}: a verdict has a reason");
        assert_eq!(got.feedback.is_some(), verdict.is_some(), "{what}: a verdict has feedback");
    }
}

#[test]
fn files_count_with_output_where_a_package_bounds_the_sum() {
    let limits = Limits { output_and_files: Some(Bytes(1000)), ..limits() };
    let ran = |stdout_bytes, written| RunFacts { stdout_bytes, written_bytes: Some(written), ..clean() };
    for (facts, verdict) in [
        (ran(400, 600), None),
        (ran(400, 601), Some(Verdict::OLE)),
        (ran(0, 1001), Some(Verdict::OLE)),
        (ran(1, u64::MAX), Some(Verdict::OLE)),
        (RunFacts { written_bytes: None, ..ran(1000, 0) }, None),
        (RunFacts { stderr_bytes: 1, ..ran(400, 600) }, Some(Verdict::OLE)),
        (RunFacts { exit: Some(Exit::Code(1)), ..ran(400, 601) }, Some(Verdict::OLE)),
        // What came first has the word.
        (RunFacts { limit_events: vec![at(LimitHit::CpuTime, 900)], ..ran(400, 601) }, Some(Verdict::TLE)),
    ] {
        let got = classify(&facts, &limits);
        assert_eq!(got.verdict, verdict, "{facts:?}: {got:?}");
    }
    let got = classify(&ran(400, 601), &limits);
    assert_eq!(got.limit_hit, Some(LimitHit::Output));
    assert_eq!(got.feedback.unwrap(), "output limit of 1000B exceeded; 601B of it in files");
    let why = "output limit: 1001B against a bound of 1000B, observed 20 ms after the start (by the final \
               figures); 601B of it in files";
    assert_eq!(got.reason.unwrap(), why);
}

#[test]
fn notes_tell_what_is_no_verdict() {
    let notes = |facts: RunFacts| classify(&facts, &limits()).notes;
    assert_eq!(notes(clean()), Vec::<String>::new());
    assert_eq!(notes(RunFacts { process_limit_hits: 1, ..clean() }), [NOTE_PROCESSES]);
    assert_eq!(notes(RunFacts { limit_events: vec![at(LimitHit::Disk, 1)], ..clean() }), [NOTE_DISK]);
    assert_eq!(notes(RunFacts { limit_events: vec![at(LimitHit::Inodes, 1)], ..clean() }), [NOTE_INODES]);
    let file = RunFacts { limit_events: vec![at(LimitHit::FileSize, 1)], ..clean() };
    assert_eq!(notes(file.clone()), Vec::<String>::new());
    assert_eq!(notes(RunFacts { exit: Some(Exit::Code(1)), ..file }), [NOTE_FILE_SIZE]);
    let near = RunFacts { memory_bytes: Some(62 << 20), exit: Some(Exit::Code(1)), ..clean() };
    assert_eq!(notes(near.clone()), [NOTE_NEAR_MEMORY]);
    assert_eq!(notes(RunFacts { exit: Some(Exit::Code(0)), ..near }), Vec::<String>::new());
    let sampled = RunFacts { accounting: Accounting::Sampled, ..killed(vec![at(LimitHit::Memory, 5)]) };
    assert_eq!(notes(sampled), [NOTE_MEMORY_SAMPLED]);
    assert_eq!(notes(RunFacts { accounting: Accounting::Sampled, ..clean() }), Vec::<String>::new());
    assert_eq!(notes(killed(vec![at(LimitHit::Memory, 5)])), Vec::<String>::new(), "the kernel counted it");
    for (ms, near) in [(900, false), (901, true), (1249, true), (1250, false)] {
        let got = notes(RunFacts { cpu_time: Duration::from_millis(ms), ..clean() });
        assert_eq!(got == [NOTE_NEAR_TIME], near, "{ms} ms: {got:?}");
    }
}

#[test]
fn the_reason_names_limit_value_bound_and_time() {
    let got = classify(&killed(vec![at(LimitHit::CpuTime, 1020)]), &limits());
    assert_eq!(
        got.reason.unwrap(),
        "cpu time limit: 1.003 s against a bound of 1 s, observed 1.02 s after the start"
    );
    assert_eq!(got.feedback.unwrap(), "cpu time limit of 1 s exceeded");
    let late = LimitEvent { value: 1_251_000_000, bound: 1_250_000_000, ..at(LimitHit::CpuTime, 1300) };
    let got = classify(&killed(vec![late]), &limits());
    assert!(
        got.reason.unwrap().contains("1.251 s against a bound of 1 s"),
        "the limit, not what the box gave"
    );
    assert_eq!(got.feedback.unwrap(), "cpu time limit of 1 s exceeded");
    let out_of_memory = |oom_kills, events| RunFacts { oom_kills, ..killed(events) };
    for (facts, kills) in [
        (out_of_memory(2, vec![at(LimitHit::Memory, 5)]), Some("; 2 OOM kills")),
        (out_of_memory(0, vec![at(LimitHit::Memory, 5)]), None),
        (out_of_memory(2, vec![at(LimitHit::Memory, 5), at(LimitHit::Output, 6)]), None),
        (out_of_memory(0, vec![at(LimitHit::Output, 5)]), None),
    ] {
        let reason = classify(&facts, &limits()).reason.unwrap();
        assert_eq!(reason.find("; ").map(|from| &reason[from..]), kills, "{reason}");
    }
    let got = classify(&RunFacts { exit: Some(Exit::Signal(11)), ..clean() }, &limits());
    assert_eq!(
        (got.reason.unwrap().as_str(), got.signal, got.exit_code),
        ("killed by signal 11 (SIGSEGV)", Some(11), None)
    );
}
