//! Problem packages on disk, read into one model.
//!
//! A package is a folder or a zip in the ICPC/Kattis problem package format. One reader per version
//! (`legacy`, `2023-07-draft`, `2025-09`) takes its `problem.yaml` and test groups apart; everything behind
//! them sees one [`Problem`]. What a reader does not understand it refuses, because a package judged by half
//! its rules is judged wrongly. Nothing here runs a program: validators and submissions are only listed.
//!
//! Called by `worker` (to judge), `api` (to check an upload) and the command line (`verify`, `problem push`).

#![forbid(unsafe_code)]
// The format's file names are case-sensitive.
#![allow(clippy::case_sensitive_file_extension_comparisons)]

pub mod answers;
mod archive;
mod constants;
mod data;
pub mod decimal;
mod diagnostic;
mod expect;
pub mod flags;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod globs;
mod grading;
mod groups;
mod limits;
mod manifest;
mod metadata;
pub mod model;
mod probes;
mod programs;
pub mod rules;
pub mod score;
mod settings;
pub mod sidecar;
mod statement;
mod stray;
mod submissions;
pub mod timing;
pub mod tree;
pub mod yaml;

use std::path::{Path, PathBuf};
use std::{fs, io};

use archive::Unpacking;
pub use archive::{MAX_ZIP_BYTES, NOT_PACKED_ON_PURPOSE, bytes_on_disk, enclosed, pack_zip, unpack_zip};
pub use diagnostic::{Diagnostic, Findings, PackageError, Severity};
pub use model::Problem;
pub use programs::CODES as LANGUAGE_CODES;
pub use sidecar::{PLAIN_NAME, is_plain_name};
pub use tree::{MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES};

use proto::id::Digest;
use tree::Tree;

/// A package that can be judged, with what somebody should look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The package.
    pub problem: Problem,
    /// Warnings; errors would have refused it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the package in the folder `path`. The result names files below `path`, which has to stay.
///
/// # Errors
/// Every finding of a package that cannot be judged.
pub fn read_dir(path: &Path) -> Result<Loaded, PackageError> {
    let (name, odd) = package_name(path);
    let mut findings = Findings::default();
    if let Some(folder) = odd {
        let message = format!(
            "the folder's name `{folder}` is no short name; `{name}` is used (letters, digits, `.`, `_`, `-`)"
        );
        findings.warning(".", None, message);
    }
    let tree = Tree::list(path, &mut findings);
    let problem = if findings.failed() { None } else { read_tree(&tree, name.clone(), &mut findings) };
    match problem {
        Some(problem) if !findings.failed() => Ok(Loaded { problem, diagnostics: findings.list }),
        _ => Err(PackageError { package: name, diagnostics: findings.list }),
    }
}

/// Reads the package at `path`: a folder, or a zip, which is unpacked into a fresh folder below `scratch`
/// that belongs to the caller and has to stay as long as the problem is used.
///
/// # Errors
/// Every finding of a package that cannot be judged, or why there is none at `path`.
pub fn open(path: &Path, scratch: &Path) -> Result<Loaded, PackageError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let refuse = |why: String| PackageError::single(&stem, &path.display().to_string(), why);
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return read_dir(path),
        Ok(meta) if meta.is_file() && meta.len() <= MAX_ZIP_BYTES => {}
        Ok(meta) if meta.is_file() => {
            return Err(refuse(format!(
                "the file has {} bytes; an archive has at most {MAX_ZIP_BYTES}",
                meta.len()
            )));
        }
        Ok(_) => return Err(refuse("a package is a folder or a .zip file".to_owned())),
        Err(e) => return Err(refuse(format!("there is no package: {e}; a folder or a .zip file is needed"))),
    }
    let bytes = fs::read(path).map_err(|e| refuse(format!("the archive cannot be read: {e}")))?;
    open_zip(&bytes, &stem, scratch).map_err(|e| match e {
        OpenError::Package(error) => error,
        OpenError::Room { .. } => refuse(e.to_string()),
    })
}

