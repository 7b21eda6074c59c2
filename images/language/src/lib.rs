//! Language data: the folders under `images/languages/`, parsed. One folder, one language.
//!
//! Pure: the files are embedded at build time or handed to [`add`]; nothing here touches a disk or starts a process.

#![forbid(unsafe_code)]

pub mod codes;
mod command;
mod files;
mod parse;
mod probes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use proto::units::Bytes;

pub use command::{EntryError, fill_memory};
pub use parse::{LanguageError, parse};
pub use probes::{PROBES, Probe};

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
    /// The language this is another compiler or dialect of: it may be used wherever that one may, and is
    /// never guessed from a file's name.
    pub variant_of: Option<String>,
    /// Name of the entry file when several are sent and none else is named, such as `__main__.py`.
    pub entry: Option<String>,
    /// The class to start, where a package names one and commands have `{class}`.
    pub class: Option<String>,
    /// Compile command; `None` when nothing is compiled. Placeholders: `{sources}` becomes one argument per
    /// source file of the language, `{entry}` the entry file, `{class}` the class to
    /// start or nothing, `{output}` the artifact's name.
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
    /// Added to the limit on processes and threads of each run: what the runtime starts for itself.
    pub processes_overhead: u32,
    /// The CPU time of each run is multiplied by it; 1 unless the language says otherwise.
    pub cpu_time_factor: f64,
    /// How the runtime ends when its own heap is full, which it is before the kernel sees a limit.
    pub out_of_memory: Option<OutOfMemory>,
    /// Seccomp profile by name, for its programs and not its compiler: `strict`, `default` or `loopback`.
    pub profile: String,
    /// What the image starts from.
    pub base: Base,
    /// The language whose image this one's builds on, sharing its layers; `None` is the suite's base.
    pub on: Option<String>,
    /// Packages on top of that.
    pub packages: Vec<String>,
    /// What is run over the layers so far, in order, each making a layer of its own.
    pub steps: Vec<Step>,
    /// Absolute paths that must exist on the host for the `host` image to serve this language.
    pub host_needs: Vec<String>,
    /// How many calls the probe `recursion` nests.
    pub recursion_depth: u32,
    /// Probes that cannot be in this language, each with the reason.
    pub without: BTreeMap<String, String>,
}

/// What an image starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// A Debian suite, such as `bookworm`: packages come on top.
    Suite(String),
    /// An image of a registry, `REF@sha256:...`: there are no packages.
    Image(String),
}

impl Base {
    /// The Debian suite, if it is one.
    pub fn suite(&self) -> Option<&str> {
        match self {
            Base::Suite(suite) => Some(suite),
            Base::Image(_) => None,
        }
    }

    /// The reference of the registry's image, if it is one.
    pub fn image(&self) -> Option<&str> {
        match self {
            Base::Suite(_) => None,
            Base::Image(reference) => Some(reference),
        }
    }
}

/// The mark of a runtime that ran out of its own heap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Its exit status; when `None` the signal tells.
    pub exit_code: Option<i32>,
    /// The signal it dies of; when `None` the exit status tells.
    pub signal: Option<i32>,
    /// What it writes to standard error or output then. A program that says the same and ends the same way
    /// is believed: it only trades one failure for another.
    pub said: String,
}

impl OutOfMemory {
    /// Whether a run that ended so, with this on its two streams, ran out of its heap.
    pub fn matches(&self, exit_code: Option<i32>, signal: Option<i32>, streams: [&[u8]; 2]) -> bool {
        let ended = (self.exit_code.is_some() && self.exit_code == exit_code)
            || (self.signal.is_some() && self.signal == signal);
        let said = self.said.as_bytes();
        ended && streams.iter().any(|stream| stream.windows(said.len()).any(|window| window == said))
    }
}

/// One command of a recipe, run in a box without network over the layers so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Program, an absolute path, and its arguments.
    pub argv: Vec<String>,
    /// Folder of the image that gets what the command leaves in its work directory.
    pub to: String,
    /// Files of the language's folder `image/` that are put into the work directory first, and taken out of
    /// it again.
    pub files: Vec<String>,
    /// Packages of a registry that come as archives and are put there like `files`.
    pub archives: Vec<Archive>,
}

