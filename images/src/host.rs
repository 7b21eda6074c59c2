//! The `host` image: the host's own `/usr`, read-only, under a skeleton that has nothing else of the host.
//!
//! It lets the first command work before any image is built. It is a stand-in: its programs change when the
//! host is upgraded, and whatever lies below `/usr` can be read by what is judged. From `/etc` only the
//! loader's cache and the `alternatives` links are copied, by name; `/home`, `/root`, `/var` and `/opt` do not
//! exist in it.

use std::path::{Path, PathBuf};

use language::Language;
use proto::id::Digest;
use sha2::{Digest as _, Sha256};

use crate::error::{Doing, ImageError, Result};
use crate::rootfs::PATH;
use crate::skeleton::{self, Item};

/// Directories that are links into `/usr` on merged systems.
const MERGED: [&str; 6] = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];
/// Files of `/etc` the loader reads; nothing in them is secret.
const LOADER: [&str; 2] = ["ld.so.cache", "ld.so.conf"];
/// Larger than any of the files copied.
const COPY_BYTES_MAX: u64 = 16 << 20;

/// What the host can lend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPlan {
    /// Digest of the skeleton alone.
    pub skeleton: Digest,
    pub items: Vec<Item>,
    pub binds: Vec<(PathBuf, PathBuf)>,
    /// Over the skeleton and the host's package state.
    pub digest: Digest,
}

/// Reads what is needed below `root`, which is `/` outside of tests.
///
/// # Errors
/// [`ImageError::HostUnusable`] when there is no `/usr`.
pub(crate) fn plan(root: &Path) -> Result<HostPlan> {
    if !root.join("usr").is_dir() {
        return Err(ImageError::HostUnusable { problem: "there is no directory /usr".to_owned() });
    }
    let mut items = skeleton::common();
    items.push(Item::dir("usr"));
    let mut binds = vec![(root.join("usr"), PathBuf::from("/usr"))];
    for name in MERGED {
        let path = root.join(name);
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            items.push(Item::dir(name));
            binds.push((path, Path::new("/").join(name)));
        } else if meta.is_symlink() {
            let target = std::fs::read_link(&path).doing("read", &path)?;
            let target = target.to_str().unwrap_or_default().trim_start_matches('/').to_owned();
            if target.starts_with("usr/") && !target.split('/').any(|part| part == "..") {
                items.push(Item::symlink(name, target));
            }
        }
    }
    items.extend(loader_files(root)?);
    items.extend(alternatives(root)?);
    let skeleton = skeleton::digest(&items);
    let mut hash = Sha256::new();
    hash.update(b"tribunal host image 1\n");
    hash.update(skeleton.as_str());
    hash.update(package_state(root)?.as_str());
    Ok(HostPlan { skeleton, items, binds, digest: Digest::from_raw(&hash.finalize()) })
}

/// The environment of the host image.
pub(crate) fn env() -> Vec<(String, String)> {
    vec![("PATH".to_owned(), PATH.to_owned())]
}

/// Whether the host has what a language needs.
///
/// # Errors
/// What is missing, as a half-sentence.
pub(crate) fn serves(root: &Path, language: &Language) -> Result<(), String> {
    if language.host_needs.is_empty() {
        return Err("the language is only offered from its own image".to_owned());
    }
    let missing: Vec<&str> = language
        .host_needs
        .iter()
        .map(String::as_str)
        .filter(|path| !root.join(path.trim_start_matches('/')).exists())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{} is not installed there", missing.join(", "))) }
}

fn loader_files(root: &Path) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for name in LOADER {
        let path = root.join("etc").join(name);
        if path.is_file() {
            items.push(Item::file(&format!("etc/{name}"), read_capped(&path)?));
        }
    }
    Ok(items)
}

/// `/etc/alternatives`, through which `/usr/bin` names its compilers. Only links that lead into `/usr`.
fn alternatives(root: &Path) -> Result<Vec<Item>> {
    let folder = root.join("etc/alternatives");
    let Ok(list) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut links = Vec::new();
    for entry in list {
        let path = entry.doing("list", &folder)?.path();
        let (Some(name), Ok(target)) =
            (path.file_name().and_then(|name| name.to_str()), std::fs::read_link(&path))
        else {
            continue;
        };
        if let Some(target) = target.to_str()
            && target.starts_with("/usr/")
            && !target.split('/').any(|part| part == "..")
        {
            links.push((name.to_owned(), target.to_owned()));
        }
    }
    links.sort();
    let mut items = vec![Item::dir("etc/alternatives")];
    items.extend(links.into_iter().map(|(name, to)| Item::symlink(&format!("etc/alternatives/{name}"), to)));
    Ok(items)
}

