//! Real builds from Debian packages. Needs `mmdebstrap`, a mirror and a few minutes, so it is run by name:
//! `cargo test -p images --test build -- --ignored`.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use images::{BuildOptions, Rootfs, RootfsKind, RunStep, StepFile, Store};

/// The recipes built here have no steps.
struct NoBoxes;

impl RunStep for NoBoxes {
    fn run(&self, _: &Rootfs, _: &[String], _: &[StepFile]) -> Result<Vec<StepFile>, String> {
        Err("there are no boxes in this test".to_owned())
    }
}

/// The file as overlayfs would show it: of the topmost layer that has it.
fn visible(root: &Rootfs, path: &str) -> Option<PathBuf> {
    root.layers.iter().map(|layer| layer.join(path)).find(|path| path.symlink_metadata().is_ok())
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
#[ignore = "bootstraps Debian: needs mmdebstrap, a mirror and minutes"]
fn cpp_and_python_share_their_base_and_leave_the_host_alone() {
    let null_before = std::fs::metadata("/dev/null").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let ids = ["cpp".to_owned(), "python3".to_owned()];
    let built = store.build(&ids, &BuildOptions::default(), &NoBoxes, &|_| ()).unwrap();
    let names: Vec<&str> = built.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["c", "python3", "cpp"], "what C++ is built on comes first");
    assert!(built[1].own_bytes < built[1].shared_bytes, "Python's layer holds the base again");
    assert!(built[2].own_bytes < built[2].shared_bytes, "the layer of C++ holds that of C again");
    let again = store.build(&ids, &BuildOptions::default(), &NoBoxes, &|_| ()).unwrap();
    for (first, second) in built.iter().zip(&again) {
        assert_eq!((&first.digest, second.layers_made), (&second.digest, 0), "{}", first.name);
    }

    let roots: Vec<Rootfs> = ids.iter().map(|id| store.rootfs(id).unwrap()).collect();
    for (id, root) in ids.iter().zip(&roots) {
        assert_eq!(
            (root.kind, root.layers.len(), root.layers.last()),
            (RootfsKind::Oci, if id == "cpp" { 4 } else { 3 }, roots[0].layers.last())
        );
        let language = language::by_id(id).unwrap();
        assert!(visible(root, language.version[0].trim_start_matches('/')).is_some(), "{id}");
        for layer in &root.layers {
            walk(layer, &mut |path| {
                let meta = path.symlink_metadata().unwrap();
                assert!(meta.is_symlink() || meta.permissions().mode() & 0o6000 == 0, "{}", path.display());
                assert!(!meta.file_type().is_block_device() && !meta.file_type().is_fifo());
            });
        }
    }
    assert!(visible(&roots[1], "usr/bin/g++").is_none(), "Python's image has the compiler");
    assert!(store.verify().unwrap().iter().all(|image| image.problem.is_none()));

    let null = std::fs::metadata("/dev/null").unwrap();
    assert!(null.file_type().is_char_device());
    assert_eq!(null.permissions().mode(), null_before.permissions().mode());
}
