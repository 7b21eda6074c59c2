//! DMOJ's checkers by name, its bridged programs, and its interactors.

use problem::yaml::{Fields, Value};

use super::{FILE, Store, scalar};
use crate::Log;
use crate::draft::{Draft, includes_testlib};
use crate::write::Content;

/// What a checker by name becomes.
struct Row {
    name: &'static str,
    flags: &'static [&'static str],
    /// The judge's checker, in place of the default validator.
    named: Option<&'static str>,
    /// What is different.
    differs: &'static str,
}

const ROWS: [Row; 7] = [
    Row {
        name: "standard",
        flags: &["case_sensitive"],
        named: None,
        differs: "tokens are compared; a line break counts as any other blank, where DMOJ tells the two apart between tokens",
    },
    Row {
        name: "easy",
        flags: &[],
        named: None,
        differs: "tokens are compared, case aside; DMOJ only counts how often each character occurs, so an output in another order was right there and is wrong here",
    },
    Row { name: "identical", flags: &[], named: Some("exact"), differs: "" },
    Row {
        name: "rstripped",
        flags: &[],
        named: Some("lines"),
        differs: "empty lines at the end count for nothing, where DMOJ counts them",
    },
    Row {
        name: "linecount",
        flags: &[],
        named: Some("lines"),
        differs: "every line has to be right; DMOJ gives points for the share of right lines, and looks at the output of a program that failed",
    },
    Row { name: "unordered", flags: &[], named: Some("unordered"), differs: "" },
    Row {
        name: "sorted",
        flags: &[],
        named: Some("sorted"),
        differs: "blanks inside a line are compared as they are, where DMOJ compares tokens",
    },
];

/// Takes the top-level checker.
pub(super) fn read(top: &mut Fields<'_>, store: &Store<'_>, draft: &mut Draft, log: &mut Log) {
    let Some(node) = top.take("checker") else {
        draft.validator_args = vec!["case_sensitive".to_owned()];
        log.change(
            FILE,
            None,
            format!("no checker is named, so DMOJ's `standard` decides: {}", ROWS[0].differs),
        );
        return;
    };
    let line = node.line;
    let (name, args) = match node.value {
        Value::Map(entries) => {
            let mut fields = Fields::nested(FILE, "checker", line, entries);
            let name = fields.text("name", &mut log.findings).map(|(name, _)| name);
            let args = fields.mapping("args", &mut log.findings);
            fields.finish(true, "`name`, `args`", &mut log.findings);
            (name, args)
        }
        ref other => (scalar(other), None),
    };
    match name {
        Some(name) => by_name(&name, line, args, store, draft, log),
        None => log.refuse(
            FILE,
            Some(line),
            "`checker` names none; a name, or a mapping with `name` and `args`, is needed",
        ),
    }
}

fn by_name(
    name: &str,
    line: u32,
    args: Option<Fields<'_>>,
    store: &Store<'_>,
    draft: &mut Draft,
    log: &mut Log,
) {
    let mut args = args.unwrap_or_else(|| Fields::nested(FILE, "checker.args", line, Vec::new()));
    let mut row = ROWS.iter().find(|row| row.name == name);
    match name {
        "bridged" => return bridged(line, args, store, draft, log),
        "floats" | "floatsabs" | "floatsrel" => return floats(name, line, args, draft, log),
        "sorted" => {
            if let Some((on, line)) = args.text("split_on", &mut log.findings) {
                match on.as_str() {
                    "lines" => {}
                    // Sorting tokens is what `unordered` does.
                    "whitespace" => row = ROWS.iter().find(|row| row.name == "unordered"),
                    _ => log.refuse(FILE, Some(line), "`split_on` is neither `lines` nor `whitespace`"),
                }
            }
        }
        "rstripped" => drop(args.take("filter_new_line")),
        "identical" => drop(args.take("pe_allowed")),
        "linecount" => {
            args.take("feedback");
            if let Some(node) = args.take("match") {
                log.refuse(
                    FILE,
                    Some(node.line),
                    "`match` is Python that runs inside the DMOJ judge; it cannot be carried over",
                );
            }
        }
        _ => {}
    }
    let Some(row) = row else {
        let shown: String = name.chars().take(60).collect();
        let known = ROWS.map(|row| row.name).join(", ");
        let why = if name.contains('.') {
            "it is Python that runs inside the DMOJ judge; write it as an output validator".to_owned()
        } else {
            format!("{known}, floats, floatsabs, floatsrel and bridged are carried over")
        };
        return log.refuse(FILE, Some(line), format!("checker `{shown}` cannot be carried over: {why}"));
    };
    args.finish(true, "those of the checker", &mut log.findings);
    draft.validator_args = row.flags.iter().map(|flag| (*flag).to_owned()).collect();
    draft.checker = row.named;
    if !row.differs.is_empty() {
        log.change(FILE, Some(line), format!("checker `{name}`: {}", row.differs));
    }
}

