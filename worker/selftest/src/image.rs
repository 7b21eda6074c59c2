//! Trees that cases run over: a plain one, and one that lies about everything a box mounts or trusts (N21, N25).

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use sandbox::spec::RootSpec;

/// Links in place of mount points, out of the tree, and into other processes.
const LINKS: [(&str, &str); 7] = [
    ("dev", "/"),
    ("proc", "../../../../../../../../proc"),
    ("w", "/tmp"),
    ("tmp", "/etc"),
    ("bin/up", "../../../../../../../../etc/shadow"),
    ("bin/passwd", "/etc/passwd"),
    ("bin/proc1", "/proc/1/root/etc/passwd"),
];
/// Device nodes: name, kind, major, minor (Linux Documentation/admin-guide/devices.txt).
const NODES: [(&str, SFlag, u64, u64); 4] = [
    ("mem", SFlag::S_IFCHR, 1, 1),
    ("kmsg", SFlag::S_IFCHR, 1, 11),
    ("null", SFlag::S_IFCHR, 1, 3),
    ("disk", SFlag::S_IFBLK, 254, 0),
];

/// A root with one file: what an attack finds in it is the box's own.
///
/// # Errors
/// When it cannot be made.
pub fn plain(dir: &Path) -> io::Result<RootSpec> {
    let layer = dir.join("layer");
    fs::create_dir_all(layer.join("bin"))?;
    fs::write(layer.join("bin/x"), "image content")?;
    for path in [dir, &layer] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(RootSpec { lower: vec![layer], binds: Vec::new() })
}

/// A tree below `dir` as an importer that checks nothing would leave it, with `program` as `/bin/suid`.
///
/// # Errors
/// When it cannot be made: device nodes need root.
pub fn hostile(dir: &Path, program: &[u8]) -> io::Result<RootSpec> {
    let layer = tempfile::Builder::new().prefix("hostile-").tempdir_in(dir)?.keep();
    fs::create_dir(layer.join("bin"))?;
    for (name, target) in LINKS {
        symlink(target, layer.join(name))?;
    }
    let bin = layer.join("bin");
    for (name, kind, major, minor) in NODES {
        let path = bin.join(name);
        mknod(&path, kind, Mode::from_bits_truncate(0o666), makedev(major, minor))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    }
    fs::write(bin.join("suid"), program)?;
    fs::set_permissions(bin.join("suid"), fs::Permissions::from_mode(0o6755))?;
    fs::set_permissions(&layer, fs::Permissions::from_mode(0o755))?;
    Ok(RootSpec { lower: vec![layer], binds: vec![] })
}