/// Which packages there are in which version: dpkg's or rpm's record, else the times of the directories that
/// an upgrade touches.
fn package_state(root: &Path) -> Result<Digest> {
    for file in ["var/lib/dpkg/status", "var/lib/rpm/rpmdb.sqlite", "lib/apk/db/installed"] {
        let path = root.join(file);
        if path.is_file() {
            let mut hash = Sha256::new();
            let mut reader = std::fs::File::open(&path).doing("open", &path)?;
            std::io::copy(&mut reader, &mut crate::blobs::HashInto(&mut hash)).doing("read", &path)?;
            return Ok(Digest::from_raw(&hash.finalize()));
        }
    }
    let mut text = String::new();
    for folder in ["usr/bin", "usr/lib", "usr/lib64"] {
        use std::fmt::Write as _;
        use std::os::unix::fs::MetadataExt as _;
        if let Ok(meta) = std::fs::metadata(root.join(folder)) {
            let _ = writeln!(text, "{folder} {} {}", meta.mtime(), meta.mtime_nsec());
        }
    }
    Ok(Digest::of(text.as_bytes()))
}

fn read_capped(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(COPY_BYTES_MAX + 1).read_to_end(&mut bytes))
        .doing("read", path)?;
    if bytes.len() as u64 > COPY_BYTES_MAX {
        return Err(ImageError::HostUnusable {
            problem: format!("{} is larger than {COPY_BYTES_MAX} bytes", path.display()),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(items: &[Item]) -> Vec<&str> {
        items
            .iter()
            .map(|item| match item {
                Item::Dir { path, .. } | Item::File { path, .. } | Item::Symlink { path, .. } => {
                    path.as_str()
                }
            })
            .collect()
    }

    fn fake_host() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for dir in ["usr/bin", "usr/lib", "etc/alternatives", "etc/ssh", "home/user", "root", "var/lib/dpkg"]
        {
            std::fs::create_dir_all(at(dir)).unwrap();
        }
        std::os::unix::fs::symlink("usr/bin", at("bin")).unwrap();
        std::os::unix::fs::symlink("/home/user", at("lib64")).unwrap();
        std::fs::create_dir(at("lib")).unwrap();
        std::os::unix::fs::symlink("/usr/bin/gcc-12", at("etc/alternatives/cc")).unwrap();
        std::os::unix::fs::symlink("/home/user/evil", at("etc/alternatives/evil")).unwrap();
        std::os::unix::fs::symlink("/usr/../root/x", at("etc/alternatives/sneaky")).unwrap();
        for file in ["etc/shadow", "etc/ssh/key", "home/user/x", "root/x", "etc/ld.so.cache", "etc/passwd"] {
            std::fs::write(at(file), "SECRET").unwrap();
        }
        std::fs::write(at("var/lib/dpkg/status"), "a").unwrap();
        root
    }

    #[test]
    fn the_host_skeleton_has_no_secrets_and_no_way_out_of_usr() {
        let root = fake_host();
        let plan = plan(root.path()).unwrap();
        let known: Vec<&str> = vec![
            "dev",
            "etc",
            "etc/alternatives",
            "etc/alternatives/cc",
            "etc/group",
            "etc/hostname",
            "etc/hosts",
            "etc/ld.so.cache",
            "etc/nsswitch.conf",
            "etc/passwd",
            "bin",
            "lib",
            "proc",
            "sys",
            "tmp",
            "usr",
            "w",
        ];
        for path in paths(&plan.items) {
            assert!(known.contains(&path), "{path} has no place in the host image");
        }
        for item in &plan.items {
            if let Item::File { path, content } = item
                && path != "etc/ld.so.cache"
            {
                assert_ne!(content, b"SECRET", "{path} was copied from the host");
            }
        }
        let targets: Vec<PathBuf> = plan.binds.iter().map(|(_, to)| to.clone()).collect();
        assert_eq!(targets, [PathBuf::from("/usr"), PathBuf::from("/lib")]);
    }

    #[test]
    fn an_upgrade_of_the_host_changes_its_digest() {
        let root = fake_host();
        let before = plan(root.path()).unwrap();
        assert_eq!(before, plan(root.path()).unwrap());
        std::fs::write(root.path().join("var/lib/dpkg/status"), "b").unwrap();
        let after = plan(root.path()).unwrap();
        assert!(before.digest != after.digest && before.skeleton == after.skeleton);
    }

    #[test]
    fn a_language_that_is_not_installed_is_told_by_path() {
        let root = fake_host();
        let python = language::by_id("python3").unwrap();
        assert!(serves(root.path(), python).unwrap_err().contains("/usr/bin/python3"));
        std::fs::write(root.path().join("usr/bin/python3"), "").unwrap();
        serves(root.path(), python).unwrap();
    }
}
