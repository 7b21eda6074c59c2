//! Problems of other systems, written file by file.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use import::{ImportError, Imported, Options};
use problem::Problem;

/// A source and the place its package goes to; both end with it.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        for (path, text) in files {
            home.put(path, text);
        }
        home
    }

    pub(crate) fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let at = self.source().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, bytes).unwrap();
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.dir.path().join("made")
    }

    pub(crate) fn import_with(&self, options: &Options) -> Result<(Imported, Problem), ImportError> {
        let imported = import::import(&self.source(), &self.target(), options)?;
        let loaded = problem::read_dir(&self.target()).unwrap_or_else(|e| panic!("{e}"));
        Ok((imported, loaded.problem))
    }

    /// The import, which must go well.
    pub(crate) fn import(&self) -> (Imported, Problem) {
        self.import_with(&Options::default()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Why the source is refused; nothing may be left at the target.
    pub(crate) fn refused(&self) -> String {
        let error = self.import_with(&Options::default()).expect_err("a broken source was imported");
        assert!(matches!(error, ImportError::Source(_)), "{error:?}");
        assert!(!self.target().exists());
        let beside = fs::read_dir(self.dir.path()).unwrap().count();
        assert_eq!(beside, usize::from(self.source().exists()), "something was left beside the target");
        error.to_string()
    }

    pub(crate) fn made(&self, path: &str) -> String {
        read(&self.target().join(path))
    }
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Whether some change's text has `words`.
pub(crate) fn told(imported: &Imported, words: &str) -> bool {
    imported.changes.iter().any(|change| change.message.contains(words))
}

/// (group, aggregation and points, cases, needs) of every group below `secret`.
pub(crate) fn groups(problem: &Problem) -> Vec<String> {
    use problem::model::Grading;
    let below = problem.groups.iter().filter(|group| group.name.starts_with("secret/"));
    below
        .map(|group| {
            let Grading::Aggregate { how, max } = &group.grading else { panic!("{group:?}") };
            let max = max.map_or_else(|| "unbounded".to_owned(), |max| max.to_string());
            let needs: Vec<&str> =
                group.require_pass.iter().map(|i| problem.groups[*i].name.as_str()).collect();
            format!("{} {how:?} {max} {} [{}]", &group.name[7..], group.cases.len(), needs.join(" "))
        })
        .collect()
}
