//! Problems of other systems, made into problem packages: Polygon, DMOJ, CMS.
//!
//! One reader per system takes a folder or a zip apart and fills a [`draft::Draft`]; one writer makes a package
//! of it. What cannot be said in the package format is refused with its place and what would be right, or
//! carried over as near as possible and told as a [`Change`]: nothing is guessed in silence. What is read is
//! as hostile as any upload: it goes through the package reader's own tree, YAML reader and zip reader, XML
//! has no entities, and no program of it is run here. The package appears at its place whole or not at all,
//! after the package reader has accepted it, and never over something else.
//!
//! Called by the command line (`problem import`). The mapping tables are in `MAPPING.md` beside this crate.

#![forbid(unsafe_code)]

mod cms;
mod dmoj;
mod draft;
mod pattern;
mod polygon;
mod write;
mod xml;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use problem::tree::Tree;
use problem::yaml::Fields;
use problem::{Diagnostic, Findings, PackageError};
use proto::units::Bytes;
use serde::Serialize;

/// A system whose problems are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Codeforces' problem preparation: `problem.xml`.
    Polygon,
    /// The DMOJ judge: `init.yml`.
    Dmoj,
    /// CMS, the Italian format: `task.yaml`.
    Cms,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 3] = [Format::Polygon, Format::Dmoj, Format::Cms];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Polygon => "polygon",
            Format::Dmoj => "dmoj",
            Format::Cms => "cms",
        }
    }

    /// The file at the top that shows a problem to be of this system.
    pub const fn marker(self) -> &'static str {
        match self {
            Format::Polygon => "problem.xml",
            Format::Dmoj => "init.yml",
            Format::Cms => "task.yaml",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Format::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| format!("`{text}` is no format; polygon, dmoj or cms is needed"))
    }
}

/// What the caller knows and the source does not say, or says otherwise.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The source's format; found out by its files when absent.
    pub format: Option<Format>,
    /// CPU time of a run.
    pub time_limit: Option<Duration>,
    /// Memory of a run.
    pub memory: Option<Bytes>,
    /// Whether points and groups are left out.
    pub pass_fail: bool,
    /// Set by somebody else when nobody wants the package any more: the import ends between two files with
    /// [`ImportError::Stopped`].
    pub stop: Arc<AtomicBool>,
}

impl Options {
    pub(crate) fn stopped(&self) -> Result<(), ImportError> {
        if self.stop.load(Ordering::Relaxed) { Err(ImportError::Stopped) } else { Ok(()) }
    }
}

/// Something that does not mean in the package what it meant at home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// File of the source.
    pub path: String,
    /// Line in it, from 1, when it is known.
    pub line: Option<u32>,
    /// What is different now.
    pub message: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// A package that was made.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Where it came from.
    pub format: Format,
    /// Its folder.
    pub package: PathBuf,
    /// Every change of meaning.
    pub changes: Vec<Change>,
    /// Warnings of the package reader.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why no package was made.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source is at fault, or holds what no package can say; the text lists every finding.
    #[error("{0}")]
    Source(PackageError),
    /// There is something at the place already.
    #[error("`{0}` is there already; import to another place, or remove it first")]
    Exists(PathBuf),
    /// The folder in which the package is to lie is not there, or is none.
    #[error("`{0}`, in which the package is to lie, is no folder that is there; make it first")]
    NoFolder(PathBuf),
    /// The import was asked to end before the package was whole.
    #[error("stopped before the package was whole")]
    Stopped,
    /// The package could not be written.
    #[error("could not write {what}")]
    Write {
        /// What was being written.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl ImportError {
    pub(crate) fn write(what: impl fmt::Display, source: std::io::Error) -> Self {
        ImportError::Write { what: what.to_string(), source }
    }

    /// A folder of a made-up name, which says nothing to whoever reads of it.
    pub(crate) fn temporary(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::write(what, error.kind().into())
    }
}

/// Most changes told; more say nothing new.
const MAX_CHANGES: usize = 200;

/// What is found while reading.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) findings: Findings,
    pub(crate) changes: Vec<Change>,
}

impl Log {
    /// The source is refused.
    pub(crate) fn refuse(&mut self, path: &str, line: Option<u32>, message: impl Into<String>) {
        self.findings.error(path, line, message);
    }

    /// A file that stands in for stdin or stdout, when it may be called so; else it is refused.
    pub(crate) fn plain_name(
        &mut self,
        path: &str,
        line: Option<u32>,
        key: &str,
        name: String,
    ) -> Option<String> {
        if problem::is_plain_name(&name) {
            return Some(name);
        }
        let shown: String = name.chars().take(60).collect();
        self.refuse(path, line, format!("`{key}` is `{shown}`; {} is needed", problem::PLAIN_NAME));
        None
    }

