//! `setup.sh` of a Gradescope autograder: run once per harness and image, without network and without root.
//!
//! There it builds an image; here it may only change what lies in `/autograder`, and what it leaves there is kept
//! and used for every submission. Installing packages is what it mostly does and what a box cannot: stand-ins for
//! the package managers note what was asked for, so that the answer is not a page of network errors but the list
//! of what the image needs.

use std::fs;
use std::io;
use std::path::Path;

use course::{Bundle, Caps, REPORT_VERSION, Tree, cut};
use proto::facts::Exit;
use proto::id::Digest;
use sandbox::spec::{BoxFile, Collect, Profile, RunOutcome, RunSpec, Stdin};
use sandbox::{BoxServer, Cancel};

use crate::run::{Ground, RunError, environment, run_error, run_twice};

/// Programs that install things.
const INSTALLERS: [&str; 14] = [
    "apk", "apt", "apt-get", "conda", "dnf", "gem", "mamba", "microdnf", "npm", "pip", "pip3", "sudo",
    "yarn", "yum",
];
/// Notes what is asked for and answers with `$SETUP_ANSWER`; refreshing lists is nothing; all else is passed on.
const STAND_IN: &str = r#"#!/bin/sh
name=${0##*/}
if [ "$name" = sudo ]; then exec "$@"; fi
for word in "$@"; do
  case $word in
    install|add|create|i|ci)
      printf '%s %s\n' "$name" "$*" >>/w/.tribunal/refused
      echo "$name $*: there is no network and no root in a box" >&2
      exit "$SETUP_ANSWER" ;;
    update|upgrade|dist-upgrade|full-upgrade|clean|autoclean|autoremove) exit 0 ;;
  esac
