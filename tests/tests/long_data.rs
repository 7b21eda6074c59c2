//! Inputs, answers and outputs too long for the judge's memory: what becomes of them, whatever a program makes of its
//! output file, and when the disk under them is full.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::client::Api;
use tests::process::{Running, finish, json, share_images, tribunal};

const MIB: usize = 1 << 20;

/// A line of 16 bytes.
const LINE: &str = "0123456789abcde\n";

/// What a judge that holds nothing long takes, and room for one that differs; a development build takes 46 MiB.
const PEAK_MIB: u64 = 75;

/// What is too much to be held once beside that.
const LONG: usize = 32 * MIB;

/// Reads all of what it is given, and accepts what has as many bytes as the answer.
const VALIDATOR: &str = "import sys, os
sizes = [os.path.getsize(name) for name in sys.argv[1:3]]
output = 0
while part := sys.stdin.buffer.read(1 << 16):
    output += len(part)
sys.exit(42 if sizes[1] == output and sizes[0] in (1, output) else 43)
";

/// A package in Python with one case, whose answer is `answer`.
fn package(at: &Path, output_mib: usize, answer: &str, files: &[(&str, &str)]) -> PathBuf {
    let package = at.join("package");
    let manifest = format!(
        "problem_format_version: 2025-09\nname: Long\nuuid: long\nallow_file_writing: true\n\
         limits: {{time_limit: 20, memory: 512, output: {output_mib}}}\n"
    );
    let common = [("problem.yaml", &*manifest), ("data/secret/1.in", "1"), ("data/secret/1.ans", answer)];
    for (name, text) in common.iter().chain(files) {
        let path = package.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    package
}

/// A data directory and a package of ours.
struct Site {
    folder: tempfile::TempDir,
    package: PathBuf,
}

impl Site {
    fn new(output_mib: usize, answer: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        share_images(&folder.path().join("data"));
        let package = package(folder.path(), output_mib, answer, files);
        Self { folder, package }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn source(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.py"));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn judge(&self, source: &Path) -> Command {
        let mut command = tribunal(&self.data());
        command.arg("judge").arg(&self.package).arg(source).arg("--json");
        command
    }
}

/// Judges, and says what the judge's own process had in memory at most, in MiB.
fn watched(command: &mut Command) -> (Value, u64) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(kib) = line.and_then(|line| line.trim().strip_suffix(" kB")) else { break };
            peak = peak.max(kib.trim().parse::<u64>().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
        peak >> 10
    });
    let output = child.wait_with_output().unwrap();
    (json(&output), watch.join().unwrap())
}

