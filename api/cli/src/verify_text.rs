//! A verification for people: what is wrong first, then the submissions, then what the data is worth.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Color, Table};
use proto::verdict::Verdict;

use crate::report::table;
use crate::verify::Verification;
use crate::verify_one::Verified;
use crate::verify_study::{Margin, Nearest, Study};

/// Names in one list; more say less.
const NAMED_MAX: usize = 12;

/// The whole text, without a final line feed. It is coloured when stdout is a terminal.
pub(crate) fn text(v: &Verification) -> String {
    let mut text = String::new();
    for diagnostic in &v.diagnostics {
        let _ = writeln!(text, "{diagnostic}");
    }
    let Some(limit) = v.time_limit_ms else {
        let _ = write!(text, "{}: the package cannot be used", v.package);
        return text;
    };
    if !v.submissions.is_empty() {
        let _ = writeln!(text, "{}\n", submissions(&v.submissions));
    }
    if !v.study.margins.is_empty() {
        let _ = writeln!(text, "time limit {limit:.0} ms\n{}\n", margins(&v.study.margins, limit));
    }
    if v.study.cases.iter().any(|case| !case.kills.is_empty()) {
        let _ = writeln!(text, "{}", cases(&v.study, v.submissions.iter().filter(|s| s.must_fail()).count()));
    }
    let errors = v.diagnostics.iter().filter(|d| d.severity == problem::Severity::Error).count();
    let warnings = v.diagnostics.len() - errors;
    let wrong = v.submissions.iter().filter(|s| !s.ok).count();
    let left_out = match v.study.left_out {
        0 => String::new(),
        some => format!(", {some} left out"),
    };
    let tests = || v.submissions.iter().flat_map(|s| &s.tests);
    let recalled = match tests().filter(|t| t.cached).count() {
        0 => String::new(),
        some => format!(
            "; {some} of {} runs recalled, --no-cache makes them anew",
            tests().filter(|t| t.verdict != Verdict::SK).count()
        ),
    };
    let word = if v.ok() { "all expectations hold" } else { "some expectations do not hold" };
    let _ = write!(
        text,
        "{word}: {} of {} submissions as expected{left_out}, {errors} errors and {warnings} warnings on the package{recalled}",
        v.submissions.len() - wrong,
        v.submissions.len(),
    );
    text
}

fn submissions(all: &[Verified]) -> Table {
    let scored = all.iter().any(|s| s.score.is_some());
    let mut table = if scored {
        table(["submission", "expected", "verdict", "slowest ms", "on", "fails", "score", ""])
    } else {
        table(["submission", "expected", "verdict", "slowest ms", "on", "fails", ""])
    };
    align_right(&mut table, if scored { &[3, 5, 6] } else { &[3, 5] });
    for s in all {
        let slowest = s.slowest();
        let run = s.tests.iter().filter(|t| t.verdict != Verdict::SK).count();
        let mut row = vec![
            Cell::new(&s.path),
            Cell::new(words(&s.permitted, &s.required)),
            Cell::new(s.verdict.map_or("-", Verdict::code)),
            Cell::new(slowest.map_or_else(|| "-".to_owned(), |(_, ms)| format!("{ms:.1}"))),
            Cell::new(slowest.map_or("-", |(case, _)| case)),
            Cell::new(if run == 0 { "-".to_owned() } else { format!("{}/{run}", s.killed_by().count()) }),
        ];
        if scored {
            row.push(Cell::new(match (&s.score, &s.max_score) {
                (Some(score), Some(most)) => format!("{score}/{most}"),
                (Some(score), None) => score.clone(),
                (None, _) => "-".to_owned(),
            }));
        }
        let why = s.reason.as_deref().unwrap_or("ok");
        row.push(Cell::new(why).fg(if s.ok { Color::Green } else { Color::Red }));
        table.add_row(row);
    }
    table
}

/// What is expected over all cases, in few words.
fn words(permitted: &[Verdict], required: &[Verdict]) -> String {
    let list = if required.is_empty() { permitted } else { required };
    if list.is_empty() {
        return "anything".to_owned();
    }
    list.iter().map(|v| v.code()).collect::<Vec<_>>().join(" or ")
}

fn margins(margins: &[Margin], limit_ms: f64) -> Table {
    let mut table =
        table(["language", "slowest accepted", "ms", "x limit", "fastest too slow", "ms", "x limit"]);
    align_right(&mut table, &[2, 3, 5, 6]);
    for m in margins {
        let mut row = vec![m.language.clone()];
        for side in [&m.slowest_accepted, &m.fastest_too_slow] {
            row.extend(match side {
                None => ["-", "-", "-"].map(str::to_owned),
                Some(near) => side_of(near, limit_ms),
            });
        }
        table.add_row(row);
    }
    table
}

fn side_of(near: &Nearest, limit_ms: f64) -> [String; 3] {
    let more = if near.at_least { ">=" } else { "" };
    [
        format!("{} on {}", short(&near.submission), near.case),
        format!("{more}{:.0}", near.cpu_time_ms),
        format!("{more}{:.2}", near.cpu_time_ms / limit_ms),
    ]
}

fn cases(study: &Study, wrong: usize) -> String {
    let mut table = table(["case", "fails", "whom"]);
    for case in study.cases.iter().filter(|case| !case.kills.is_empty()) {
        let names = case.kills.iter().map(|path| short(path));
        table.add_row([case.name.clone(), format!("{}/{wrong}", case.kills.len()), some(names)]);
    }
    let mut text = table.to_string();
    if study.left_out == 0 && study.unfailed().next().is_some() {
        let count = study.unfailed().count();
        let _ = write!(text, "\nno submission fails {count} cases: {}", some(study.unfailed()));
    }
    text.push('\n');
    text
}

fn some<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let count = names.clone().count();
    let shown = names.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if count > NAMED_MAX { format!("{shown} and {} more", count - NAMED_MAX) } else { shown }
}

/// A submission's path without the folder all of them are in.
fn short(path: &str) -> &str {
    path.strip_prefix("submissions/").unwrap_or(path)
}

fn align_right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

#[cfg(test)]
mod tests {
    use Verdict::{AC, WA};

    use super::*;
    use crate::verify_study::{study, tests::judged, tests::three_cases};

    #[test]
    fn the_text_has_what_a_setter_looks_for() {
        let (_folder, problem) = three_cases();
        let submissions = vec![
            judged("submissions/accepted/a.py", &[AC], &[AC], [(AC, 10.0), (AC, 812.0), (AC, 20.0)]),
            judged("submissions/wrong_answer/w.cpp", &[AC, WA], &[WA], [(AC, 1.0), (AC, 2.0), (WA, 1.0)]),
        ];
        let study = study(&problem, std::time::Duration::from_secs(1), &submissions);
        let diagnostics = study.warnings.clone();
        let time_limit_ms = Some(1000.0);
        let text = text(&Verification {
            package: "p".to_owned(),
            time_limit_ms,
            diagnostics,
            submissions,
            study,
            only: Vec::new(),
        });
        for part in [
            "warning: submissions/accepted/a.py: takes 812 ms on secret/1",
            "warning: submissions/wrong_answer/w.cpp: only secret/2 finds it out",
            "1/3",
            "accepted/a.py on secret/1",
            "0.81",
            "wrong_answer/w.cpp",
            "no submission fails 2 cases: sample/1, secret/1",
            "all expectations hold: 2 of 2 submissions as expected, 0 errors and 2 warnings",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        // Tests have no terminal.
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
