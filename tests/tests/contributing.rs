//! CONTRIBUTING's walk through a new language, done: its commands are run as they stand there, and what it says they
//! print is what they print.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::process::executable;

const HEADING: &str = "## A language, step by step";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The fenced blocks below the heading: what the fence says, and the text.
fn blocks() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let below = text.split_once(HEADING).unwrap_or_else(|| panic!("CONTRIBUTING has no `{HEADING}`")).1;
    let walk = below.split("\n## ").next().unwrap_or_default();
    let mut blocks = Vec::new();
    for (number, part) in walk.split("```").enumerate() {
        if number % 2 == 1 {
            let (kind, body) = part.split_once('\n').expect("a fence ends its line");
            blocks.push((kind.to_owned(), body.to_owned()));
        }
    }
    blocks
}

/// Puts the base of Debian from the test data into a store of our own, so that nothing is fetched and nobody else's store
/// is written.
fn lend_base(data: &Path) -> Result<(), String> {
    let from = std::env::var_os("TRIBUNAL_TEST_DATA").ok_or("TRIBUNAL_TEST_DATA names no built images")?;
    let from = Path::new(&from).join("images");
    let read = |path: PathBuf| -> Result<Value, String> {
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", path.display()))
    };
    let mut index = read(from.join("index.json"))?;
    let named = |image: &&Value| image["annotations"]["org.opencontainers.image.ref.name"] == "base-bookworm";
    let base = index["manifests"].as_array().and_then(|all| all.iter().find(named)).cloned();
    let base = base.ok_or("no base was built there, for lack of mmdebstrap or a mirror")?;
    if base["annotations"]["org.tribunal.built"].is_null() {
        return Err(
            "its base was built before builds were noted; remove it to have it built again".to_owned()
        );
    }
    let blobs = data.join("images/blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let copy = |descriptor: &Value| -> Result<String, String> {
        let hex = descriptor["digest"].as_str().unwrap_or_default().trim_start_matches("sha256:").to_owned();
        let done = std::fs::copy(from.join("blobs/sha256").join(&hex), blobs.join(&hex));
        done.map(|_| hex).map_err(|e| format!("a blob of the base: {e}"))
    };
    let manifest = read(blobs.join(copy(&base)?))?;
    copy(&manifest["config"])?;
    for layer in manifest["layers"].as_array().into_iter().flatten() {
        copy(layer)?;
    }
    index["manifests"] = Value::Array(vec![base]);
    std::fs::write(data.join("images/index.json"), index.to_string()).unwrap();
    std::fs::write(data.join("images/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    Ok(())
}

#[test]
fn the_walk_of_contributing_makes_a_language_as_it_says() {
    let blocks = blocks();
    let text = |kind: &str| -> String {
        let own = blocks.iter().filter(|(fence, _)| fence == kind);
        own.map(|(_, text)| text.as_str()).collect()
    };
    let (commands, printed) = (text("sh"), text("text"));
    assert!(commands.contains("images build") && commands.contains("languages test") && !printed.is_empty());
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    if let Err(why) = lend_base(&data) {
        println!("skipped: the walk of CONTRIBUTING: {why}");
        return;
    }
    let bin = work.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let script = format!("#!/bin/sh\nexec '{}' --data '{}' \"$@\"\n", executable().display(), data.display());
    std::fs::write(bin.join("tribunal"), script).unwrap();
    std::fs::set_permissions(bin.join("tribunal"), PermissionsExt::from_mode(0o755)).unwrap();
    let mut walk = Command::new("bash");
    walk.args(["-euo", "pipefail", "-c", &commands]).current_dir(root()).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRIBUNAL_")) {
        walk.env_remove(name);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    walk.env("PATH", format!("{}:{path}", bin.display())).env("TMPDIR", work.path());
    let output = walk.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        assert!(
            out.lines().any(|l| l == line),
            "CONTRIBUTING says `{line}` is printed, and it is not:\n{out}"
        );
    }
    // And the folder that is to be moved is one that the source tree takes.
    let language = work.path().read_dir().unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        path.read_dir().ok()?.flatten().find(|inner| inner.path().join("language.toml").is_file())
    });
    let id = language.expect("the walk left its folder in $TMPDIR").file_name();
    assert!(commands.contains(&format!("images build {}", id.display())));
    assert!(!root().join("images/languages").join(&id).join("language.toml").exists(), "it is no new one");
}
