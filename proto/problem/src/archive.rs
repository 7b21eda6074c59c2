//! Packages as zip archives: packed by us, unpacked from anybody.
//!
//! A zip from outside is hostile until shown otherwise: names stay below the target, links and devices are
//! refused, and sizes are counted while unpacking, never believed.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::diagnostic::{Findings, PackageError};
use crate::tree::{MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES, Tree};

/// Largest archive read.
pub const MAX_ZIP_BYTES: u64 = 512 << 20;
/// Unpacked bytes allowed for each packed one, once a megabyte is free: deflate tops out near 1030.
const MAX_RATIO: u64 = 1100;

/// Packs the package at `dir` as a zip with one top folder of its name. Equal packages give equal bytes.
///
/// # Errors
/// When the folder holds what no package may hold (see [`crate::read_dir`]), or cannot be read.
pub fn pack_zip(dir: &Path) -> Result<Vec<u8>, PackageError> {
    let (name, _) = crate::package_name(dir);
    let mut findings = Findings::default();
    let tree = Tree::list(dir, &mut findings);
    if findings.failed() {
        return Err(PackageError { package: name, diagnostics: findings.list });
    }
    write_zip(&tree, &name)
        .map_err(|e| PackageError::single(&name, ".", format!("the package cannot be packed: {e}")))
}

fn write_zip(tree: &Tree, name: &str) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, entry) in &tree.files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 });
        zip.start_file(format!("{name}/{path}"), options)?;
        io::copy(&mut fs::File::open(&entry.disk)?, &mut zip)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unpacking {
    /// Something is wrong with the archive.
    #[error("{0}")]
    Archive(String),
    /// It may be sound: the disk took no more.
    #[error("there is no room to unpack it: {0}")]
    Room(io::Error),
}

impl From<String> for Unpacking {
    fn from(what: String) -> Self {
        Self::Archive(what)
    }
}

impl Unpacking {
    /// A file or folder that cannot be written is the archive's fault (a file where a folder is) unless the disk is full.
    fn writing(shown: &str, what: &str, error: io::Error) -> Self {
        if no_room(&error) { Self::Room(error) } else { Self::Archive(format!("`{shown}`: {what}: {error}")) }
    }
}

/// Whether the disk, and nothing else, is at fault.
pub(crate) fn no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What a file system gives out at once, on most of them: a file of one byte takes as much.
const BLOCK: u64 = 4096;

/// The bytes on disk that unpacking the zip `bytes` will take, as its directory has them; `None` when that cannot be
/// read. An archive that lies about it is refused when it is unpacked.
pub fn bytes_on_disk(bytes: &[u8]) -> Option<u64> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut total = 0u64;
    for i in 0..zip.len().min(MAX_FILES) {
        let size = zip.by_index_raw(i).ok()?.size();
        total += size.clamp(1, MAX_FILE_BYTES).next_multiple_of(BLOCK);
    }
    Some(total)
}

/// Unpacks `bytes` below `target`, an empty folder, and gives the package's folder: `target` itself, or
/// its only folder when everything lies in one and that one has the `problem.yaml`.
pub(crate) fn unpack(bytes: &[u8], target: &Path) -> Result<PathBuf, Unpacking> {
    unpack_entries(bytes, target, MAX_TOTAL_BYTES, MAX_FILES)?;
    Ok(package_folder(target))
}

/// Unpacks anybody's zip below `target`, an empty folder: at most `max_bytes` unpacked bytes in at most
/// `max_files` entries.
///
/// # Errors
/// What is wrong with the archive, with the entry's name. What was unpacked before stays in `target`.
pub fn unpack_zip(bytes: &[u8], target: &Path, max_bytes: u64, max_files: usize) -> Result<(), String> {
    unpack_entries(bytes, target, max_bytes, max_files).map_err(|e| e.to_string())
}

