//! A judgement for people: the verdict first, then what is needed to see why.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use proto::report::{CompileStatus, Judgement, TestReport};
use proto::verdict::Verdict;

use crate::output::plain;

/// The whole text, without a final line feed and without what could steer a terminal.
pub(crate) fn text(judgement: &Judgement) -> String {
    plain(&words(judgement))
}

fn words(judgement: &Judgement) -> String {
    let mut text = format!("{} ({})", judgement.verdict, judgement.verdict.title());
    if let Some(reason) = &judgement.reason {
        let _ = write!(text, "\n{reason}");
    }
    if let Some(compile) = &judgement.compile {
        if compile.status == CompileStatus::Error {
            let _ = write!(text, "\n\n{}", compile.log.trim_end());
            return text;
        }
        if compile.status == CompileStatus::Ok {
            let _ = write!(text, "\ncompiled in {} ms", compile.wall_time.as_millis());
        }
    }
    if !judgement.tests.is_empty() {
        let _ = write!(text, "\n{}", tests(&judgement.tests));
    }
    for note in &judgement.notes {
        let _ = write!(text, "\nnote: {note}");
        if note == course::SHARED_BOX {
            text.push_str(": it ran in the autograder's own box and could have written these results itself");
        }
    }
    text
}

fn tests(tests: &[TestReport]) -> Table {
    let mut table = table(["test", "verdict", "cpu ms", "wall ms", "memory KiB", "why"]);
    for column in 2..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let skipped = tests.iter().filter(|t| t.verdict == Verdict::SK).count();
    for test in tests.iter().filter(|t| t.verdict != Verdict::SK) {
        let number = |n: Option<f64>| n.map_or_else(|| "-".to_owned(), |n| format!("{n:.1}"));
        table.add_row([
            test.name.clone(),
            test.verdict.to_string(),
            number(test.cpu_time_ms),
            number(test.wall_time_ms),
            test.memory_bytes.map_or_else(|| "-".to_owned(), |b| (b >> 10).to_string()),
            why(test),
        ]);
    }
    if skipped > 0 {
        table.add_row([format!("({skipped} more)"), Verdict::SK.to_string()]);
    }
    table
}

fn why(test: &TestReport) -> String {
    let mut why = test.reason.clone().unwrap_or_default();
    for note in &test.notes {
        let _ = write!(why, " [{note}]");
    }
    why.trim_start().to_owned()
}

/// A plain table with these heads.
pub(crate) fn table<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(heads);
    table
}
