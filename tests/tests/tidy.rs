//! Rules of the house that no compiler checks: who may know whom, where unsafe code may stand, what lies where.
//!
//! Reads the tree it was built from and nothing else. Each rule is one test, and each failure names the file and
//! what would be right, so a newcomer learns the rule by breaking it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proto::verdict::Verdict;

/// Each crate with the crates of this workspace it may use (architecture.md, "Direction"). What is absent here is
/// the invariant: the sandbox knows no verdict, the service can neither run nor unpack anything.
const DIRECTION: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("language", &["proto"]),
    ("problem", &["proto"]),
    ("import", &["problem", "proto"]),
    ("queue", &["proto"]),
    ("outbound", &[]),
    ("sandbox", &["proto"]),
    ("images", &["language", "outbound", "proto"]),
    ("checker", &["problem", "proto"]),
    ("selftest", &["checker", "proto", "sandbox"]),
    ("course", &["checker", "problem", "proto"]),
    ("harness", &["checker", "course", "proto", "sandbox"]),
    (
        "worker",
        &[
            "checker", "course", "harness", "images", "language", "outbound", "problem", "proto", "queue",
            "sandbox",
        ],
    ),
    ("api", &["checker", "course", "outbound", "problem", "proto", "queue"]),
    (
        "tribunal",
        &[
            "api", "checker", "course", "harness", "images", "import", "language", "outbound", "problem",
            "proto", "queue", "sandbox", "selftest", "worker",
        ],
    ),
    (
        "tests",
        &[
            "api", "checker", "images", "import", "language", "outbound", "problem", "proto", "queue",
            "sandbox", "selftest", "worker",
        ],
    ),
    // libFuzzer's targets: what is fuzzed, and nothing else.
    ("fuzz", &["checker", "course", "images", "import", "problem", "proto", "sandbox"]),
];

/// What a crate may not even be linked with, by way of any other: where `DIRECTION` allows each step, the whole way may
/// still be one that must not be.
const ABSENT: &[(&str, &[&str], &str)] = &[
    (
        "api",
        &["harness", "images", "sandbox", "selftest", "worker"],
        "the service can neither run nor unpack anything",
    ),
    ("course", &["images", "queue", "sandbox"], "reading an autograder and its leavings needs no box"),
    ("checker", &["images", "queue", "sandbox"], "the checker starts no process"),
    (
        "sandbox",
        &["checker", "images", "problem", "queue"],
        "the sandbox knows no verdict, image, problem or queue",
    ),
    ("queue", &["checker", "images", "problem", "sandbox"], "the queue never looks inside a job"),
];

/// Outside crates that only some may use: each is a power, and a power has one owner.
const OWNED: &[(&str, &[&str], &str)] = &[
    ("lapin", &["queue"], "only `queue` knows a broker"),
    ("sqlx", &["api"], "only the store writes SQL"),
    ("axum", &["api", "tribunal", "tests"], "only `api` serves HTTP"),
    ("seccompiler", &["sandbox"], "only the sandbox filters system calls"),
    ("caps", &["sandbox"], "only the sandbox drops capabilities"),
    ("cgroups-rs", &["sandbox"], "only the sandbox makes control groups"),
    ("oci-spec", &["images"], "only `images` knows OCI"),
    ("clap", &["tribunal"], "only the executable reads a command line"),
    ("opentelemetry-otlp", &["tribunal"], "only the executable exports spans"),
    ("libfuzzer-sys", &["fuzz"], "only fuzz targets link libFuzzer"),
];

/// What may stand beside the folders of architecture.md.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "Makefile",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "rustfmt.toml",
    "clippy.toml",
    "deny.toml",
    ".gitignore",
    ".gitattributes",
    ".editorconfig",
    ".ci",
    ".github",
    "proto",
    "images",
    "worker",
    "api",
    "tests",
    "deploy",
];

/// The one file that may hold unsafe code.
const UNSAFE_HOME: &str = "worker/sandbox/src/sys.rs";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate `tests` lies in the workspace")
}