    /// The package means something else.
    pub(crate) fn change(&mut self, path: &str, line: Option<u32>, message: impl Into<String>) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(Change { path: path.to_owned(), line, message: message.into() });
        }
    }

    /// Tells every key that nobody took, of which `home` takes no notice either.
    pub(crate) fn rest(&mut self, path: &str, home: &str, fields: Fields<'_>) {
        let mut left = fields.rest();
        left.sort_by_key(|(key, _)| key.line);
        for (key, _) in left {
            let name: String = key.name.chars().take(60).collect();
            let message = format!(
                "`{name}` is nothing this importer knows, and is left out; {home} passes over it, too"
            );
            self.change(path, Some(key.line), message);
        }
    }
}

/// Reads the problem at `source`, a folder or a zip, and writes a package to the folder `target`, which must
/// not be there. Its last component becomes the problem's short name.
///
/// # Errors
/// See [`ImportError`]; nothing is left at `target` then.
pub fn import(source: &Path, target: &Path, options: &Options) -> Result<Imported, ImportError> {
    if target.symlink_metadata().is_ok() {
        return Err(ImportError::Exists(target.to_owned()));
    }
    let parent = write::parent(target);
    if !parent.is_dir() {
        return Err(ImportError::NoFolder(parent.to_owned()));
    }
    let scratch = tempfile::tempdir().map_err(|e| ImportError::temporary("a scratch folder", &e))?;
    let mut log = Log::default();
    let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |log: Log| {
        ImportError::Source(PackageError { package: name.clone(), diagnostics: log.findings.list })
    };
    let Some(folder) = folder_of(source, scratch.path(), &mut log) else { return Err(failed(log)) };
    options.stopped()?;
    let tree = Tree::list(&folder, &mut log.findings);
    options.stopped()?;
    if log.findings.failed() {
        return Err(failed(log));
    }
    let Some(format) = options.format.or_else(|| found_out(&tree)) else {
        let markers = Format::ALL.map(|f| format!("`{}` ({})", f.marker(), f.name())).join(", ");
        log.refuse(
            ".",
            None,
            format!(
                "no problem of a known system is here; at its top lies one of {markers}; of an old CMS task, whose \
                 `NAME.yaml` lies beside its folder, that file has to be copied into the folder as `task.yaml`"
            ),
        );
        return Err(failed(log));
    };
    let read = match format {
        Format::Polygon => polygon::read(&tree, options, &mut log),
        Format::Dmoj => dmoj::read(&tree, &name, options, scratch.path(), &mut log),
        Format::Cms => cms::read(&tree, options, &mut log),
    };
    let files =
        read.filter(|_| !log.findings.failed()).and_then(|draft| draft.files(format, options, &mut log));
    let Some(files) = files.filter(|_| !log.findings.failed()) else { return Err(failed(log)) };
    let diagnostics = write::package(&files, target, options)?;
    Ok(Imported { format, package: target.to_owned(), changes: log.changes, diagnostics })
}

/// The folder of the source; a zip is unpacked below `scratch`.
fn folder_of(source: &Path, scratch: &Path, log: &mut Log) -> Option<PathBuf> {
    let refused = |log: &mut Log, why: String| {
        log.refuse(".", None, why);
        None
    };
    match fs::metadata(source) {
        Ok(meta) if meta.is_dir() => return Some(source.to_owned()),
        Ok(meta) if meta.is_file() && meta.len() <= problem::MAX_ZIP_BYTES => {}
        Ok(_) => {
            let most = problem::MAX_ZIP_BYTES;
            return refused(log, format!("a folder or a .zip file of at most {most} bytes is needed"));
        }
        Err(e) => return refused(log, format!("{} cannot be read: {e}", source.display())),
    }
    let target = scratch.join("source");
    let bytes = fs::read(source).and_then(|bytes| fs::create_dir(&target).map(|()| bytes));
    match bytes
        .map_err(|e| e.to_string())
        .and_then(|bytes| problem::unpack_zip(&bytes, &target, problem::MAX_TOTAL_BYTES, problem::MAX_FILES))
    {
        Ok(()) => Some(top_of(&target)),
        Err(why) => refused(log, why),
    }
}

/// The only folder in `folder`, when nothing lies beside it but what a Mac puts there; else `folder` itself.
fn top_of(folder: &Path) -> PathBuf {
    let meant =
        |entry: &fs::DirEntry| problem::NOT_PACKED_ON_PURPOSE.iter().all(|name| entry.file_name() != *name);
    let entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().filter(meant).take(2).collect();
    match &entries[..] {
        [only] if only.file_type().is_ok_and(|kind| kind.is_dir()) => only.path(),
        _ => folder.to_owned(),
    }
}

fn found_out(tree: &Tree) -> Option<Format> {
    Format::ALL.into_iter().find(|format| tree.files.contains_key(format.marker()))
}
