//! A package's own submissions as submissions.

use std::path::Path;
use std::sync::Arc;

use language::Language;
use problem::model::{ExampleSubmission, Problem};
use proto::job::SourceFile;
use sandbox::spec::BoxFile;

use super::{ANSWERS, Against, Submission};
use crate::error::{JudgeError, Rejected};
use crate::toolchains::Toolchain;

/// The example as if somebody had sent it, the package's constants put in. Blocks on the disk.
///
/// # Errors
/// Why it is in no language known here, or cannot be read.
pub fn example_submission(problem: &Problem, example: &ExampleSubmission) -> Result<Submission, String> {
    let mut files = Vec::new();
    for (name, path) in &example.program.files {
        let content = problem.constants.apply(&read(path)?).into_owned();
        files.push(SourceFile { name: name.clone(), content });
    }
    let language = if problem.submit_answer { ANSWERS.to_owned() } else { language_of(example, &files)? };
    Ok(Submission { language, files, all: true, only: Vec::new() })
}

/// The toolchain with the place to start that the package names; files it includes may be one.
pub(super) fn starting_at(
    toolchain: Toolchain,
    wanted: &str,
    submission: &Submission,
    against: &Against,
) -> Result<Toolchain, JudgeError> {
    let mut names: Vec<String> = submission.files.iter().map(|file| file.name.clone()).collect();
    if let Against::Problem(problem) = against {
        let included = problem.includes.values().flat_map(|included| &included.files);
        names.extend(included.map(|(name, _)| name.clone()));
    }
    let language =
        toolchain.language.starting_at(wanted, &names).map_err(|e| Rejected::Entry(e.to_string()))?;
    Ok(Toolchain { language: Arc::new(language), ..toolchain })
}

/// The toolchain with the submission's own place to start, where files that the package includes leave no one file to be
/// it: a helper beside a program is no program, and only one called as the language's entry is a driver.
pub(super) fn starting_at_own(toolchain: &Toolchain, submission: &Submission, all: &[BoxFile]) -> Toolchain {
    let own: Vec<String> = submission.files.iter().map(|file| file.name.clone()).collect();
    let names: Vec<String> = all.iter().map(|file| file.path.clone()).collect();
    match own_start(&toolchain.language, &own, &names) {
        Some(language) => Toolchain { language: Arc::new(language), ..toolchain.clone() },
        None => toolchain.clone(),
    }
}

fn own_start(language: &Language, own: &[String], all: &[String]) -> Option<Language> {
    let own = language.entry_of(own).ok().filter(|_| language.entry_of(all).is_err())?;
    language.starting_at(&own, all).ok()
}

/// Where a program starts, in the words of the package format: the class that the package names, else the file. `own` are
/// the submission's files and `all` those with what the package includes. Empty where it does not compile for want of one.
pub(super) fn entry(language: &Language, own: &[String], all: &[String]) -> String {
    if let Some(class) = &language.class {
        return class.clone();
    }
    let started = own_start(language, own, all);
    started.as_ref().unwrap_or(language).entry_of(all).unwrap_or_default()
}

/// The language the package names, else the only one that the names of the files fit.
fn language_of(example: &ExampleSubmission, files: &[SourceFile]) -> Result<String, String> {
    if let Some(code) = &example.program.language {
        let known = language::by_package_code(code);
        return known.map(|l| l.id.clone()).ok_or_else(|| format!("is in `{code}`, a language unknown here"));
    }
    let mut fitting: Vec<&str> = Vec::new();
    for language in files.iter().flat_map(|file| language::by_file_name(&file.name)) {
        if !fitting.contains(&language.id.as_str()) {
            fitting.push(&language.id);
        }
    }
    match fitting[..] {
        [only] => Ok(only.to_owned()),
        [] => Err("is in no language known here".to_owned()),
        _ => Err(format!("could be in any of {}; submissions.yaml can name one", fitting.join(", "))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    std::fs::read(path).map_err(|e| format!("could not read {}: {e}", name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_a_package_includes_does_not_hide_where_a_submission_starts() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let python = language::by_id("python3").unwrap();
        for (own, all, want) in [
            (&["a.py"][..], &["a.py", "helper.py"][..], Some("a.py")),
            (&["a.py"], &["a.py", "data.txt"], None),
            (&["a.py"], &["a.py", "main.py"], None),
            (&["a.py", "b.py"], &["a.py", "b.py", "helper.py"], None),
        ] {
            let started = own_start(python, &names(own), &names(all));
            assert_eq!(started.and_then(|language| language.entry).as_deref(), want, "{own:?} {all:?}");
        }
    }

    #[test]
    fn a_static_validator_is_told_the_class_or_the_file_in_which_a_submission_starts() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (python, java) = (language::by_id("python3").unwrap(), language::by_id("java").unwrap());
        let files = names(&["Other.java", "Solution.java"]);
        let started = java.starting_at("Solution", &files).unwrap();
        for (language, own, all, want) in [
            (python, &["a.py"][..], &["a.py", "helper.py"][..], "a.py"),
            (python, &["a.py"], &["a.py", "__main__.py"], "__main__.py"),
            (python, &["a.py", "b.py"], &["a.py", "b.py", "helper.py"], ""),
            (&started, &["Other.java", "Solution.java"], &["Other.java", "Solution.java"], "Solution"),
        ] {
            assert_eq!(entry(language, &names(own), &names(all)), want, "{own:?} {all:?}");
        }
    }
}