/// Every file of the tree, as paths below the root: sources only, no build output, no data.
fn tree() -> Vec<String> {
    const NOT_OURS: &[&str] = &["target", "node_modules", ".git", ".tribunal"];
    let mut files = Vec::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().expect("file names are UTF-8");
            if NOT_OURS.contains(&name.as_str()) || Path::new(&name).extension().is_some_and(|e| e == "log") {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                files.push(entry.path().strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("could not read {path}: {e}"))
}

/// Rust sources of the workspace with their text.
fn sources() -> Vec<(String, String)> {
    let paths =
        tree().into_iter().filter(|path| has_extension(path, &["rs"]) && !path.starts_with("tests/hostile/"));
    paths.filter(|path| !path.contains("/submissions/")).map(|path| (path.clone(), read(&path))).collect()
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    Path::new(path).extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e))
}

/// Package name -> (folder, names of everything it depends on, tests and build scripts included).
fn crates() -> BTreeMap<String, (PathBuf, BTreeSet<String>)> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let mut crates = BTreeMap::new();
    for member in members {
        let folder = member.as_str().unwrap();
        let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        let mut uses = BTreeSet::new();
        collect_dependencies(&manifest, &mut uses);
        crates.insert(name, (PathBuf::from(folder), uses));
    }
    crates
}

// `[dependencies]`, `[dev-dependencies]`, `[build-dependencies]`, also under `[target.….]`.
fn collect_dependencies(table: &toml::Table, uses: &mut BTreeSet<String>) {
    for (key, value) in table {
        let Some(inner) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            uses.extend(inner.keys().cloned());
        } else if key == "target" || key.starts_with("cfg(") {
            collect_dependencies(inner, uses);
        }
    }
}

/// Fails with every finding at once.
fn none(rule: &str, findings: &[String]) {
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "  {finding}");
    }
    assert!(findings.is_empty(), "{rule}:\n{text}");
}

/// What stands before the tests of a file: rules about production code end there.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

/// The line without a trailing comment; text inside strings may be cut short, which no rule minds.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

#[test]
fn crates_know_only_those_below_them() {
    let crates = crates();
    let names: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    let planned: BTreeSet<&str> = DIRECTION.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, planned, "a new crate needs a row in DIRECTION");
    let mut findings = Vec::new();
    for (name, allowed) in DIRECTION {
        for used in crates[*name].1.iter().filter(|used| names.contains(used.as_str())) {
            if !allowed.contains(&used.as_str()) {
                findings.push(format!("`{name}` uses `{used}`; it may use {allowed:?}"));
            }
        }
    }
    none("crates look down only", &findings);
}

/// What `name` is linked with, tests and build scripts included.
fn reached_from<'a>(
    name: &'a str,
    crates: &'a BTreeMap<String, (PathBuf, BTreeSet<String>)>,
) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![name]);
    while let Some(next) = open.pop() {
        for used in crates[next].1.iter().filter(|used| crates.contains_key(*used)) {
            if reached.insert(used.as_str()) {
                open.push(used);
            }
        }
    }
    reached
}

#[test]
fn the_service_is_not_linked_with_what_makes_boxes() {
    let crates = crates();
    let mut findings = Vec::new();
    for (name, absent, why) in ABSENT {
        let reached = reached_from(name, &crates);
        for there in absent.iter().filter(|crate_name| reached.contains(**crate_name)) {
            findings.push(format!("`{name}` is linked with `{there}`: {why}"));
        }
    }
    none("these edges are absent the whole way", &findings);
    assert!(reached_from("worker", &crates).contains("sandbox"), "the way is followed over other crates");
}

#[test]
fn a_power_has_one_owner() {
    let mut findings = Vec::new();
    for (name, (_, uses)) in crates() {
        for (power, owners, why) in OWNED {
            if uses.contains(*power) && !owners.contains(&name.as_str()) {
                findings.push(format!("`{name}` uses `{power}`: {why}"));
            }
        }
    }
    none("these dependencies have owners", &findings);
}

#[test]
fn unsafe_code_stands_in_one_file() {
    let mut allows = Vec::new();
    let mut findings = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let line = code(line);
            if line.contains("allow(unsafe_code)") && line.trim_start().starts_with('#') {
                allows.push(path.clone());
            }
            let opens = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
            if path != UNSAFE_HOME && path != "tests/tests/tidy.rs" && opens.iter().any(|o| line.contains(o))
            {
                findings.push(format!("{path}:{} belongs in {UNSAFE_HOME}", number + 1));
            }
        }
    }
    assert_eq!(allows, [UNSAFE_HOME], "`allow(unsafe_code)` stands once, in {UNSAFE_HOME}");
    none("unsafe code has one home", &findings);
}

