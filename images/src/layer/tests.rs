//! Hostile archives, and what honest ones become.

use std::collections::BTreeSet;
use std::io::{Cursor, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use proptest::prelude::*;
use proto::id::Digest;
use tar::EntryType;

use crate::blobs::Blobs;
use crate::error::{ImageError, Result};
use crate::layer::tree::Tree;
use crate::layer::unpack::{Caps, Expected, Packing, Unpacked, unpack};
use crate::layer::write;

/// A tar archive written byte by byte, because honest writers refuse to write these.
#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn raw(mut self, kind: EntryType, name: &[u8], link: &[u8], mode: u32, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        {
            let gnu = header.as_gnu_mut().unwrap();
            gnu.name[..name.len()].copy_from_slice(name);
            gnu.linkname[..link.len()].copy_from_slice(link);
        }
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(7);
        header.set_gid(7);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.raw(EntryType::Regular, name.as_bytes(), b"", 0o644, content.as_bytes())
    }

    fn dir(self, name: &str) -> Self {
        self.raw(EntryType::Directory, name.as_bytes(), b"", 0o755, b"")
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.raw(EntryType::Symlink, name.as_bytes(), target.as_bytes(), 0o777, b"")
    }

    fn hardlink(self, name: &str, target: &str) -> Self {
        self.raw(EntryType::Link, name.as_bytes(), target.as_bytes(), 0o644, b"")
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let body = format!(" {key}={value}\n");
            let mut len = body.len() + 1;
            while len != body.len() + len.to_string().len() {
                len = body.len() + len.to_string().len();
            }
            text += &len.to_string();
            text += &body;
        }
        self.raw(EntryType::XHeader, b"pax", b"", 0o644, text.as_bytes())
    }

    fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn unpack_capped(archive: Archive, caps: Caps, dir: &Path) -> Result<Unpacked> {
    let plain = archive.bytes();
    let digest = Digest::of(&plain);
    let expected = Expected { digest: &digest, size: plain.len() as u64, diff_id: &digest };
    unpack(Cursor::new(&plain), Packing::Plain, &expected, caps, dir)
}

/// Unpacks into `box/` of a fresh directory, beside a file `outside` that must stay as it is.
fn unpacked(archive: Archive) -> (tempfile::TempDir, Result<Unpacked>) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("box");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(folder.path().join("outside"), "untouched").unwrap();
    let result = unpack_capped(archive, Caps::default(), &dir);
    assert_eq!(std::fs::read_to_string(folder.path().join("outside")).unwrap(), "untouched");
    assert_eq!(std::fs::metadata(folder.path().join("outside")).unwrap().nlink(), 1);
    (folder, result)
}

fn refused(archive: Archive) -> String {
    match unpacked(archive).1 {
        Err(ImageError::HostileLayer { problem, .. }) => problem,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn accepted(archive: Archive) -> tempfile::TempDir {
    let (folder, result) = unpacked(archive);
    result.unwrap_or_else(|error| panic!("{error}"));
    folder
}

fn text(folder: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join("box").join(name)).unwrap()
}

fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = [0u8; 16];
    rustix::fs::lgetxattr(path, name, &mut value[..]).ok().map(|n| value[..n].to_vec())
}

#[test]
fn dot_dot_and_absolute_names_are_refused() {
    assert!(refused(Archive::default().file("../outside", "x")).contains("`..`"));
    assert!(refused(Archive::default().file("a/../../outside", "x")).contains("`..`"));
    assert!(refused(Archive::default().dir("..")).contains("`..`"));
    assert!(refused(Archive::default().file("/etc/passwd", "x")).contains("absolute"));
    assert!(refused(Archive::default().file("", "x")).contains("empty"));
    assert!(refused(Archive::default().file(".", "x")).contains("root"));
    assert!(refused(Archive::default().pax(&[("path", "../outside")]).file("ok", "x")).contains("`..`"));
    assert!(refused(Archive::default().pax(&[("path", "a\0b")]).file("ok", "x")).contains("NUL"));
    let long = Archive::default().raw(EntryType::GNULongName, b"././@LongLink", b"", 0, b"../outside\0");
    assert!(refused(long.file("ok", "x")).contains("`..`"));
}

