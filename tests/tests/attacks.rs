//! The corpus of attacks held against its catalogue and against the advisories, and `tribunal selftest` end to end.

use std::collections::BTreeSet;

use selftest::Case;
use selftest::catalogue::CATALOGUE;
use serde_json::Value;
use tests::corpus::checkout;
use tests::hostile::{MISSING, MODES, folder, missing, modes};
use tests::process::{finish, json, share_images, tribunal};

fn read(name: &str) -> String {
    let path = checkout().join("tests/hostile").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("could not read {}: {e}", path.display()))
}

fn cases() -> Vec<Case> {
    Case::read_all(&folder()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_number_of_the_catalogue_has_a_case_or_stands_in_missing() {
    let (listed, computed) = (read(MISSING), missing(&cases()));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (listed_lines, computed_lines) = (lines(&listed), lines(&computed));
    let not_listed: Vec<_> = computed_lines.difference(&listed_lines).collect();
    let stale: Vec<_> = listed_lines.difference(&computed_lines).collect();
    assert!(
        listed == computed,
        "tests/hostile/{MISSING}: without a case and not listed {not_listed:?}; listed but there (or not in the \
         words and order of the catalogue) {stale:?}; `cargo test -p tests --test hostile -- --missing` prints it"
    );
}

#[test]
fn the_table_of_cases_that_do_not_apply_everywhere_is_current() {
    assert!(
        read(MODES) == modes(&cases()),
        "tests/hostile/{MODES} is not what `cargo test -p tests --test hostile -- --modes` prints"
    );
}

/// Rows of the design's section 2: published holes, each with a rule for us.
const ADVISORIES: usize = 23;

#[test]
fn every_advisory_names_cases_of_the_catalogue_and_every_rule_is_there() {
    let text = read("ADVISORIES.md");
    let cases = cases();
    let mut rules = BTreeSet::new();
    let mut rows = 0;
    for line in text.lines().filter(|line| line.starts_with("| ") && line.contains(" R")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [case, rule, caught_by] = cells[..] else { panic!("three cells are needed: {line}") };
        rows += 1;
        rules.extend(rule.split([',', ' ']).filter(|word| word.starts_with('R')).map(str::to_owned));
        let mut named = 0;
        for word in caught_by.split('`').skip(1).step_by(2) {
            named += 1;
            let known = CATALOGUE.iter().any(|(id, _)| *id == word)
                || cases.iter().any(|case| case.name == word)
                || test_exists(word);
            assert!(known, "{case}: `{word}` is neither in the catalogue nor a case nor a test");
        }
        assert!(named > 0, "{case} names no case: {caught_by}");
    }
    assert_eq!(rows, ADVISORIES, "every row of the design is there");
    let wanted: BTreeSet<String> = (1..=24).map(|n| format!("R{n}")).collect();
    assert_eq!(rules, wanted, "every rule is there");
}

/// Whether some file of the workspace has a test function of this name, given as `crate::name`.
fn test_exists(word: &str) -> bool {
    let Some((_, name)) = word.rsplit_once("::") else { return false };
    let wanted = format!("fn {name}(");
    let mut open = vec![checkout()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("the checkout can be read").flatten() {
            let (path, file) = (entry.path(), entry.file_name());
            let skipped = ["target", ".git", "node_modules", ".tribunal"].iter().any(|name| file == *name);
            if path.is_dir() && !skipped {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains(&wanted))
            {
                return true;
            }
        }
    }
    false
}

#[test]
fn the_selftest_runs_the_shipped_attacks_and_says_what_happened() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let output = finish(tribunal(data.path()).args(["selftest", "--json"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    let document = json(&output);
    assert_eq!(document["ok"], true);
    let rows = document["cases"].as_array().unwrap();
    let shipped = cases().iter().filter(|case| case.expect.shipped).count();
    assert_eq!(rows.len(), shipped, "every shipped case has a row");
    for row in rows {
        for key in ["id", "name", "tries", "must", "happened"] {
            assert!(row[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {row}");
        }
        assert!(row["ok"] == true || row["ok"] == Value::Null, "{row}");
        let expected = row["expected"].as_array().unwrap();
        assert!(row["ok"] == Value::Null || expected.contains(&row["verdict"]), "{row}");
    }
    assert_eq!(
        document["passed"].as_u64().unwrap() + document["not_run"].as_u64().unwrap(),
        rows.len() as u64
    );
}

#[test]
fn the_selftest_prints_a_table_and_refuses_what_it_does_not_know() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let output = finish(tribunal(data.path()).args(["selftest", "N10", "capabilities"]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for word in ["N10", "mounts, by every call there is", "SV", "N22", "ok: 2 as they must be, 0 not"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let output = finish(tribunal(data.path()).args(["selftest", "N99"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("N99"));
}
