//! Do course autograders grade as in their own services, and does nothing a student hands in get more than it earns?

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use proto::id::Digest;
use serde_json::{Value, json};
use tests::corpus::checkout;
use tests::process::{finish, json, tribunal};

/// Files of harnesses and submissions below one temporary folder, with a data folder of their own.
struct Ground {
    dir: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an executable file, making its folders.
    fn file(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, harness: &Path, submissions: &str, options: &[&str]) -> Command {
        let mut command = tribunal(&self.path("data"));
        command.arg("grade").arg(harness).arg(self.path(submissions)).args(options).arg("--json");
        command
    }

    fn run(&self, harness: &Path, submissions: &str, options: &[&str]) -> Output {
        finish(&mut self.command(harness, submissions, options))
    }

    /// Grades, which must work, and gives the document.
    fn grade(&self, harness: &Path, submissions: &str, options: &[&str]) -> Value {
        let output = self.run(harness, submissions, options);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        json(&output)
    }
}

fn of<'a>(document: &'a Value, id: &str) -> &'a Value {
    let all = document["submissions"].as_array().unwrap();
    all.iter().find(|s| s["id"] == id).unwrap_or_else(|| panic!("{id} is not in {document}"))
}

fn example(name: &str) -> PathBuf {
    checkout().join("tests/harness").join(name)
}

/// The host stands in for an image here; a host without Python has no image to test these with.
fn has_python() -> bool {
    let there = Path::new("/usr/bin/python3").exists();
    if !there {
        println!("skipped: a Python harness, because this host has no /usr/bin/python3");
    }
    there
}

/// A harness of one shell script.
fn shell(ground: &Ground, run: &str) -> PathBuf {
    ground.file("harness/run_autograder", &format!("#!/bin/sh\n{run}\n"));
    ground.path("harness")
}

const RUN_SUBMISSION: &str = "sh submission/main.sh; cat submission/score >/dev/null || exit 1\n\
    printf '{\"tests\": [{\"name\": \"t\", \"score\": %s, \"max_score\": 5}]}' $(cat submission/score) \
    >results/results.json.new && mv results/results.json.new results/results.json";

#[test]
fn a_gradescope_autograder_grades_and_a_student_sees_what_it_lets_him_see() {
    if !has_python() {
        return;
    }
    let ground = Ground::new();
    ground.file("in/anna/calc.py", "def add(a, b):\n    return a + b\n");
    ground.file("in/bob/calc.py", "def add(a, b):\n    return a - -b if a > -1 else 0\n");
    ground.file("in/carl/calc.py", "def add(a, b:\n");
    ground.file("dora/calc.py", "import sys\nsys.exit(0)\n");
    // With one folder in it, as a package is packed: the submission's files lie one deeper than they should.
    std::fs::write(ground.path("in/dora.zip"), problem::pack_zip(&ground.path("dora")).unwrap()).unwrap();
    std::fs::write(ground.path("calc.zip"), problem::pack_zip(&example("calc")).unwrap()).unwrap();

    let staff = ground.grade(&ground.path("calc.zip"), "in", &["--jobs", "2"]);
    let got = |id: &str| (of(&staff, id)["score"].clone(), of(&staff, id)["max_score"].clone());
    assert_eq!(got("anna"), (json!("5"), json!("5")));
    assert_eq!(got("bob"), (json!("3.5"), json!("5")));
    assert_eq!((got("carl"), got("dora")), ((json!("0"), json!("5")), (json!("0"), json!("5"))));
    assert!(of(&staff, "anna")["stdout"].as_str().unwrap().contains("secret"));
    assert_eq!(of(&staff, "anna")["output"], "graded anna");

    for (stage, seen) in [("before-due-date", 1), ("after-due-date", 2), ("published", 2)] {
        let options = ["--as", "student", "--stage", stage, "--out", &format!("out-{stage}")];
        let mut command = ground.command(&ground.path("calc.zip"), "in", &options);
        let view = json(&finish(command.current_dir(ground.dir.path())));
        let anna = of(&view, "anna");
        assert_eq!(anna["tests"].as_array().unwrap().len(), seen, "{stage}");
        assert!(anna["score"].is_null(), "with a hidden test the total would tell it: {stage}");
        assert!(!view.to_string().contains("secret") && !view.to_string().contains("large"), "{view}");
        let kept =
            std::fs::read_to_string(ground.path(&format!("out-{stage}/student/reports/anna.json"))).unwrap();
        assert!(kept.contains("adds") && !kept.contains("large"));
    }
}

