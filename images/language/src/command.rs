//! From a language and the names of the files sent to the exact command lines.
//!
//! File names come from a stranger. They are never read by a shell; the two ways in which a compiler takes
//! a file name for something else, a leading `-` or `@`, are closed with `./`.

use proto::units::Bytes;

use crate::Language;

/// No file can be named as the one to start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Nothing was sent.
    #[error("no source file was sent; send at least one .{extension} file")]
    NoSource {
        /// What such a file ends in.
        extension: String,
    },
    /// Several could be meant.
    #[error("{count} source files were sent and none is called `{wanted}`; name the entry file")]
    Ambiguous {
        /// How many.
        count: usize,
        /// The name that would settle it.
        wanted: String,
    },
    /// The named entry point cannot be.
    #[error("`{wanted}` is no entry point of this program: {why}")]
    Unknown {
        /// As it was named.
        wanted: String,
        /// Why not.
        why: &'static str,
    },
}

impl Language {
    /// The files among `names` that are sources of this language by their extension, in the order given.
    /// When there are none, all of `names`: somebody chose the language on purpose.
    pub fn sources<'a>(&self, names: &'a [String]) -> Vec<&'a str> {
        let known: Vec<&str> = names.iter().map(String::as_str).filter(|name| self.is_source(name)).collect();
        if known.is_empty() { names.iter().map(String::as_str).collect() } else { known }
    }

    /// Whether the extension of `name` is one of this language's, in either case of letters.
    pub fn is_source(&self, name: &str) -> bool {
        extension(name).is_some_and(|ext| self.extensions.iter().any(|known| known.eq_ignore_ascii_case(ext)))
    }

    /// The file to start: the only source, else the one called as `entry` says, else `main` with an extension of the
    /// language, as texts of the package format name it, else the only one outside of folders. A language without an entry name compiles all its sources together; there it is the
    /// first.
    ///
    /// # Errors
    /// [`EntryError`] when nothing was sent, or several files could be meant.
    pub fn entry_of(&self, sources: &[String]) -> Result<String, EntryError> {
        let candidates = self.sources(sources);
        let outside: Vec<&str> = candidates.iter().copied().filter(|name| !name.contains('/')).collect();
        let called = |wanted: &str| candidates.iter().find(|name| **name == wanted);
        let main = || self.extensions.iter().find_map(|extension| called(&format!("main.{extension}")));
        let named = self.entry.as_deref().and_then(|entry| called(entry).or_else(main));
        match (&candidates[..], named, &outside[..]) {
            ([], ..) => Err(EntryError::NoSource { extension: self.extensions[0].clone() }),
            ([only], ..) | (_, None, [only]) => Ok((*only).to_owned()),
            (_, Some(named), _) => Ok((*named).to_owned()),
            (_, None, _) => match &self.entry {
                None => Ok(candidates[0].to_owned()),
                Some(wanted) => {
                    Err(EntryError::Ambiguous { count: candidates.len(), wanted: wanted.clone() })
                }
            },
        }
    }

    /// The language with another place where programs start, as a package may name one: a file among `sources`, or
    /// a class where commands have `{class}`.
    ///
    /// # Errors
    /// [`EntryError::Unknown`] when there is nothing of that name, or nothing to choose.
    pub fn starting_at(&self, wanted: &str, sources: &[String]) -> Result<Self, EntryError> {
        let unknown = |why| EntryError::Unknown { wanted: wanted.to_owned(), why };
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.');
        let mut other = self.clone();
        if self.entry.is_some() {
            if !self.sources(sources).contains(&wanted) {
                return Err(unknown("no source file has that name"));
            }
            other.entry = Some(wanted.to_owned());
        } else if self.compile.iter().flatten().chain(&self.run).any(|word| word.contains(CLASS)) {
            if wanted.is_empty() || wanted.starts_with('.') || !wanted.bytes().all(named) {
                return Err(unknown("that is no name of a class"));
            }
            other.class = Some(wanted.to_owned());
        } else {
            return Err(unknown("the language has one way to start a program"));
        }
        Ok(other)
    }

    /// The compile command for these files, or `None` when nothing is compiled. Where
    /// [`entry_of`](Self::entry_of) cannot tell the entry file, the first source stands in for it.
    pub fn compile_argv(&self, sources: &[String]) -> Option<Vec<String>> {
        let entry = self.entry_or_first(sources);
        self.compile.as_ref().map(|words| self.expand(words, sources, &entry))
    }

    /// The run command for these files, followed by the test's own arguments. The entry file is found as in
    /// [`compile_argv`](Self::compile_argv).
    pub fn run_argv(&self, sources: &[String], args: &[String]) -> Vec<String> {
        let mut argv = self.run_argv_from(sources, &self.entry_or_first(sources));
        argv.extend_from_slice(args);
        argv
    }

    /// The run command when the caller knows the entry file, because a package names it.
    pub fn run_argv_from(&self, sources: &[String], entry: &str) -> Vec<String> {
        self.expand(&self.run, sources, entry)
    }

    fn entry_or_first(&self, sources: &[String]) -> String {
        self.entry_of(sources)
            .unwrap_or_else(|_| self.sources(sources).first().copied().unwrap_or_default().to_owned())
    }

    fn expand(&self, words: &[String], names: &[String], entry: &str) -> Vec<String> {
        let mut argv = Vec::with_capacity(words.len() + names.len());
        for word in words {
            if word == "{sources}" {
                argv.extend(self.sources(names).into_iter().map(harmless));
            } else {
                argv.push(
                    self.mark_memory(word)
                        .replace("{entry}", &harmless(entry))
                        .replace(CLASS, self.class.as_deref().unwrap_or_default())
                        .replace("{output}", self.artifact.as_deref().unwrap_or_default()),
                );
            }
        }
        argv
    }
}

/// Stands for the class to start; for nothing where none was named.
const CLASS: &str = "{class}";

/// Stands around what [`fill_memory`] fills in. No file name that is judged has a control character.
const MARK: char = '\u{1}';

impl Language {
    /// `text` with `{memory_mib}` marked for [`fill_memory`].
    pub fn mark_memory(&self, text: &str) -> String {
        let overhead = self.memory_overhead.map_or(0, |overhead| overhead.get() >> 20);
        text.replace("{memory_mib}", &format!("{MARK}{overhead}{MARK}"))
    }
}

/// Puts the memory that a run's program has to itself, in MiB, where `{memory_mib}` was written: the limit
/// of the run less what the runtime needs, at least 1.
pub fn fill_memory(text: &str, limit: Bytes) -> String {
    let mut parts = text.split(MARK);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    while let (Some(overhead), Some(after)) = (parts.next(), parts.next()) {
        let own = (limit.get() >> 20).saturating_sub(overhead.parse().unwrap_or(0)).max(1);
        filled += &format!("{own}{after}");
    }
    filled
}

fn harmless(name: &str) -> String {
    if name.starts_with(['-', '@']) { format!("./{name}") } else { name.to_owned() }
}

/// The part after the last dot of the last path component; a leading dot does not count.
pub(crate) fn extension(name: &str) -> Option<&str> {
    let base = name.rsplit('/').next()?;
    match base.rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() && !ext.is_empty() => Some(ext),
        _ => None,
    }
}
