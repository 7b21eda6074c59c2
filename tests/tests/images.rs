//! `tribunal images` from outside: archives, a loopback registry that counts and breaks, hostile layers, and being
//! killed at any moment. Layers are unpacked by the real helper process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use proto::id::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tests::client::Api;
use tests::images::{Image, Manners, Registry, tar_of};
use tests::process::{Running, finish, json, tribunal};
use tests::random::Random;
use tests::store::{data, good, images, is_clean, killed, run, said};

/// An image of one layer with the file `who`, and `bulk` bytes that do not compress.
fn small(who: &str, bulk: usize) -> Image {
    let mut random = Random::new(bulk as u64 + 1);
    let noise: Vec<u8> =
        std::iter::repeat_with(|| random.next_u64().to_le_bytes()).take(bulk / 8).flatten().collect();
    Image::new(&[tar_of(&[("who", who.as_bytes()), ("usr/noise", &noise)])])
}

fn tree_of(data: &Path, image: &Image) -> Vec<PathBuf> {
    let config: Value = image.blobs.values().find_map(|b| serde_json::from_slice(b).ok()).unwrap();
    let layers = config["rootfs"]["diff_ids"].as_array().unwrap();
    let place = |id: &Value| {
        let hex = id.as_str().unwrap().strip_prefix("sha256:").unwrap();
        data.join("images/layers").join(hex).join("fs")
    };
    layers.iter().map(place).collect()
}

#[test]
fn an_image_is_pulled_from_a_registry_and_pushed_to_another() {
    let image = small("pulled", 3_000_000);
    let (from, data) = (Registry::start(Some(&image), Manners::default()), data());
    let pulled = good(data.path(), &["pull", &from.reference(), "--name", "mine", "--json"]);
    assert_eq!(pulled[0]["digest"], image.digest().as_str());
    let tree = &tree_of(data.path(), &image)[0];
    assert_eq!(std::fs::read_to_string(tree.join("who")).unwrap(), "pulled");
    let list = good(data.path(), &["list", "--json"]);
    assert_eq!((&list[0]["name"], &list[0]["origin"]), (&"mine".into(), &from.reference().into()));
    is_clean(data.path());
    // What is here is not fetched again.
    let before = from.asked().len();
    let again = good(data.path(), &["pull", &format!("{}@{}", from.reference(), image.digest()), "--json"]);
    assert_eq!(again[0]["digest"], image.digest().as_str());
    let since = &from.asked()[before..];
    assert!(since.iter().all(|asked| !asked.contains(layer_of(&image).as_str())), "{since:?}");

    let to = Registry::start(None, Manners::default());
    let pushed = good(data.path(), &["push", "mine", &format!("{}/img:2", to.host), "--json"]);
    assert_eq!(pushed["digest"], image.digest().as_str());
    assert_eq!(to.manifest("2").unwrap(), image.manifest);
    assert_eq!(to.blobs().len(), image.blobs.len());
    let sent = to.asked().len();
    good(data.path(), &["push", "mine", &format!("{}/img:3", to.host), "--json"]);
    assert!(to.asked()[sent..].iter().all(|asked| asked.starts_with("HEAD")), "sent again: {:?}", to.asked());
}

/// Digest of its largest blob.
fn layer_of(image: &Image) -> String {
    image.blobs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap().0.to_string()
}