#[test]
fn a_symlink_planted_as_parent_is_not_followed() {
    for target in ["..", "../", "/", "/proc/self/root", "."] {
        let archive = Archive::default().symlink("link", target).file("link/outside", "overwritten");
        assert!(refused(archive).contains("symbolic link"), "{target}");
        let archive = Archive::default().symlink("link", target).dir("link/sub");
        assert!(refused(archive).contains("symbolic link"), "{target}");
        let archive = Archive::default().symlink("link", target).file("link/.wh.outside", "");
        assert!(refused(archive).contains("symbolic link"), "{target}");
        let archive = Archive::default().symlink("link", target).file("link/.wh..wh..opq", "");
        assert!(refused(archive).contains("symbolic link"), "{target}");
    }
}

#[test]
fn a_file_replaces_a_symlink_instead_of_writing_through_it() {
    let folder = accepted(Archive::default().symlink("link", "../outside").file("link", "mine"));
    assert_eq!(text(&folder, "link"), "mine");
    assert!(std::fs::symlink_metadata(folder.path().join("box/link")).unwrap().is_file());
}

#[test]
fn a_file_never_writes_into_another_name_of_an_earlier_one() {
    let folder = accepted(Archive::default().file("a", "one").hardlink("b", "a").file("b", "two"));
    assert_eq!((text(&folder, "a").as_str(), text(&folder, "b").as_str()), ("one", "two"));
}

#[test]
fn hard_links_stay_in_the_layer() {
    assert!(refused(Archive::default().hardlink("x", "../outside")).contains("`..`"));
    assert!(refused(Archive::default().hardlink("x", "/etc/passwd")).contains("absolute"));
    assert!(
        refused(Archive::default().hardlink("x", "missing")).contains("not a file of this layer")
            || refused(Archive::default().hardlink("x", "a/missing")).contains("not in this layer")
    );
    assert!(refused(Archive::default().dir("d").hardlink("x", "d")).contains("not a file"));
    let through = Archive::default().symlink("up", "..").hardlink("x", "up/outside");
    assert!(refused(through).contains("symbolic link"));
    assert!(refused(Archive::default().hardlink("x", "")).contains("without a target"));
    let folder = accepted(Archive::default().symlink("l", "../outside").hardlink("x", "l"));
    assert!(std::fs::symlink_metadata(folder.path().join("box/x")).unwrap().is_symlink());
    let folder = accepted(Archive::default().file("d/a", "one").hardlink("b", "./d/a").hardlink("b", "b"));
    assert_eq!(std::fs::metadata(folder.path().join("box/d/a")).unwrap().nlink(), 2);
}

#[test]
fn device_nodes_are_left_out() {
    let mut archive = Archive::default();
    for (kind, name) in [(EntryType::Char, "null"), (EntryType::Block, "sda"), (EntryType::Fifo, "pipe")] {
        archive = archive.raw(kind, name.as_bytes(), b"", 0o666, b"");
    }
    let (folder, result) = unpacked(archive.file("kept", "x"));
    assert_eq!(result.unwrap().dropped, 3);
    assert_eq!(std::fs::read_dir(folder.path().join("box")).unwrap().count(), 1);
}

