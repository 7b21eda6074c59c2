//! A tar through gzip that anybody made, read into a tree: the bounds of a zip, and nothing touches the disk.

use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::findings::cut;
use crate::tree::{Caps, Tree};

/// What headers and padding may add to each entry (POSIX.1-2017, pax: blocks of 512 bytes; long names take some).
const OVERHEAD: u64 = 8 << 10;

/// Unpacks it. The error names the entry.
pub(crate) fn unpack(bytes: &[u8], caps: Caps) -> Result<Tree, String> {
    let unreadable = |e: std::io::Error| format!("this is not a tar.gz archive that can be read: {e}");
    // However much it would unpack to, no more than this is ever made.
    let most = caps.bytes + (caps.files as u64 + 4) * OVERHEAD;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes).take(most));
    let (mut tree, mut entries, mut left) = (Tree::default(), 0, caps.bytes);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        entries += 1;
        if entries > caps.files {
            return Err(format!("the archive has more than {} entries", caps.files));
        }
        let raw = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| format!("entry {entries}: the name is not UTF-8"))?;
        let shown = cut(&raw, 200);
        let kind = entry.header().entry_type();
        // What `git archive` puts first.
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        if !kind.is_file() {
            return Err(format!("`{shown}`: only files and folders may be packed, no links or devices"));
        }
        let path = problem::enclosed(&raw).as_deref().and_then(Path::to_str).map(str::to_owned);
        let Some(path) = path else {
            return Err(format!("`{shown}`: the name leads out of the package or is not plain"));
        };
        let size = entry.size();
        if size > left {
            return Err(format!("`{shown}`: unpacks to more than {left} bytes, which is all it may"));
        }
        let mut content = Vec::new();
        let read = entry.read_to_end(&mut content).map_err(|e| format!("`{shown}`: {e}"))?;
        if read as u64 != size {
            return Err(format!("`{shown}`: the archive says {size} bytes, and {read} are in it"));
        }
        left -= size;
        if tree.files.contains_key(&path) {
            return Err(format!("`{shown}` is packed twice"));
        }
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        tree.put(&path, content, executable);
    }
    match within(&tree) {
        Some(path) => Err(format!("`{}`: is a file and a folder", cut(path, 200))),
        None => Ok(tree),
    }
}

/// A file whose name is a folder of another one.
fn within(tree: &Tree) -> Option<&str> {
    let names: Vec<&str> = tree.files.keys().map(String::as_str).collect();
    names.into_iter().find(|name| {
        let inside = format!("{name}/");
        tree.files.range(inside.clone()..).next().is_some_and(|(next, _)| next.starts_with(&inside))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const CAPS: Caps = Caps { bytes: 1000, files: 5 };

    fn header(kind: tar::EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o755);
        header
    }

    /// Names as they are, which the builder would refuse to write.
    fn packed(entries: &[(&str, tar::EntryType, Vec<u8>)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = header(*kind, content.len() as u64);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_gnu_mut().unwrap().linkname[..4].copy_from_slice(b"/etc");
            header.set_cksum();
            builder.append(&header, &content[..]).unwrap();
        }
        gzip(&builder.into_inner().unwrap())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn files_keep_their_folders_and_long_names() {
        let mut builder = tar::Builder::new(Vec::new());
        let long = format!("{}/x.py", "a-long-folder/".repeat(12).trim_end_matches('/'));
        for name in ["./main.py", "src/a.py", &long] {
            let mut header = header(tar::EntryType::Regular, 3);
            builder.append_data(&mut header, name, &b"abc"[..]).unwrap();
        }
        let tree = unpack(&gzip(&builder.into_inner().unwrap()), CAPS).unwrap();
        let names: Vec<_> = tree.files.keys().map(String::as_str).collect();
        assert_eq!(names, [&long, "main.py", "src/a.py"]);
        assert!(tree.files["main.py"].executable && &*tree.files["main.py"].content == b"abc");
    }

    #[test]
    fn links_names_that_lead_out_floods_and_bombs_are_refused_by_name() {
        use tar::EntryType as Kind;
        let file = |name: &str, size: usize| (name.to_owned(), Kind::Regular, vec![b'x'; size]);
        let entry = |name: &str, kind| (name.to_owned(), kind, Vec::new());
        let many: Vec<_> = (0..6).map(|n| file(&format!("f{n}"), 1)).collect();
        let table = [
            (vec![entry("link", Kind::Symlink)], "`link`: only files"),
            (vec![entry("hard", Kind::Link)], "`hard`: only files"),
            (vec![entry("dev", Kind::Char)], "`dev`: only files"),
            (vec![entry("pipe", Kind::Fifo)], "`pipe`: only files"),
            (vec![file("../evil", 1)], "`../evil`: the name leads out"),
            (vec![file("/etc/evil", 1)], "`/etc/evil`: the name leads out"),
            (vec![file("a/../../evil", 1)], "evil`: the name leads out"),
            (vec![file("a", 1), file("a", 1)], "`a` is packed twice"),
            (vec![file("a", 1), file("a/b", 1)], "`a`: is a file and a folder"),
            (vec![file("a", 600), file("b", 600)], "`b`: unpacks to more than 400 bytes"),
            (many, "more than 5 entries"),
        ];
        for (entries, why) in table {
            let entries: Vec<_> = entries.iter().map(|(n, k, c)| (n.as_str(), *k, c.clone())).collect();
            let error = unpack(&packed(&entries), CAPS).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
        for bytes in [&b"no gzip"[..], gzip(b"no tar, but long enough to be taken for a header").as_slice()] {
            assert!(unpack(bytes, CAPS).unwrap_err().contains("not a tar.gz archive"));
        }
        // Nothing but zeros, an archive that was cut off, and an entry that tells of much.
        let bomb = gzip(&vec![0; 32 << 20]);
        assert!(unpack(&bomb, CAPS).is_ok_and(|tree| tree.is_empty()));
        let mut lie = header(Kind::Regular, 900);
        lie.set_path("lie").unwrap();
        lie.set_cksum();
        let cut_off = unpack(&gzip(&[lie.as_bytes().as_slice(), b"short"].concat()), CAPS).unwrap_err();
        assert!(cut_off.contains("`lie`"), "{cut_off}");
        let size = lie.as_gnu_mut().unwrap();
        size.size = *b"77777777777\0";
        lie.set_cksum();
        assert!(unpack(&gzip(lie.as_bytes()), CAPS).unwrap_err().contains("`lie`: unpacks to more"));
    }
}
