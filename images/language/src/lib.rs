//! Language data: the folders under `images/languages/`, parsed. One folder, one language.
//!
//! Pure: the files are embedded at build time; nothing here touches a disk or starts a process.

#![forbid(unsafe_code)]

mod command;
mod files;
mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use proto::units::Bytes;

pub use command::EntryError;
pub use parse::{LanguageError, parse};
/// One language.
#[derive(Debug, Clone, PartialEq)]
pub struct Language {
    /// Its folder's name, such as `cpp`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Command whose first output line tells the version.
    pub version: Vec<String>,
    /// File name extensions without the dot; the first is used for pasted code.
    pub extensions: Vec<String>,
    /// Codes of the problem package format that mean this language, such as `cpp` or `python3`.
    pub package_codes: Vec<String>,
    /// Name of the entry file when several are sent and none else is named, such as `__main__.py`.
    pub entry: Option<String>,
    /// Compile command; `None` when nothing is compiled. Placeholders: `{sources}` becomes one argument per
    /// source file of the language, `{entry}` the entry file, `{output}` the artifact's name.
    pub compile: Option<Vec<String>>,
    /// What the compile run leaves that the run needs, relative to the work directory; `.` is all of it.
    /// `None` when the sources themselves are what runs, whether or not a compile command checks them.
    pub artifact: Option<String>,
    /// Run command, same placeholders; the test's arguments follow.
    pub run: Vec<String>,
    /// Environment beside the image's own.
    pub env: BTreeMap<String, String>,
    /// Added to the memory limit of each run: what the runtime needs before the program has anything.
    pub memory_overhead: Option<Bytes>,
    /// Seccomp profile by name, for its programs and not its compiler: `strict`, `default` or `loopback`.
    pub profile: String,
    /// Debian suite the image is built from.
    pub suite: String,
    /// Packages on top of the shared base.
    pub packages: Vec<String>,
    /// Absolute paths that must exist on the host for the `host` image to serve this language.
    pub host_needs: Vec<String>,
}

/// A program of the self-test with the verdict it has to get. All of them are asked to print the sum of two
/// integers read from standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTest {
    /// Folder name, such as `time_limit_exceeded`.
    pub verdict: String,
    /// File name without its folders.
    pub name: String,
    /// The program.
    pub source: Cow<'static, [u8]>,
}

impl Language {
    /// The smallest program of the language: its file name and its text. It prints `Hello, world!`.
    pub fn hello(&self) -> (String, Cow<'static, [u8]>) {
        let name = format!("hello.{}", self.extensions[0]);
        let text = files::read(&format!("{}/{name}", self.id)).unwrap_or_default();
        (name, text)
    }

    /// The programs of the language's self-test, in alphabetical order of verdict and name.
    pub fn self_tests(&self) -> Vec<SelfTest> {
        let folder = format!("{}/selftest/", self.id);
        let found = files::below(&folder).into_iter().filter_map(|path| {
            let (verdict, name) = path[folder.len()..].split_once('/')?;
            let source = files::read(&path)?;
            Some(SelfTest { verdict: verdict.to_owned(), name: name.to_owned(), source })
        });
        found.collect()
    }
}

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| match read_all() {
    Ok(languages) => languages,
    Err(error) => panic!("the language descriptions in this executable are broken: {error:?}"),
});

/// All languages, in alphabetical order of their ids.
///
/// # Panics
/// When the descriptions embedded at build time are broken; a test of this crate reads them all.
pub fn all() -> &'static [Language] {
    &LANGUAGES
}

/// The language of that folder name.
pub fn by_id(id: &str) -> Option<&'static Language> {
    all().iter().find(|language| language.id == id)
}

/// The language that a code of the problem package format means.
pub fn by_package_code(code: &str) -> Option<&'static Language> {
    all().iter().find(|language| language.package_codes.iter().any(|known| known == code))
}

/// The languages a file could be written in, by its extension (with or without the dot, in either case of
/// letters).
pub fn by_extension(extension: &str) -> Vec<&'static Language> {
    let wanted = extension.trim_start_matches('.');
    all().iter().filter(|l| l.extensions.iter().any(|known| known.eq_ignore_ascii_case(wanted))).collect()
}

/// The languages a file could be written in, by its name.
pub fn by_file_name(name: &str) -> Vec<&'static Language> {
    command::extension(name).map(by_extension).unwrap_or_default()
}

fn read_all() -> Result<Vec<Language>, LanguageError> {
    files::ids()
        .iter()
        .map(|id| {
            let file = format!("{id}/language.toml");
            let bytes = files::read(&file).ok_or_else(|| LanguageError::Value {
                file: file.clone(),
                key: "(file)".to_owned(),
                problem: "is missing; every folder of images/languages has one".to_owned(),
            })?;
            let text = String::from_utf8_lossy(&bytes);
            parse(id, &format!("images/languages/{file}"), &text)
        })
        .collect()
}