fn unpack_entries(bytes: &[u8], target: &Path, max_bytes: u64, max_files: usize) -> Result<(), Unpacking> {
    if bytes.len() as u64 > MAX_ZIP_BYTES {
        let found = bytes.len();
        return Err(format!("the archive has {found} bytes; the maximum is {MAX_ZIP_BYTES}").into());
    }
    let unreadable = |e: zip::result::ZipError| format!("this is not a zip archive that can be read: {e}");
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if zip.len() > max_files {
        return Err(format!("the archive has {} entries; the maximum is {max_files}", zip.len()).into());
    }
    if zip.has_overlapping_files().map_err(unreadable)? {
        return Err("entries of the archive overlap; pack it again".to_owned().into());
    }
    let (mut total, mut seen) = (0u64, BTreeSet::new());
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).map_err(unreadable)?;
        let name = String::from_utf8(file.name_raw().to_vec())
            .map_err(|_| format!("entry {i}: the name is not UTF-8"))?;
        let shown: String = name.chars().take(200).collect();
        let path = enclosed(&name)
            .ok_or_else(|| format!("`{shown}`: the name leads out of the package or is not plain"))?;
        let kind = file.unix_mode().unwrap_or(0) & 0o170_000;
        if file.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
            return Err(
                format!("`{shown}`: only files and folders may be packed, no links or devices").into()
            );
        }
        let at = target.join(&path);
        if file.is_dir() {
            fs::create_dir_all(&at).map_err(|e| Unpacking::writing(&shown, NO_FOLDER, e))?;
            continue;
        }
        if !seen.insert(path) {
            return Err(format!("`{shown}` is packed twice").into());
        }
        let budget =
            MAX_FILE_BYTES.min(max_bytes - total).min((1 << 20) + file.compressed_size() * MAX_RATIO);
        let executable = file.unix_mode().is_some_and(|m| m & 0o100 != 0);
        let written = write_file(&mut file, &at, &shown, executable, budget)?;
        if written != file.size() {
            let told = file.size();
            return Err(format!("`{shown}`: the archive says {told} bytes, and {written} are in it").into());
        }
        total += written;
    }
    Ok(())
}

/// The name of an archive's entry as a relative path of plain components only, at most 32 of them; `./` in front is
/// forgiven. `None` for any other.
pub fn enclosed(name: &str) -> Option<PathBuf> {
    if name.is_empty() || name.contains(['\0', '\\']) {
        return None;
    }
    let parts: Vec<_> = Path::new(name).components().filter(|c| *c != Component::CurDir).collect();
    let plain = parts.iter().all(|c| matches!(c, Component::Normal(_))) && parts.len() <= 32;
    plain.then(|| parts.into_iter().collect())
}

const NO_FOLDER: &str = "the folder cannot be made";

/// Writes one entry, called `shown` in messages, to `at`; its bytes.
fn write_file(
    from: &mut impl Read,
    at: &Path,
    shown: &str,
    executable: bool,
    budget: u64,
) -> Result<u64, Unpacking> {
    let cannot = |what: &'static str| move |e: io::Error| Unpacking::writing(shown, what, e);
    if let Some(folder) = at.parent() {
        fs::create_dir_all(folder).map_err(cannot(NO_FOLDER))?;
    }
    let mode = if executable { 0o755 } else { 0o644 };
    let unwritten = "the file cannot be written";
    let open = OpenOptions::new().write(true).create_new(true).mode(mode).open(at);
    let mut file = open.map_err(cannot(unwritten))?;
    let copied = io::copy(&mut from.take(budget + 1), &mut file);
    let written = copied.map_err(cannot("the entry cannot be unpacked"))?;
    if written > budget {
        return Err(format!("`{shown}`: unpacks to more than {budget} bytes, which is all it may").into());
    }
    file.flush().map_err(cannot(unwritten))?;
    Ok(written)
}

/// What a Mac packs beside a folder: its own notes on the files, and on the folder's window.
pub const NOT_PACKED_ON_PURPOSE: [&str; 2] = ["__MACOSX", ".DS_Store"];

