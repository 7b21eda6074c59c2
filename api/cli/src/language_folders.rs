//! Folders of languages beside those built into the executable: read here, understood by `language`.
//!
//! For whoever writes a language, and for an operator who has one of his own. They are the operator's, so what they say
//! is believed; the bounds below are against a wrong folder, not against an attack.

use std::collections::BTreeMap;
use std::path::Path;

use crate::output::{Failure, chain};

/// Largest file: what a step of a recipe may need.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Files of all folders; forty languages have four hundred.
const FILES_MAX: usize = 10_000;
/// Nesting of folders below a language's.
const DEPTH_MAX: usize = 8;

/// Adds the languages of `folder`. Nobody has asked for a language yet.
pub(crate) fn add(folder: &Path) -> Result<(), Failure> {
    let mut files = BTreeMap::new();
    for (name, path) in entries(folder)? {
        // README.md and codes.toml lie beside the folders of languages.
        if path.is_dir() && !name.starts_with('.') {
            read(&name, &path, DEPTH_MAX, &mut files)?;
        }
    }
    language::add(&folder.display().to_string(), files).map_err(|error| Failure::usage(chain(&error)))
}

fn read(
    below: &str,
    folder: &Path,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Failure> {
    let refused = |why: &str| Failure::usage(format!("{}: {why}", folder.display()));
    if depth == 0 {
        return Err(refused("is nested too deeply for a language's folder"));
    }
    for (name, path) in entries(folder)? {
        let (name, failed) = (format!("{below}/{name}"), |e: std::io::Error| cannot(&path, &e));
        let meta = std::fs::metadata(&path).map_err(failed)?;
        if meta.is_dir() {
            read(&name, &path, depth - 1, files)?;
        } else if !meta.is_file() {
            return Err(refused(&format!("`{name}` is neither a file nor a folder")));
        } else if meta.len() > FILE_BYTES_MAX || files.len() >= FILES_MAX {
            return Err(refused(&format!(
                "is not a folder of languages: more than {FILES_MAX} files, or one of more than {} MiB",
                FILE_BYTES_MAX >> 20
            )));
        } else {
            files.insert(name, std::fs::read(&path).map_err(failed)?);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>, Failure> {
    let list = std::fs::read_dir(folder).map_err(|e| cannot(folder, &e))?;
    let mut found = Vec::new();
    for entry in list {
        let entry = entry.map_err(|e| cannot(folder, &e))?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| Failure::usage(format!("{}: a name is not UTF-8", entry.path().display())))?;
        found.push((name, entry.path()));
    }
    Ok(found)
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!(
        "{}: {error} (--languages-dir takes a folder with one folder a language)",
        path.display()
    ))
}
