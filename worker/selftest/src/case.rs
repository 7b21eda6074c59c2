//! One attack: a folder with its program and its `expect.toml`, read into memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::expect::Expect;

/// The program that runs, in C.
pub const ATTACK_C: &str = "attack.c";
/// The program given to the compiler in a box instead.
pub const ATTACK_CPP: &str = "attack.cpp";
/// The program that runs beside the attack, in a box of its own.
pub const PEER_C: &str = "peer.c";
/// The output validator that judges the attack, where `judge` is named.
pub const VALIDATOR_CPP: &str = "validator.cpp";
/// What must come of it.
pub const EXPECT: &str = "expect.toml";

/// One attack.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// What must come of it.
    pub expect: Expect,
    /// Every file of the folder but [`EXPECT`].
    pub sources: BTreeMap<String, Vec<u8>>,
    /// Headers beside the folders, which C programs include as `"../name.h"`.
    pub headers: Headers,
}

/// Name and text of the headers that cases share.
pub type Headers = Arc<BTreeMap<String, Vec<u8>>>;

/// A folder that is no attack.
#[derive(Debug, thiserror::Error)]
pub enum BadCase {
    /// A file cannot be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its files say something impossible.
    #[error("{name}/{EXPECT}: {problem}")]
    Wrong {
        /// The folder's name.
        name: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl Case {
    /// An attack from the files of its folder.
    ///
    /// # Errors
    /// [`BadCase::Wrong`] says what its author has to change.
    pub fn new(
        name: &str,
        mut sources: BTreeMap<String, Vec<u8>>,
        headers: &Headers,
    ) -> Result<Self, BadCase> {
        let wrong = |problem: String| BadCase::Wrong { name: name.to_owned(), problem };
        let text = sources.remove(EXPECT).ok_or_else(|| wrong("the file is missing".to_owned()))?;
        let text = String::from_utf8(text).map_err(|e| wrong(e.to_string()))?;
        let expect = Expect::read(&text).map_err(wrong)?;
        if sources.contains_key(ATTACK_C) == sources.contains_key(ATTACK_CPP) {
            return Err(wrong(format!("one of {ATTACK_C} and {ATTACK_CPP} is needed")));
        }
        if sources.contains_key(PEER_C) != expect.pair || (expect.pair && !sources.contains_key(ATTACK_C)) {
            return Err(wrong(format!("`pair = true` goes with {ATTACK_C} and {PEER_C}")));
        }
        let validated = sources.contains_key(VALIDATOR_CPP);
        if (validated && expect.judge.is_none()) || (expect.interactive && !validated) {
            return Err(wrong(format!(
                "`judge` goes with {VALIDATOR_CPP}, and that with `interactive = true`"
            )));
        }
        Ok(Self { name: name.to_owned(), expect, sources, headers: Arc::clone(headers) })
    }

    /// Every folder below `corpus`, in order of their names.
    ///
    /// # Errors
    /// The first folder that is no attack.
    pub fn read_all(corpus: &Path) -> Result<Vec<Self>, BadCase> {
        let mut headers = files(corpus)?;
        headers.retain(|name, _| is_header(name));
        let headers = Arc::new(headers);
        let mut dirs: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(corpus).map_err(unreadable(corpus))? {
            let path = entry.map_err(unreadable(corpus))?.path();
            dirs.extend(path.is_dir().then_some(path));
        }
        dirs.sort();
        let read = |dir: &PathBuf| {
            let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Self::new(&name, files(dir)?, &headers)
        };
        dirs.iter().map(read).collect()
    }

    /// Whether the attack is on the compiler: its source is given to it in a box.
    pub fn attacks_compiler(&self) -> bool {
        self.sources.contains_key(ATTACK_CPP)
    }
}

/// Whether a file beside the folders is a header they may share.
pub(crate) fn is_header(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "h")
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> BadCase {
    move |source| BadCase::Read { path: path.to_owned(), source }
}

/// Name and content of the files of a folder.
fn files(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, BadCase> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable(dir))? {
        let path = entry.map_err(unreadable(dir))?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            let content = std::fs::read(&path).map_err(unreadable(&path))?;
            files.insert(name.to_string_lossy().into_owned(), content);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(files: &[&str], expect: &str) -> Result<Case, BadCase> {
        let mut sources: BTreeMap<String, Vec<u8>> =
            files.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        let text = format!("id = \"P01\"\nwhy = \"w\"\nverdict = [\"OK\"]\n{expect}");
        sources.insert(EXPECT.to_owned(), text.into_bytes());
        Case::new("name", sources, &Headers::default())
    }

    #[test]
    fn a_folder_holds_the_programs_its_expectation_speaks_of() {
        assert!(case(&[ATTACK_C], "").is_ok());
        assert!(case(&[ATTACK_CPP], "").is_ok());
        assert!(case(&[ATTACK_C, PEER_C], "pair = true").is_ok());
        for (files, expect) in [
            (vec![], ""),
            (vec![ATTACK_C, ATTACK_CPP], ""),
            (vec![ATTACK_C], "pair = true"),
            (vec![ATTACK_C, PEER_C], ""),
            (vec![ATTACK_CPP, PEER_C], "pair = true"),
        ] {
            assert!(case(&files, expect).is_err(), "{files:?} {expect}");
        }
    }

    #[test]
    fn a_bad_case_is_named() {
        let said = case(&[ATTACK_C], "retries = 1").unwrap_err().to_string();
        assert!(said.contains("name/expect.toml") && said.contains("retries"), "{said}");
    }
}