#[test]
fn a_pull_goes_on_where_the_connection_broke() {
    let image = small("broken", 2_000_000);
    let manners = Manners { cut_after: Some(700_000), refusals: 2, ..Manners::default() };
    let (registry, data) = (Registry::start(Some(&image), manners), data());
    let pulled = good(data.path(), &["pull", &registry.reference(), "--json"]);
    assert_eq!(pulled[0]["digest"], image.digest().as_str());
    let layer = layer_of(&image);
    let asked: Vec<String> = registry.asked().into_iter().filter(|a| a.contains(&layer)).collect();
    // The client sees what came before the cut, which may be less than was sent; it never begins anew.
    let from =
        |a: &String| a.rsplit_once("bytes=").and_then(|(_, r)| r.trim_end_matches('-').parse::<u64>().ok());
    assert!(asked.len() >= 3 && from(&asked[0]).is_none(), "{asked:?}");
    let starts: Vec<u64> =
        asked[1..].iter().map(|a| from(a).unwrap_or_else(|| panic!("{asked:?}"))).collect();
    assert!(starts[0] > 0 && starts.windows(2).all(|two| two[0] < two[1]), "{asked:?}");
    is_clean(data.path());
    // One that knows no ranges sends everything again, and that is noticed.
    let manners = Manners { cut_once: Some(700_000), no_ranges: true, ..Manners::default() };
    let (registry, data) = (Registry::start(Some(&image), manners), self::data());
    good(data.path(), &["pull", &registry.reference(), "--json"]);
    is_clean(data.path());
}

