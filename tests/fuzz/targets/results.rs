//! What an autograder's box leaves, which a submission may have written: a report comes of it, and no student sees in it
//! what the harness hides.
#![no_main]

use std::time::Duration;

use course::{Leavings, Left, Schema, Stage, Visibility, as_student, settle};
use proto::facts::{Accounting, Exit, RunFacts};
use proto::limits::Limits;

/// Stands between `results.json` and `results.jsonl`.
const BETWEEN: u8 = 0xff;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((how, files)) = bytes.split_first() else { return };
    let mut files = files.splitn(2, |b| *b == BETWEEN).map(|file| Left::Bytes(file.to_vec()));
    let schema = if how & 1 == 0 { Schema::Gradescope } else { Schema::PrairieLearn };
    let facts = facts(if how & 2 == 0 { Exit::Code(0) } else { Exit::Signal(9) });
    let ended = checker::classify(&facts, &Limits::run_defaults());
    let left = Leavings {
        results: files.next().unwrap_or(Left::Absent),
        lines: files.next().unwrap_or(Left::Absent),
        facts: &facts,
        ended: &ended,
    };
    let report = settle(&left, schema, None);
    let text = serde_json::to_string(&report).expect("a report is plain data");
    let again: course::Report = serde_json::from_str(&text).expect("a record of it can be read");
    assert_eq!(serde_json::to_string(&again).ok(), Some(text));
    for stage in [Stage::BeforeDueDate, Stage::AfterDueDate, Stage::Published] {
        let view = as_student(&report, stage);
        assert!(view.tests.iter().all(|test| test.visibility != Visibility::Hidden));
        assert!(view.score.is_none() || view.tests.len() == report.tests.len());
        assert!(view.diagnostics.is_empty() && view.extra_data.is_none());
    }
});

fn facts(exit: Exit) -> RunFacts {
    RunFacts {
        exit: Some(exit),
        cpu_time: Duration::from_millis(10),
        cpu_user: None,
        wall_time: Duration::from_millis(20),
        memory_bytes: Some(1 << 20),
        memory_peak_raw: None,
        stdout_bytes: 0,
        stderr_bytes: 0,
        written_bytes: None,
        limit_events: Vec::new(),
        oom_kills: 0,
        process_limit_hits: 0,
        violation: None,
        accounting: Accounting::Exact,
    }
}
