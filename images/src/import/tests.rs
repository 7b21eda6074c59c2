use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use oci_spec::image::MediaType;
use proto::id::Digest;
use serde_json::{Value, json};

use super::*;

/// The files of a layout or of a `docker save`, by name.
type Entries = BTreeMap<String, Vec<u8>>;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("host/usr/bin")).unwrap();
    let store = Store::open_with_host(&folder.path().join("data"), &folder.path().join("host")).unwrap();
    (folder, store)
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

fn pack(packing: &str, plain: &[u8]) -> Vec<u8> {
    match packing {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(plain, 1).unwrap(),
        _ => plain.to_vec(),
    }
}

fn config(architecture: &str, diff_id: &Digest) -> Vec<u8> {
    serde_json::to_vec(&json!({
        "architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "config": {"Labels": {"org.tribunal.language": "cpp"}},
    }))
    .unwrap()
}

fn put(entries: &mut Entries, content: &[u8]) -> (Digest, usize) {
    let digest = Digest::of(content);
    entries.insert(format!("blobs/sha256/{}", digest.hex()), content.to_vec());
    (digest, content.len())
}

/// A manifest with one layer that holds the file `who`.
fn manifest(entries: &mut Entries, architecture: &str, packing: &str, who: &str) -> Value {
    let plain = tar_of(&[("who", who.as_bytes())]);
    let media = match packing {
        "gzip" => MediaType::ImageLayerGzip,
        "zstd" => MediaType::ImageLayerZstd,
        _ => MediaType::ImageLayer,
    };
    let (layer, layer_size) = put(entries, &pack(packing, &plain));
    let (config, config_size) = put(entries, &config(architecture, &Digest::of(&plain)));
    let text = serde_json::to_vec(&json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
        "layers": [{"mediaType": media.to_string(), "digest": layer, "size": layer_size}],
    }))
    .unwrap();
    let (digest, size) = put(entries, &text);
    json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size,
           "platform": {"os": "linux", "architecture": architecture}})
}

fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    descriptor
}