/// Why there is no problem from an archive.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The package, or its archive, is at fault.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// It may be sound: it cannot be unpacked here.
    #[error("there is no room to unpack a package in {}: {source}", folder.display())]
    Room {
        /// The folder that took no more.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads the package in the zip `bytes`, unpacking it into a fresh folder below `scratch` as [`open`] does.
/// `name` is its short name unless everything lies in one top folder, which then gives it.
///
/// # Errors
/// Every finding of a package that cannot be judged, or what is wrong with the archive; `Room` when nothing is wrong
/// with it, and `scratch` took no more.
pub fn open_zip(bytes: &[u8], name: &str, scratch: &Path) -> Result<Loaded, OpenError> {
    let (name, _) = short_name(name);
    let refuse = |why: String| OpenError::from(PackageError::single(&name, ".", why));
    let no_room = |source| OpenError::Room { folder: scratch.to_owned(), source };
    let no_folder = |e| {
        if archive::no_room(&e) { no_room(e) } else { refuse(format!("no scratch folder can be made: {e}")) }
    };
    let fresh = tempfile::Builder::new().prefix("package-").tempdir_in(scratch).map_err(no_folder)?;
    let target = fresh.path().join(&name);
    fs::create_dir(&target).map_err(no_folder)?;
    let folder = archive::unpack(bytes, &target).map_err(|e| match e {
        Unpacking::Room(source) => no_room(source),
        archive @ Unpacking::Archive(_) => refuse(archive.to_string()),
    })?;
    let loaded = read_dir(&folder)?;
    let _ = fresh.keep();
    Ok(loaded)
}

/// The digest of the package in the folder `path`, which its revisions are known by: SHA-256 over the list,
/// in byte order of the paths, of path, executable bit and SHA-256 of content. A folder `.git` is left out.
///
/// # Errors
/// When the folder holds what no package may hold, or cannot be read.
pub fn digest_dir(path: &Path) -> Result<Digest, PackageError> {
    let (name, _) = package_name(path);
    let mut findings = Findings::default();
    let tree = Tree::list(path, &mut findings);
    if findings.failed() {
        return Err(PackageError { package: name, diagnostics: findings.list });
    }
    tree.digest().map_err(|e| PackageError::single(&name, ".", format!("a file cannot be read: {e}")))
}

/// Short name of the package in a folder, and the folder's own name when it is no short name.
fn package_name(path: &Path) -> (String, Option<String>) {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    short_name(&real.file_name().unwrap_or_default().to_string_lossy())
}

/// The short name made of a folder's or another system's name, and that name when it is no short name.
pub fn short_name(folder: &str) -> (String, Option<String>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = folder.chars().map(|c| if plain(c) { c } else { '-' }).take(64).collect();
    let name = match name.trim_start_matches(['.', '-']) {
        "" => "problem".to_owned(),
        name => name.to_owned(),
    };
    let odd = (name != folder).then(|| folder.to_owned());
    (name, odd)
}

fn read_tree(tree: &Tree, name: String, findings: &mut Findings) -> Option<Problem> {
    let manifest = manifest::read(tree, findings)?;
    let validator = programs::validator(tree, &manifest, findings);
    let others = programs::others(tree, &manifest, findings);
    let mut data = data::read(tree, &manifest, &validator, &others, findings);
    let sidecar = sidecar::read(tree, &manifest, &validator, findings);
    let validator = programs::with_interactor(validator, sidecar.interactor.as_deref());
    if let Some(unit) = sidecar.score_unit {
        groups::in_units(&mut data.groups, unit);
    }
    let names = data.cases.iter().map(|case| &case.name).chain(data.groups.iter().map(|group| &group.name));
    let names: Vec<&str> = names.map(String::as_str).collect();
    let submissions = submissions::read(tree, &manifest, &names, findings);
    statement::languages(tree, manifest.named_in.as_deref(), manifest.version, findings);
    let statement = statement::read(tree, findings).map(|text| manifest.constants.apply_text(text));
    let digest = match tree.digest() {
        Ok(digest) => digest,
        Err(e) => {
            findings.error(".", None, format!("a file cannot be read: {e}"));
            return None;
        }
    };
    let kind = manifest.kind;
    Some(Problem {
        title: manifest.title.unwrap_or_else(|| name.clone()),
        name,
        uuid: manifest.uuid,
        version: manifest.version,
        kind: if kind.scoring { model::ProblemKind::Scoring } else { model::ProblemKind::PassFail },
        interactive: kind.interactive,
        multi_pass: kind.multi_pass,
        submit_answer: kind.submit_answer,
        minimise: kind.minimise,
        // From 2025-09 on every validator of a scoring problem may; in legacy those that say so.
        validator_scores: kind.validator_scores
            || (kind.scoring && manifest.version != model::FormatVersion::Legacy),
        digest,
        limits: manifest.limits,
        cases: data.cases,
        groups: data.groups,
        root: data.root,
        probes: data.probes,
        validator,
        input_validators: others.input_validators,
        static_validator: others.static_validator,
        graders: others.graders,
        includes: others.includes,
        constants: manifest.constants,
        languages: manifest.languages,
        allow_file_writing: manifest.allow_file_writing,
        submissions,
        statement,
        sidecar,
    })
}