#[test]
fn setuid_and_setgid_bits_and_owners_are_dropped() {
    let folder = accepted(
        Archive::default()
            .raw(EntryType::Regular, b"su", b"", 0o6755, b"x")
            .raw(EntryType::Directory, b"d", b"", 0o3777, b"")
            .raw(EntryType::Regular, b"unreadable", b"", 0, b"x"),
    );
    let mode = |name: &str| {
        std::fs::metadata(folder.path().join("box").join(name)).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!((mode("su"), mode("d"), mode("unreadable")), (0o755, 0o1777, 0o400));
    let meta = std::fs::metadata(folder.path().join("box/su")).unwrap();
    assert_eq!((meta.uid(), meta.mtime()), (rustix::process::geteuid().as_raw(), 1_000_000_000));
}

#[test]
fn extended_attributes_of_the_archive_are_dropped() {
    let archive = Archive::default().pax(&[("SCHILY.xattr.user.overlay.opaque", "y")]).dir("d");
    let folder = accepted(archive);
    assert_eq!(xattr(&folder.path().join("box/d"), "user.overlay.opaque"), None);
}

#[test]
fn a_whiteout_hides_a_lower_file() {
    let folder = accepted(Archive::default().file("d/.wh.gone", ""));
    let meta = std::fs::symlink_metadata(folder.path().join("box/d/gone")).unwrap();
    let device = meta.file_type().is_char_device() && meta.rdev() == 0;
    assert!(device || xattr(&folder.path().join("box/d/gone"), "user.overlay.whiteout").is_some());
    assert!(!folder.path().join("box/d/.wh.gone").exists());
}

#[test]
fn the_attribute_form_of_a_whiteout_is_announced_by_its_directory() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(folder.path()).unwrap();
    let dir: std::os::fd::OwnedFd = std::fs::File::open(folder.path()).unwrap().into();
    tree.make_xattr_whiteout(&dir, b"gone").unwrap();
    assert_eq!(xattr(&folder.path().join("gone"), "user.overlay.whiteout"), Some(b"y".to_vec()));
    assert_eq!(xattr(folder.path(), "user.overlay.opaque"), Some(b"x".to_vec()));
    Tree::make_opaque(&dir).unwrap();
    tree.make_xattr_whiteout(&dir, b"too").unwrap();
    assert_eq!(xattr(folder.path(), "user.overlay.opaque"), Some(b"y".to_vec()));
}

#[test]
fn an_opaque_directory_hides_everything_below_it() {
    let folder = accepted(Archive::default().dir("d").file("d/.wh..wh..opq", "").file("d/new", "x"));
    assert_eq!(xattr(&folder.path().join("box/d"), "user.overlay.opaque"), Some(b"y".to_vec()));
    assert_eq!(text(&folder, "d/new"), "x");
}

#[test]
fn a_whiteout_speaks_of_lower_layers_only() {
    for archive in [
        Archive::default().file("a", "own").file(".wh.a", ""),
        Archive::default().file(".wh.a", "").file("a", "own"),
    ] {
        assert_eq!(text(&accepted(archive), "a"), "own");
    }
    for archive in [
        Archive::default().dir("d").file("d/x", "own").file(".wh.d", ""),
        Archive::default().file(".wh.d", "").dir("d").file("d/x", "own"),
    ] {
        let folder = accepted(archive);
        assert_eq!(text(&folder, "d/x"), "own");
        assert_eq!(xattr(&folder.path().join("box/d"), "user.overlay.opaque"), Some(b"y".to_vec()));
    }
}

#[test]
fn whiteouts_of_no_name_are_refused_and_bookkeeping_is_ignored() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh.."] {
        assert!(refused(Archive::default().file(name, "")).contains("no name"), "{name}");
    }
    let folder = accepted(Archive::default().dir(".wh..wh.plnk").file(".wh..wh.aufs", ""));
    assert_eq!(std::fs::read_dir(folder.path().join("box")).unwrap().count(), 0);
}

#[test]
fn names_too_long_or_too_deep_are_refused() {
    let name = "n".repeat(256);
    assert!(refused(Archive::default().pax(&[("path", &name)]).file("x", "")).contains("255"));
    let deep = "d/".repeat(65) + "f";
    assert!(refused(Archive::default().pax(&[("path", &deep)]).file("x", "")).contains("deeper"));
    let long = "abcdefg/".repeat(600);
    assert!(refused(Archive::default().pax(&[("path", &long)]).dir("x")).contains("4096"));
    let record = "x".repeat(70_000);
    assert!(refused(Archive::default().pax(&[("comment", &record)]).file("x", "")).contains("64 KiB"));
}