#[test]
fn a_registry_that_never_holds_or_lies_is_given_up_with_a_message() {
    let image = small("never", 200_000);
    let manners = Manners { cut_after: Some(0), ..Manners::default() };
    let (registry, data) = (Registry::start(Some(&image), manners), data());
    let output = run(data.path(), &["pull", &registry.reference()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("broke 6 times"), "{}", said(&output));
    let lying = Registry::start(Some(&image), Manners { lies: true, ..Manners::default() });
    let output = run(data.path(), &["pull", &lying.reference()]);
    assert!(!output.status.success() && said(&output).to_lowercase().contains("digest"), "{}", said(&output));
    let output = run(data.path(), &["pull", &format!("{}/img:nope", lying.host)]);
    assert!(said(&output).contains("manifest") && !output.status.success(), "{}", said(&output));
    let output = run(data.path(), &["pull", "127.0.0.1:1/img:1"]);
    assert!(said(&output).contains("127.0.0.1:1") && !output.status.success(), "{}", said(&output));
    is_clean(data.path());
    assert_eq!(good(data.path(), &["list", "--json"]), json!([]));
}

/// Whatever a registry sends as a manifest, no more of it is read than a document may have.
#[test]
fn a_manifest_without_an_end_is_refused_and_not_kept_in_memory() {
    let image = small("endless", 1000);
    for said_length in [None, Some(1 << 40)] {
        let manners = Manners { endless_manifest: true, said_length, ..Manners::default() };
        let (registry, data) = (Registry::start(Some(&image), manners), data());
        let output = run(data.path(), &["pull", &registry.reference()]);
        assert!(!output.status.success());
        assert!(said(&output).contains("the manifest has more than 4194304 bytes"), "{}", said(&output));
        // What lies in the sockets' buffers was sent, too.
        assert!(registry.sent() < 64 << 20, "{} bytes were taken", registry.sent());
        is_clean(data.path());
    }
}

#[test]
fn logins_come_from_a_password_file_or_a_docker_configuration() {
    let image = small("secret", 1000);
    // user:s3cret
    let packed = "dXNlcjpzM2NyZXQ=".to_owned();
    let basic = Manners { basic: Some(packed.clone()), ..Manners::default() };
    let token = Manners { token_for: Some(packed.clone()), ..Manners::default() };
    for manners in [basic, token] {
        let (registry, data) = (Registry::start(Some(&image), manners), data());
        let reference = registry.reference();
        let home = data.path().join("home");
        std::fs::create_dir_all(home.join(".docker")).unwrap();
        let mut plain = images(data.path(), &["pull", &reference]);
        let output = finish(plain.env("HOME", &home).env_remove("DOCKER_CONFIG"));
        assert!(!output.status.success() && said(&output).contains("--password-file"), "{}", said(&output));
        let password = data.path().join("password");
        std::fs::write(&password, "wrong\n").unwrap();
        let login = [
            "pull",
            &reference,
            "--username",
            "user",
            "--password-file",
            password.to_str().unwrap(),
            "--json",
        ];
        let output = run(data.path(), &login);
        assert!(!output.status.success() && !said(&output).contains("wrong\n"), "{}", said(&output));
        std::fs::write(&password, "s3cret\n").unwrap();
        good(data.path(), &login);
        good(data.path(), &["remove", &reference, "--json"]);
        let config = json!({"auths": {&registry.host: {"auth": packed}}});
        std::fs::write(home.join(".docker/config.json"), config.to_string()).unwrap();
        let mut docker = images(data.path(), &["pull", &reference, "--json"]);
        let output = finish(docker.env("HOME", &home).env_remove("DOCKER_CONFIG"));
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn a_mirror_is_asked_first_and_never_gets_the_login() {
    let image = small("mirrored", 100_000);
    let mirror = Registry::start(Some(&image), Manners::default());
    let refuses =
        Registry::start(None, Manners { basic: Some("bm9ib2R5Og==".to_owned()), ..Manners::default() });
    let (origin, data) = (Registry::start(Some(&image), Manners::default()), data());
    good(data.path(), &["pull", &origin.reference(), "--mirror", &mirror.host, "--json"]);
    assert!(!mirror.asked().is_empty() && origin.asked().is_empty());
    good(data.path(), &["remove", &origin.reference(), "--json"]);
    // One that has nothing is passed over.
    good(data.path(), &["pull", &origin.reference(), "--mirror", &refuses.host, "--json"]);
    assert!(!origin.asked().is_empty() && refuses.asked().is_empty());
}

#[test]
fn two_processes_pull_and_unpack_into_one_store_at_once() {
    let image = small("together", 4_000_000);
    let (registry, data) = (Registry::start(Some(&image), Manners::default()), data());
    let start = |name: &str| {
        let mut command = images(data.path(), &["pull", &registry.reference(), "--name", name]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = ["a", "b", "c", "d"].map(start).into_iter().collect();
    // And somebody who cleans up all the while.
    for _ in 0..5 {
        good(data.path(), &["gc", "--json"]);
    }
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    let list = good(data.path(), &["list", "--json"]);
    assert_eq!(list.as_array().unwrap().len(), 4);
    is_clean(data.path());
}

#[test]
fn an_image_in_use_is_not_taken_by_another_process() {
    let data = data();
    let image = small("in use", 100_000);
    let registry = Registry::start(Some(&image), Manners::default());
    good(data.path(), &["pull", &registry.reference(), "--name", "used", "--json"]);
    let tree = tree_of(data.path(), &image)[0].clone();
    let hold = std::fs::File::open(tree.parent().unwrap().join("complete")).unwrap();
    nix::fcntl::Flock::lock(hold, nix::fcntl::FlockArg::LockShared)
        .map(|held| {
            let freed = good(data.path(), &["gc", "--cap", "1KiB", "--json"]);
            assert_eq!(freed["layers_in_use"], 1, "{freed}");
            let freed = good(data.path(), &["remove", "used", "--json"]);
            assert_eq!(freed["layers_in_use"], 1, "{freed}");
            assert!(tree.join("who").is_file());
            drop(held);
        })
        .map_err(|(_, error)| error)
        .unwrap();
    good(data.path(), &["gc", "--json"]);
    assert!(!tree.exists());
}

#[test]
fn a_pull_killed_at_any_moment_leaves_a_store_that_verifies() {
    let image = small("killed", 4_000_000);
    let registry = Registry::start(Some(&image), Manners { slowly: Some(64 << 10), ..Manners::default() });
    killed(&[], &["pull", &registry.reference()]);
}

#[test]
fn an_import_and_its_unpacking_killed_at_any_moment_leave_a_store_that_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<(String, Vec<u8>)> =
        (0..1500).map(|n| (format!("d{}/f{n}", n % 30), vec![n as u8; 3000])).collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    Image::new(&[tar_of(&files)]).write_layout(folder.path(), "killed");
    killed(&[], &["import", folder.path().to_str().unwrap()]);
}

/// A header of an entry, as no honest writer makes it.
fn raw(kind: u8, name: &str, link: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    }
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn closed(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 1024]].concat()
}

#[test]
fn hostile_layers_are_refused_with_a_message_and_change_nothing_outside() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    std::fs::write(&victim, "untouched").unwrap();
    let path = victim.to_str().unwrap();
    let above = outside.path().to_str().unwrap();
    let many: Vec<Vec<u8>> = (0..40).map(|n| raw(b'0', &format!(".wh.f{n}"), "", 0, b"")).collect();
    let pax =
        |record: &str| raw(b'x', "pax", "", 0o644, format!("{} {record}\n", record.len() + 4).as_bytes());
    // A file that says to have 64 GiB.
    let endless = {
        let mut header = tar::Header::from_byte_slice(&raw(b'0', "f", "", 0o644, b"")).clone();
        header.set_size(64 << 30);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let cases: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("dot dot", closed(&[raw(b'0', "../../../../../../victim", "", 0o644, b"x")]), Some("`..`")),
        ("absolute", closed(&[raw(b'0', &path[..path.len().min(99)], "", 0o644, b"x")]), Some("absolute")),
        (
            "symlink",
            closed(&[raw(b'2', "l", above, 0o777, b""), raw(b'0', "l/victim", "", 0o644, b"x")]),
            Some("symbolic link"),
        ),
        ("hard link", closed(&[raw(b'1', "l", path, 0o644, b"")]), Some("absolute")),
        ("hard link above", closed(&[raw(b'1', "l", "../../victim", 0o644, b"")]), Some("`..`")),
        (
            "whiteout through a link",
            closed(&[raw(b'2', "l", above, 0o777, b""), raw(b'0', "l/.wh.victim", "", 0o644, b"")]),
            Some("symbolic link"),
        ),
        ("a link at /dev", closed(&[raw(b'2', "dev", "/etc", 0o777, b"")]), Some("/dev")),
        ("a PAX size", closed(&[pax("size=99999"), raw(b'0', "f", "", 0o644, b"x")]), Some("disagree")),
        ("a PAX path", closed(&[pax("path=../victim"), raw(b'0', "f", "", 0o644, b"x")]), Some("`..`")),
        ("cut short", raw(b'0', "f", "", 0o644, &[b'x'; 5000])[..3000].to_vec(), Some("archive")),
        ("a kind nobody knows", closed(&[raw(b'V', "f", "", 0o644, b"")]), Some("type")),
        (
            "devices",
            closed(&[
                raw(b'3', "sda", "", 0o666, b""),
                raw(b'4', "sdb", "", 0o666, b""),
                raw(b'6', "pipe", "", 0o666, b""),
            ]),
            None,
        ),
        ("set-uid", closed(&[raw(b'0', "su", "", 0o6755, b"x")]), None),
        ("whiteouts", closed(&many), None),
        ("a bomb", closed(&[endless]), Some("at most 1073741824")),
    ];
    for (what, layer, refused) in cases {
        let (folder, data) = (tempfile::tempdir().unwrap(), data());
        let image = Image::new(&[layer]);
        image.write_layout(folder.path(), "hostile");
        let output = run(data.path(), &["import", folder.path().to_str().unwrap()]);
        match refused {
            Some(why) => {
                assert_eq!(output.status.code(), Some(2), "{what}: {}", said(&output));
                assert!(said(&output).contains(why), "{what}: {}", said(&output));
                assert_eq!(good(data.path(), &["list", "--json"]), json!([]), "{what}");
            }
            None => assert!(output.status.success(), "{what}: {}", said(&output)),
        }
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched", "{what}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1, "{what}");
        is_clean(data.path());
        if what == "devices" {
            assert_eq!(std::fs::read_dir(&tree_of(data.path(), &image)[0]).unwrap().count(), 0);
        }
        if what == "set-uid" {
            use std::os::unix::fs::MetadataExt as _;
            let meta = std::fs::metadata(tree_of(data.path(), &image)[0].join("su")).unwrap();
            assert_eq!(meta.mode() & 0o7777, 0o755);
            // The helper is nobody this host knows; where root keeps the store, nothing in it belongs to root.
            assert!(meta.uid() != 0, "made by root");
        }
    }
}