#[test]
fn every_crate_but_the_sandbox_forbids_unsafe_code() {
    let mut findings = Vec::new();
    for (name, (folder, _)) in crates().iter().filter(|(name, _)| *name != "sandbox") {
        for entry in ["src/lib.rs", "src/main.rs"] {
            let path = folder.join(entry);
            if root().join(&path).exists()
                && !read(path.to_str().unwrap()).contains("#![forbid(unsafe_code)]")
            {
                findings.push(format!("`{name}`: {} lacks #![forbid(unsafe_code)]", path.display()));
            }
        }
    }
    none("unsafe code is forbidden, not only denied", &findings);
    let lint = read("Cargo.toml");
    assert!(
        lint.contains("unsafe_code = \"deny\""),
        "the workspace denies unsafe code, the sandbox included"
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let mut findings = Vec::new();
    for (name, (folder, _)) in crates() {
        let manifest: toml::Table = read(folder.join("Cargo.toml").to_str().unwrap()).parse().unwrap();
        let inherits = |table: &str| {
            manifest.get(table).and_then(|t| t.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
        };
        if !inherits("lints") {
            findings.push(format!("`{name}`: `[lints] workspace = true` is missing"));
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let value = &manifest["package"].get(key).and_then(|v| v.get("workspace"));
            if value.and_then(toml::Value::as_bool) != Some(true) {
                findings.push(format!("`{name}`: `{key}.workspace = true` is missing"));
            }
        }
    }
    none("the workspace speaks for all its crates", &findings);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("db", "g!(")];
    let mut findings = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| code(line).contains(**word)) {
                findings.push(format!("{path}:{}: {word}…)", number + 1));
            }
        }
    }
    none("half-done code is not committed", &findings);
}

#[test]
fn only_the_executable_reads_the_environment() {
    let mut findings = Vec::new();
    for (path, text) in sources() {
        let of_tests = path.starts_with("tests/")
            || ["_tests.rs", "/tests.rs", "/testing.rs"].iter().any(|end| path.ends_with(end));
        if !path.contains("/src/") || path.starts_with("api/cli/") || of_tests {
            continue;
        }
        for (number, line) in production(&text).lines().enumerate() {
            if ["env::var(", "env::var_os(", "env::vars"].iter().any(|word| code(line).contains(word)) {
                findings.push(format!("{path}:{}: take the value as an argument", number + 1));
            }
        }
    }
    none("only api/cli reads the environment", &findings);
}

#[test]
fn the_checker_and_the_vocabulary_start_nothing() {
    let mut findings = Vec::new();
    for (path, text) in sources() {
        let pure = ["proto/src/", "worker/checker/src/", "images/language/src/", "proto/course/src/"];
        if !pure.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        for (number, line) in production(&text).lines().enumerate() {
            for word in [
                "process::Command",
                "thread::spawn",
                "SystemTime::now",
                "Instant::now",
                "TcpStream",
                "tokio::",
            ] {
                if code(line).contains(word) {
                    findings.push(format!("{path}:{}: {word}", number + 1));
                }
            }
        }
    }
    none("these crates take values and give values", &findings);
}

#[test]
fn the_top_level_holds_only_what_it_is_for() {
    let strangers: BTreeSet<String> = tree()
        .iter()
        .map(|path| path.split('/').next().unwrap().to_owned())
        .filter(|entry| !TOP_LEVEL.contains(&entry.as_str()))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}: put them into one of the folders of README.md");
    for file in
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE-MIT", "LICENSE-APACHE"]
    {
        assert!(read(file).len() > 400, "{file} says too little");
    }
}

#[test]
fn no_file_names_a_machine() {
    let places = [
        concat!("/wo", "rk/main"),
        concat!("/wo", "rk/shared"),
        concat!("/tmp", "/wt/"),
        concat!("/root", "/.cargo"),
    ];
    let texts = ["rs", "toml", "md", "js", "mjs", "json", "html", "css", "yaml", "yml", "sql", "sh", "lock"];
    let mut findings = Vec::new();
    for path in
        tree().into_iter().filter(|p| has_extension(p, &texts) || p.starts_with(".ci/") || p == "Makefile")
    {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for place in places.iter().filter(|place| text.contains(**place)) {
            findings.push(format!("{path} names {place}"));
        }
    }
    none("the tree is the same on every machine", &findings);
}

