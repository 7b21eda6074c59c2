//! What a fuzzer may throw at this crate: it panics only for a defect of ours.
//!
//! Compiled for tests and under `--cfg fuzzing`, for a fuzzer.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use crate::{Loaded, PackageError, Severity, open_zip, pack_zip, read_dir};

mod yaml;

/// Ends a path, and ends a file, in what a fuzzer makes.
const END_OF_PATH: u8 = 0xfe;
const END_OF_FILE: u8 = 0xff;

/// Most files of a tree, which is more than 4 KiB of them say.
const FILES_MAX: usize = 200;

/// Lays out a tree of files below the empty folder `root`: path, [`END_OF_PATH`], content, [`END_OF_FILE`], and so on.
/// A path with `>` before it is a link to where its content says. What cannot be there is left out.
pub fn lay_out(bytes: &[u8], root: &Path) {
    for file in bytes.split(|b| *b == END_OF_FILE).take(FILES_MAX) {
        let mut parts = file.splitn(2, |b| *b == END_OF_PATH);
        let (path, content) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (path, linked) = path.strip_prefix(b">").map_or((path, false), |path| (path, true));
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        let below = path.components().all(|part| matches!(part, Component::Normal(_)));
        // A link laid out before may stand on the way.
        let safe = below && path.ancestors().skip(1).all(|above| !root.join(above).is_symlink());
        if !safe || path.as_os_str().is_empty() || root.join(path).symlink_metadata().is_ok() {
            continue;
        }
        let at = root.join(path);
        let _ = fs::create_dir_all(at.parent().unwrap_or(root));
        let _ = if linked {
            std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(content), &at)
        } else {
            fs::write(&at, content)
        };
    }
}

/// A package in a folder, as [`lay_out`] makes it: it is read or refused with a place, and packed it is read as the same.
///
/// # Panics
/// When the two differ, or a refusal names no place and no error.
pub fn package(bytes: &[u8]) {
    in_folder(|root| lay_out(bytes, root));
}

/// A package in order whose YAML files were changed as `bytes` say, by keys, values and what YAML has beside them: the
/// same holds of it as of any [`package`].
///
/// # Panics
/// As that.
pub fn manifests(bytes: &[u8]) {
    in_folder(|root| yaml::lay_out(bytes, root));
}

fn in_folder(lay_out: impl FnOnce(&Path)) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let root = scratch.path().join("fuzzed");
    fs::create_dir(&root).expect("a directory");
    lay_out(&root);
    let read = read_dir(&root);
    look(&read);
    let Ok(loaded) = read else { return };
    let zip = pack_zip(&root).expect("what is read can be packed");
    let unpacked = open_zip(&zip, "fuzzed", scratch.path()).expect("what was packed is read");
    assert_eq!(unpacked.problem.digest, loaded.problem.digest);
    assert_eq!(unpacked.problem.cases.len(), loaded.problem.cases.len());
    assert_eq!(unpacked.diagnostics, loaded.diagnostics);
}

fn look(read: &Result<Loaded, PackageError>) {
    let (list, refused) = match read {
        Ok(loaded) => (&loaded.diagnostics, false),
        Err(refusal) => (&refusal.diagnostics, true),
    };
    assert_eq!(list.iter().any(|found| found.severity == Severity::Error), refused, "{list:?}");
    for found in list {
        assert!(!found.path.is_empty() && !found.message.is_empty() && found.line != Some(0), "{found:?}");
        assert!(found.to_string().len() < 8 << 10, "{found:?}");
        let speaks_rust =
            ["serde", "::", "Options", "from_multiple"].iter().any(|word| found.message.contains(word));
        assert!(!speaks_rust || found.message.contains('`'), "{found:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` with `|` for the end of a path and `$` for that of a file.
    fn tree(text: &str) -> Vec<u8> {
        let byte = |b| match b {
            b'|' => END_OF_PATH,
            b'$' => END_OF_FILE,
            other => other,
        };
        text.bytes().map(byte).collect()
    }

    #[test]
    fn a_tree_is_laid_out_and_nothing_outside_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        lay_out(&tree("a/b|1$>out|..$out/c|2$../d|3$/e|4$a/b|5$|6$a|7$"), &root);
        assert_eq!(fs::read_to_string(root.join("a/b")).unwrap(), "1");
        assert_eq!(fs::read_link(root.join("out")).unwrap(), Path::new(".."));
        let entries = |path: &Path| fs::read_dir(path).unwrap().count();
        assert_eq!((entries(dir.path()), entries(&root)), (1, 2));
    }

    proptest::proptest! {
        /// `PROPTEST_CASES` asks for more.
        #[test]
        fn made_up_yaml_is_read_or_refused_with_a_place(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..48)) {
            manifests(&bytes);
        }
    }

    #[test]
    fn a_package_in_order_stands_behind_what_is_made_up() {
        for first in [0, 1, 2] {
            let dir = tempfile::tempdir().unwrap();
            yaml::lay_out(&[first], dir.path());
            let read = read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}"));
            assert!(!read.problem.cases.is_empty());
        }
    }

    #[test]
    fn a_package_that_is_read_and_some_that_are_refused() {
        let sound = "problem.yaml|problem_format_version: legacy\nname: a\n$data/secret/1.in|1\n$data/secret/1.ans|1\n$\
                     domjudge-problem.ini|timelimit = 1\n$";
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("sound");
        fs::create_dir(&root).unwrap();
        lay_out(&tree(sound), &root);
        assert!(read_dir(&root).is_ok());
        for more in
            ["", ">data/secret/2.in|../../problem.yaml$", ">data/x|/etc$", "data/secret/testdata.yaml|: [$"]
        {
            package(&tree(&format!("{sound}{more}")));
        }
    }
}