/// What `encoder` makes of a stream that is too large to be kept whole, and the digest of that stream.
fn packed_by<W: std::io::Write>(mut encoder: W, pieces: impl Iterator<Item = Vec<u8>>) -> (W, Digest) {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(&piece);
        encoder.write_all(&piece).unwrap();
    }
    (encoder, Digest::from_raw(&hash.finalize()))
}

/// The bombs of their real size, each a few megabytes packed.
#[test]
#[ignore = "makes half a million files; `make test-long` runs it"]
fn bombs_are_refused_at_their_real_size() {
    let gzip = || flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let entries = |name: fn(u32) -> String| {
        (0..1_000_000).map(move |n| raw(b'0', &name(n), "", 0o644, b"")).chain([vec![0; 1024]])
    };
    let gzipped = |pieces: &mut dyn Iterator<Item = Vec<u8>>| {
        let (encoder, diff_id) = packed_by(gzip(), pieces);
        ("tar+gzip", encoder.finish().unwrap(), diff_id)
    };
    let zeros = || {
        let mut header = tar::Header::from_byte_slice(&raw(b'0', "zeros", "", 0o644, b"")).clone();
        header.set_size(1 << 30);
        header.set_cksum();
        [header.as_bytes().to_vec()].into_iter().chain((0..1 << 14).map(|_| vec![0; 1 << 16]))
    };
    let zstd = {
        let encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let (encoder, diff_id) = packed_by(encoder, zeros().chain(zeros()));
        ("tar+zstd", encoder.finish().unwrap(), diff_id)
    };
    let cases = [
        ("files", gzipped(&mut entries(|n| format!("d{}/f{n}", n % 1000))), "more than 500000 entries"),
        ("files in one directory", gzipped(&mut entries(|n| format!("f{n}"))), "more than 500000 entries"),
        ("whiteouts", gzipped(&mut entries(|n| format!(".wh.f{n}"))), "more than 500000 entries"),
        ("gzip", gzipped(&mut zeros().chain(zeros())), "more than 1073741824 bytes"),
        ("zstd", zstd, "more than 1073741824 bytes"),
    ];
    for (what, (packing, layer, diff_id), why) in cases {
        let (folder, data) = (tempfile::tempdir().unwrap(), data());
        assert!(layer.len() < 16 << 20, "{what}: {} bytes are not small", layer.len());
        Image::packed(packing, &[layer], &[diff_id]).write_layout(folder.path(), "bomb");
        let output = run(data.path(), &["import", folder.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{what}: {}", said(&output));
        assert!(said(&output).contains(why), "{what}: {}", said(&output));
        assert_eq!(good(data.path(), &["list", "--json"]), json!([]), "{what}");
        is_clean(data.path());
    }
}

#[test]
fn a_layer_that_is_not_what_its_digests_say_is_refused() {
    let layer = tar_of(&[("f", b"x")]);
    let image = Image::with_diff_ids(&[layer], &[Digest::of(b"another")]);
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    image.write_layout(folder.path(), "wrong");
    let output = run(data.path(), &["import", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("the unpacked layer has the digest"), "{}", said(&output));
    is_clean(data.path());
}

#[test]
fn a_damaged_layer_is_found_by_verify() {
    let image = small("damaged", 10_000);
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    image.write_layout(folder.path(), "x");
    good(data.path(), &["import", folder.path().to_str().unwrap(), "--name", "x", "--json"]);
    std::fs::write(tree_of(data.path(), &image)[0].join("who"), "damage!").unwrap();
    let output = run(data.path(), &["verify", "--json"]);
    assert_eq!((output.status.code(), &json(&output)["images"][0]["ok"]), (Some(1), &false.into()));
}

/// A field of `/proc/PID/status`.
fn status_of(pid: i32, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned()))
}

/// Stops the helper of `parent` once it is shut in; `None` when it was over before.
fn stopped_helper(parent: &mut std::process::Child) -> Option<i32> {
    let children = format!("/proc/{0}/task/{0}/children", parent.id());
    while parent.try_wait().unwrap().is_none() {
        let pids = std::fs::read_to_string(&children).unwrap_or_default();
        for pid in pids.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()) {
            let name = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if !name.starts_with(b"tribunal-unpack") || status_of(pid, "NoNewPrivs").as_deref() != Some("1") {
                continue;
            }
            let to = nix::unistd::Pid::from_raw(pid);
            // Whatever bounds it is done before the first directory is made in it.
            let filled =
                || std::fs::read_dir(format!("/proc/{pid}/root/")).is_ok_and(|list| list.count() > 0);
            if filled() && nix::sys::signal::kill(to, nix::sys::signal::Signal::SIGSTOP).is_ok() {
                return Some(pid);
            }
        }
    }
    None
}

