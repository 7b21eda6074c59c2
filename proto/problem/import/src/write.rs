//! A package on disk: beside its place first, read back, then moved there in one step.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use problem::Diagnostic;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{ImportError, Options};

/// What a file of the package holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this file of the source holds.
    File(PathBuf),
    /// These bytes, and the file may be executed.
    Script(Vec<u8>),
}

impl Content {
    /// Reads it. Files of the source are at most [`problem::MAX_FILE_BYTES`] long.
    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        match self {
            Content::Bytes(bytes) | Content::Script(bytes) => Ok(bytes.clone()),
            Content::File(path) => fs::read(path),
        }
    }
}

/// The files of a package by path.
pub(crate) type Files = BTreeMap<String, Content>;

/// The folder that `target` lies in.
pub(crate) fn parent(target: &Path) -> &Path {
    target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes `files` as the package `target` and gives what the package reader has to say of it.
pub(crate) fn package(
    files: &Files,
    target: &Path,
    options: &Options,
) -> Result<Vec<Diagnostic>, ImportError> {
    let parent = parent(target);
    let name = target.file_name().ok_or_else(|| ImportError::Exists(target.to_owned()))?;
    let beside = tempfile::Builder::new()
        .prefix(".tribunal-import-")
        .tempdir_in(parent)
        .map_err(|e| ImportError::temporary(format!("into {}", parent.display()), &e))?;
    let fresh = beside.path().join(name);
    fs::create_dir(&fresh).map_err(|e| ImportError::write(target.display(), e))?;
    for (path, content) in files {
        options.stopped()?;
        file(&fresh.join(path), content).map_err(|e| ImportError::write(format!("`{path}`"), e))?;
    }
    let loaded = problem::read_dir(&fresh).map_err(ImportError::Source)?;
    options.stopped()?;
    match renameat_with(CWD, &fresh, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(loaded.diagnostics),
        Err(rustix::io::Errno::EXIST) => Err(ImportError::Exists(target.to_owned())),
        Err(e) => Err(ImportError::write(target.display(), e.into())),
    }
}

fn file(at: &Path, content: &Content) -> io::Result<()> {
    if let Some(folder) = at.parent() {
        fs::create_dir_all(folder)?;
    }
    match content {
        Content::Bytes(bytes) => fs::write(at, bytes),
        Content::File(from) => {
            fs::copy(from, at)?;
            // The source's bits are of no meaning here.
            fs::set_permissions(at, fs::Permissions::from_mode(0o644))
        }
        Content::Script(bytes) => {
            fs::write(at, bytes)?;
            fs::set_permissions(at, fs::Permissions::from_mode(0o755))
        }
    }
}