/// A package as its registry gives it, for a step to unpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its name in the step's work directory.
    pub name: String,
    /// The package and its one version for npm, such as `left-pad@1.3.0`.
    pub npm: String,
    /// SHA-256 of the archive, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Language {
    /// The smallest program of the language: its file name and its text. It prints `Hello, world!`.
    pub fn hello(&self) -> (String, Cow<'static, [u8]>) {
        let name = format!("hello.{}", self.extensions[0]);
        let text = files::read(&format!("{}/{name}", self.id)).unwrap_or_default();
        (name, text)
    }

    /// A file of the language's folder `image/`, which steps of its recipe use; where it has none of that name, that of
    /// the language whose image this one's builds on.
    pub fn image_file(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        let own = files::read(&format!("{}/image/{name}", self.id));
        own.or_else(|| files::read(&format!("{}/image/{name}", self.on.as_deref()?)))
    }
}

static LANGUAGES: OnceLock<Vec<Language>> = OnceLock::new();

/// All languages, in alphabetical order of their ids.
///
/// # Panics
/// When the descriptions embedded at build time are broken; a test of this crate reads them all.
pub fn all() -> &'static [Language] {
    LANGUAGES.get_or_init(|| match read_all() {
        Ok(languages) => languages,
        Err(error) => panic!("the language descriptions in this executable are broken: {error:?}"),
    })
}

/// Adds language folders to those built in, by their files with paths such as `zig/language.toml`; a folder of a known
/// id stands whole in the place of that one. `place` is where they were read, for messages. Called once, before anybody
/// asks for a language.
///
/// # Errors
/// [`LanguageError`] for the first folder that is not right, and when it is called too late; the process should end then.
pub fn add(place: &str, files: BTreeMap<String, Vec<u8>>) -> Result<(), LanguageError> {
    let wrong = |file: String, key: &str, problem: String| {
        Err(LanguageError::Value { file, key: key.to_owned(), problem })
    };
    let late = || wrong(place.to_owned(), "(folder)", "came after languages were asked for".to_owned());
    if !files::add(files::Added { place: place.to_owned(), files }) {
        return late();
    }
    let languages = read_all()?;
    for language in &languages {
        for (key, other) in [("image.on", &language.on), ("variant_of", &language.variant_of)] {
            if let Some(other) = other.as_ref().filter(|other| !languages.iter().any(|l| l.id == **other)) {
                let file = format!("{}/{}/language.toml", files::place(&language.id), language.id);
                return wrong(file, key, format!("names `{other}`, and there is no such language"));
            }
        }
    }
    LANGUAGES.set(languages).or_else(|_| late())
}

/// The language of that folder name.
pub fn by_id(id: &str) -> Option<&'static Language> {
    all().iter().find(|language| language.id == id)
}

/// The language that a code of the problem package format means.
pub fn by_package_code(code: &str) -> Option<&'static Language> {
    let means = |language: &&Language| language.package_codes.iter().any(|known| known == code);
    all().iter().find(|language| language.variant_of.is_none() && means(language))
}

/// The languages a file could be written in, by its extension (with or without the dot, in either case of
/// letters). Variants of a language are left out.
pub fn by_extension(extension: &str) -> Vec<&'static Language> {
    let wanted = extension.trim_start_matches('.');
    let own = all().iter().filter(|language| language.variant_of.is_none());
    own.filter(|l| l.extensions.iter().any(|known| known.eq_ignore_ascii_case(wanted))).collect()
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
                problem: "is missing; every language's folder has one".to_owned(),
            })?;
            let text = String::from_utf8_lossy(&bytes);
            let mut language = parse(id, &format!("{}/{file}", files::place(id)), &text)?;
            let main = language.variant_of.as_deref().unwrap_or(id);
            let named = codes::package().filter(|(_, ours)| *ours == main).map(|(code, _)| code);
            language.package_codes.extend(named.map(str::to_owned));
            Ok(language)
        })
        .collect()
}