#[test]
fn whatever_a_program_makes_of_its_output_file_has_its_verdict_eight_at_once() {
    let files = [("tribunal.yaml", "checker: exact\noutput_file: out\n")];
    let site = Site::new(4, &LINE.repeat(4 * MIB / 16), &files);
    let right =
        "f = open('out', 'w', buffering=1 << 20)\nf.write('0123456789abcde\\n' * 262144)\nf.flush()\n";
    let on = |more: &str| format!("import os, stat\n{right}{more}");
    let alone = |text: &str| format!("import os, stat\n{text}");
    let tried = |text: &str| format!("import os, stat\ntry:\n    {text}\nexcept OSError:\n    pass\n");
    let cases = [
        ("at_the_limit", on(""), "AC"),
        ("one_over", on("f.write('x')\n"), "OLE"),
        ("stdout_counts", on("print()\n"), "OLE"),
        ("one_byte_less", on("os.truncate('out', 4194303)\n"), "WA"),
        ("holes_at_the_limit", alone("open('out', 'w').truncate(4194304)"), "WA"),
        ("holes_over_the_limit", alone("open('out', 'w').truncate(60 << 20)"), "OLE"),
        ("a_tebibyte_of_holes", tried("open('out', 'w').truncate(1 << 40)"), "WA"),
        ("link_to_the_right_one", on("os.rename('out', 'real'); os.symlink('real', 'out')"), "WA"),
        ("link_out", alone("os.symlink('/dev/zero', 'out')"), "WA"),
        ("two_names", on("os.link('out', 'again')"), "WA"),
        ("fifo", tried("os.mkfifo('out')"), "WA"),
        ("folder", alone("os.mkdir('out'); open('out/out', 'w').write('x' * 4000000)"), "WA"),
        ("device", tried("os.mknod('out', 0o666 | stat.S_IFCHR, os.makedev(1, 5))"), "WA"),
        ("taken_back", on("os.unlink('out')"), "WA"),
        ("another_directory", alone("open('/tmp/out', 'w').write('x')"), "WA"),
        ("crashed", on("raise SystemExit(3)"), "RTE"),
        (
            "a_hundred_thousand_beside",
            on("try:\n    for n in range(100000): open(f't{n}', 'w').close()\nexcept OSError: pass\n"),
            "AC",
        ),
        (
            "one_that_goes_on_writing",
            on("os.fork() or [f.seek(0) or f.write('9') and f.flush() for _ in iter(int, 1)]"),
            "?",
        ),
    ];
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..8)
            .map(|n| {
                let (site, mine) = (&site, cases.iter().skip(n).step_by(8));
                let judge = |(name, text, verdict): &(&str, String, &str)| {
                    let document = json(&finish(&mut site.judge(&site.source(name, text))));
                    let got = document["verdict"].as_str().unwrap_or_default().to_owned();
                    // Whether the other one came to write is a race of its own; that it is read as it is, is not.
                    let right = got == *verdict || (*verdict == "?" && ["AC", "WA"].contains(&&*got));
                    (!right).then(|| format!("{name}: {verdict} {document}"))
                };
                scope.spawn(move || mine.filter_map(judge).collect::<Vec<_>>())
            })
            .collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_long_output_file_is_compared_outside_the_judges_memory() {
    let site = Site::new(2 * LONG / MIB, &LINE.repeat(LONG / 16), &[("tribunal.yaml", "output_file: out\n")]);
    let text = "f = open('out', 'w')\nfor _ in range(32): f.write('0123456789abcde\\n' * 65536)\n";
    for (name, more, verdict) in [("right", "", "AC"), ("longer", "f.write('x')\n", "WA")] {
        let (document, peak) = watched(&mut site.judge(&site.source(name, &format!("{text}{more}"))));
        assert_eq!(document["verdict"], verdict, "{document}");
        assert!(peak < PEAK_MIB, "{name}: {peak} MiB");
    }
}

#[test]
fn a_validator_is_given_a_long_input_answer_and_output_outside_the_judges_memory() {
    let long = LINE.repeat(LONG / 16);
    for (sidecar, name) in [("", "sys.stdout"), ("output_file: out\n", "open('out', 'w')")] {
        let files = [
            ("output_validator/validate.py", VALIDATOR),
            ("tribunal.yaml", sidecar),
            ("data/secret/1.in", long.as_str()),
        ];
        let site = Site::new(2 * LONG / MIB, &long, &files);
        let text =
            format!("import sys\nf = {name}\nfor _ in range(32): f.write('0123456789abcde\\n' * 65536)\n");
        let (document, peak) = watched(&mut site.judge(&site.source("right", &text)));
        assert_eq!(document["verdict"], "AC", "{name}: {document}");
        assert!(peak < PEAK_MIB, "{name}: {peak} MiB");
    }
}