#[test]
fn the_helper_that_unpacks_is_shut_in() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root may look into the helper");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bulk = vec![b'x'; 24 << 20];
    Image::new(&[tar_of(&[("a", b"first"), ("b", &bulk), ("c", &bulk)])]).write_layout(folder.path(), "x");
    // A starved machine may let it pass unseen.
    for _ in 0..20 {
        let data = data();
        let mut command = images(data.path(), &["import", folder.path().to_str().unwrap()]);
        let mut parent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let Some(pid) = stopped_helper(&mut parent) else { continue };
        let link = |name: &str| std::fs::read_link(format!("/proc/{pid}/{name}"));
        let own = |name: &str| std::fs::read_link(format!("/proc/self/{name}")).unwrap();
        for namespace in ["ns/net", "ns/mnt", "ns/ipc", "ns/uts"] {
            assert_ne!(link(namespace).unwrap(), own(namespace), "{namespace}");
        }
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(status_of(pid, set).unwrap(), "0000000000000000", "{set}");
        }
        let user = status_of(pid, "Uid").unwrap();
        assert!(user.split_whitespace().all(|id| id == "1879048176"), "{user}");
        assert_eq!(status_of(pid, "Groups").unwrap(), "");
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        assert_eq!(mounts.lines().count(), 1, "{mounts}");
        let mut seen: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/root/"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        seen.retain(|name| !["a", "b", "c"].contains(&name.as_str()));
        assert!(seen.is_empty(), "it sees {seen:?}");
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|fd| {
            std::fs::read_link(fd.unwrap().path()).map_or_else(|e| e.to_string(), |l| l.display().to_string())
        });
        // The blob, the pipe, /dev/null, and what it makes below its root.
        let files: Vec<String> = files.collect();
        assert!(files.len() <= 8, "{files:?}");
        // Its parent's death is its own.
        parent.kill().unwrap();
        parent.wait().unwrap();
        for _ in 0..600 {
            if status_of(pid, "State").is_none_or(|state| state.starts_with('Z')) {
                is_clean_after_kill(data.path());
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the helper outlived its parent");
    }
    panic!("the helper was never met at work");
}

