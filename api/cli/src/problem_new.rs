//! `tribunal problem new`: a small complete package to start from. Everything a package of its kind needs is
//! in it and holds, so `tribunal verify` says of each later change whether it broke something.

use std::fs;
use std::io;
use std::path::Path;

use clap::ValueEnum;

use crate::output::{Failure, print_line};

/// What kind of package is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Accepted or not; the default output validator compares
    PassFail,
    /// Points for groups of test cases
    Scoring,
    /// The output validator talks with the submission
    Interactive,
    /// The submission is run again on what the output validator makes of its output
    MultiPass,
}

/// A file of a package: where it goes, and its text.
type File = (&'static str, &'static str);

macro_rules! skeleton {
    ($path:literal) => {
        include_str!(concat!("../skeletons/", $path))
    };
}

/// What the two kinds around the sum of numbers share.
const SUM: [File; 10] = [
    ("input_validators/validate.py", skeleton!("sum/validate_input.py")),
    ("submissions/accepted/sum.py", skeleton!("sum/accepted.py")),
    ("submissions/accepted/sum.cpp", skeleton!("sum/accepted.cpp")),
    ("submissions/wrong_answer/overflow.cpp", skeleton!("sum/wrong_overflow.cpp")),
    ("submissions/wrong_answer/positive.py", skeleton!("sum/wrong_positive.py")),
    ("data/sample/1.in", "3\n1 2 3\n"),
    ("data/sample/1.ans", "6\n"),
    ("data/invalid_input/no-numbers.in", "0\n\n"),
    ("data/invalid_input/one-too-few.in", "3\n1 2\n"),
    ("data/invalid_input/too-large.in", "1\n1000000001\n"),
];

const PASS_FAIL: [File; 8] = [
    ("problem.yaml", skeleton!("sum/pass-fail.yaml")),
    ("statement/problem.en.md", skeleton!("sum/statement.md")),
    ("data/secret/1-one.in", "1\n7\n"),
    ("data/secret/1-one.ans", "7\n"),
    ("data/secret/2-negative.in", "4\n-5 5 -1000000000 10\n"),
    ("data/secret/2-negative.ans", "-999999990\n"),
    ("data/secret/3-large.in", "5\n1000000000 1000000000 1000000000 1000000000 -7\n"),
    ("data/secret/3-large.ans", "3999999993\n"),
];

const SCORING: [File; 13] = [
    ("problem.yaml", skeleton!("sum/scoring.yaml")),
    ("statement/problem.en.md", skeleton!("sum/statement-scoring.md")),
    ("submissions/submissions.yaml", skeleton!("sum/scoring_submissions.yaml")),
    ("data/secret/1-small/test_group.yaml", "max_score: 40\n"),
    ("data/secret/1-small/1.in", "1\n7\n"),
    ("data/secret/1-small/1.ans", "7\n"),
    ("data/secret/1-small/2-negative.in", "4\n-5 5 -1000 10\n"),
    ("data/secret/1-small/2-negative.ans", "-990\n"),
    ("data/secret/2-all/test_group.yaml", "max_score: 60\n"),
    ("data/secret/2-all/1-large.in", "5\n1000000000 1000000000 1000000000 1000000000 -7\n"),
    ("data/secret/2-all/1-large.ans", "3999999993\n"),
    ("data/secret/2-all/2-low.in", "3\n-1000000000 -1000000000 -1000000000\n"),
    ("data/secret/2-all/2-low.ans", "-3000000000\n"),
];

const INTERACTIVE: [File; 16] = [
    ("problem.yaml", skeleton!("interactive/problem.yaml")),
    ("statement/problem.en.md", skeleton!("interactive/statement.md")),
    ("input_validators/validate.py", skeleton!("interactive/validate_input.py")),
    ("output_validator/__init__.py", ""),
    ("output_validator/__main__.py", skeleton!("interactive/validator.py")),
    ("submissions/accepted/halve.py", skeleton!("interactive/accepted.py")),
    ("submissions/wrong_answer/count.py", skeleton!("interactive/wrong_linear.py")),
    ("data/sample/1.in", "500\n"),
    ("data/sample/1.ans", "500\n"),
    ("data/secret/1-lowest.in", "1\n"),
    ("data/secret/1-lowest.ans", "1\n"),
    ("data/secret/2-highest.in", "1000\n"),
    ("data/secret/2-highest.ans", "1000\n"),
    ("data/secret/3-between.in", "333\n"),
    ("data/secret/3-between.ans", "333\n"),
    ("data/invalid_input/too-large.in", "1001\n"),
];