done
PATH=${PATH#*:}
export PATH
exec "$name" "$@"
"#;
const REFUSED: &str = ".tribunal/refused";
const START: &str = r#"cd -- "$1" || exit 127; exec "$2""#;
/// Most notes about files that could not be kept.
const NOTES_MAX: usize = 20;

/// Files of a harness, ready for every submission.
#[derive(Debug)]
pub struct Prepared {
    /// In place of the harness's own.
    pub files: Tree,
    /// What its author should know.
    pub notes: Vec<String>,
}

/// Why a harness was not prepared.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// What `setup.sh` wanted cannot be had in a box.
    #[error("{0}")]
    Refused(String),
    /// Running it failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The links to its places could not be made.
    #[error("could not make the harness's layer: {0}")]
    Layer(#[source] io::Error),
    /// The result could not be kept.
    #[error("could not keep what setup.sh made: {0}")]
    Cache(#[from] io::Error),
}

/// Runs `setup.sh`, if there is one, or takes what it left earlier from `cache`. With `installed`, or where the
/// harness says so itself, what it would install is taken to be in the image.
///
/// # Errors
/// [`SetupError::Refused`] says what is missing and what to do.
pub fn prepare(
    bundle: &Bundle,
    ground: &Ground,
    image: &Digest,
    boxes: &BoxServer,
    cache: &Path,
    installed: bool,
) -> Result<Prepared, SetupError> {
    let installed = installed || bundle.installed;
    let Some(script) = &bundle.setup else {
        return Ok(Prepared { files: bundle.files.clone(), notes: Vec::new() });
    };
    let key = format!("{} {image} {installed} {}", bundle.digest, REPORT_VERSION);
    let kept = cache.join(Digest::of(key.as_bytes()).hex());
    if let Some(prepared) = load(&kept) {
        return Ok(prepared);
    }
    let spec = spec(bundle, ground, script, installed);
    let outcome = run_twice(boxes, &spec, &Cancel::new(), None).map_err(|e| run_error(&e))?;
    let asked = outcome.files.iter().find(|f| f.path == REFUSED.as_bytes());
    let asked = asked.map(|f| String::from_utf8_lossy(&f.bytes).into_owned()).unwrap_or_default();
    let mut notes = judge(&outcome, &spec, &asked, installed)?;
    let mut files = Tree::default();
    for file in &outcome.files {
        match std::str::from_utf8(&file.path) {
            Ok(path) if path.starts_with(".tribunal/") => {}
            Ok(path) => files.put(path, file.bytes.clone(), file.executable),
            Err(_) => notes.push("setup.sh made a file whose name is not UTF-8; it is left out".to_owned()),
        }
    }
    if let Some((path, why)) = outcome.refused.iter().find(|(_, why)| why.contains("too ")) {
        let most = Caps::HARNESS.bytes >> 20;
        let text = format!("setup.sh made `{}`, which {why}: {most} MiB can be kept", cut(path, 100));
        return Err(SetupError::Refused(format!(
            "{text}; make an image of it and name that with --image NAME"
        )));
    }
    for (path, why) in outcome.refused.iter().take(NOTES_MAX) {
        notes.push(format!("setup.sh made `{}`, which {why}; it is left out", cut(path, 100)));
    }
    let prepared = Prepared { files, notes };
    store(&prepared, cache, &kept)?;
    Ok(prepared)
}

fn spec(bundle: &Bundle, ground: &Ground, script: &str, installed: bool) -> RunSpec {
    let own = bundle.files.files.iter();
    let mut files: Vec<BoxFile> = own
        .map(|(path, entry)| BoxFile {
            path: path.clone(),
            content: entry.content.clone().into(),
            executable: entry.executable,
        })
        .collect();
    for name in INSTALLERS {
        let path = format!(".tribunal/bin/{name}");
        files.push(BoxFile { path, content: STAND_IN.as_bytes().into(), executable: true });
    }
    let mut env = environment(&ground.env, &bundle.env);
    for (key, value) in &mut env {
        if key == "PATH" {
            *value = format!("/w/.tribunal/bin:{value}");
        }
    }
    env.push(("SETUP_ANSWER".to_owned(), if installed { "0" } else { "1" }.to_owned()));
    RunSpec {
        root: ground.root.clone(),
        argv: ["/bin/sh", "-c", START, "setup", "/autograder", script].map(str::to_owned).to_vec(),
        env,
        files,
        stdin: Stdin::Empty,
        keep_stdout: 64 << 10,
        overflow: None,
        keep_stderr: 64 << 10,
        limits: ground.limits.clone(),
        profile: Profile::Default,
        writable: true,
        collect: vec![Collect::read(".", Caps::HARNESS.bytes)],
    }
}

/// Whether what `setup.sh` did is enough; gives notes when the requester says that it is.
fn judge(
    outcome: &RunOutcome,
    spec: &RunSpec,
    asked: &str,
    installed: bool,
) -> Result<Vec<String>, SetupError> {
    let classified = checker::classify(&outcome.facts, &spec.limits);
    let ended = match (outcome.facts.exit, classified.reason) {
        (Some(Exit::Code(0)), None) => None,
        (_, reason) => Some(reason.unwrap_or_else(|| "it did not end".to_owned())),
    };
    let asked: Vec<String> =
        asked.lines().take(NOTES_MAX).map(|line| format!("`{}`", cut(line, 200))).collect();
    if asked.is_empty() && ended.is_none() {
        return Ok(Vec::new());
    }
    let mut text = Vec::new();
    if !asked.is_empty() {
        text.push(format!(
            "setup.sh installs packages, which needs a network and root: {}",
            asked.join(", ")
        ));
    }
    if let Some(ended) = ended {
        let said = String::from_utf8_lossy(&outcome.stderr.bytes);
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        text.push(format!("setup.sh failed ({ended}): {}", cut(&last.join(" / "), 400)));
    }
    let text = text.join("; ");
    if installed {
        return Ok(vec![text]);
    }
    let how = "name an image that has what it needs with --image NAME, and say --installed to go on without that (in \
               harness.toml: image = \"NAME\" and installed = true)";
    Err(SetupError::Refused(format!("{text}; {how}")))
}

fn load(kept: &Path) -> Option<Prepared> {
    let notes = fs::read(kept.join("notes.json")).ok()?;
    let notes = serde_json::from_slice(&notes).ok()?;
    let files = Tree::read(&kept.join("files"), Caps::HARNESS).ok()?;
    Some(Prepared { files, notes })
}

/// Written whole under another name and renamed: what has the right name is complete.
fn store(prepared: &Prepared, cache: &Path, kept: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::create_dir_all(cache)?;
    let making = tempfile::Builder::new().prefix(".making-").tempdir_in(cache)?;
    let root = making.path().join("files");
    fs::create_dir(&root)?;
    for (path, entry) in &prepared.files.files {
        let at = root.join(path);
        if let Some(folder) = at.parent() {
            fs::create_dir_all(folder)?;
        }
        let mode = if entry.executable { 0o755 } else { 0o644 };
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&at)?;
        io::Write::write_all(&mut file, &entry.content)?;
    }
    fs::write(making.path().join("notes.json"), serde_json::to_vec(&prepared.notes)?)?;
    match fs::rename(making.path(), kept) {
        Ok(()) => {
            let _ = making.keep();
            Ok(())
        }
        // Somebody else made the same meanwhile, or an earlier one cannot be read: the one in hand is used.
        Err(_) => Ok(()),
    }
}
