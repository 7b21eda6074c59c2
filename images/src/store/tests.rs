use std::io::Write as _;

use super::*;
use crate::blobs::Written;
use crate::index::descriptor;

/// A store in a fresh data directory over a host that has nothing but an empty `/usr`.
struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("host/usr/bin")).unwrap();
    let store = Store::open_with_host(&folder.path().join("data"), &folder.path().join("host")).unwrap();
    Fixture { folder, store }
}

/// The same store as another process opens it.
fn again(folder: &tempfile::TempDir) -> Store {
    Store::open_with_host(&folder.path().join("data"), &folder.path().join("host")).unwrap()
}

fn layer_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn blob(store: &Store, content: &[u8]) -> Written {
    let mut writer = store.blobs.writer().unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

/// An image of plain layers; `diff_ids` when they are to be wrong.
fn image(
    store: &Store,
    name: &str,
    language: &str,
    layers: &[Vec<u8>],
    diff_ids: Option<Vec<Digest>>,
) -> Digest {
    let blobs: Vec<Written> = layers.iter().map(|layer| blob(store, layer)).collect();
    let diff_ids = diff_ids.unwrap_or_else(|| blobs.iter().map(|blob| blob.digest.clone()).collect());
    let config = store
        .blobs
        .write_json(&serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": {"Env": ["LANG=C", "PATH=/x"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }))
        .unwrap();
    let packed: Vec<Descriptor> =
        blobs.iter().map(|blob| descriptor(MediaType::ImageLayer, &blob.digest, blob.size)).collect();
    let manifest = store
        .blobs
        .write_json(&serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor(MediaType::ImageConfig, &config.digest, config.size),
            "layers": packed,
        }))
        .unwrap();
    store
        .index
        .put(Named {
            name: name.to_owned(),
            digest: manifest.digest.clone(),
            size: manifest.size,
            languages: vec![language.to_owned()],
            built: false,
        })
        .unwrap();
    manifest.digest
}

#[test]
fn layers_are_given_topmost_first_under_the_skeleton() {
    let Fixture { folder: _folder, store } = fixture();
    let digest = image(&store, "x", "cpp", &[layer_of(&[("low", "1")]), layer_of(&[("high", "2")])], None);
    for wanted in ["x", digest.as_str()] {
        let root = store.rootfs(wanted).unwrap();
        assert_eq!((root.digest.clone(), root.kind, root.layers.len()), (digest.clone(), RootfsKind::Oci, 3));
        assert!(root.layers[0].join("etc/passwd").is_file() && root.layers[0].join("w").is_dir());
        assert!(root.layers[1].join("high").is_file() && root.layers[2].join("low").is_file());
        assert!(root.layers.iter().all(|layer| layer.is_absolute()));
        assert_eq!(root.env, [("LANG".into(), "C".into()), ("PATH".into(), "/x".into())]);
    }
    let cpp = language::by_id("cpp").unwrap();
    assert_eq!(store.rootfs_for_language(cpp).unwrap().digest, digest);
    assert_eq!(store.describe(cpp).unwrap().image_kind.as_deref(), Some("oci"));
}

#[test]
fn a_half_unpacked_layer_is_never_given_out() {
    let Fixture { folder: _folder, store } = fixture();
    let layer = layer_of(&[("whole", "yes")]);
    image(&store, "x", "cpp", std::slice::from_ref(&layer), None);
    let place = store.path().join("layers").join(Digest::of(&layer).hex());
    std::fs::create_dir_all(place.join("fs")).unwrap();
    std::fs::write(place.join("fs/half"), "crash").unwrap();
    std::fs::create_dir_all(store.path().join("layers/.tmp-crash/fs")).unwrap();
    let root = store.rootfs("x").unwrap();
    assert!(root.layers[1].join("whole").is_file() && !root.layers[1].join("half").exists());
    assert!(!store.path().join("layers/.tmp-crash").exists());
}

#[test]
fn a_layer_that_fails_leaves_nothing_behind() {
    let Fixture { folder: _folder, store } = fixture();
    image(&store, "x", "cpp", &[layer_of(&[("a", "1")])], Some(vec![Digest::of(b"other")]));
    assert!(matches!(store.rootfs("x"), Err(ImageError::DigestMismatch { .. })));
    assert_eq!(std::fs::read_dir(store.path().join("layers")).unwrap().count(), 0);
}