#[test]
fn what_was_reported_before_the_time_was_over_counts_and_the_rest_has_failed() {
    let ground = Ground::new();
    let harness = shell(
        &ground,
        "r=results/results.jsonl\n\
         echo '{\"plan\": [{\"name\": \"a\", \"max_score\": 2}, {\"name\": \"b\", \"max_score\": 3}]}' >>$r\n\
         echo '{\"test\": {\"name\": \"a\", \"score\": 2, \"max_score\": 2}}' >>$r\n\
         printf '{\"test\": {\"name\": \"b\", \"sco' >>$r\n\
         echo '{\"score\": 100}' >results/results.json\n\
         sh submission/main.sh\n\
         echo '{\"done\": true}' >>$r",
    );
    ground.file("in/hangs/main.sh", "sleep 1000\n");
    ground.file("in/kills/main.sh", "kill -9 $PPID\n");
    let document = ground.grade(&harness, "in", &["--time", "6s", "--jobs", "2"]);
    for (id, why) in [("hangs", "limit"), ("kills", "SIGKILL")] {
        let report = of(&document, id);
        assert_eq!(
            (&report["status"], &report["score"], &report["max_score"]),
            (&json!("partial"), &json!("2"), &json!("5")),
            "{report}"
        );
        let b = &report["tests"][1];
        assert_eq!((&b["name"], &b["status"], &b["score"]), (&json!("b"), &json!("failed"), &json!("0")));
        assert!(b["not_reported"].as_str().unwrap().contains(why), "{b}");
    }
}

#[test]
fn eight_hostile_submissions_at_once_stop_nobody_and_gain_nothing() {
    let ground = Ground::new();
    let harness = shell(&ground, RUN_SUBMISSION);
    let hostile = [
        ("flood", "head -c 20000000 /dev/zero >results/results.json; kill -9 $PPID", "is too large"),
        ("link", "ln -s /etc/passwd results/results.json; kill -9 $PPID", "symbolic link"),
        ("twice", "echo '{\"score\": 9}' >x; ln x results/results.json; kill -9 $PPID", "several names"),
        (
            "folder",
            "mv results r; ln -s r results; echo '{}' >r/results.json; kill -9 $PPID",
            "symbolic link",
        ),
        ("nan", "echo '{\"score\": NaN}' >results/results.json; kill -9 $PPID", "NaN"),
        ("total", "echo '{\"score\": 1000}' >results/results.json; kill -9 $PPID", ""),
        ("deep", "head -c 100000 /dev/zero | tr '\\0' '[' >results/results.json; kill -9 $PPID", "recursion"),
        ("bomb", "f() { f | f & }; f; sleep 1000", ""),
        ("hundred", "head -c 100000000 /dev/zero >results/results.json; kill -9 $PPID", "is too large"),
        // A box makes none; were there one, it is refused where files are collected.
        ("fifo", "mkfifo results/results.json; kill -9 $PPID", ""),
        (
            "directory",
            "mkdir results/results.json; echo 9 >results/results.json/x; kill -9 $PPID",
            "is a folder",
        ),
        (
            "swaps",
            "(while :; do ln -sfn /etc/passwd results/results.json; rm -f results/results.json; \
             mkfifo results/results.json; rm -f results/results.json; done) & sleep 1; kill -9 $PPID",
            "",
        ),
        ("infinite", "echo '{\"score\": 1e999}' >results/results.json; kill -9 $PPID", "number out of range"),
        ("minus", "echo '{\"score\": -Infinity}' >results/results.json; kill -9 $PPID", "no JSON"),
        ("below", "echo '{\"tests\": [{\"score\": -7}]}' >results/results.json; kill -9 $PPID", "below zero"),
        (
            "name",
            "(printf '{\"tests\": [{\"score\": 0, \"name\": \"'; head -c 1000000 /dev/zero | tr '\\0' x; \
             printf '\"}]}') >results/results.json; kill -9 $PPID",
            "",
        ),
    ];
    for (id, script, _) in hostile {
        ground.file(&format!("in/{id}/main.sh"), &format!("{script}\n"));
    }
    ground.file("in/honest/main.sh", "true\n");
    ground.file("in/honest/score", "4\n");
    // What lies in a submission under the name of results is no result.
    ground.file("in/ahead/results/results.json", "{\"score\": 1000}");
    ground.file("in/ahead/main.sh", "true\n");
    let document = ground.grade(&harness, "in", &["--jobs", "8", "--time", "8s"]);
    assert_eq!(of(&document, "honest")["score"], "4");
    for (id, _, why) in hostile.into_iter().chain([("ahead", "", "")]) {
        let report = of(&document, id);
        assert!(report.to_string().len() < 100_000, "{id} makes a report of {}", report.to_string().len());
        // What can be read of a run that died is partial; it earns as little.
        let status = if ["below", "name"].contains(&id) { "partial" } else { "failed" };
        assert_eq!((&report["status"], &report["score"]), (&json!(status), &json!("0")), "{id}: {report}");
        assert!(report["diagnostics"].to_string().contains(why), "{id}: {report}");
        assert!(!report.to_string().contains("root:"), "{id} read the host: {report}");
    }
}