fn package_folder(target: &Path) -> PathBuf {
    let entries = fs::read_dir(target).into_iter().flatten().flatten();
    let meant = |entry: &fs::DirEntry| NOT_PACKED_ON_PURPOSE.iter().all(|name| entry.file_name() != *name);
    let entries: Vec<_> = entries.filter(meant).map(|e| e.path()).collect();
    match entries.as_slice() {
        [only] if only.join("problem.yaml").is_file() => only.clone(),
        _ => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip_of(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes, mode) in entries {
            zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn names_that_lead_out_are_refused_and_write_nothing() {
        for name in ["../x", "/etc/x", "a/../../x", "a\\..\\x", "./x/../../y", ""] {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("in");
            fs::create_dir(&target).unwrap();
            assert!(unpack(&zip_of(&[(name, b"x", 0o644)]), &target).is_err(), "{name}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{name}");
        }
    }

    #[test]
    fn links_are_refused() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("p/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        let dir = tempfile::tempdir().unwrap();
        assert!(unpack(&bytes, dir.path()).unwrap_err().to_string().contains("links"));
    }

    #[test]
    fn garbage_and_cut_archives_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let good = zip_of(&[("problem.yaml", &[b'x'; 5000], 0o644)]);
        for bytes in [&b""[..], b"PK", b"not a zip", &good[..good.len() / 2]] {
            assert!(unpack(bytes, dir.path()).is_err());
        }
    }

    /// A package whose one file claims `claimed` bytes in both headers and holds `real` zeros, deflated.
    fn bomb(real: usize, claimed: u32) -> Vec<u8> {
        let mut bytes = zip_of(&[("zeros", &vec![0; real], 0o644)]);
        let end = bytes.len();
        for (mark, at) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
            let header = bytes[..end].windows(4).position(|w| w == mark).unwrap();
            bytes[header + at..header + at + 4].copy_from_slice(&claimed.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn sizes_are_counted_and_never_believed() {
        let dir = tempfile::tempdir().unwrap();
        let honest = bomb(8 << 20, 8 << 20);
        assert!(honest.len() < 64 << 10, "deflate packs zeros about a thousandfold");
        assert!(unpack(&honest, dir.path()).is_ok());
        let dir = tempfile::tempdir().unwrap();
        let error = unpack(&bomb(8 << 20, 10), dir.path()).unwrap_err().to_string();
        assert!(error.contains("larger than its declared"), "{error}");
        let written = fs::metadata(dir.path().join("zeros")).map_or(0, |m| m.len());
        assert!(written <= 8 << 20);
        let error = unpack(&bomb(1000, 2000), tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
        assert!(error.contains("says 2000 bytes, and 1000 are in it"), "{error}");
        let mut budgeted = io::repeat(0);
        let error = write_file(&mut budgeted, &dir.path().join("endless"), "e", false, 1 << 20).unwrap_err();
        assert!(error.to_string().contains("more than 1048576 bytes"));
        assert_eq!(fs::metadata(dir.path().join("endless")).unwrap().len(), (1 << 20) + 1);
    }

    #[test]
    fn what_unpacking_takes_is_told_before_it_in_whole_blocks() {
        let zip = zip_of(&[("p/a", &[b'x'; 5000], 0o644), ("p/b", b"", 0o644), ("p/c", b"c", 0o644)]);
        assert_eq!(bytes_on_disk(&zip), Some(2 * BLOCK + BLOCK + BLOCK));
        assert_eq!(bytes_on_disk(b"not a zip"), None);
        assert_eq!(bytes_on_disk(&bomb(1000, u32::MAX - 1)), Some(MAX_FILE_BYTES));
    }

    #[test]
    fn too_many_entries_are_refused() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for i in 0..=MAX_FILES {
            zip.add_directory(format!("d{i}"), SimpleFileOptions::default()).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        let dir = tempfile::tempdir().unwrap();
        assert!(unpack(&bytes, dir.path()).unwrap_err().to_string().contains("entries; the maximum is"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn devices_and_pipes_are_refused() {
        // The mode is in the upper half of a central header's attributes; the kind of file is in its upper four bits.
        for (kind, refused) in [
            (0o100_000u32, false),
            (0o010_000, true),
            (0o020_000, true),
            (0o060_000, true),
            (0o140_000, true),
        ] {
            let mut bytes = zip_of(&[("p", b"x", 0o644)]);
            let header = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
            bytes[header + 38..header + 42].copy_from_slice(&((kind | 0o644) << 16).to_le_bytes());
            let dir = tempfile::tempdir().unwrap();
            let told = unpack(&bytes, dir.path()).map_err(|e| e.to_string());
            assert_eq!(told.is_err_and(|e| e.contains("no links or devices")), refused, "{kind:o}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), usize::from(!refused), "{kind:o}");
        }
    }

    #[test]
    fn all_entries_together_have_what_may_be_unpacked_and_no_more() {
        let zip = zip_of(&[("a", b"123456", 0o644), ("b", b"1234", 0o644), ("c", b"", 0o644)]);
        let within = |bytes, files| {
            let dir = tempfile::tempdir().unwrap();
            unpack_zip(&zip, dir.path(), bytes, files)
        };
        assert_eq!(within(10, 3), Ok(()));
        assert_eq!(within(9, 3).unwrap_err(), "`b`: unpacks to more than 3 bytes, which is all it may");
        assert_eq!(within(5, 3).unwrap_err(), "`a`: unpacks to more than 5 bytes, which is all it may");
        // Its size is looked at before anything else is; these zeros are never touched.
        let huge = vec![0; MAX_ZIP_BYTES as usize + 1];
        let told = unpack_zip(&huge, tempfile::tempdir().unwrap().path(), 1, 1).unwrap_err();
        assert_eq!(told, "the archive has 536870913 bytes; the maximum is 536870912");
        assert_eq!(within(10, 2).unwrap_err(), "the archive has 3 entries; the maximum is 2");
    }

    #[test]
    fn a_full_disk_is_no_fault_of_the_archive() {
        for (kind, room) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::QuotaExceeded, true),
            (io::ErrorKind::AlreadyExists, false),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            assert_eq!(no_room(&kind.into()), room, "{kind}");
            let told = Unpacking::writing("a", "the file cannot be written", kind.into());
            assert_eq!(matches!(told, Unpacking::Room(_)), room, "{told}");
        }
    }

    #[test]
    fn a_file_and_a_folder_of_one_name_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(unpack(&zip_of(&[("a", b"x", 0o644), ("a/b", b"x", 0o644)]), dir.path()).is_err());
    }

    #[test]
    fn one_top_folder_is_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let at =
            unpack(&zip_of(&[("p/problem.yaml", b"", 0o644), ("p/x.sh", b"", 0o755)]), dir.path()).unwrap();
        assert_eq!(at, dir.path().join("p"));
        let mode = |p: &str| {
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(at.join(p)).unwrap().permissions())
        };
        assert_eq!((mode("x.sh") & 0o777, mode("problem.yaml") & 0o777), (0o755, 0o644));
    }

    #[test]
    fn what_a_mac_packs_beside_a_folder_does_not_hide_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let packed = [
            ("p/problem.yaml", &b""[..], 0o644),
            ("__MACOSX/._p", b"x", 0o644),
            ("__MACOSX/p/._problem.yaml", b"x", 0o644),
            (".DS_Store", b"x", 0o644),
        ];
        assert_eq!(unpack(&zip_of(&packed), dir.path()).unwrap(), dir.path().join("p"));
        // Any other neighbour is somebody's, and then no folder is the one.
        let dir = tempfile::tempdir().unwrap();
        let two = [("p/problem.yaml", &b""[..], 0o644), ("q/problem.yaml", b"", 0o644)];
        assert_eq!(unpack(&zip_of(&two), dir.path()).unwrap(), dir.path());
        // And neither is an only one that is no package.
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(unpack(&zip_of(&[("p/x", b"", 0o644)]), dir.path()).unwrap(), dir.path());
    }
}
