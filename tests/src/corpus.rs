//! Our own problem packages and what their folders promise.

use std::path::{Path, PathBuf};

use problem::model::Problem;
use proto::verdict::Verdict;

/// One example submission and the verdict of its folder.
#[derive(Debug, Clone)]
pub struct Example {
    /// The package's folder.
    pub package: PathBuf,
    /// The package's short name.
    pub problem: String,
    /// Where it lies below the package.
    pub path: String,
    /// The language's id.
    pub language: &'static str,
    /// Its files: (name, content).
    pub files: Vec<(String, Vec<u8>)>,
    /// What its folder names.
    pub verdict: Verdict,
}

impl Example {
    /// Where its program lies: a file or a folder.
    pub fn on_disk(&self) -> PathBuf {
        self.package.join(&self.path)
    }
}

/// The root of the checkout.
pub fn checkout() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().map_or_else(|| tests.to_owned(), Path::to_owned)
}

/// The folder of our own packages.
pub fn problems_folder() -> PathBuf {
    checkout().join("tests/problems")
}

/// Every sound package of ours, in order of their names.
///
/// # Panics
/// When one cannot be read.
pub fn packages() -> Vec<(PathBuf, Problem)> {
    let entries = std::fs::read_dir(problems_folder()).expect("tests/problems is there");
    let mut folders: Vec<PathBuf> = entries
        .map(|e| e.expect("tests/problems can be read").path())
        .filter(|path| path.join("problem.yaml").is_file())
        .collect();
    folders.sort();
    let read = |path: PathBuf| {
        let loaded = problem::read_dir(&path).unwrap_or_else(|e| panic!("{e}"));
        (path, loaded.problem)
    };
    folders.into_iter().map(read).collect()
}

/// Every example submission whose folder names a verdict.
///
/// # Panics
/// When a package cannot be read, or a program's language cannot be told.
pub fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for (package, problem) in packages() {
        for submission in &problem.submissions {
            let Some(verdict) = submission.verdict else { continue };
            // A request has no word for another place to start.
            if submission.entrypoint.is_some() {
                continue;
            }
            let files: Vec<(String, Vec<u8>)> = submission
                .program
                .files
                .iter()
                .map(|(name, path)| (name.clone(), std::fs::read(path).expect("an example can be read")))
                .collect();
            examples.push(Example {
                package: package.clone(),
                problem: problem.name.clone(),
                path: submission.program.path.clone(),
                // Where answers are sent the language means nothing, and the service wants one it knows.
                language: if problem.submit_answer { "cpp" } else { language_of(&files) },
                files,
                verdict,
            });
        }
    }
    examples
}

fn language_of(files: &[(String, Vec<u8>)]) -> &'static str {
    let found = files.iter().flat_map(|(name, _)| language::by_file_name(name)).next();
    &found.unwrap_or_else(|| panic!("no language for {:?}", files[0].0)).id
}