#[test]
fn a_run_killed_in_the_middle_is_gone_on_with_and_only_what_is_missing_or_changed_is_graded() {
    let ground = Ground::new();
    let harness = shell(&ground, RUN_SUBMISSION);
    for (id, score) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        ground.file(&format!("in/{id}/main.sh"), if id == "c" { "sleep 1000\n" } else { "true\n" });
        ground.file(&format!("in/{id}/score"), &score.to_string());
    }
    let out = ground.path("out").display().to_string();
    let mut first = ground.command(&harness, "in", &["--out", &out]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    while !["a", "b"].iter().all(|id| ground.path(&format!("out/records/{id}.json")).exists()) {
        assert!(Instant::now() < deadline, "two submissions are graded");
        std::thread::sleep(Duration::from_millis(50));
    }
    first.kill().unwrap();
    first.wait().unwrap();

    ground.file("in/c/main.sh", "true\n");
    assert_eq!(ground.run(&harness, "in", &["--out", &out]).status.code(), Some(2), "not without --resume");
    let resume = ["--out", &out, "--resume"];
    let resumed = |what: &str, wanted: usize| {
        let document = ground.grade(&harness, "in", &resume);
        assert_eq!(document["summary"]["resumed"], wanted, "{what}: {}", document["summary"]);
        for (id, score) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")] {
            assert_eq!(of(&document, id)["score"], score, "{what}");
        }
    };
    resumed("after the kill", 2);
    resumed("nothing changed", 4);
    ground.file("in/a/more.txt", "changed\n");
    resumed("a submission changed", 3);
    ground.file("harness/helper.txt", "changed\n");
    resumed("the harness changed", 0);
    let csv = std::fs::read_to_string(ground.path("out/results.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5, "{csv}");
    assert!(csv.lines().nth(1).unwrap().starts_with("a,"), "{csv}");
}

#[test]
fn a_prairielearn_question_is_graded_with_its_courses_files() {
    let ground = Ground::new();
    ground.file(
        "course/questions/add/info.json",
        r#"{"uuid": "0", "externalGradingOptions": {"enabled": true, "image": "host", "timeout": 20,
            "entrypoint": "/grade/serverFilesCourse/lib/run.sh -q", "serverFilesCourse": ["lib"],
            "environment": {"WEIGHT": "0.5"}}}"#,
    );
    ground.file("course/questions/add/tests/wanted", "fine\n");
    ground.file(
        "course/serverFilesCourse/lib/run.sh",
        "#!/bin/sh\nset -e\nmkdir /grade/results\ncd /grade || exit 1\n[ \"$1\" = -q ] && [ -s data/data.json ] || exit 1\n\
         if [ ! -e student/answer ]; then echo '{\"gradable\": false, \"format_errors\": [\"no answer\"]}'\n\
         elif cmp -s student/answer tests/wanted; then echo \"{\\\"score\\\": $WEIGHT, \\\"tests\\\": [\n\
         {\\\"name\\\": \\\"t\\\", \\\"points\\\": 1, \\\"max_points\\\": 2, \\\"images\\\": [1]}]}\"\n\
         else echo '{\"score\": 7}'; fi >results/results.json\n",
    );
    ground.file("in/anna/answer", "fine\n");
    ground.file("in/bob/other", "");
    ground.file("in/carl/answer", "wrong\n");
    let document = ground.grade(&ground.path("course/questions/add"), "in", &[]);
    let anna = of(&document, "anna");
    assert_eq!((&anna["score"], &anna["max_score"]), (&json!("0.5"), &json!("1")), "{anna}");
    assert_eq!(anna["tests"][0]["max_score"], "2");
    let bob = of(&document, "bob");
    assert_eq!((&bob["status"], &bob["score"]), (&json!("ungradable"), &Value::Null));
    assert_eq!(bob["reason"], "no answer");
    let carl = of(&document, "carl");
    assert_eq!(carl["score"], "0", "7 is no part of 1");
    assert!(carl["diagnostics"].to_string().contains("above 1"));
}