#[test]
fn every_make_target_that_tests_tests_the_whole_workspace() {
    let mut findings = Vec::new();
    let mut seen = 0;
    for path in tree().into_iter().filter(|path| path == "Makefile" || path.starts_with(".ci/")) {
        for line in read(&path).lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let line = line.trim_start_matches('@');
            if ["cargo test", "cargo nextest", "cargo clippy"].iter().any(|call| line.starts_with(call)) {
                seen += 1;
                if !line.contains("--workspace") {
                    findings.push(format!("{path}: {line}"));
                }
            }
        }
    }
    none("default-members hides tests: pass --workspace", &findings);
    assert!(seen >= 2, "make test and make lint call cargo");
}

#[test]
fn every_make_target_is_one_line_with_a_sentence() {
    let text = read("Makefile");
    for target in ["help", "up", "test", "test-v2", "test-long", "lint", "bench"] {
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| line.starts_with(&format!("{target}:"))).expect(target);
        assert!(lines[at].contains("## "), "make {target} says what it does");
        assert!(lines[at + 1].starts_with('\t'), "make {target} has a line");
        assert!(!lines.get(at + 2).is_some_and(|line| line.starts_with('\t')), "make {target} is one line");
    }
}

#[test]
fn every_language_folder_is_complete() {
    let mut languages = 0;
    for entry in fs::read_dir(root().join("images/languages")).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        languages += 1;
        let folder = entry.path();
        let id = entry.file_name().into_string().unwrap();
        let names: Vec<String> =
            fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        assert!(names.iter().any(|n| n == "language.toml"), "{id} has no language.toml");
        assert!(names.iter().any(|n| n.starts_with("hello.")), "{id} has no hello program");
        // Which probes there are, and that one that is not has its reason, is tested where they are read.
        let probes = fs::read_dir(folder.join("selftest")).map_or(0, Iterator::count);
        assert!(probes > 0, "{id} has no program in selftest");
    }
    assert!(languages >= 2, "C++ and Python are there");
}

#[test]
fn page_and_readme_list_every_verdict_in_the_words_of_proto() {
    let page = read("api/ui/verdicts.js");
    let readme = read("README.md");
    for verdict in Verdict::ALL {
        let (code, title) = (verdict.code(), verdict.title());
        assert!(page.contains(&format!("['{code}', '{title}',")), "api/ui/verdicts.js: {code} {title}");
        assert!(readme.contains(&format!("| `{code}` | {title} |")), "README.md: | `{code}` | {title} |");
    }
    assert_eq!(page.matches("\n  ['").count(), Verdict::ALL.len(), "the legend has no verdict of its own");
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_parses_no_text_as_markup() {
    let mut findings = Vec::new();
    for path in tree().into_iter().filter(|path| path.starts_with("api/ui/")) {
        let text = read(&path);
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            " onclick=",
        ] {
            if text.contains(word) {
                findings.push(format!("{path}: {word}"));
            }
        }
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        if elsewhere.contains("http://") || elsewhere.contains("https://") || elsewhere.contains("<style") {
            findings.push(format!("{path}: an address elsewhere, or an inline style"));
        }
    }
    none("the page is its own and shows text as text", &findings);
}

/// Names of all tests: functions, tests of the page, folders of hostile programs.
fn tests_there_are() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (_, text) in sources() {
        names.extend(text.split("fn ").skip(1).map(|rest| word(rest).to_owned()));
        // The store's contract: one test for every kind of store.
        names.extend(text.split("on_every_store!(").skip(1).map(|rest| word(rest).to_owned()));
    }
    for path in tree().iter().filter(|path| path.starts_with("tests/ui/") && path.ends_with(".test.mjs")) {
        names.extend(read(path).split("\ntest('").skip(1).map(|rest| word(rest).to_owned()));
    }
    // What the VM with systemd checks, as `systemd::name`.
    let guest = read(".ci/systemd-guest/check");
    let checks = guest.split_once("CHECKS = (").and_then(|(_, rest)| rest.split_once(')')).unwrap().0;
    names.extend(checks.split(',').map(|name| format!("systemd::{}", name.trim())));
    // A target of libFuzzer with its corpus is a test of its own, as `fuzz::name`.
    for entry in std::fs::read_dir(root().join("tests/fuzz/corpus")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if root().join(format!("tests/fuzz/targets/{name}.rs")).exists() {
            names.insert(format!("fuzz::{name}"));
        }
    }
    // A folder of tests/hostile is a test of its own.
    for entry in std::fs::read_dir(root().join("tests/hostile")).unwrap().flatten() {
        if entry.path().join("expect.toml").exists() {
            names.insert(entry.file_name().into_string().unwrap());
        }
    }
    names
}