/// `usual` with a small file system of its own at `outputs`; `None` where that cannot be.
fn with_little_room(usual: &Command, outputs: &Path) -> Option<Command> {
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: a full disk under outputs: `unshare --mount` does not work here");
        return None;
    }
    std::fs::create_dir_all(outputs).unwrap();
    let mut full = Command::new("unshare");
    // A mount namespace of its own, so that the small file system is nobody else's; in it `$0` is tribunal.
    let mount = format!("mount -t tmpfs -o size=4m none {} && exec \"$0\" \"$@\"", outputs.display());
    full.args(["--mount", "sh", "-c", &mount]).arg(usual.get_program()).args(usual.get_args());
    // Where temporary files lie otherwise has room and is not asked.
    full.env("TRIBUNAL__CACHE__MAX", "off").env_remove("TRIBUNAL_TEST_DATA");
    Some(full)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_a_long_output_is_told_to_judges_with_its_folder_and_to_contestants_without() {
    let right = "for _ in range(8): print('0123456789abcde\\n' * 65536, end='')\n";
    let site = Site::new(16, &LINE.repeat(8 * MIB / 16), &[("output_validator/validate.py", VALIDATOR)]);
    let problems = site.folder.path().join("problems");
    std::fs::create_dir(&problems).unwrap();
    std::fs::rename(&site.package, problems.join("long")).unwrap();
    let mut usual = tribunal(&site.data());
    usual.args(["serve", "--listen", "127.0.0.1:0", "--problems"]).arg(&problems);
    let outputs = site.data().join("outputs");
    let Some(mut full) = with_little_room(&usual, &outputs) else { return };
    let running = Running::start(&mut full, "listening on ");
    let base = running.said("listening on ").unwrap();
    let judge = Api::new(base, running.said("admin token (shown once): "));
    let wanted = json!({ "name": "contestant", "tenant": "local", "scopes": ["submit", "read"] });
    let (_, token) = judge.post("/api/v1/tokens", &wanted).await;
    let contestant = Api::new(base, token["token"].as_str());
    let files = [json!({ "name": "right.py", "content": right })];
    let body = json!({ "problem": "long", "language": "python3", "files": files });
    let (_, view) = contestant.post("/api/v1/submissions", &body).await;
    let id = view["id"].as_str().unwrap_or_else(|| panic!("{view}"));

    let view = judge.done(id).await;
    let reason = view["judgement"]["reason"].as_str().unwrap_or_default();
    assert_eq!(view["verdict"], "SE", "{view}");
    assert!(reason.contains(outputs.to_str().unwrap()) && reason.contains("(os error 28)"), "{reason}");
    for route in ["", "/events", "/judgements"] {
        let (_, shown) = contestant.get(&format!("/api/v1/submissions/{id}{route}")).await;
        let shown = shown.to_string();
        assert!(shown.contains("SE"), "{route}: {shown}");
        let host = [site.folder.path().to_str().unwrap(), "outputs", "os error", "No space"];
        assert!(host.iter().all(|word| !shown.contains(word)), "{route}: {shown}");
    }
}

#[test]
fn a_full_disk_under_a_long_output_is_our_failure_told_with_folder_and_errno() {
    let answer = LINE.repeat(8 * MIB / 16) + "end\n";
    let right = "for _ in range(8): print('0123456789abcde\\n' * 65536, end='')\nprint('end')\n";
    let turned = "print('end')\nfor _ in range(8): print('0123456789abcde\\n' * 65536, end='')\n";
    for (file, text, source) in
        [("output_validator/validate.py", VALIDATOR, right), ("tribunal.yaml", "checker: sorted\n", turned)]
    {
        let site = Site::new(16, &answer, &[(file, text)]);
        let source = site.source("right", source);
        let outputs = site.data().join("outputs");
        let Some(mut full) = with_little_room(&site.judge(&source), &outputs) else { return };
        let output = finish(&mut full);
        let document = json(&output);
        assert_eq!((output.status.code(), &document["verdict"]), (Some(3), &"SE".into()), "{document}");
        let reason = document["reason"].as_str().unwrap_or_default();
        let told = reason.contains(outputs.to_str().unwrap()) && reason.contains("(os error 28)");
        assert!(told, "{file}: {reason}");

        let document = json(&finish(&mut site.judge(&source)));
        assert_eq!(document["verdict"], "AC", "with room: {document}");
    }
}