fn layout(entries: &mut Entries, manifests: &[Value]) {
    entries.insert("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    entries.insert("index.json".to_owned(), serde_json::to_vec(&index).unwrap());
}

fn archive(entries: &Entries) -> Vec<u8> {
    let files: Vec<(&str, &[u8])> =
        entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    tar_of(&files)
}

fn as_file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn as_directory(folder: &Path, entries: &Entries) -> PathBuf {
    let path = folder.join("layout");
    for (name, bytes) in entries {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    path
}

fn import(store: &Store, path: &Path, options: &ImportOptions) -> Result<Vec<Adopted>> {
    store.import(path, options, &|_| ())
}

fn who(store: &Store, name: &str) -> String {
    let root = store.rootfs(name).unwrap();
    std::fs::read_to_string(root.layers[1].join("who")).unwrap()
}

/// Nothing half-made is left, and every image is whole.
fn is_clean(store: &Store) {
    let names = |folder: PathBuf| {
        let list = std::fs::read_dir(folder).unwrap();
        list.map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.starts_with('.'))
            .collect::<Vec<_>>()
    };
    for folder in ["", "blobs/sha256", "layers"] {
        assert_eq!(names(store.path().join(folder)), [""; 0], "{folder}");
    }
    assert!(store.verify().unwrap().iter().all(|v| v.problem.is_none()));
}

#[test]
fn layouts_and_archives_are_taken_in_however_they_are_packed() {
    for packing in ["plain", "gzip", "zstd"] {
        let mut entries = Entries::new();
        let one = manifest(&mut entries, "amd64", packing, packing);
        layout(&mut entries, &[named(one, "example:1")]);
        let folder = tempfile::tempdir().unwrap();
        let mut paths = vec![as_directory(folder.path(), &entries)];
        for outer in ["plain", "gzip", "zstd"] {
            let bytes = pack(outer, &archive(&entries));
            paths.push(as_file(folder.path(), &format!("{outer}.tar"), &bytes));
        }
        let mut digests = Vec::new();
        for path in paths {
            let (_data, store) = store();
            let adopted = import(&store, &path, &ImportOptions::default()).unwrap();
            assert_eq!(adopted[0].name, "example:1");
            assert_eq!(who(&store, "example:1"), packing);
            assert_eq!(adopted[0].says_language.as_deref(), Some("cpp"));
            assert!(store.list().unwrap()[0].languages.is_empty(), "the image decided what it judges");
            is_clean(&store);
            digests.push(adopted[0].digest.clone());
        }
        assert!(digests.iter().all(|digest| *digest == digests[0]));
    }
}

#[test]
fn this_machines_platform_is_taken_of_an_index() {
    let mut entries = Entries::new();
    let both =
        [manifest(&mut entries, "arm64", "gzip", "arm"), manifest(&mut entries, "amd64", "gzip", "amd")];
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": both})).unwrap();
    let (digest, size) = put(&mut entries, &index);
    let media = "application/vnd.oci.image.index.v1+json";
    layout(&mut entries, &[named(json!({"mediaType": media, "digest": digest, "size": size}), "two")]);
    let folder = tempfile::tempdir().unwrap();
    let path = as_directory(folder.path(), &entries);
    let (_data, store) = store();
    import(&store, &path, &ImportOptions::default()).unwrap();
    let here = if cfg!(target_arch = "x86_64") { "amd" } else { "arm" };
    assert_eq!(who(&store, "two"), here);
    for (platform, wanted) in [("linux/arm64", "arm"), ("linux/amd64", "amd")] {
        let adopt = AdoptOptions { platform: platform.parse().unwrap(), ..AdoptOptions::default() };
        import(&store, &path, &ImportOptions { tag: None, adopt }).unwrap();
        assert_eq!(who(&store, "two"), wanted);
    }
    let adopt = AdoptOptions { platform: "linux/s390x".parse().unwrap(), ..AdoptOptions::default() };
    let error = import(&store, &path, &ImportOptions { tag: None, adopt }).unwrap_err().to_string();
    assert!(error.contains("linux/arm64, linux/amd64"), "{error}");
    // An image for another machine that says so only in its configuration.
    let mut entries = Entries::new();
    let mut foreign = manifest(&mut entries, "s390x", "gzip", "foreign");
    foreign.as_object_mut().unwrap().remove("platform");
    layout(&mut entries, &[named(foreign, "x")]);
    let path = as_file(folder.path(), "foreign.tar", &archive(&entries));
    let error = import(&store, &path, &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("linux/s390x"), "{error}");
}

#[test]
fn of_several_images_all_are_taken_or_the_one_that_is_named() {
    let mut entries = Entries::new();
    let (a, b) = (manifest(&mut entries, "amd64", "gzip", "a"), manifest(&mut entries, "amd64", "gzip", "b"));
    layout(&mut entries, &[named(a, "img:a"), named(b, "img:b")]);
    let folder = tempfile::tempdir().unwrap();
    let path = as_directory(folder.path(), &entries);
    let (_data, store) = store();
    let names = |adopted: Vec<Adopted>| adopted.into_iter().map(|a| a.name).collect::<Vec<_>>();
    assert_eq!(names(import(&store, &path, &ImportOptions::default()).unwrap()), ["img:a", "img:b"]);
    let adopt = AdoptOptions {
        name: Some("mine".to_owned()),
        languages: vec!["cpp".to_owned()],
        ..AdoptOptions::default()
    };
    let error = import(&store, &path, &ImportOptions { tag: None, adopt: adopt.clone() }).unwrap_err();
    assert!(error.to_string().contains("--tag") && error.to_string().contains("img:b"), "{error}");
    let options = ImportOptions { tag: Some("b".to_owned()), adopt };
    assert_eq!(names(import(&store, &path, &options).unwrap()), ["mine"]);
    assert_eq!(who(&store, "mine"), "b");
    let cpp = language::by_id("cpp").unwrap();
    assert_eq!(store.rootfs_for_language(cpp).unwrap().digest, store.rootfs("img:b").unwrap().digest);
    let options = ImportOptions { tag: Some("c".to_owned()), ..ImportOptions::default() };
    let error = import(&store, &path, &options).unwrap_err().to_string();
    assert!(error.contains("`c`") && error.contains("img:a"), "{error}");
}

/// A `docker save` as Docker wrote it before 25: a folder for each layer, one of them a link to another's.
fn old_save(packing: &str) -> Vec<u8> {
    let layers = [tar_of(&[("who", b"low")]), tar_of(&[("who", b"docker")])];
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "container": "ignored",
        "config": {"Env": ["PATH=/bin"]}, "rootfs": {"type": "layers", "diff_ids": [diff_ids[0], diff_ids[1], diff_ids[0]]},
    });
    let saved = json!([{"Config": "abc.json", "RepoTags": ["team/old:1"],
                        "Layers": ["aa/layer.tar", "bb/layer.tar", "cc/layer.tar"]}]);
    let files = [
        ("abc.json", serde_json::to_vec(&config).unwrap()),
        ("aa/VERSION", b"1.0".to_vec()),
        ("aa/layer.tar", pack(packing, &layers[0])),
        ("bb/layer.tar", pack(packing, &layers[1])),
        ("manifest.json", serde_json::to_vec(&saved).unwrap()),
        ("repositories", b"{}".to_vec()),
    ];
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    tar.append_link(&mut header, "cc/layer.tar", "../aa/layer.tar").unwrap();
    tar.into_inner().unwrap()
}

