//! A package's own submissions as submissions.

use std::path::Path;
use std::sync::Arc;

use problem::model::{ExampleSubmission, Problem};
use proto::job::SourceFile;

use super::{ANSWERS, Against, Submission, plan};
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

/// The toolchain starting where the program as it was sent starts, where only what the package includes leaves that
/// open: an included file is a driver only under the name that the language has for one.
pub(super) fn starting_as_sent(
    toolchain: Toolchain,
    submission: &Submission,
    against: &Against,
) -> Toolchain {
    let Against::Problem(problem) = against else { return toolchain };
    let sent: Vec<String> = submission.files.iter().map(|file| file.name.clone()).collect();
    let included = plan::includes(problem, &toolchain).into_iter().map(|(name, _)| name);
    let mut all = sent.clone();
    all.extend(included.filter(|name| !sent.contains(name)));
    let language = &toolchain.language;
    let started = match (language.entry_of(&all), language.entry_of(&sent)) {
        (Err(_), Ok(entry)) => language.starting_at(&entry, &all).ok(),
        _ => None,
    };
    match started {
        Some(language) => Toolchain { language: Arc::new(language), ..toolchain },
        None => toolchain,
    }
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
