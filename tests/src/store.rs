//! `tribunal images` on a store of its own: started, asked whether the store is whole, and killed at any moment.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{finish, json, tribunal};
use crate::random::Random;

/// A new data folder.
///
/// # Panics
/// When there is no room for it.
pub fn data() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// The command over that data folder.
pub fn images(data: &Path, args: &[&str]) -> Command {
    let mut command = tribunal(data);
    command.arg("images").args(args);
    command
}

/// Runs it to its end.
pub fn run(data: &Path, args: &[&str]) -> Output {
    finish(&mut images(data, args))
}

/// Its document.
///
/// # Panics
/// When it fails.
pub fn good(data: &Path, args: &[&str]) -> Value {
    let output = run(data, args);
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    json(&output)
}

/// What it said on stderr.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The store verifies, and nothing half-made is in it.
///
/// # Panics
/// When it is not so.
pub fn is_clean(data: &Path) {
    let verified = good(data, &["verify", "--json"]);
    assert_eq!(verified["ok"], true, "{verified}");
    for folder in ["images", "images/blobs/sha256", "images/layers"] {
        for entry in std::fs::read_dir(data.join(folder)).expect("the store has its folders") {
            let name = entry.expect("its folders can be read").file_name();
            assert!(!name.to_string_lossy().starts_with('.'), "{folder}/{} was left", name.display());
        }
    }
}

/// Tries for each kill: on a loaded machine some runs end before it.
const TRIES: u32 = 6;

/// Kills the command at random moments within what it takes, `TRIBUNAL_TEST_KILLS` times (8 unless told), and looks at
/// what is left each time. A run that ended before is none of them, and tells how much sooner to kill. The seed is `TRIBUNAL_TEST_KILL_SEED`.
///
/// # Panics
/// When the store is not clean afterwards, or the command fails without being killed.
pub fn killed(environment: &[(&str, &str)], args: &[&str]) {
    let times = std::env::var("TRIBUNAL_TEST_KILLS")
        .map_or(8, |n| n.parse::<u32>().expect("TRIBUNAL_TEST_KILLS is a number"));
    let mut random = Random::new(Random::seed("TRIBUNAL_TEST_KILL_SEED"));
    let command = |data: &Path| {
        let mut command = images(data, args);
        command.envs(environment.iter().copied());
        command
    };
    let whole = |data: &Path| {
        let output = finish(command(data).arg("--json"));
        assert!(output.status.success(), "{args:?}: {}", said(&output));
    };
    let began = Instant::now();
    whole(self::data().path());
    let (first, mut takes) = (began.elapsed(), began.elapsed());
    let data = self::data();
    let (mut killed, mut ended) = (0, 0);
    while killed < times && killed + ended < times.saturating_mul(TRIES) {
        let mut child = command(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the executable can be started");
        let wait = Duration::from_nanos(random.below(takes.as_nanos() as u64));
        std::thread::sleep(wait);
        if child.try_wait().expect("it is our child").is_some() {
            ended += 1;
            takes = takes.min(wait).max(first / 20);
        } else {
            killed += 1;
        }
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
        is_clean(data.path());
        // From nothing again, so that every part of the way is met.
        good(data.path(), &["gc", "--json"]);
        for image in good(data.path(), &["list", "--json"]).as_array().into_iter().flatten() {
            good(data.path(), &["remove", image["name"].as_str().unwrap_or_default(), "--json"]);
        }
    }
    println!("{args:?}: {killed} kills, {ended} more came too late, {} ms the first run", first.as_millis());
    assert!(killed > 0, "nothing was killed in time");
    whole(data.path());
    is_clean(data.path());
}