#[test]
fn what_docker_saves_is_taken_in_in_its_old_and_its_new_form() {
    let folder = tempfile::tempdir().unwrap();
    for packing in ["plain", "gzip", "zstd"] {
        let (_data, store) = store();
        let path = as_file(folder.path(), "old.tar", &old_save(packing));
        let adopted = import(&store, &path, &ImportOptions::default()).unwrap();
        assert_eq!((adopted[0].name.as_str(), who(&store, "team/old:1").as_str()), ("team/old:1", "low"));
        let root = store.rootfs("team/old:1").unwrap();
        assert_eq!(std::fs::read_to_string(root.layers[2].join("who")).unwrap(), "docker");
        let again = import(&store, &path, &ImportOptions::default()).unwrap();
        assert_eq!(again[0].digest, adopted[0].digest);
        is_clean(&store);
    }
    // Since Docker 25 it is a layout that has manifest.json beside index.json.
    let mut entries = Entries::new();
    let one = manifest(&mut entries, "amd64", "plain", "new");
    let mut descriptor = named(one, "1");
    descriptor["annotations"]["io.containerd.image.name"] = "docker.io/team/new:1".into();
    layout(&mut entries, &[descriptor]);
    entries.insert("manifest.json".to_owned(), b"[]".to_vec());
    let path = as_file(folder.path(), "new.tar", &archive(&entries));
    let (_data, store) = store();
    assert_eq!(import(&store, &path, &ImportOptions::default()).unwrap()[0].name, "docker.io/team/new:1");
}