#[test]
fn a_pax_size_that_disagrees_smuggles_nothing() {
    // The content is itself an archive: a reader that took the header's size of 0 would unpack it.
    let inner = Archive::default().file("smuggled", "x").0;
    let mut archive = Archive::default().pax(&[("size", &inner.len().to_string())]).file("carrier", "");
    archive.0.extend(&inner);
    assert!(refused(archive).contains("disagree"));
    let archive = Archive::default().pax(&[("size", "0")]).file("carrier", "content");
    assert!(refused(archive).contains("disagree"));
    let archive = Archive::default().pax(&[("size", "-1")]).file("carrier", "content");
    assert!(refused(archive).contains("not a number"));
    assert_eq!(
        text(&accepted(Archive::default().pax(&[("size", "7")]).file("a", "content")), "a"),
        "content"
    );
    assert_eq!(
        text(&accepted(Archive::default().pax(&[("path", "")]).file("a", "empty is legal")), "a"),
        "empty is legal"
    );
}

#[test]
fn sparse_files_and_unknown_types_are_refused() {
    let sparse =
        Archive::default().pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "1099511627776")]);
    assert!(refused(sparse.file("huge", "x")).contains("sparse"));
    assert!(refused(Archive::default().raw(EntryType::GNUSparse, b"huge", b"", 0o644, b"")).contains("type"));
    assert!(
        refused(Archive::default().raw(EntryType::new(b'V'), b"label", b"", 0o644, b"")).contains("type")
    );
}

#[test]
fn a_layer_stops_at_its_caps() {
    let folder = tempfile::tempdir().unwrap();
    let caps = Caps { entries: 2, ..Caps::default() };
    let archive = || Archive::default().file("a", "").file("b", "").file("c", "");
    let error = unpack_capped(archive(), caps, folder.path()).unwrap_err();
    assert!(error.to_string().contains("more than 2 entries"), "{error}");
    // Whiteouts are entries as well.
    let caps = Caps { entries: 2, ..Caps::default() };
    let bomb = Archive::default().file(".wh.a", "").file(".wh.b", "").file(".wh.c", "");
    let error = unpack_capped(bomb, caps, folder.path()).unwrap_err();
    assert!(error.to_string().contains("more than 2 entries"), "{error}");
    assert!(Caps::default().entries < 1_000_000);
    let caps = Caps { name_bytes: 2, ..Caps::default() };
    let error = unpack_capped(archive(), caps, folder.path()).unwrap_err();
    assert!(error.to_string().contains("names"), "{error}");
    let caps = Caps { bytes: 1 << 20, ..Caps::default() };
    let mut large = Archive::default().file("large", "");
    let mut header = tar::Header::from_byte_slice(&large.0).clone();
    header.set_size((1 << 20) + 1);
    header.set_cksum();
    large.0.copy_from_slice(header.as_bytes());
    let error = unpack_capped(large, caps, folder.path()).unwrap_err();
    assert!(error.to_string().contains("at most 1048576"), "{error}");
    assert!(!folder.path().join("large").exists(), "nothing of it is written");
    let too_large = |packed: &[u8], packing, caps| {
        let any = Digest::of(b"");
        let expected = Expected { digest: &any, size: packed.len() as u64, diff_id: &any };
        let error = unpack(Cursor::new(packed), packing, &expected, caps, folder.path()).unwrap_err();
        matches!(&error, ImageError::BrokenLayer { source } if source.kind() == std::io::ErrorKind::FileTooLarge)
    };
    let zeros = vec![0u8; 4 << 20];
    assert!(too_large(&gzip(&zeros), Packing::Gzip, caps));
    // Far below what a layer may have, but packed as no honest one is.
    let caps = Caps { harmless: 1 << 20, ratio: 50, ..Caps::default() };
    assert!(too_large(&gzip(&zeros), Packing::Gzip, caps));
    assert!(too_large(&zstd::encode_all(&zeros[..], 1).unwrap(), Packing::Zstd, caps));
    let caps = Caps { ratio: 50, ..Caps::default() };
    assert!(!too_large(&gzip(&zeros), Packing::Gzip, caps), "no bomb at all");
}