/// Numbers of the rows of a list that start with `letter`; their last cells must name tests that exist.
fn rows_held_by_tests(list: &str, letter: char) -> BTreeSet<String> {
    let names = tests_there_are();
    let mut numbers = BTreeSet::new();
    let mut findings = Vec::new();
    let start = format!("| {letter}");
    for line in read(list).lines().filter(|line| line.starts_with(&start)) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if !numbers.insert(cells[0].to_owned()) {
            findings.push(format!("{} stands twice", cells[0]));
        }
        let tests: Vec<&str> = cells.last().unwrap().split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            findings.push(format!("{} names no test", cells[0]));
        }
        for test in tests {
            let whole = ["fuzz::", "systemd::"].iter().any(|suite| test.starts_with(suite));
            let name = if whole { test } else { test.rsplit("::").next().unwrap() };
            if !names.contains(name) {
                findings.push(format!("{} names `{test}`, which does not exist", cells[0]));
            }
        }
    }
    none("a promise is held by a test", &findings);
    numbers
}

#[test]
fn every_promise_has_a_number_and_a_test_that_exists() {
    assert!(rows_held_by_tests("tests/SPEC.md", 'P').len() >= 10, "tests/SPEC.md lists the promises");
}

#[test]
fn every_fault_of_the_model_has_a_test_that_exists() {
    let expected: BTreeSet<String> = (1..=17).map(|n| format!("F{n}")).collect();
    assert_eq!(rows_held_by_tests("tests/FAULTS.md", 'F'), expected);
}

#[test]
fn no_limit_reads_the_time_of_day() {
    let mut findings = Vec::new();
    for (path, text) in sources() {
        // The oracle asks whether an attack set that very clock; the cache orders files by when they were used.
        let asks = ["worker/selftest/src/oracle.rs", "worker/src/cache/store.rs"].contains(&path.as_str());
        if !path.starts_with("worker/") || path.contains("/tests") || asks {
            continue;
        }
        for (number, line) in production(&text).lines().enumerate() {
            for clock in ["SystemTime", "UNIX_EPOCH", "CLOCK_REALTIME", "Utc::now", "gettimeofday("] {
                if code(line).contains(clock) {
                    findings.push(format!("{path}:{}: {clock} jumps when somebody sets it", number + 1));
                }
            }
        }
    }
    none("what is measured is measured with clocks that only go forward", &findings);
}

#[test]
fn the_codes_of_the_package_format_are_one_list() {
    let codes: toml::Table = read("images/languages/codes.toml").parse().unwrap();
    let answered: BTreeSet<&str> = codes["package"].as_table().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        answered,
        BTreeSet::from(problem::LANGUAGE_CODES),
        "what is a code, and which folder here it means"
    );
}

#[test]
fn one_lock_file_speaks_for_everything_that_is_built() {
    let locks: Vec<String> = tree().into_iter().filter(|path| path.ends_with("Cargo.lock")).collect();
    assert_eq!(locks, ["Cargo.lock"], "a second one goes stale: make its crate a member of the workspace");
}

#[test]
fn every_fuzz_target_has_a_corpus_and_is_built_with_counters() {
    let names = |folder: &str, end: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join("tests/fuzz").join(folder)).unwrap().flatten();
        entries.map(|e| e.file_name().into_string().unwrap().trim_end_matches(end).to_owned()).collect()
    };
    assert_eq!(names("targets", ".rs"), names("corpus", ""));
    let wrapper = read(".ci/fuzz-rustc");
    let crates = crates();
    let mut fuzzed = BTreeSet::from(["fuzz".to_owned()]);
    while let Some(more) = fuzzed
        .iter()
        .flat_map(|name| &crates[name].1)
        .find(|used| crates.contains_key(*used) && !fuzzed.contains(*used))
        .cloned()
    {
        fuzzed.insert(more);
    }
    for name in fuzzed.iter().filter(|name| *name != "fuzz") {
        assert!(wrapper.contains(&format!("--crate-name {name} ")), ".ci/fuzz-rustc leaves `{name}` out");
    }
}

/// The identifier at the start of a text.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}