fn floats(name: &str, line: u32, mut args: Fields<'_>, draft: &mut Draft, log: &mut Log) {
    let precision = args.whole("precision", "decimal places", 30, &mut log.findings).unwrap_or(6);
    let mode = args.text("error_mode", &mut log.findings).map(|(mode, _)| mode);
    args.finish(true, "`precision`, `error_mode`", &mut log.findings);
    let flag = match (name, mode.as_deref()) {
        ("floats", None | Some("default")) => "float_tolerance",
        ("floatsabs", None) | (_, Some("absolute")) => "float_absolute_tolerance",
        ("floatsrel", None) | (_, Some("relative")) => "float_relative_tolerance",
        _ => {
            return log.refuse(
                FILE,
                Some(line),
                "`error_mode` is none of `default`, `absolute` and `relative`",
            );
        }
    };
    draft.validator_args = vec!["case_sensitive".to_owned(), flag.to_owned(), format!("1e-{precision}")];
    log.change(FILE, Some(line), format!("checker `{name}`: numbers by the default validator's grammar with `{flag} 1e-{precision}`; `inf`, `nan` and `1_000` are no numbers, and line breaks count as any other blank"));
}

/// Sources of a program that checks or interacts, and how it is called.
struct Bridge {
    files: Vec<(String, Content)>,
    kind: String,
}

fn bridge(line: u32, args: &mut Fields<'_>, store: &Store<'_>, log: &mut Log) -> Option<Bridge> {
    let files = match args.take("files") {
        Some(node) => match node.value {
            Value::List(items) => items.iter().filter_map(|item| scalar(&item.value)).collect(),
            ref other => scalar(other).into_iter().collect::<Vec<_>>(),
        },
        None => Vec::new(),
    };
    let language = args.text("lang", &mut log.findings).map(|(lang, _)| lang);
    let kind = args.text("type", &mut log.findings).map_or_else(|| "default".to_owned(), |(kind, _)| kind);
    for key in [
        "time_limit",
        "memory_limit",
        "compiler_time_limit",
        "preprocessing_time",
        "feedback",
        "cached",
        "flags",
        "unbuffered",
    ] {
        if let Some(node) = args.take(key) {
            log.change(FILE, Some(node.line), format!("`{key}` of the program is left out: the package's validation limits and the judge's compiler flags are used"));
        }
    }
    if let Some(node) = args.take("args") {
        log.refuse(
            FILE,
            Some(node.line),
            "`args` with an order of its own cannot be carried over; the order of the program's `type` can",
        );
    }
    let known = |l: &str| l.starts_with("CPP") || matches!(l, "C" | "C11");
    if language.as_deref().is_some_and(|l| !known(l)) {
        let shown: String = language.unwrap_or_default().chars().take(30).collect();
        log.refuse(FILE, Some(line), format!("the program is in `{shown}`; only C and C++ are carried over"));
        return None;
    }
    if files.is_empty() {
        log.refuse(FILE, Some(line), "`files` names no source");
        return None;
    }
    let mut found = Vec::new();
    for path in files {
        match store.find(&path) {
            Some(at) => found.push((path.rsplit('/').next().unwrap_or(&path).to_owned(), Content::File(at))),
            None => log.refuse(FILE, Some(line), format!("`{path}` is not there")),
        }
    }
    Some(Bridge { files: found, kind })
}