/// An image of this host's shell and what that needs, in the store of `ground`.
fn make_image(ground: &Ground, config: &Value) {
    let root = ground.path("image");
    let mut programs = vec![];
    for name in ["sh", "mkdir", "cat"] {
        let from = std::fs::canonicalize(Path::new("/bin").join(name)).unwrap();
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::copy(&from, root.join("bin").join(name)).unwrap();
        programs.push(from);
    }
    let listed = finish(Command::new("ldd").args(&programs));
    for word in String::from_utf8(listed.stdout).unwrap().split_whitespace() {
        if word.starts_with('/') && !word.ends_with(':') {
            let at = root.join(word.trim_start_matches('/'));
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::copy(word, at).unwrap();
        }
    }
    ground.file(
        "image/grader/run",
        "#!/bin/sh\nread -r answer <\"$IN/answer\"\n\
         echo \"{\\\"score\\\": $answer, \\\"output\\\": \\\"$PWD $1 $2\\\"}\" >/data/out/r.json\n",
    );
    let layer = ground.path("layer.tar");
    let packed = Command::new("tar").arg("-cf").arg(&layer).arg("-C").arg(&root).arg(".").status().unwrap();
    assert!(packed.success());
    let layer = std::fs::read(layer).unwrap();
    let diff_id = Digest::of(&layer);
    let blobs = ground.path("data/images/blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        (digest, bytes.len())
    };
    let (layer, layer_size) = blob(&layer);
    let image = json!({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let (image, image_size) = blob(image.to_string().as_bytes());
    let oci = |kind: &str| format!("application/vnd.oci.image.{kind}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": oci("manifest.v1+json"),
        "config": { "mediaType": oci("config.v1+json"), "digest": image, "size": image_size },
        "layers": [{ "mediaType": oci("layer.v1.tar"), "digest": layer, "size": layer_size }],
    });
    let (manifest, size) = blob(manifest.to_string().as_bytes());
    let index = json!({
        "schemaVersion": 2, "mediaType": oci("index.v1+json"),
        "manifests": [{
            "mediaType": oci("manifest.v1+json"), "digest": manifest, "size": size,
            "annotations": { "org.opencontainers.image.ref.name": "grader" },
        }],
    });
    std::fs::write(ground.path("data/images/index.json"), index.to_string()).unwrap();
    std::fs::write(ground.path("data/images/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

#[test]
fn an_images_own_command_environment_and_directory_make_a_harness() {
    let ground = Ground::new();
    let config = json!({
        "Entrypoint": ["./run"], "Cmd": ["--fast", "x"], "WorkingDir": "/grader",
        "Env": ["PATH=/bin", "IN=/data/in"],
    });
    make_image(&ground, &config);
    ground.file("harness/harness.toml", "submission = \"/data/in\"\nresults = \"/data/out/r.json\"\n");
    ground.file("in/anna/answer", "7\n");
    let document = ground.grade(&ground.path("harness"), "in", &["--image", "grader"]);
    let anna = of(&document, "anna");
    assert_eq!((&anna["status"], &anna["score"]), (&json!("graded"), &json!("7")), "{anna}");
    assert_eq!(anna["output"], "/grader --fast x");
    let unknown = ground.run(&ground.path("harness"), "in", &["--image", "nobodys"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("grader"), "it says which there are");
    let none = ground.run(&ground.path("harness"), "in", &["--image", "host"]);
    assert_eq!(none.status.code(), Some(2), "the host has no command of its own");
}

#[test]
fn what_a_harness_reports_is_told_while_it_works_to_staff_and_of_hidden_tests_nothing_to_students() {
    let ground = Ground::new();
    let harness = shell(
        &ground,
        "r=results/results.jsonl\n\
         echo '{\"plan\": [{\"name\": \"SECRET\", \"max_score\": 2}, {\"name\": \"open\", \"max_score\": 3}]}' >>$r\n\
         echo '{\"test\": {\"name\": \"SECRET\", \"score\": 2, \"visibility\": \"hidden\"}}' >>$r\n\
         sleep 3\n\
         echo '{\"test\": {\"name\": \"open\", \"score\": 1, \"max_score\": 3, \"visibility\": \"visible\"}}' >>$r\n\
         sleep 3\n\
         echo '{\"done\": true}' >>$r",
    );
    ground.file("in/anna/main.sh", "true\n");
    let said = |options: &[&str]| {
        let output = ground.run(&harness, "in", options);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let staff = said(&[]);
    let told: Vec<_> = ["tests reported: SECRET 2", "tests reported: open 1 of 3", "anna: graded"]
        .iter()
        .map(|words| staff.find(words).unwrap_or_else(|| panic!("{words}: {staff}")))
        .collect();
    assert!(told.is_sorted(), "{staff}");
    let student = said(&["--as", "student"]);
    assert!(
        student.contains("anna: 1 tests reported: open 1 of 3") && !student.contains("SECRET"),
        "{student}"
    );
}

#[test]
fn setup_runs_once_without_network_and_says_which_packages_the_image_needs() {
    let ground = Ground::new();
    let harness = shell(&ground, "cp source/made/results.json results/");
    let make = "mkdir -p source/made\necho '{\"score\": 3}' >source/made/results.json\n";
    ground.file("in/anna/main.sh", "true\n");
    ground.file("harness/setup.sh", &format!("#!/bin/sh\nset -e\napt-get update\n{make}"));
    for _ in 0..2 {
        assert_eq!(of(&ground.grade(&harness, "in", &[]), "anna")["score"], "3");
    }
    assert_eq!(std::fs::read_dir(ground.path("data/harness")).unwrap().count(), 1, "kept, and used again");

    ground.file("harness/setup.sh", &format!("#!/bin/sh\n{make}apt-get install -y gcc\npip3 install x\n"));
    let output = ground.run(&harness, "in", &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in ["`apt-get install -y gcc`", "`pip3 install x`", "--image", "--installed"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(of(&ground.grade(&harness, "in", &["--installed"]), "anna")["score"], "3");
    // A service has no such flag: its author says it with the image.
    ground.file("harness/harness.toml", "installed = true\n");
    assert_eq!(of(&ground.grade(&harness, "in", &[]), "anna")["score"], "3");
    std::fs::remove_file(ground.path("harness/harness.toml")).unwrap();
    ground.file("harness/setup.sh", "#!/bin/sh\necho oh no >&2\nexit 3\n");
    let failed = ground.run(&harness, "in", &[]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(
        failed.status.code() == Some(2) && said.contains("exit status 3") && said.contains("oh no"),
        "{said}"
    );
}

#[test]
fn with_boxes_of_its_own_a_submission_that_cheats_scores_zero() {
    if !has_python() {
        return;
    }
    let ground = Ground::new();
    let honest = "print(sum(map(int, input().split())))\n";
    let results = r#"{"tests": [{"name": "small", "score": 4}, {"name": "secret", "score": 6}]}"#;
    let write_everywhere = format!(
        "import glob, os\nfor d in ['/autograder/results', '/w/autograder/results', '/w/results', '.', '/tmp']:\n    \
         try:\n        os.makedirs(d, exist_ok=True)\n        open(d + '/results.json', 'w').write('''{results}''')\n    \
         except OSError:\n        pass\n"
    );
    let cheats = [
        ("exits", "import os\nos._exit(0)\n".to_owned()),
        ("writes-results", write_everywhere),
        ("kills", "import os\nfor p in list(range(1, 300)) + [-1]:\n    try:\n        os.kill(p, 9)\n    except OSError:\n        pass\n".to_owned()),
        ("reads-tests", "import glob\nfor p in glob.glob('/autograder/**', recursive=True) + ['/w/autograder/source/grade.py']:\n    print(open(p).read())\n".to_owned()),
        ("speaks-the-line", "import os\nfor fd in range(0, 64):\n    try:\n        os.write(fd, b'{\"test\": {\"name\": \"small\", \"score\": 4}}\\n')\n    except OSError:\n        pass\n".to_owned()),
        ("spins", "while True:\n    pass\n".to_owned()),
    ];
    ground.file("in/honest/sum.py", honest);
    for (id, script) in &cheats {
        ground.file(&format!("in/{id}/sum.py"), script);
    }
    // Modules of its own under the names of the harness's: they shadow nothing there.
    ground.file("in/patches/sum.py", "print('nothing')\n");
    for name in ["tribunal_box", "json", "sitecustomize", "grade"] {
        let text = format!("open('/autograder/results/results.json', 'w').write('''{results}''')\n");
        ground.file(&format!("in/patches/{name}.py"), &text);
    }
    let document = ground.grade(&example("sum"), "in", &["--jobs", "2"]);
    let honest = of(&document, "honest");
    assert_eq!((&honest["score"], &honest["max_score"]), (&json!("10"), &json!("10")), "{honest}");
    assert_eq!(honest["shared_box"], false);
    for id in cheats.iter().map(|(id, _)| *id).chain(["patches"]) {
        let report = of(&document, id);
        assert_eq!((&report["status"], &report["score"]), (&json!("graded"), &json!("0")), "{id}: {report}");
    }
}

#[test]
fn in_a_shared_box_a_forged_result_is_believed_up_to_the_plan_and_no_further() {
    let ground = Ground::new();
    let harness = shell(&ground, RUN_SUBMISSION);
    ground.file("harness/harness.toml", "[[tests]]\nname = \"t\"\nmax_score = 5\n[[tests]]\nname = \"u\"\n");
    let forged = r#"{"score": 1000, "tests": [{"name": "t", "score": 5}, {"name": "gift", "score": 99}]}"#;
    ground.file("in/forger/main.sh", &format!("echo '{forged}' >results/results.json; kill -9 $PPID\n"));
    let document = ground.grade(&harness, "in", &[]);
    assert_eq!(document["harness"]["separate"], false, "who reads the results is told");
    assert_eq!(of(&document, "forger")["shared_box"], true, "with each of them");
    let forger = of(&document, "forger");
    assert_eq!((&forger["status"], &forger["score"]), (&json!("partial"), &json!("5")), "{forger}");
    assert_eq!(forger["tests"].as_array().unwrap().len(), 2, "{forger}");
    assert!(forger["diagnostics"].to_string().contains("`gift` is not in the plan"));
}

#[test]
fn even_in_a_shared_box_ending_the_harness_coming_late_and_lying_there_before_earn_nothing() {
    let ground = Ground::new();
    let harness = shell(
        &ground,
        "cd /data; . ./main.sh\n\
         printf '{\"tests\": [{\"name\": \"t\", \"score\": %s, \"max_score\": 5}]}' $score >/data/out.json",
    );
    // The worst place for results: among the files that were handed in.
    ground.file(
        "harness/harness.toml",
        "submission = \"/data\"\nresults = \"/data/out.json\"\nwork_dir = \"/autograder\"\n",
    );
    let forged = r#"{"score": 1000, "tests": [{"name": "t", "score": 5, "max_score": 5}]}"#;
    for (id, script) in [
        ("honest", "score=4"),
        ("exits", "exit 0"),
        ("dies", "kill -9 $$"),
        ("late", "(sleep 3; cat ./forged >/data/out.json) >/dev/null 2>&1 & score=0"),
        ("ahead", "exit 0"),
        ("lines", "exit 0"),
        ("folder", "score=1"),
    ] {
        ground.file(&format!("in/{id}/main.sh"), &format!("{script}\n"));
        ground.file(&format!("in/{id}/forged"), forged);
    }
    ground.file("in/ahead/out.json", forged);
    ground.file("in/lines/out.jsonl", "{\"test\": {\"name\": \"t\", \"score\": 5}}\n{\"done\": true}\n");
    ground.file("in/folder/out.json/x", forged);
    let document =
        ground.grade(&harness, "in", &["--jobs", "2", "--out", &ground.path("out").display().to_string()]);
    for (id, status, score) in [
        ("honest", "graded", "4"),
        ("exits", "failed", "0"),
        ("dies", "failed", "0"),
        ("late", "graded", "0"),
        ("ahead", "failed", "0"),
        ("lines", "failed", "0"),
        ("folder", "graded", "1"),
    ] {
        let report = of(&document, id);
        assert_eq!((&report["status"], &report["score"]), (&json!(status), &json!(score)), "{id}: {report}");
        assert_eq!(report["shared_box"], true, "{id}");
    }
    let csv = std::fs::read_to_string(ground.path("out/results.csv")).unwrap();
    assert!(csv.lines().next().unwrap().ends_with(",shared_box"), "{csv}");
    assert!(csv.lines().skip(1).all(|line| line.ends_with(",true")), "{csv}");
}

#[test]
fn a_harness_of_links_floods_or_a_hundred_thousand_files_is_refused_by_name_and_soon() {
    if !has_python() {
        return;
    }
    let ground = Ground::new();
    ground.file("in/anna/main.sh", "true\n");
    let zip = |name: &str, entries: &str| {
        let script = format!(
            "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\n\
             z.writestr('run_autograder', '#!/bin/sh\\n')\n{entries}\nz.close()\n"
        );
        let path = ground.path(name);
        let made = Command::new("/usr/bin/python3").arg("-c").arg(script).arg(&path).status().unwrap();
        assert!(made.success(), "{name}");
        path
    };
    let link = "i = zipfile.ZipInfo('tests')\ni.create_system = 3\ni.external_attr = 0o120777 << 16\n\
                z.writestr(i, '/etc')";
    let table = [
        ("links.zip", link, "tests"),
        ("many.zip", "for n in range(100000): z.writestr(f'f{n}', '')", "20000"),
        ("up.zip", "z.writestr('../../evil', 'x')", "evil"),
        ("large.zip", "z.writestr('zeros', bytes(257 << 20))", "unpacks to more than"),
        ("deep.zip", "z.writestr('d/' * 500 + 'x', '')", "d/"),
    ];
    for (name, entries, word) in table {
        let path = zip(name, entries);
        let begun = Instant::now();
        let output = ground.run(&path, "in", &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(name) && said.contains(word) && said.len() < 2_000, "{name}: {said}");
        assert!(begun.elapsed() < Duration::from_mins(1), "{name} took {:?}", begun.elapsed());
    }
    assert!(!ground.path("evil").exists() && !ground.dir.path().parent().unwrap().join("evil").exists());
}

#[test]
fn grading_begins_on_no_unfit_host_and_says_why_as_a_worker_does() {
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|s| s.success()) {
        println!("skipped: a full data directory: `unshare --mount` does not work here");
        return;
    }
    let ground = Ground::new();
    let harness = shell(&ground, RUN_SUBMISSION);
    ground.file("in/anna/main.sh", "true\n");
    ground.file("in/anna/score", "4\n");
    assert!(
        ground.grade(&harness, "in", &[])["host"]["accounting"].is_string(),
        "what figures are worth is told"
    );
    std::fs::create_dir(ground.path("full")).unwrap();
    let run = |filled: &str| {
        let mut usual = tribunal(&ground.path("full"));
        usual.arg("grade").arg(&harness).arg(ground.path("in"));
        let mut command = Command::new("unshare");
        let full = ground.path("full").display().to_string();
        // In a mount namespace of its own the small file system is nobody else's; `$0` is tribunal.
        let mount =
            format!("mount -t tmpfs -o size=4m none {full} && head -c {filled} /dev/zero >{full}/filler");
        command.args(["--mount", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")]);
        command.arg(usual.get_program()).args(usual.get_args());
        for (name, value) in usual.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        finish(&mut command)
    };
    let output = run("4100000");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("this host is unfit: the data directory"), "{said}");
    let output = run("1000000");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn bad_lists_and_harnesses_are_named_and_a_missing_submission_stops_nobody() {
    let ground = Ground::new();
    let harness = shell(&ground, RUN_SUBMISSION);
    ground.file("in/anna/main.sh", "true\n");
    ground.file("in/anna/score", "5\n");
    ground.file("list.csv", "id,path\nanna,in/anna\nbob,in/nowhere\n");
    let document = ground.grade(&harness, "list.csv", &[]);
    assert_eq!(of(&document, "anna")["score"], "5");
    let bob = of(&document, "bob");
    assert_eq!((&bob["status"], &bob["score"]), (&json!("failed"), &json!("0")));
    assert!(bob["reason"].as_str().unwrap().contains("nowhere"));
    ground.file("bad.csv", "who,where\nanna,in/anna\n");
    ground.file("nothing/main.py", "");
    for (harness, list, why) in [
        (&harness, "bad.csv", "no column `id`"),
        (&harness, "absent", "absent"),
        (&ground.path("nothing"), "in", "run_autograder"),
    ] {
        let output = ground.run(harness, list, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
    }
}
