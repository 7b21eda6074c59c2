//! Programs of a package: one file or one folder each. They are listed here and built by the worker.

use std::collections::BTreeMap;

use crate::diagnostic::Findings;
use crate::manifest::Manifest;
use crate::model::{FormatVersion, Program, Validator};
use crate::tree::Tree;

/// Most bytes of source in one program of the package.
const MAX_SOURCE: u64 = 16 << 20;

/// The programs directly in `folder`: each file and each folder is one. Sorted by path.
pub(crate) fn in_folder(tree: &Tree, folder: &str, findings: &mut Findings) -> Vec<Program> {
    let mut names: Vec<&str> = Vec::new();
    for (rel, _) in tree.under(folder) {
        let name = rel.split('/').next().unwrap_or(rel);
        if names.last() != Some(&name) && usable(name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| program(tree, &format!("{folder}/{name}"), findings)).collect()
}

/// What a name has to be, for messages.
pub(crate) const NAMES: &str =
    "a name has letters, digits, `_`, `.` and `-` and starts with none of the last two";

/// Names the format knows: `[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,254}`. Others are ignored as if removed.
pub(crate) fn usable(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.len() <= 255
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || matches!(b, b'.' | b'-'))
}

/// The program at `path`: a file, or a folder with all its files.
fn program(tree: &Tree, path: &str, findings: &mut Findings) -> Program {
    let (files, size): (Vec<_>, u64) = if let Some(entry) = tree.files.get(path) {
        let name = path.rsplit('/').next().unwrap_or(path);
        (vec![(name.to_owned(), entry.disk.clone())], entry.size)
    } else {
        let files = tree.under(path).map(|(rel, e)| (rel.to_owned(), e.disk.clone())).collect();
        (files, tree.under(path).map(|(_, e)| e.size).sum())
    };
    if size > MAX_SOURCE {
        findings.error(path, None, format!("the program has {size} bytes; the maximum is {MAX_SOURCE}"));
    }
    let has = |script: &str| tree.files.contains_key(&format!("{path}/{script}"));
    Program { path: path.to_owned(), files, language: None, has_build: has("build"), has_run: has("run") }
}

/// What decides output against answer.
pub(crate) fn validator(tree: &Tree, manifest: &Manifest, findings: &mut Findings) -> Validator {
    const LEGACY: &str = "output_validators";
    const NEW: &str = "output_validator";
    match manifest.version {
        FormatVersion::Draft2023_07 if tree.has_folder(LEGACY) && !tree.has_folder(NEW) => {
            findings.warning(LEGACY, None, format!("the newer name of this folder is `{NEW}/`"));
            Validator::Custom(in_folder(tree, LEGACY, findings))
        }
        FormatVersion::Draft2023_07 | FormatVersion::V2025_09 => {
            if tree.has_folder(LEGACY) {
                findings.error(
                    LEGACY,
                    None,
                    format!(
                        "this is the folder of legacy packages; in 2025-09 it is `{NEW}/` with one program"
                    ),
                );
            }
            if tree.has_folder(NEW) {
                Validator::Custom(vec![program(tree, NEW, findings)])
            } else {
                Validator::Default
            }
        }
        FormatVersion::Legacy if manifest.custom_validation => {
            let programs = in_folder(tree, LEGACY, findings);
            if programs.is_empty() {
                findings.error(
                    LEGACY,
                    None,
                    "`validation: custom` needs at least one program in this folder",
                );
            }
            Validator::Custom(programs)
        }
        FormatVersion::Legacy => {
            for folder in [LEGACY, NEW].into_iter().filter(|f| tree.has_folder(f)) {
                findings.warning(
                    folder,
                    None,
                    "ignored, because `validation` in problem.yaml is not `custom`",
                );
            }
            Validator::Default
        }
    }
}

/// The output validator as interactor and checker: the first is made of the file `named` and the headers, the other of
/// everything else. Where nothing but headers is left there is no checker.
pub(crate) fn with_interactor(validator: Validator, named: Option<&str>) -> Validator {
    const HEADERS: [&str; 6] = ["h", "hh", "hpp", "hxx", "inc", "tcc"];
    let (Validator::Custom(programs), Some(named)) = (&validator, named) else { return validator };
    let [whole] = &programs[..] else { return validator };
    let header = |name: &str| name.rsplit_once('.').is_some_and(|(_, ending)| HEADERS.contains(&ending));
    let of = |mine: &dyn Fn(&str) -> bool| {
        let files = whole.files.iter().filter(|(name, _)| header(name) || mine(name)).cloned();
        Program { files: files.collect(), ..whole.clone() }
    };
    let (interactor, checker) = (of(&|name| name == named), of(&|name| name != named));
    let alone = checker.files.iter().all(|(name, _)| header(name));
    Validator::Custom(if alone { vec![interactor] } else { vec![interactor, checker] })
}