#[test]
fn an_image_with_a_link_at_a_mount_point_is_refused() {
    let Fixture { folder: _folder, store } = fixture();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    tar.append_link(&mut header, "dev", "/etc").unwrap();
    image(&store, "x", "cpp", &[tar.into_inner().unwrap()], None);
    let error = store.rootfs("x").unwrap_err().to_string();
    assert!(error.contains("/dev") && error.contains("symbolic link"), "{error}");
}

#[test]
fn two_processes_at_once_unpack_a_layer_once() {
    let Fixture { folder, store } = fixture();
    let layer = layer_of(&[("a", &"x".repeat(100_000))]);
    image(&store, "x", "cpp", &[layer], None);
    let data = folder.path().join("data");
    let roots: Vec<Rootfs> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| Store::open(&data).unwrap().rootfs("x").unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(roots.iter().all(|root| *root == roots[0]));
    assert_eq!(std::fs::read_dir(store.path().join("layers")).unwrap().count(), 2);
}

#[test]
fn removing_an_image_keeps_what_others_need() {
    let Fixture { folder, store } = fixture();
    let (shared, own) = (layer_of(&[("shared", "1")]), layer_of(&[("own", "2")]));
    image(&store, "a", "cpp", &[shared.clone(), own.clone()], None);
    image(&store, "b", "python3", std::slice::from_ref(&shared), None);
    store.rootfs("a").unwrap();
    // Another process: this one keeps what it used for a while.
    drop(store);
    let store = again(&folder);
    store.remove("a").unwrap();
    assert_eq!(store.list().unwrap().into_iter().map(|image| image.name).collect::<Vec<_>>(), ["b"]);
    assert!(matches!(store.rootfs("a"), Err(ImageError::UnknownImage { .. })));
    let left = |layer: &[u8]| {
        let digest = Digest::of(layer);
        (store.blobs.path(&digest).exists(), store.layers.find(&digest).is_some())
    };
    assert_eq!((left(&shared), left(&own)), ((true, true), (false, false)));
    store.rootfs("b").unwrap();
    assert!(matches!(store.remove("a"), Err(ImageError::UnknownImage { .. })));
}

#[test]
fn verify_finds_a_changed_blob_and_lists_the_others() {
    let Fixture { folder: _folder, store } = fixture();
    let layer = layer_of(&[("a", "1")]);
    image(&store, "bad", "cpp", std::slice::from_ref(&layer), None);
    image(&store, "good", "python3", &[layer_of(&[("b", "2")])], None);
    std::fs::write(store.blobs.path(&Digest::of(&layer)), "changed").unwrap();
    let found = store.verify().unwrap();
    assert!(
        matches!(found[0].problem, Some(ImageError::DigestMismatch { .. })) && found[1].problem.is_none()
    );
}

#[test]
fn without_an_image_the_host_serves_what_it_has_and_says_what_it_lacks() {
    let Fixture { folder, store } = fixture();
    let cpp = language::by_id("cpp").unwrap();
    let error = store.rootfs_for_language(cpp).unwrap_err().to_string();
    assert!(error.contains("/usr/bin/g++") && error.contains("tribunal images build cpp"), "{error}");
    let told = store.describe(cpp).unwrap();
    assert!(!told.usable && told.reason.unwrap().contains("/usr/bin/g++"));
    std::fs::write(folder.path().join("host/usr/bin/g++"), "").unwrap();
    let root = store.rootfs_for_language(cpp).unwrap();
    assert_eq!((root.kind, root.layers.len()), (RootfsKind::Host, 1));
    assert_eq!(root.binds, [(folder.path().join("host/usr"), PathBuf::from("/usr"))]);
    assert_eq!(store.rootfs(HOST).unwrap(), root);
    assert!(store.describe(cpp).unwrap().usable);
}

#[test]
fn unknown_names_are_told_with_what_there_is() {
    let Fixture { folder: _folder, store } = fixture();
    image(&store, "x", "cpp", &[layer_of(&[("a", "1")])], None);
    for wanted in ["y", "../../etc", "", "sha256:00"] {
        let error = store.rootfs(wanted).unwrap_err();
        assert!(matches!(&error, ImageError::UnknownImage { known, .. } if known.contains('x')), "{error}");
    }
}