#[test]
fn what_is_broken_is_told_with_file_and_entry_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_data, store) = store();
    let refused = |name: &str, bytes: &[u8]| {
        let path = as_file(folder.path(), name, bytes);
        let error = import(&store, &path, &ImportOptions::default()).unwrap_err().to_string();
        is_clean(&store);
        assert!(store.list().unwrap().is_empty());
        error
    };
    let mut good = Entries::new();
    let one = manifest(&mut good, "amd64", "gzip", "x");
    layout(&mut good, &[named(one, "x")]);
    let whole = archive(&good);
    let blob = good.keys().find(|name| name.starts_with("blobs")).unwrap().clone();

    for (name, bytes) in [("empty.tar", Vec::new()), ("text.tar", b"hello\n".repeat(400))] {
        let error = refused(name, &bytes);
        assert!(error.contains(name), "{error}");
    }
    for cut in [whole.len() / 2, whole.len() / 2 + 100] {
        let error = refused("cut.tar", &whole[..cut]);
        assert!(error.contains("cut.tar") && error.contains("cut short"), "{error}");
    }
    let mut cut = pack("gzip", &whole);
    cut.truncate(cut.len() / 2);
    assert!(refused("cut.tar.gz", &cut).contains("cut short"));

    let mut changed = good.clone();
    changed.get_mut(&blob).unwrap()[0] ^= 1;
    let error = refused("changed.tar", &archive(&changed));
    assert!(error.contains(&blob) && error.contains("digest"), "{error}");
    let mut missing = good.clone();
    missing.remove(&blob);
    let error = refused("missing.tar", &archive(&missing));
    assert!(error.contains(&blob) && error.contains("missing"), "{error}");
    let error = refused("other.tar", &tar_of(&[("readme", b"hello")]));
    assert!(error.contains("index.json") && error.contains("docker save"), "{error}");
    let error = refused("ancient.tar", &tar_of(&[("repositories", b"{}")]));
    assert!(error.contains("1.10"), "{error}");
    let error =
        refused("out.tar", &tar_of(&[("manifest.json", br#"[{"Config":"../../etc/passwd","Layers":[]}]"#)]));
    assert!(error.contains("../../etc/passwd"), "{error}");
    let error = refused("bad.tar", &tar_of(&[("manifest.json", b"{")]));
    assert!(error.contains("manifest.json"), "{error}");
    let mut one_less: Value = serde_json::from_slice(&good["index.json"]).unwrap();
    one_less["manifests"] = json!([]);
    let mut none = good.clone();
    none.insert("index.json".to_owned(), serde_json::to_vec(&one_less).unwrap());
    assert!(refused("none.tar", &archive(&none)).contains("names no image"));
}

#[test]
fn a_directory_is_never_left_through_a_name_or_a_link() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let path = folder.path().join("layout");
    std::fs::create_dir(&path).unwrap();
    std::os::unix::fs::symlink("../secret", path.join("link")).unwrap();
    for name in ["../secret", "link", "/etc/passwd"] {
        let saved = json!([{"Config": name, "RepoTags": null, "Layers": []}]);
        std::fs::write(path.join("manifest.json"), serde_json::to_vec(&saved).unwrap()).unwrap();
        let (_data, store) = store();
        let error = import(&store, &path, &ImportOptions::default()).unwrap_err();
        assert!(matches!(&error, ImageError::BadArchive { entry, .. } if entry == name), "{name}: {error}");
    }
}

#[test]
fn an_exported_image_comes_back_the_same() {
    let mut entries = Entries::new();
    let one = manifest(&mut entries, "amd64", "zstd", "exported");
    layout(&mut entries, &[named(one, "x:1")]);
    let folder = tempfile::tempdir().unwrap();
    let path = as_directory(folder.path(), &entries);
    let (_first, from) = store();
    let digest = import(&from, &path, &ImportOptions::default()).unwrap()[0].digest.clone();
    let out = folder.path().join("out");
    assert_eq!(from.export("x:1", &out, &|_| ()).unwrap(), digest);
    let (_second, to) = store();
    let adopted = import(&to, &out, &ImportOptions::default()).unwrap();
    assert_eq!((&adopted[0].digest, adopted[0].name.as_str()), (&digest, "x:1"));
    assert_eq!(who(&to, "x:1"), "exported");
    let error = from.export("x:1", &out, &|_| ()).unwrap_err();
    assert!(matches!(error, ImageError::BadRequest(_)), "{error}");
    // A damaged blob is not handed on.
    let layer = entries.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap().0;
    let hex = layer.rsplit('/').next().unwrap();
    std::fs::write(from.path().join("blobs/sha256").join(hex), "damaged").unwrap();
    assert!(from.export("x:1", &folder.path().join("again"), &|_| ()).is_err());
    assert!(!folder.path().join("again").exists());
}

#[test]
fn importing_again_mends_a_damaged_store() {
    let mut entries = Entries::new();
    let one = manifest(&mut entries, "amd64", "gzip", "mended");
    let layer = one["digest"].as_str().unwrap().to_owned();
    layout(&mut entries, &[named(one, "x")]);
    let folder = tempfile::tempdir().unwrap();
    let path = as_directory(folder.path(), &entries);
    let (_data, store) = store();
    import(&store, &path, &ImportOptions::default()).unwrap();
    for (blob, size) in store.blobs.all().unwrap() {
        std::fs::write(blob, vec![0; size as usize]).unwrap();
    }
    assert!(store.verify().unwrap()[0].problem.is_some(), "{layer}");
    import(&store, &path, &ImportOptions::default()).unwrap();
    is_clean(&store);
}