fn bridged(line: u32, mut args: Fields<'_>, store: &Store<'_>, draft: &mut Draft, log: &mut Log) {
    let Some(bridge) = bridge(line, &mut args, store, log) else { return };
    args.finish(true, "`files`, `lang`, `type`", &mut log.findings);
    match bridge.kind.as_str() {
        "testlib" => {}
        "default" => log.change(FILE, Some(line), "the checker's exit status is read as testlib's, of which DMOJ's `default` (0 right, 1 wrong) is a part; stderr that begins with a word of testlib's has its say"),
        other => {
            let shown: String = other.chars().take(30).collect();
            return log.refuse(FILE, Some(line), format!("checkers of the type `{shown}` have an order of arguments of their own; `testlib` and `default` are carried over"));
        }
    }
    draft.testlib = true;
    for (name, content) in bridge.files {
        draft.files.insert(format!("output_validator/{name}"), content);
    }
    testlib_there(line, store, draft, log);
}

/// `testlib.h` beside the problem comes along; DMOJ has one of its own.
fn testlib_there(line: u32, store: &Store<'_>, draft: &mut Draft, log: &mut Log) {
    const NAME: &str = "output_validator/testlib.h";
    if draft.files.contains_key(NAME) {
        return;
    }
    let included = |content: &Content| content.bytes().is_ok_and(|bytes| includes_testlib(&bytes));
    match store.find("testlib.h") {
        Some(at) => drop(draft.files.insert(NAME.to_owned(), Content::File(at))),
        None if draft.files.values().any(included) => log.change(FILE, Some(line), format!("DMOJ has a testlib.h of its own, which the program includes, and this judge has none: put the file there as `{NAME}`, or it does not compile")),
        None => {}
    }
}

/// Takes `interactive`; true when there was one.
pub(super) fn interactive(top: &mut Fields<'_>, store: &Store<'_>, draft: &mut Draft, log: &mut Log) -> bool {
    let Some(mut args) = top.mapping("interactive", &mut log.findings) else { return false };
    let line = args.line;
    let Some(bridge) = bridge(line, &mut args, store, log) else { return true };
    args.finish(true, "`files`, `lang`, `type`", &mut log.findings);
    let define = match bridge.kind.as_str() {
        "testlib" => "",
        "default" => "-DWITH_OUTPUT=0 ",
        other => {
            let shown: String = other.chars().take(30).collect();
            log.refuse(FILE, Some(line), format!("interactors of the type `{shown}` have a protocol of their own; `testlib` and `default` are carried over"));
            return true;
        }
    };
    let sources: Vec<&str> =
        bridge.files.iter().map(|(name, _)| name.as_str()).filter(|name| !is_header(name)).collect();
    if sources.iter().any(|name| !plain(name)) {
        log.refuse(FILE, Some(line), "a source's name has other letters than `a-z`, `0-9`, `_`, `.` and `-`");
        return true;
    }
    const OURS: [&str; 4] = ["build", "shim.cc", "run", "interactor"];
    if let Some(name) = bridge.files.iter().map(|(name, _)| name.as_str()).find(|name| OURS.contains(name)) {
        log.refuse(
            FILE,
            Some(line),
            format!("a file is called `{name}`, as one that the importer writes; rename it"),
        );
        return true;
    }
    // As DMOJ does without `lang`: by what the names end with.
    let plain_c = sources.iter().all(|name| name.rsplit_once('.').is_some_and(|(_, e)| e == "c"));
    let (language, link) = if plain_c { ("-x c", " -lm") } else { ("-x c++ -std=gnu++17", "") };
    let build = format!(
        "#!/bin/sh\n# Written by `tribunal problem import`.\nset -e\ng++ {language} -O2 -pipe -o interactor {}{link}\n\
         g++ -x c++ -std=gnu++17 -O2 {define}-o run shim.cc\n",
        sources.join(" ")
    );
    draft.interactive = true;
    draft.told_points = true;
    for (name, content) in bridge.files {
        draft.files.insert(format!("output_validator/{name}"), content);
    }
    draft.files.insert("output_validator/build".to_owned(), Content::Script(build.into_bytes()));
    let shim = include_bytes!("../shims/interactor.cc").to_vec();
    draft.files.insert("output_validator/shim.cc".to_owned(), Content::Bytes(shim));
    testlib_there(line, store, draft, log);
    log.change(FILE, Some(line), "the interactor becomes the output validator: `shim.cc`, written by the importer, starts it and turns its exit status into the format's");
    true
}

fn is_header(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| matches!(extension, "h" | "hpp" | "hh"))
}

/// Whether a name may stand in a script as it is.
fn plain(name: &str) -> bool {
    !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}