#[test]
fn a_broken_index_is_told_as_damage() {
    let Fixture { folder: _folder, store } = fixture();
    std::fs::write(store.path().join("index.json"), "{\"schemaVersion\":2}").unwrap();
    assert!(matches!(store.list(), Err(ImageError::Damaged { .. })));
}

#[test]
fn what_something_runs_on_is_never_taken_and_goes_once_it_is_given_back() {
    let Fixture { folder, store } = fixture();
    let (held, free) = (layer_of(&[("held", "1")]), layer_of(&[("free", "2")]));
    image(&store, "held", "cpp", std::slice::from_ref(&held), None);
    image(&store, "free", "python3", std::slice::from_ref(&free), None);
    let root = store.rootfs("held").unwrap();
    again(&folder).rootfs("free").unwrap();
    let other = again(&folder);
    let there = |layer: &[u8]| other.layers.find(&Digest::of(layer)).is_some();
    // Nothing fits, so everything that may go goes.
    let freed = other.shrink(1, None).unwrap();
    assert!(freed.in_use == 1 && freed.left_bytes > 1, "{freed:?}");
    assert_eq!((there(&held), there(&free)), (true, false));
    let removed = other.remove("held").unwrap();
    assert_eq!((removed.in_use, there(&held)), (1, true));
    assert!(root.layers[1].join("held").is_file());
    drop((root, store));
    assert_eq!(other.gc().unwrap().in_use, 0);
    assert!(!there(&held));
}

#[test]
fn a_store_above_its_cap_gives_up_what_was_not_used_for_longest() {
    let Fixture { folder, store } = fixture();
    let layers: Vec<Vec<u8>> = (0..3).map(|n| layer_of(&[("f", &n.to_string().repeat(50_000))])).collect();
    for (n, layer) in layers.iter().enumerate() {
        let name = format!("i{n}");
        let digest = image(&store, &name, "cpp", std::slice::from_ref(layer), None);
        again(&folder).rootfs(&name).unwrap();
        // Used in the order 1, 0, 2.
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs([2, 1, 3][n]);
        let used = store.path().join("used").join(digest.hex());
        File::options().write(true).open(used).unwrap().set_modified(at).unwrap();
    }
    let there = || layers.iter().map(|l| store.layers.find(&Digest::of(l)).is_some()).collect::<Vec<_>>();
    let one = store.layers.marker(&Digest::of(&layers[0])).unwrap().disk;
    store.shrink(store.usage().unwrap() - one, None).unwrap();
    assert_eq!(there(), [true, false, true]);
    store.shrink(store.usage().unwrap() - one, None).unwrap();
    assert_eq!(there(), [false, false, true]);
    // Unpacked layers come back; images that were not pulled are nowhere else and stay.
    let freed = store.shrink(1, None).unwrap();
    assert!(freed.images.is_empty() && store.list().unwrap().len() == 3, "{freed:?}");
    let named = store.find("i1").unwrap();
    store.index.put_from(named, Some("registry.example/i1")).unwrap();
    assert_eq!(store.shrink(1, Some("i1")).unwrap().images, [""; 0]);
    assert_eq!(store.shrink(1, None).unwrap().images, ["i1"]);
    assert_eq!(store.list().unwrap().len(), 2);
    again(&folder).rootfs("i0").unwrap();
}

#[test]
fn nothing_is_removed_while_somebody_adds() {
    let Fixture { folder, store } = fixture();
    let adding = store.writing().unwrap();
    let lost = blob(&store, b"no name holds this yet");
    std::fs::write(store.blobs.folder().join(".tmp-half"), "half").unwrap();
    let other = again(&folder);
    assert!(other.try_alone().unwrap().is_none());
    assert!(store.blobs.folder().join(".tmp-half").exists(), "opening swept what somebody writes");
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| send.send(other.gc()).unwrap());
        assert!(receive.recv_timeout(Duration::from_millis(300)).is_err(), "gc did not wait");
        assert!(store.blobs.has(&lost.digest, lost.size));
        drop(adding);
        receive.recv().unwrap().unwrap();
    });
    assert!(!store.blobs.has(&lost.digest, lost.size));
    again(&folder);
    assert!(!store.blobs.folder().join(".tmp-half").exists());
}