const MULTI_PASS: [File; 16] = [
    ("problem.yaml", skeleton!("multi-pass/problem.yaml")),
    ("statement/problem.en.md", skeleton!("multi-pass/statement.md")),
    ("input_validators/validate.py", skeleton!("multi-pass/validate_input.py")),
    ("output_validator/__init__.py", ""),
    ("output_validator/__main__.py", skeleton!("multi-pass/validator.py")),
    ("submissions/accepted/base26.py", skeleton!("multi-pass/accepted.py")),
    ("submissions/wrong_answer/one_letter.py", skeleton!("multi-pass/wrong_one_letter.py")),
    ("data/sample/1.in", "send\n25\n"),
    ("data/sample/1.ans", "25\n"),
    ("data/secret/1-least.in", "send\n0\n"),
    ("data/secret/1-least.ans", "0\n"),
    ("data/secret/2-most.in", "send\n1000000000\n"),
    ("data/secret/2-most.ans", "1000000000\n"),
    ("data/secret/3-between.in", "send\n8031810\n"),
    ("data/secret/3-between.ans", "8031810\n"),
    ("data/invalid_input/too-large.in", "send\n1000000001\n"),
];

fn files(kind: Kind) -> Vec<File> {
    match kind {
        Kind::PassFail => [&SUM[..], &PASS_FAIL].concat(),
        Kind::Scoring => [&SUM[..], &SCORING].concat(),
        Kind::Interactive => INTERACTIVE.to_vec(),
        Kind::MultiPass => MULTI_PASS.to_vec(),
    }
}

pub(crate) fn main(folder: &Path, kind: Kind, title: Option<&str>) -> Result<u8, Failure> {
    let name = short_name(folder)?;
    let title = title.map_or_else(|| title_of(name), str::to_owned);
    if title.chars().any(char::is_control) || title.trim().is_empty() {
        return Err(Failure::usage("--title: one line of text is needed"));
    }
    let written = fs::create_dir(folder).and_then(|()| {
        write(folder, kind, &title).inspect_err(|_| {
            // Made above, and a part of a package is of no use to anybody.
            let _ = fs::remove_dir_all(folder);
        })
    });
    match written {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!(
                "{} is there already and is left as it is; choose another name",
                folder.display()
            )));
        }
        Err(e) => return Err(Failure::usage(format!("could not write {}: {e}", folder.display()))),
    }
    let shown = folder.display();
    print_line(&format!("made {shown}; `tribunal verify {shown}` says whether it holds"))?;
    Ok(0)
}

/// The package's short name, which is the name of its folder.
fn short_name(folder: &Path) -> Result<&str, Failure> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    folder
        .file_name()
        .and_then(|name| name.to_str())
        .filter(|name| name.len() <= 64 && name.bytes().all(plain))
        .filter(|name| name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric))
        .ok_or_else(|| {
            Failure::usage(format!(
                "{}: a package's name has at most 64 letters, digits, `.`, `_` and `-`, and starts with a letter or \
                 digit",
                folder.display()
            ))
        })
}

/// `max-flow` as `Max flow`.
fn title_of(name: &str) -> String {
    let words = name.replace(['-', '_', '.'], " ");
    let mut letters = words.trim().chars();
    letters.next().map_or_else(|| name.to_owned(), |first| first.to_uppercase().chain(letters).collect())
}

fn write(folder: &Path, kind: Kind, title: &str) -> io::Result<()> {
    let uuid = uuid::Uuid::new_v4().to_string();
    // In double quotes of YAML.
    let title = title.replace('\\', "\\\\").replace('"', "\\\"");
    for (path, text) in files(kind) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text.replace("@UUID@", &uuid).replace("@TITLE@", &title))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 4] = [Kind::PassFail, Kind::Scoring, Kind::Interactive, Kind::MultiPass];

    #[test]
    fn every_new_package_is_read_without_a_finding() {
        let parent = tempfile::tempdir().unwrap();
        for kind in KINDS {
            let folder = parent.path().join(format!("new-{kind:?}"));
            assert_eq!(main(&folder, kind, Some(r#"A "quoted" \ title"#)).unwrap(), 0);
            let loaded = problem::read_dir(&folder).unwrap_or_else(|e| panic!("{e}"));
            assert!(loaded.diagnostics.is_empty(), "{kind:?}: {:?}", loaded.diagnostics);
            let problem = loaded.problem;
            assert_eq!(problem.title, r#"A "quoted" \ title"#);
            assert!(problem.statement.is_some() && !problem.input_validators.is_empty(), "{kind:?}");
            assert!(problem.cases.iter().any(|c| c.sample) && problem.cases.iter().any(|c| !c.sample));
            for verdict in [proto::verdict::Verdict::AC, proto::verdict::Verdict::WA] {
                assert!(problem.submissions.iter().any(|s| s.verdict == Some(verdict)), "{kind:?}");
            }
        }
    }

    #[test]
    fn a_folder_that_is_there_is_left_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("mine");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("problem.yaml"), "mine").unwrap();
        let refused = main(&folder, Kind::PassFail, None).unwrap_err();
        assert_eq!(refused.exit_status(), 2);
        assert_eq!(fs::read_to_string(folder.join("problem.yaml")).unwrap(), "mine");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn names_that_are_no_short_name_are_refused() {
        for bad in ["", "..", "a b", "-x", ".git", "ä", "a/..", &"x".repeat(65)] {
            assert!(short_name(Path::new(bad)).is_err(), "{bad}");
        }
        assert_eq!(title_of(short_name(Path::new("some/max-flow_2")).unwrap()), "Max flow 2");
    }
}
