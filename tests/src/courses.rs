//! Courses' autograders for tests of the service.

use std::path::Path;

use crate::process::{finish, json, tribunal};

/// The submission is a program in boxes of its own; what it prints is compared where it cannot reach.
pub const SEPARATE: &str = "#!/bin/sh\n\
    got=$(student sh main.sh)\n\
    [ \"$got\" = right ] && score=5 || score=0\n\
    printf '{\"tests\": [{\"name\": \"open\", \"score\": %s, \"max_score\": 5, \"output\": \"seen\"},\
    {\"name\": \"SECRET\", \"score\": 0, \"max_score\": 1, \"visibility\": \"hidden\"}]}' $score \
    >/autograder/results/results.json\n";

/// Sends the folder of a harness with these files to the service at `base`.
///
/// # Panics
/// When it is not taken.
pub fn push(data: &Path, base: &str, name: &str, files: &[(&str, &str)]) {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let folder = dir.path().join(name);
    std::fs::create_dir(&folder).expect("a folder can be made");
    for (file, text) in files {
        std::fs::write(folder.join(file), text).expect("a file can be written");
    }
    let mut command = tribunal(data);
    command.args(["problem", "push", "--harness", "--server", base, "--json"]).arg(&folder);
    if !files.iter().any(|(_, text)| text.contains("separate = true")) {
        command.arg("--shared-box");
    }
    let pushed = json(&finish(&mut command));
    assert_eq!(pushed["harness"]["name"], name, "{pushed}");
}