#[test]
fn verify_reads_unpacked_layers_too() {
    let Fixture { folder, store } = fixture();
    let layer = layer_of(&[("a", "one"), ("b", "two")]);
    image(&store, "x", "cpp", std::slice::from_ref(&layer), None);
    let root = store.rootfs("x").unwrap();
    assert!(store.verify().unwrap()[0].problem.is_none());
    std::fs::write(root.layers[1].join("b"), "2wo").unwrap();
    let found = again(&folder).verify().unwrap();
    assert!(matches!(&found[0].problem, Some(ImageError::Damaged { what, .. }) if what.contains("unpacked")));
}

#[test]
fn a_list_tells_sizes_what_is_shared_and_the_last_use() {
    let Fixture { folder, store } = fixture();
    let (shared, own) = (layer_of(&[("shared", "1")]), layer_of(&[("own", "2")]));
    image(&store, "a", "cpp", &[shared.clone(), own.clone()], None);
    image(&store, "b", "python3", std::slice::from_ref(&shared), None);
    let before = store.list().unwrap();
    assert!(before.iter().all(|i| i.shared_bytes == shared.len() as u64 && i.last_used.is_none()));
    assert!(before[0].size_bytes > (shared.len() + own.len()) as u64 && before[0].unpacked_bytes == 0);
    again(&folder).rootfs("b").unwrap();
    let after = store.list().unwrap();
    assert!(after[1].last_used.is_some() && after[0].last_used.is_none());
    assert!(after[1].unpacked_bytes > 0 && after[0].unpacked_bytes == after[1].unpacked_bytes);
}

/// Runs the test `name` of this file again in a mount namespace of its own, on a file system of 2 MiB, whose place it
/// finds in [`SMALL_DISK`]; returns that place inside, `None` outside.
fn on_a_small_disk(name: &str) -> Option<std::path::PathBuf> {
    const SMALL_DISK: &str = "STORE_TEST_SMALL_DISK";
    if let Some(place) = std::env::var_os(SMALL_DISK) {
        return Some(place.into());
    }
    let unshare = |args: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "sh", "-c"]).args(args);
        command
    };
    if !unshare(&["true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: {name}: `unshare --mount` does not work here");
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=2m none \"$STORE_TEST_SMALL_DISK\" && exec \"$0\" \"$@\"";
    let output = unshare(&[mount])
        .arg(std::env::current_exe().unwrap())
        .args([&format!("store::tests::{name}"), "--exact", "--nocapture"])
        .env(SMALL_DISK, place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    None
}

#[test]
fn a_full_disk_takes_no_layer_and_leaves_no_half_of_one() {
    let Some(place) = on_a_small_disk("a_full_disk_takes_no_layer_and_leaves_no_half_of_one") else { return };
    std::fs::create_dir_all(place.join("host/usr/bin")).unwrap();
    let store = Store::open_with_host(&place.join("data"), &place.join("host")).unwrap();
    let content = "x".repeat(600_000);
    image(&store, "x", "cpp", &[layer_of(&[("big", &content)])], None);
    let layers = store.path().join("layers");
    let left = |at: &Path| std::fs::read_dir(at).unwrap().count();
    let blobs = |store: &Store| left(&store.path().join("blobs/sha256"));
    let before = blobs(&store);
    // All but a little: the layer begins to be written and does not fit.
    let filler = place.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    let written = (0..1024).take_while(|_| file.write_all(&[0; 4096]).is_ok()).count();
    assert!(written < 1024, "the disk is full");
    file.set_len((written as u64).saturating_sub(50) * 4096).unwrap();

    let error = store.rootfs("x").unwrap_err();
    assert!(matches!(error, ImageError::NoRoom { bytes: 600_000.., .. }), "{error:?}");
    assert!(error.to_string().contains("image x, which needs 0.6 MiB more"), "{error}");
    assert!(format!("{error:?}").contains("StorageFull"), "{error:?}");
    assert_eq!(left(&layers), 0, "nothing half is left");
    let write = |mut writer: crate::blobs::BlobWriter| {
        writer.write_all(content.as_bytes()).is_ok() && writer.finish().is_ok()
    };
    assert!(!write(store.blobs.writer().unwrap()), "a blob that does not fit");
    assert_eq!(blobs(&store), before, "nothing of it is kept");

    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let root = store.rootfs("x").unwrap();
    assert_eq!(std::fs::read_to_string(root.layers[1].join("big")).unwrap(), content);
}