#[test]
fn both_digests_are_checked_over_everything() {
    let plain = Archive::default().file("a", "x").bytes();
    let packed = gzip(&plain);
    let (digest, diff_id, other) = (Digest::of(&packed), Digest::of(&plain), Digest::of(b"other"));
    let run = |packed: &[u8], digest: &Digest, diff_id: &Digest| {
        let folder = tempfile::tempdir().unwrap();
        let expected = Expected { digest, size: packed.len() as u64, diff_id };
        unpack(Cursor::new(packed), Packing::Gzip, &expected, Caps::default(), folder.path())
    };
    run(&packed, &digest, &diff_id).unwrap();
    let mismatch = |result: Result<Unpacked>| match result {
        Err(ImageError::DigestMismatch { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(mismatch(run(&packed, &other, &diff_id)), "the packed layer");
    assert_eq!(mismatch(run(&packed, &digest, &other)), "the unpacked layer");
    // Bytes behind the end of the archive belong to the diff_id too.
    let longer = gzip(&[plain.as_slice(), &[1; 512]].concat());
    assert_eq!(mismatch(run(&longer, &Digest::of(&longer), &diff_id)), "the unpacked layer");
    let expected = Expected { digest: &digest, size: packed.len() as u64 - 1, diff_id: &diff_id };
    let folder = tempfile::tempdir().unwrap();
    assert!(unpack(Cursor::new(&packed), Packing::Gzip, &expected, Caps::default(), folder.path()).is_err());
}

#[test]
fn a_truncated_stream_is_an_error() {
    let noise: String =
        (0..50_000u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26)).collect();
    let plain = Archive::default().file("a", &noise).bytes();
    for cut in [10, 100, plain.len() / 3] {
        for (packing, mut packed) in [
            (Packing::Gzip, gzip(&plain)),
            (Packing::Zstd, zstd::encode_all(&plain[..], 1).unwrap()),
            (Packing::Plain, plain.clone()),
        ] {
            packed.truncate(cut);
            let digest = Digest::of(&packed);
            let expected = Expected { digest: &digest, size: cut as u64, diff_id: &digest };
            let folder = tempfile::tempdir().unwrap();
            let result = unpack(Cursor::new(&packed), packing, &expected, Caps::default(), folder.path());
            assert!(result.is_err(), "{packing:?} cut at {cut}: {result:?}");
        }
    }
}

#[test]
fn a_directory_keeps_its_own_mode_and_time_after_its_content() {
    let folder = accepted(
        Archive::default()
            .raw(EntryType::Directory, b"d", b"", 0o555, b"")
            .file("d/x", "1")
            .file("implicit/y", "2"),
    );
    let meta = std::fs::metadata(folder.path().join("box/d")).unwrap();
    assert_eq!((meta.permissions().mode() & 0o777, meta.mtime()), (0o755, 1_000_000_000));
    let made = std::fs::metadata(folder.path().join("box/implicit")).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o755);
}

fn listing(archive: Archive) -> write::Listing {
    write::list(Cursor::new(archive.bytes())).unwrap()
}

fn shown(paths: &BTreeSet<crate::layer::entries::EntryPath>) -> Vec<String> {
    paths.iter().map(crate::layer::entries::EntryPath::display).collect()
}

#[test]
fn a_difference_has_what_changed_its_parents_and_whiteouts_of_the_topmost_removed() {
    let base = listing(
        Archive::default()
            .dir("usr")
            .dir("usr/bin")
            .file("usr/bin/same", "1")
            .file("usr/bin/changed", "1")
            .dir("old")
            .dir("old/sub")
            .file("old/sub/x", "")
            .dir("etc")
            .file("etc/gone", ""),
    );
    let new = listing(
        Archive::default()
            .dir("usr")
            .dir("usr/bin")
            .file("usr/bin/same", "1")
            .file("usr/bin/changed", "2")
            .dir("etc")
            .dir("new")
            .file("new/x", ""),
    );
    let change = write::difference(&base, &new);
    assert_eq!(shown(&change.written), ["etc", "new", "new/x", "usr", "usr/bin", "usr/bin/changed"]);
    assert_eq!(shown(&change.whiteouts), ["etc/gone", "old"]);
    assert_eq!(write::difference(&base, &base), write::Difference::default());
}

#[test]
fn a_difference_keeps_hard_links_and_their_target_together() {
    let base = listing(Archive::default().file("a", "1").file("c", "1").hardlink("d", "c"));
    let new = listing(Archive::default().file("a", "1").hardlink("b", "a").file("c", "2").hardlink("d", "c"));
    assert_eq!(shown(&write::difference(&base, &new).written), ["a", "b", "c", "d"]);
}

#[test]
fn a_packed_layer_unpacks_to_what_was_chosen_and_is_the_same_every_time() {
    let store = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(store.path()).unwrap();
    let long = "n".repeat(200);
    let archive = || {
        Archive::default()
            .dir("./")
            .dir("usr")
            .file("usr/a", "content")
            .hardlink("usr/b", "usr/a")
            .symlink("bin", "usr/bin")
            .pax(&[("path", &format!("usr/{long}"))])
            .file("x", "long")
            .raw(EntryType::Char, b"dev/null", b"", 0o666, b"")
            .file("etc/hostname", "machine")
            .file("etc/resolv.conf", "machine")
            .file("tmp/rubbish", "x")
            .bytes()
    };
    let gone = listing(Archive::default().file("d/gone", "")).into_keys().collect();
    let pack = || write::pack(Cursor::new(archive()), |_| true, &gone, 5, blobs.writer().unwrap()).unwrap();
    let layer = pack();
    assert_eq!(layer, pack());
    let folder = tempfile::tempdir().unwrap();
    let expected = Expected { digest: &layer.blob.digest, size: layer.blob.size, diff_id: &layer.diff_id };
    let blob = blobs.file(&layer.blob.digest).unwrap();
    unpack(blob, Packing::Zstd, &expected, Caps::default(), folder.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!((read("usr/b"), read(&format!("usr/{long}"))), ("content".into(), "long".into()));
    assert_eq!(std::fs::read_link(folder.path().join("bin")).unwrap(), Path::new("usr/bin"));
    assert!(std::fs::symlink_metadata(folder.path().join("d/gone")).is_ok());
    for absent in ["dev", "etc", "tmp"] {
        assert!(!folder.path().join(absent).exists(), "{absent}");
    }
}

/// One entry of an archive nobody honest would write.
fn hostile_entry() -> impl Strategy<Value = (u8, Vec<u8>, Vec<u8>, u32, Vec<u8>)> {
    let name = || {
        let part = prop_oneof![
            Just("a"),
            Just("b"),
            Just(".."),
            Just("."),
            Just(""),
            Just(".wh.a"),
            Just(".wh..wh..opq"),
            Just("\u{e4}"),
            Just("a\nb"),
            Just(".wh..wh.x"),
            Just("-rf"),
            Just(".wh.")
        ];
        (any::<bool>(), prop::collection::vec(part, 1..4)).prop_map(|(absolute, parts)| {
            let text = parts.join("/");
            if absolute && text.len() % 3 == 0 { format!("/{text}").into_bytes() } else { text.into_bytes() }
        })
    };
    let kind = prop::sample::select(b"0123456789LKxgSV\0".to_vec());
    (kind, name(), name(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_archive_stays_in_its_directory_or_is_refused(
        entries in prop::collection::vec(hostile_entry(), 1..8),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
    ) {
        let mut archive = Archive::default();
        for (kind, name, link, mode, content) in entries {
            archive = archive.raw(EntryType::new(kind), &name, &link, mode & 0o7777, &content);
        }
        let mut bytes = archive.bytes();
        // Mostly breaks a checksum, sometimes content.
        for (at, byte) in spoils {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        crate::fuzz::layer(&bytes);
        crate::fuzz::layer(&gzip(&bytes));
    }
}