/// Programs beside the output validator.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub(crate) input_validators: Vec<Program>,
    pub(crate) static_validator: Option<Program>,
    pub(crate) graders: Vec<Program>,
    pub(crate) includes: BTreeMap<String, Program>,
}

/// Everything that is run, or added to what is run, and is not the output validator.
pub(crate) fn others(tree: &Tree, manifest: &Manifest, findings: &mut Findings) -> Others {
    let mut others = Others { includes: includes(tree, findings), ..Others::default() };
    for folder in ["input_validators", "input_format_validators"] {
        others.input_validators.extend(in_folder(tree, folder, findings));
    }
    for viva in others.input_validators.iter().filter(|p| p.path.ends_with(".viva")) {
        findings.warning(
            &viva.path,
            None,
            "Viva specifications are not run; the input is not validated by it",
        );
    }
    others.input_validators.retain(|p| !p.path.ends_with(".viva"));
    const STATIC: &str = "static_validator";
    const GRADERS: &str = "graders";
    let (has_static, has_graders) = match manifest.version {
        FormatVersion::Legacy => (false, true),
        FormatVersion::Draft2023_07 => (true, true),
        FormatVersion::V2025_09 => (true, false),
    };
    for (folder, known) in [(STATIC, has_static), (GRADERS, has_graders)] {
        if !known && tree.has_folder(folder) {
            let message = "ignored: this format version has no such folder";
            findings.warning(folder, None, message);
        }
    }
    if has_graders {
        others.graders = in_folder(tree, GRADERS, findings);
        if let Some(second) = others.graders.get(1) {
            findings.warning(&second.path, None, "there is one grader at most; the first one is used");
        }
    }
    if has_static && tree.has_folder(STATIC) {
        others.static_validator = Some(program(tree, STATIC, findings));
        if manifest.kind.submit_answer {
            findings.error(STATIC, None, "a `submit-answer` problem has no sources to validate");
        }
    }
    needs_validator(tree, manifest, findings);
    others
}

/// Interaction and further passes are the work of a validator of the package's own.
fn needs_validator(tree: &Tree, manifest: &Manifest, findings: &mut Findings) {
    let custom = match manifest.version {
        FormatVersion::Legacy => manifest.custom_validation,
        FormatVersion::Draft2023_07 | FormatVersion::V2025_09 => {
            tree.has_folder("output_validator") || tree.has_folder("output_validators")
        }
    };
    if (manifest.kind.interactive || manifest.kind.multi_pass) && !custom {
        let message = "an `interactive` or `multi-pass` problem needs an output validator of its own";
        findings.error("output_validator", None, message);
    }
    const LEGACY: &str = "output_validators";
    if (manifest.kind.interactive || manifest.kind.multi_pass) && in_folder(tree, LEGACY, findings).len() > 1
    {
        let message = "an `interactive` or `multi-pass` problem has one output validator; here are several";
        findings.error(LEGACY, None, message);
    }
}

/// Language codes of the format's appendix. `include/` may have a folder for each, and `default`.
pub const CODES: [&str; 52] = [
    "ada",
    "algol68",
    "apl",
    "bash",
    "c",
    "cgmp",
    "cobol",
    "cpp",
    "cppgmp",
    "crystal",
    "csharp",
    "d",
    "dart",
    "elixir",
    "erlang",
    "forth",
    "fortran",
    "fsharp",
    "gerbil",
    "go",
    "haskell",
    "java",
    "javaalgs4",
    "javascript",
    "julia",
    "kotlin",
    "lisp",
    "lua",
    "modula2",
    "nim",
    "objectivec",
    "ocaml",
    "octave",
    "odin",
    "pascal",
    "perl",
    "php",
    "prolog",
    "python2",
    "python3",
    "python3numpy",
    "racket",
    "ruby",
    "rust",
    "scala",
    "simula",
    "smalltalk",
    "snobol",
    "swift",
    "typescript",
    "visualbasic",
    "zig",
];

/// `include/<language>/`, by language code.
fn includes(tree: &Tree, findings: &mut Findings) -> BTreeMap<String, Program> {
    const FOLDER: &str = "include";
    let mut all = BTreeMap::new();
    if !tree.has_folder(FOLDER) {
        return all;
    }
    for (rel, _) in tree.under(FOLDER) {
        match rel.split_once('/') {
            Some((code, _)) if usable(code) => {
                if !all.contains_key(code) {
                    if code != "default" && !CODES.contains(&code) {
                        let message = "no language of the format has this code, so its files go to no submission; \
                                       such codes are `cpp`, `python3` and `default` for all others";
                        findings.warning(&format!("{FOLDER}/{code}"), None, message);
                    }
                    let program = program(tree, &format!("{FOLDER}/{code}"), findings);
                    all.insert(code.to_owned(), program);
                }
            }
            _ => findings.error(
                &format!("{FOLDER}/{rel}"),
                None,
                "included files lie in a folder named after a language code, or in `default`",
            ),
        }
    }
    all
}
