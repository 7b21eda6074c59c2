//! `tribunal selftest`: the shipped hostile programs, run on this machine; a table for whoever has to trust it.

use comfy_table::ContentArrangement;
use selftest::Case;
use selftest::shipped::{self, Row, Unable};
use serde_json::json;

use crate::args::SelftestArgs;
use crate::context::{Settings, root_spec, scratch, tell_host_image};
use crate::output::{Failure, chain, note, print_json, print_line};
use crate::report;

/// The language whose image has the compiler.
const COMPILER: &str = "cpp";

pub(crate) fn main(args: &SelftestArgs, settings: &Settings) -> Result<u8, Failure> {
    let cases = chosen(shipped::cases(), &args.cases)?;
    let boxes = Settings::boxes(0)?;
    let store = settings.store()?;
    let language = language::by_id(COMPILER).ok_or_else(|| Failure::ours("there is no language cpp"))?;
    let image = store.rootfs_for_language(language).map_err(|e| Failure::ours(no_compiler(&chain(&e))))?;
    tell_host_image(&store, language);
    let dir = scratch()?;
    let number = cases.len();
    let layout = boxes.cgroup_layout();
    let mut at = 0;
    let told = |row: &Row| {
        at += 1;
        let word = word(row);
        note(&format!("{at}/{number} {} {}: {word}", row.id, row.name));
    };
    let (mode, rows) =
        shipped::run(&boxes, &root_spec(&image), dir.path(), &cases, told).map_err(|e| match e {
            Unable::NoCompiler(said) => Failure::ours(no_compiler(&said)),
            Unable::Other(why) => Failure::ours(why),
        })?;
    let sum = sum(&rows);
    let (ok, Sum { passed, failed, not_run }) = (sum.ok(), sum);
    if args.json {
        print_json(&json!({
            "ok": ok, "passed": passed, "failed": failed, "not_run": not_run,
            "mode": mode.name(), "cgroups": layout, "kernel": kernel(),
            "image": { "digest": image.digest, "kind": image.kind.name() }, "cases": rows,
        }))?;
        return Ok(u8::from(!ok));
    }
    let mut table = report::table(["case", "the program", "what must happen", "what happened", ""]);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for row in &rows {
        let name = format!("{} {}", row.id, row.name);
        let must = format!("{} ({})", row.must, row.expected.join(" or "));
        table.add_row([name.as_str(), row.tries, must.as_str(), row.happened.as_str(), word(row)]);
    }
    print_line(&table.to_string())?;
    let verdict = if ok { "ok" } else { "FAILED" };
    print_line(&format!(
        "\n{verdict}: {passed} as they must be, {failed} not, {not_run} not run; mode {}, control groups {layout}, Linux {}",
        mode.name(),
        kernel()
    ))?;
    Ok(u8::from(!ok))
}

/// How many rows ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    passed: usize,
    failed: usize,
    not_run: usize,
}

impl Sum {
    /// Whether nothing failed. A run in which nothing applied has shown nothing.
    fn ok(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

fn sum(rows: &[Row]) -> Sum {
    let count = |ok| rows.iter().filter(|row| row.ok == ok).count();
    Sum { passed: count(Some(true)), failed: count(Some(false)), not_run: count(None) }
}

fn word(row: &Row) -> &'static str {
    match row.ok {
        Some(true) => "ok",
        Some(false) => "FAILED",
        None => "not run",
    }
}

fn chosen(all: Vec<Case>, wanted: &[String]) -> Result<Vec<Case>, Failure> {
    let is = |case: &Case, name: &str| case.name == name || case.expect.ids().any(|id| id == name);
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|case| is(case, name))) {
        let known: Vec<&str> = all.iter().map(|case| case.name.as_str()).collect();
        return Err(Failure::usage(format!("there is no case `{unknown}`; there are {}", known.join(", "))));
    }
    let chosen = all.into_iter().filter(|case| wanted.is_empty() || wanted.iter().any(|name| is(case, name)));
    Ok(chosen.collect())
}

fn no_compiler(said: &str) -> String {
    format!(
        "the hostile programs are compiled here, in a box, and that does not work: {said}; `tribunal images build \
         {COMPILER}` makes an image that can, or install gcc and a static C library (apt-get install gcc libc6-dev)"
    )
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".to_owned(), |release| release.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_or_nothing_run_is_not_ok() {
        let row = |ok| Row {
            id: "P01".into(),
            name: "n".into(),
            tries: "t",
            must: "m".into(),
            expected: vec!["OK".into()],
            verdict: None,
            happened: "h".into(),
            ok,
        };
        for (rows, ok) in [
            (vec![Some(true), None], true),
            (vec![Some(true), Some(false)], false),
            (vec![None], false),
            (vec![], false),
        ] {
            let rows: Vec<Row> = rows.into_iter().map(row).collect();
            assert_eq!(sum(&rows).ok(), ok, "{rows:?}");
        }
    }

    #[test]
    fn cases_are_chosen_by_number_or_name_and_an_unknown_one_is_refused() {
        let names = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            chosen(shipped::cases(), &wanted)
                .map(|cases| cases.into_iter().map(|c| c.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["N10"]).unwrap(), ["mount_tmpfs"]);
        assert_eq!(names(&["fork_bomb"]).unwrap(), ["fork_bomb"]);
        assert!(names(&[]).unwrap().len() > 2);
        assert!(names(&["fork_bomb", "Q01"]).unwrap_err().to_string().contains("Q01"));
    }
}
