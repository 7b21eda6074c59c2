//! The topmost layer of every root file system, made by us: the real directories a box mounts on, and the
//! few files in `/etc` that say who is there. Whatever an image has at `/dev` or `/etc/passwd`, the box sees
//! this (sandbox.md R14: a symlink at a mount point has led runtimes out of their root).

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use proto::id::Digest;

use crate::error::{Doing, ImageError, Result};
use crate::layers::open_to_all;

/// Directories a box mounts on or expects, with their modes.
pub(crate) const DIRS: [(&str, u32); 6] =
    [("dev", 0o755), ("etc", 0o755), ("proc", 0o555), ("sys", 0o555), ("tmp", 0o1777), ("w", 0o755)];

/// One thing in a skeleton. Paths are relative and come from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Dir { path: String, mode: u32 },
    File { path: String, content: Vec<u8> },
    Symlink { path: String, target: String },
}

impl Item {
    pub(crate) fn dir(path: &str) -> Self {
        Item::Dir { path: path.to_owned(), mode: 0o755 }
    }

    pub(crate) fn file(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Item::File { path: path.to_owned(), content: content.into() }
    }

    pub(crate) fn symlink(path: &str, target: impl Into<String>) -> Self {
        Item::Symlink { path: path.to_owned(), target: target.into() }
    }
}

/// What every root has.
pub(crate) fn common() -> Vec<Item> {
    let mut items: Vec<Item> =
        DIRS.iter().map(|(path, mode)| Item::Dir { path: (*path).to_owned(), mode: *mode }).collect();
    items.extend([
        Item::file(
            "etc/passwd",
            "root:x:0:0:root:/:/usr/sbin/nologin\n\
             box:x:1000:1000:box:/w:/usr/sbin/nologin\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        ),
        Item::file("etc/group", "root:x:0:\nbox:x:1000:\nnogroup:x:65534:\n"),
        Item::file("etc/hostname", "box\n"),
        Item::file("etc/hosts", "127.0.0.1 localhost box\n"),
        Item::file("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"),
    ]);
    items
}

/// A digest over everything in the list.
pub(crate) fn digest(items: &[Item]) -> Digest {
    let mut text = b"tribunal skeleton 1\n".to_vec();
    let mut field = |bytes: &[u8]| {
        text.extend((bytes.len() as u64).to_be_bytes());
        text.extend(bytes);
    };
    for item in items {
        match item {
            Item::Dir { path, mode } => {
                field(b"dir");
                field(path.as_bytes());
                field(&mode.to_be_bytes());
            }
            Item::File { path, content } => {
                field(b"file");
                field(path.as_bytes());
                field(content);
            }
            Item::Symlink { path, target } => {
                field(b"symlink");
                field(path.as_bytes());
                field(target.as_bytes());
            }
        }
    }
    Digest::of(&text)
}

/// Writes the items into an empty directory.
pub(crate) fn write(items: &[Item], tree: &Path) -> Result<()> {
    for item in items {
        match item {
            Item::Dir { path, mode } => {
                let path = tree.join(path);
                std::fs::create_dir(&path).doing("create", &path)?;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(*mode))
                    .doing("set the mode of", &path)?;
            }
            Item::File { path, content } => {
                let path = tree.join(path);
                std::fs::write(&path, content).doing("write", &path)?;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))
                    .doing("set the mode of", &path)?;
            }
            Item::Symlink { path, target } => {
                let path = tree.join(path);
                std::os::unix::fs::symlink(target, &path).doing("create", &path)?;
            }
        }
    }
    open_to_all(tree)
}

/// Refuses a layer that has anything but a directory where a box mounts.
pub(crate) fn check_layer(image: &str, tree: &Path) -> Result<()> {
    for (name, _) in DIRS {
        let kind = match std::fs::symlink_metadata(tree.join(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.doing("look at", tree.join(name))?.file_type(),
        };
        if !kind.is_dir() {
            let what = if kind.is_symlink() { "a symbolic link" } else { "not a directory" };
            return Err(ImageError::Unsupported {
                image: image.to_owned(),
                problem: format!("its /{name} is {what}; a box mounts there, so it must be a real directory"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mount_point_is_a_real_directory_readable_by_all() {
        let folder = tempfile::tempdir().unwrap();
        write(&common(), folder.path()).unwrap();
        for (name, mode) in DIRS {
            let meta = std::fs::symlink_metadata(folder.path().join(name)).unwrap();
            assert!(meta.is_dir());
            assert_eq!(meta.permissions().mode() & 0o7777, mode);
        }
        check_layer("x", folder.path()).unwrap();
        let users = std::fs::read_to_string(folder.path().join("etc/passwd")).unwrap();
        assert!(users.lines().any(|line| line.starts_with("box:x:1000:1000:")));
    }

    #[test]
    fn a_link_or_a_file_at_a_mount_point_is_refused() {
        for (name, _) in DIRS {
            let folder = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink("/", folder.path().join(name)).unwrap();
            assert!(check_layer("x", folder.path()).is_err(), "{name} as a link");
            std::fs::remove_file(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name), "").unwrap();
            assert!(check_layer("x", folder.path()).is_err(), "{name} as a file");
        }
    }

    #[test]
    fn a_changed_item_changes_the_digest() {
        let mut items = common();
        let before = digest(&items);
        items.push(Item::symlink("bin", "usr/bin"));
        let with_link = digest(&items);
        items.pop();
        items.push(Item::file("bin", "usr/bin"));
        assert!(before != with_link && with_link != digest(&items));
    }
}
