//! `tribunal images build` from outside, with a stand-in for the bootstrap program: the same every time, in a second and
//! without a mirror. One test has the real one.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use serde_json::Value;
use tests::images::tar_of;
use tests::process::{finish, json};
use tests::store::{data, good, images, is_clean, killed, said};

/// A language whose image has packages and no steps.
const LANGUAGE: &str = "bash";

/// Writes the stand-in, and gives the PATH that has it first. It makes the tree of the base, or that of the language,
/// and what differs from run to run in a real one: the machine's name and logs with times in them.
fn bootstrap(folder: &Path) -> String {
    let mut tree: Vec<(String, Vec<u8>)> =
        (0..600).map(|n| (format!("usr/lib/b{n}"), vec![n as u8; 2000])).collect();
    let write = |name: &str, tree: &[(String, Vec<u8>)]| {
        let tree: Vec<(&str, &[u8])> =
            tree.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        std::fs::write(folder.join(name), tar_of(&tree)).unwrap();
    };
    write("base", &tree);
    tree.extend((0..600).map(|n| (format!("usr/bin/l{n}"), vec![n as u8; 3000])));
    write("grown", &tree);
    let program = folder.join("mmdebstrap");
    // An archive ends with two empty blocks; what is put before them comes from this run.
    let text = format!(
        "#!/bin/sh\nset -e\ncase \"$*\" in *--variant=minbase*) from=base;; *) from=grown;; esac\n\
         for word; do case $word in *.tar) to=$word;; esac; done\n\
         echo \"I: a stand-in makes $to\" >&2\ncd {}\nmine=$(mktemp -d)\nmkdir -p $mine/etc $mine/var/log\n\
         date +%N >$mine/etc/hostname\ndate +%N >$mine/var/log/dpkg.log\n\
         tar -C $mine --remove-files -cf $mine.tar etc/hostname var/log/dpkg.log\n\
         cat $from >\"$to\"\ntar -Af \"$to\" $mine.tar\nrm -rf $mine $mine.tar\n",
        folder.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

fn built(data: &Path, path: &str) -> Value {
    let output = finish(images(data, &["build", LANGUAGE, "--json"]).env("PATH", path));
    assert!(output.status.success(), "{}", said(&output));
    json(&output)[0].clone()
}

#[test]
fn the_same_recipe_built_twice_gives_the_same_digest() {
    let tools = tempfile::tempdir().unwrap();
    let path = bootstrap(tools.path());
    let (one, two) = (data(), data());
    let (first, second) = (built(one.path(), &path), built(two.path(), &path));
    assert!(first["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{first}");
    assert_eq!(first["digest"], second["digest"]);
    is_clean(one.path());
    // And a change of what goes in is one of the digest.
    let mut tree = std::fs::read(tools.path().join("grown")).unwrap();
    let at = tree.windows(8).rposition(|bytes| bytes == [7; 8]).unwrap();
    tree[at] = 8;
    std::fs::write(tools.path().join("grown"), tree).unwrap();
    let three = data();
    assert_ne!(built(three.path(), &path)["digest"], first["digest"]);
}

#[test]
fn a_build_killed_at_any_moment_leaves_a_store_that_verifies() {
    let tools = tempfile::tempdir().unwrap();
    let path = bootstrap(tools.path());
    killed(&[("PATH", &path)], &["build", LANGUAGE]);
}

fn walk(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        each(&path);
        if path.symlink_metadata().unwrap().is_dir() {
            walk(&path, each);
        }
    }
}

#[test]
#[ignore = "bootstraps Debian for minutes; `make test-long` runs it"]
fn an_assembler_on_c_and_lua_share_their_base_and_leave_the_host_alone() {
    let null = || {
        let meta = std::fs::metadata("/dev/null").unwrap();
        (meta.file_type().is_char_device(), meta.permissions().mode())
    };
    let before = null();
    let data = data();
    let build = || good(data.path(), &["build", "nasm", "lua", "--json"]).as_array().unwrap().clone();
    let built = build();
    let names: Vec<&str> = built.iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c", "lua", "nasm"], "what the assembler is built on comes first");
    for (first, second) in built.iter().zip(build()) {
        assert_eq!(
            (&first["digest"], second["layers_made"].as_u64()),
            (&second["digest"], Some(0)),
            "{first}"
        );
    }
    let listed = good(data.path(), &["list", "--json"]);
    for image in listed.as_array().unwrap().iter().filter(|image| image["name"] != "base-bookworm") {
        let (all, shared) = (image["size_bytes"].as_u64().unwrap(), image["shared_bytes"].as_u64().unwrap());
        // Lua's interpreter and the assembler are small; C's compiler is what the assembler's image shares.
        assert!(image["name"] == "c" || all - shared < shared, "{image} holds again what it stands on");
    }
    // Their probes unpack them.
    let probes = finish(tests::process::tribunal(data.path()).args(["languages", "test", "nasm", "lua"]));
    assert!(probes.status.success(), "{}", said(&probes));
    let mut seen = 0;
    walk(&data.path().join("images/layers"), &mut |path| {
        let meta = path.symlink_metadata().unwrap();
        assert!(meta.is_symlink() || meta.permissions().mode() & 0o6000 == 0, "{}", path.display());
        assert!(!meta.file_type().is_block_device() && !meta.file_type().is_fifo(), "{}", path.display());
        seen += 1;
    });
    assert!(seen > 1000, "{seen} files are no three images");
    is_clean(data.path());
    assert_eq!(null(), before);
}