fn is_clean_after_kill(data: &Path) {
    is_clean(data);
    assert_eq!(good(data, &["list", "--json"]), json!([]));
}

/// A data folder with the images of `from`, in which that of `id` says that its last layer is of another recipe.
fn with_another_recipe(from: &Path, id: &str) -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let images = data.path().join("images");
    let blobs = images.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    for blob in std::fs::read_dir(from.join("blobs/sha256")).unwrap().map(Result::unwrap) {
        std::os::unix::fs::symlink(blob.path(), blobs.join(blob.file_name())).unwrap();
    }
    std::os::unix::fs::symlink(from.join("layers"), images.join("layers")).unwrap();
    std::fs::copy(from.join("oci-layout"), images.join("oci-layout")).unwrap();
    let read = |path: &Path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    let blob = |digest: &Value| read(&blobs.join(digest.as_str().unwrap().trim_start_matches("sha256:")));
    let put = |document: &Value, descriptor: &mut Value| {
        let bytes = serde_json::to_vec(document).unwrap();
        let digest = Digest::of(&bytes);
        std::fs::write(blobs.join(digest.hex()), &bytes).unwrap();
        (descriptor["digest"], descriptor["size"]) = (digest.as_str().into(), bytes.len().into());
    };
    let mut index = read(&from.join("index.json"));
    let named = |m: &&mut Value| m["annotations"]["org.opencontainers.image.ref.name"] == id;
    let entry = index["manifests"].as_array_mut().unwrap().iter_mut().find(named).unwrap();
    let mut manifest = blob(&entry["digest"]);
    let mut config = blob(&manifest["config"]["digest"]);
    let recipe = &mut config["config"]["Labels"]["org.tribunal.recipe"];
    let (others, _) = recipe.as_str().unwrap().rsplit_once(' ').unwrap();
    *recipe = format!("{others} {}", Digest::of(b"an older recipe")).into();
    put(&config, &mut manifest["config"]);
    put(&manifest, entry);
    std::fs::write(images.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    data
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_another_recipe_is_told_everywhere_and_judges_all_the_same() {
    let Some(from) = std::env::var_os("TRIBUNAL_TEST_DATA") else {
        println!("skipped: images of another recipe: TRIBUNAL_TEST_DATA names no built images");
        return;
    };
    let from = Path::new(&from).join("images");
    let usual = from.parent().unwrap();
    let words = "the image of `python3` was built from another recipe than this judge has: `tribunal images build python3`";
    let says = |data: &Path, args: &[&str]| {
        let output = finish(tribunal(data).args(args));
        String::from_utf8(output.stdout).unwrap()
    };
    // What was built from this very recipe is told nowhere.
    assert!(!says(usual, &["images", "list"]).contains("another recipe"));
    let odd = with_another_recipe(&from, "python3");
    let list = json(&finish(tribunal(odd.path()).args(["images", "list", "--json"])));
    for image in list.as_array().unwrap() {
        assert_eq!(image["other_recipe"], image["name"] == "python3", "{image}");
    }
    assert!(says(odd.path(), &["images", "list"]).contains(words));
    let told = json(&finish(tribunal(odd.path()).args(["doctor", "--json"])));
    assert_eq!(told["outdated_images"], json!(["python3"]));
    assert!(says(odd.path(), &["doctor"]).contains(words));
    let log = odd.path().join("log");
    let mut command = tribunal(odd.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]).stderr(std::fs::File::create(&log).unwrap());
    let running = Running::start(&mut command, "listening on ");
    let api = Api::new(running.said("listening on ").unwrap(), None);
    api.ready(2).await;
    let (_, languages) = api.get("/api/v1/languages").await;
    for language in languages.as_array().unwrap() {
        let note = language["note"].as_str().unwrap_or_default();
        assert_eq!(note.contains(words), language["id"] == "python3", "{language}");
    }
    let body = json!({
        "language": "python3", "files": [{ "name": "a.py", "content": "print(1)\n" }], "tests": [{}],
    });
    let (_, answer) = api.post("/api/v1/submissions?wait=60", &body).await;
    assert_eq!(answer["verdict"], "OK", "{answer}");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains(&format!("tribunal: {words}")) && log.contains("a worker's language"), "{log}");
}
