//! What decides in a CMS task, and what is compiled with solutions.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use problem::tree::{Entry, Tree};
use problem::yaml::Fields;

use super::FILE;
use crate::Log;
use crate::draft::{Draft, includes_testlib};
use crate::write::Content;

/// Largest source carried over.
const MAX_SOURCE: u64 = 4 << 20;

/// Whether outcomes can be parts of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deciding {
    /// Right or wrong.
    WholeOnly,
    /// Anything from 0 to 1.
    Parts,
}

pub(super) fn read(tree: &Tree, top: &mut Fields<'_>, draft: &mut Draft, log: &mut Log) -> Deciding {
    let processes = top.whole("num_processes", "processes", 1000, &mut log.findings).unwrap_or(1);
    let talk = top.text("user_io", &mut log.findings);
    let [infile, outfile] = [("infile", "input.txt"), ("outfile", "output.txt")].map(|(key, default)| {
        match top.text(key, &mut log.findings) {
            // By stdin or stdout.
            Some((name, _)) if name.is_empty() => None,
            Some((name, line)) => log.plain_name(FILE, Some(line), key, name),
            None => Some(default.to_owned()),
        }
    });
    solutions(tree, draft, log);
    if let Some(at) = ["check/manager", "cor/manager"].into_iter().find(|path| exists(tree, path)) {
        let pipes = pipes(tree, talk, log);
        communication(tree, at, processes, pipes, draft, log);
        return Deciding::Parts;
    }
    draft.input_file = infile;
    draft.output_file = outfile;
    compiled_with(tree, "grader", draft, log);
    let Some(at) = ["check/checker", "cor/correttore"].into_iter().find(|path| exists(tree, path)) else {
        draft.validator_args = vec!["case_sensitive".to_owned()];
        log.change(FILE, None, "outputs are compared token by token; CMS compares lines, with blanks between tokens and at line ends aside");
        return Deciding::WholeOnly;
    };
    if wrapped(tree, at, "checker", "", draft, log) {
        draft.told_points = true;
    }
    Deciding::Parts
}

/// Whether the binary is there, or a source of it in any language: a task that is not built yet has only that.
fn exists(tree: &Tree, path: &str) -> bool {
    tree.files.contains_key(path) || source(tree, path).is_some() || other_source(tree, path).is_some()
}

/// A source in a language that is not carried over.
fn other_source(tree: &Tree, path: &str) -> Option<String> {
    let others = ["pas", "py", "java", "rs", "go", "cs", "hs", "kt", "rb", "pl", "sh"];
    others.iter().map(|extension| format!("{path}.{extension}")).find(|path| tree.files.contains_key(path))
}

fn source<'a>(tree: &'a Tree, path: &str) -> Option<(String, &'a Entry)> {
    ["cpp", "cc", "cxx", "c"].into_iter().find_map(|extension| {
        let path = format!("{path}.{extension}");
        Some((path.clone(), tree.files.get(&path)?))
    })
}

/// The program's source behind an output validator that speaks CMS to it; false when there is none to use.
fn wrapped(tree: &Tree, at: &str, artifact: &str, define: &str, draft: &mut Draft, log: &mut Log) -> bool {
    let Some((path, entry)) = source(tree, at).filter(|(_, entry)| entry.size <= MAX_SOURCE) else {
        let script = tree.files.get(at).is_some_and(|entry| begins_as_a_script(&entry.disk));
        let what = match other_source(tree, at) {
            Some(other) => format!("its source is `{other}`, and only C++ is carried over"),
            None if script => "it is a script, and only C++ is carried over".to_owned(),
            None => "there is a binary and no source of it".to_owned(),
        };
        log.refuse(
            at,
            None,
            format!("{what}: put its C++ source beside it as `{at}.cpp`; no binary or script of a task is run as it is"),
        );
        return false;
    };
    let plain_c = Path::new(&path).extension().is_some_and(|extension| extension == "c");
    let (language, link) = if plain_c { ("-x c", " -lm") } else { ("-x c++ -std=gnu++17", "") };
    let folder = "output_validator";
    let build = format!(
        "#!/bin/sh\n# Written by `tribunal problem import`.\nset -e\ng++ {language} -O2 -pipe -o {artifact} program.src{link}\n\
         g++ -x c++ -std=gnu++17 -O2 -pipe {define}-o run shim.src\n"
    );
    let home = at.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (name, header) in tree.under(home).filter(|(name, entry)| is_header(name) && entry.size <= MAX_SOURCE)
    {
        draft.files.insert(format!("{folder}/{name}"), Content::File(header.disk.clone()));
    }
    testlib_there(&path, entry, folder, draft, log);
    draft.files.insert(format!("{folder}/program.src"), Content::File(entry.disk.clone()));
    draft
        .files
        .insert(format!("{folder}/shim.src"), Content::Bytes(include_bytes!("../shims/cms.cc").to_vec()));
    draft.files.insert(format!("{folder}/build"), Content::Script(build.into_bytes()));
    log.change(&path, None, format!("the {artifact} becomes the output validator: it is compiled from its source, and `shim.src`, written by the importer, starts it and turns its outcome into the format's exit status and score"));
    true
}

