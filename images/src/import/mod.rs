//! Images from files: an OCI image layout, the same in an archive, or what `docker save` writes (podman, buildah and
//! skopeo write it, too), packed with gzip or zstd or not at all.
//!
//! Both kinds are a set of named files ([`Files`]), whether they lie in a directory or came out of an archive. What is
//! said about them decides: `index.json` is a layout, `manifest.json` alone is a `docker save`.

mod archive;
mod docker;
mod files;
mod layout;

use std::path::{Path, PathBuf};

use oci_spec::image::Descriptor;
use proto::id::Digest;

use crate::error::{Doing, ImageError, Result};
use crate::progress::{OnProgress, Progress};
use crate::store::Store;
use crate::store::adopt::{AdoptOptions, Adopted};

use files::Files;

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Which image, where there are several: its name or tag there.
    pub tag: Option<String>,
    /// What to make of it.
    pub adopt: AdoptOptions,
}

/// One image of an archive or layout.
#[derive(Debug)]
struct Candidate {
    /// Names it has there; may be none.
    names: Vec<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A manifest or an index among the blobs of a layout.
    Layout(Box<Descriptor>),
    /// An entry of `manifest.json`.
    Docker(docker::Saved),
}

impl Store {
    /// Takes in the images of an OCI layout, an OCI archive or a `docker save` archive, and unpacks them for use. With a
    /// name or a tag it is one of them, else all.
    ///
    /// # Errors
    /// [`ImageError::BadArchive`] with the file and its entry, and all errors of unpacking. Nothing of an image stays
    /// but blobs that the next [`gc`](Self::gc) removes.
    pub fn import(
        &self,
        path: &Path,
        options: &ImportOptions,
        progress: OnProgress<'_>,
    ) -> Result<Vec<Adopted>> {
        let _writing = self.writing()?;
        let mut files = self.open_files(path, progress)?;
        let chosen = choose(&files, options)?;
        let mut adopted = Vec::new();
        for candidate in chosen {
            let name = name_of(&candidate, &files, options);
            let root;
            let done = match candidate.what {
                What::Layout(descriptor) => {
                    let digest = digest_of(&files, &descriptor)?;
                    root = files.blob(&digest)?;
                    self.adopt(&mut layout::Layout(&mut files), &name, &root, None, &options.adopt, progress)
                }
                What::Docker(saved) => {
                    let mut origin = docker::Docker::new(&mut files, saved)?;
                    root = origin.manifest()?;
                    self.adopt(&mut origin, &name, &root, None, &options.adopt, progress)
                }
            };
            adopted.push(done?);
        }
        self.keep_to_cap(adopted.last().map(|done| done.name.as_str()))?;
        Ok(adopted)
    }

    fn open_files(&self, path: &Path, progress: OnProgress<'_>) -> Result<Files> {
        let meta = std::fs::metadata(path).map_err(|error| bad(path, "(the file)", error.to_string()))?;
        if meta.is_dir() {
            return Files::directory(path);
        }
        let staging = tempfile::Builder::new()
            .prefix(crate::store::locks::INCOMING)
            .tempdir_in(self.path())
            .doing("create a directory in", self.path())?;
        let name = label(path);
        let tell = |done| {
            let (image, doing) = (name.clone(), "reading the archive".to_owned());
            progress(Progress::Bytes { image, doing, done, total: meta.len() });
        };
        archive::read(path, staging, &tell)
    }
}

fn choose(files: &Files, options: &ImportOptions) -> Result<Vec<Candidate>> {
    let mut all = if files.has("index.json") {
        layout::candidates(files)?
    } else if files.has("manifest.json") {
        docker::candidates(files)?
    } else {
        let problem = if files.has("repositories") {
            "it was written by Docker before 1.10 (2016): load it into a current one and save it again"
        } else {
            "neither index.json nor manifest.json is there; an OCI layout, an OCI archive or a `docker save` archive is \
             needed, and not one that was cut short"
        };
        return Err(bad(files.path(), "index.json", problem));
    };
    let there = || {
        let names: Vec<String> = all.iter().map(|c| c.names.join(", ")).filter(|n| !n.is_empty()).collect();
        if names.is_empty() { "none has a name".to_owned() } else { names.join("; ") }
    };
    if let Some(tag) = &options.tag {
        let wanted = |name: &String| name == tag || name.rsplit_once(':').is_some_and(|(_, t)| t == tag);
        let Some(at) = all.iter().position(|c| c.names.iter().any(wanted)) else {
            return Err(ImageError::BadRequest(format!(
                "{} has no image `{tag}`; it has {}",
                files.path().display(),
                there()
            )));
        };
        return Ok(vec![all.swap_remove(at)]);
    }
    if all.is_empty() {
        return Err(bad(files.path(), "index.json", "it names no image"));
    }
    let single = options.adopt.name.is_some() || !options.adopt.languages.is_empty();
    if all.len() > 1 && (single || all.iter().any(|c| c.names.is_empty())) {
        return Err(ImageError::BadRequest(format!(
            "{} has {} images; say which with --tag: {}",
            files.path().display(),
            all.len(),
            there()
        )));
    }
    Ok(all)
}

/// As asked for; else as it is called there, unless that is only `latest`; else as the file is called.
fn name_of(candidate: &Candidate, files: &Files, options: &ImportOptions) -> String {
    let own = candidate.names.first().filter(|name| *name != "latest");
    options.adopt.name.clone().or_else(|| own.cloned()).unwrap_or_else(|| label(files.path()))
}

/// The file's name without what says how it is packed.
fn label(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    let mut name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    for suffix in [".gz", ".tgz", ".zst", ".tar", ".oci"] {
        if let Some(short) = name.strip_suffix(suffix) {
            name = short.to_owned();
        }
    }
    let good = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(good).collect();
    name.trim_start_matches(['.', '_', '-']).to_owned()
}

fn digest_of(files: &Files, descriptor: &Descriptor) -> Result<Digest> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|_| bad(files.path(), "index.json", format!("`{text}` is not a SHA-256 digest")))
}

fn bad(file: &Path, entry: impl Into<String>, problem: impl Into<String>) -> ImageError {
    ImageError::BadArchive { file: file.to_path_buf(), entry: entry.into(), problem: problem.into() }
}

#[cfg(test)]
mod tests;