fn begins_as_a_script(at: &Path) -> bool {
    let mut begin = [0; 2];
    fs::File::open(at).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == *b"#!"
}

/// Tells when `testlib.h` is included and not there.
fn testlib_there(path: &str, entry: &Entry, folder: &str, draft: &Draft, log: &mut Log) {
    let wanted = fs::read(&entry.disk).is_ok_and(|bytes| includes_testlib(&bytes));
    if wanted && !draft.files.contains_key(&format!("{folder}/testlib.h")) {
        log.change(path, None, format!("testlib.h is not beside it, and the program includes it: put the file, changed for CMS, into `{folder}/`, or it does not compile"));
    }
}

/// How the submission and the manager reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pipes {
    /// By the two files that the submission's arguments name.
    Named,
    /// By its stdin and stdout.
    Standard,
}

/// What `user_io` says; else as CMS finds it out: by name for a stub, and stdin and stdout for a program alone.
fn pipes(tree: &Tree, talk: Option<(String, u32)>, log: &mut Log) -> Pipes {
    let stub = tree.under("sol").any(|(name, _)| name.starts_with("stub.") && !name.contains('/'));
    let by_files = if stub { Pipes::Named } else { Pipes::Standard };
    match talk.as_ref().map(|(talk, line)| (talk.as_str(), *line)) {
        None => by_files,
        Some(("fifo_io", _)) => Pipes::Named,
        Some(("std_io", _)) => Pipes::Standard,
        Some((other, line)) => {
            let shown: String = other.chars().take(40).collect();
            log.refuse(FILE, Some(line), format!("`user_io` is `{shown}`; `fifo_io` or `std_io` is needed"));
            by_files
        }
    }
}

/// A manager that talks with the submission, or with the stub it is compiled with.
fn communication(tree: &Tree, at: &str, processes: u64, pipes: Pipes, draft: &mut Draft, log: &mut Log) {
    if processes != 1 {
        let message = format!(
            "`num_processes` is {processes}; in a package the validator talks with one program, so this task cannot be carried over"
        );
        log.refuse(FILE, None, message);
    }
    draft.interactive = true;
    draft.told_points = true;
    if pipes == Pipes::Named {
        draft.args = vec!["/dev/stdin".to_owned(), "/dev/stdout".to_owned()];
    }
    wrapped(tree, at, "manager", "-DMANAGER ", draft, log);
    compiled_with(tree, "stub", draft, log);
    let reached = match pipes {
        Pipes::Named => {
            ", which its arguments name, and what the stub prints for itself would be part of the talk"
        }
        Pipes::Standard => "",
    };
    log.change(FILE, None, format!("Communication becomes an interactive problem: the manager's pipes lead to the submission's stdin and stdout{reached}"));
    log.change(FILE, None, "the submission sees the end of its input when the manager ends, not when the manager closes its pipe");
}

/// Graders or stubs, and the headers beside them, for the languages that compile all sources together.
fn compiled_with(tree: &Tree, stem: &str, draft: &mut Draft, log: &mut Log) {
    let mut found = false;
    for (name, entry) in tree.under("sol").filter(|(_, entry)| entry.size <= MAX_SOURCE) {
        match name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.')) {
            Some("cpp" | "cc" | "cxx") => {
                found = true;
                draft.files.insert(format!("include/cpp/{name}"), Content::File(entry.disk.clone()));
            }
            Some(_) if !is_header(name) => {
                log.change(&format!("sol/{name}"), None, "left out: only C++ graders and stubs are carried over, and other languages are judged without");
            }
            _ => {}
        }
    }
    if !found {
        return;
    }
    for (name, entry) in tree.under("sol").filter(|(name, entry)| is_header(name) && entry.size <= MAX_SOURCE)
    {
        draft.files.insert(format!("include/cpp/{name}"), Content::File(entry.disk.clone()));
    }
    log.change(
        "sol",
        None,
        format!(
            "`{stem}` and the headers beside it become `include/cpp/`, compiled with every submission in C++"
        ),
    );
}

fn is_header(name: &str) -> bool {
    !name.contains('/') && name.rsplit_once('.').is_some_and(|(_, e)| matches!(e, "h" | "hpp" | "hh"))
}

/// CMS expects nothing of solutions; only those with a name that says so are taken for right.
fn solutions(tree: &Tree, draft: &mut Draft, log: &mut Log) {
    let mut left = Vec::new();
    for (name, entry) in
        tree.under("sol").filter(|(name, entry)| !name.contains('/') && entry.size <= MAX_SOURCE)
    {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let code = matches!(
            extension,
            "cpp" | "cc" | "c" | "py" | "java" | "pas" | "rs" | "go" | "kt" | "cs" | "hs"
        );
        match stem {
            _ if !code => {}
            "grader" | "stub" => {}
            "solution" | "soluzione" | "sol" => {
                draft.files.insert(format!("submissions/accepted/{name}"), Content::File(entry.disk.clone()));
            }
            _ => left.push(name),
        }
    }
    if !left.is_empty() {
        let shown: Vec<&str> = left.iter().take(10).copied().collect();
        log.change("sol", None, format!("{} are left out: nothing says which verdict they should get; only `solution` and `soluzione` are taken for right", shown.join(", ")));
    }
}
