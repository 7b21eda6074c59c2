//! Does `tribunal run` pass output, exit status and facts through as the contract says?

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tests::process::{finish, json, share_images, tribunal};

fn run(data: &Path, options: &[&str], command: &[&str]) -> Output {
    let mut tribunal = tribunal(data);
    tribunal.arg("run").args(options).arg("--").args(command);
    finish(&mut tribunal)
}

fn facts(data: &Path, options: &[&str], command: &[&str]) -> Value {
    let options = [&["--json"], options].concat();
    let output = run(data, &options, command);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    json(&output)
}

fn data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    data
}

#[test]
fn output_and_exit_status_pass_through() {
    let data = data();
    let output = run(data.path(), &[], &["/bin/sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    let output = run(data.path(), &[], &["/bin/sh", "-c", "kill -SEGV $$"]);
    assert_eq!(output.status.code(), Some(128 + 11));
    let output = run(data.path(), &["--cpu-time", "200ms"], &["/bin/sh", "-c", "while :; do :; done"]);
    assert_eq!(output.status.code(), Some(124));
    let output = run(data.path(), &["--wall-time", "300ms"], &["/bin/sleep", "10"]);
    assert_eq!(output.status.code(), Some(124));
}

#[test]
fn the_document_says_how_it_ended() {
    let data = data();
    let exited = facts(data.path(), &[], &["/bin/echo", "hi"]);
    assert_eq!((&exited["status"], &exited["exit_code"]), (&"exited".into(), &0.into()));
    assert_eq!(exited["stdout"], "hi\n");
    assert!(exited["limit_hit"].is_null() && exited["signal"].is_null());
    let killed = facts(data.path(), &[], &["/bin/sh", "-c", "kill -ABRT $$"]);
    assert_eq!((&killed["status"], &killed["signal"]), (&"signalled".into(), &6.into()));
    let flooded = facts(data.path(), &["--output", "64KiB"], &["/usr/bin/yes"]);
    assert_eq!((&flooded["status"], &flooded["limit_hit"]), (&"limit".into(), &"output".into()));
    assert_eq!(flooded["stdout_truncated"], true);
    let binary = facts(data.path(), &[], &["/usr/bin/printf", "\\377"]);
    assert_eq!(binary["stdout_base64"], "/w==");
}

#[test]
fn files_environment_and_input_go_in_and_files_come_back() {
    let (data, here) = (data(), tempfile::tempdir().unwrap());
    std::fs::write(here.path().join("in.txt"), "from stdin\n").unwrap();
    std::fs::write(here.path().join("given"), "given\n").unwrap();
    let status = here.path().join("status.json");
    let mut command: Command = tribunal(data.path());
    command.current_dir(here.path()).args(["run", "--stdin", "in.txt", "--file", "given:sub/placed"]);
    command.args(["--env", "GREETING=hello", "--out", "made", "--status-file"]).arg(&status);
    command.args(["--", "/bin/sh", "-c", "cat; cat sub/placed; echo $GREETING; mkdir made; echo x > made/y"]);
    let output = finish(&mut command);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "from stdin\ngiven\nhello\n");
    assert_eq!(std::fs::read_to_string(here.path().join("made/y")).unwrap(), "x\n");
    let document: Value = serde_json::from_slice(&std::fs::read(&status).unwrap()).unwrap();
    assert_eq!(document["status"], "exited");
}

#[test]
fn a_command_or_image_that_is_not_there_is_the_requesters_fault() {
    let data = data();
    for (options, command, named) in
        [(&[][..], "/no/such/program", "/no/such/program"), (&["--image", "nope"], "/bin/true", "nope")]
    {
        let output = run(data.path(), options, &[command]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(named), "{said}");
    }
}

#[test]
fn a_profile_opens_and_closes_system_calls() {
    let data = data();
    let second_program = ["/bin/sh", "-c", "/bin/echo second || echo refused"];
    assert_eq!(facts(data.path(), &["--profile", "strict"], &second_program)["stdout"], "refused\n");
    for profile in ["default", "loopback"] {
        assert_eq!(facts(data.path(), &["--profile", profile], &second_program)["stdout"], "second\n");
    }
    let unknown = run(data.path(), &["--profile", "open"], &["/bin/true"]);
    assert!(!unknown.status.success());
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(said.contains("open") && said.contains("loopback"), "{said}");
}

/// The catalogue's T13. The watcher is stopped from the start of the program until after its wall limit; the time it
/// did not watch is not the program's, which ends by itself before the limit that it has then.
#[test]
fn a_stopped_worker_is_no_idle_program() {
    use nix::sys::signal::{Signal, kill};
    let data = data();
    // The digits tell this program from every other on the host.
    let duration = format!("5.0{}", std::process::id());
    let mut command = tribunal(data.path());
    command.args(["run", "--json", "--wall-time", "3s", "--", "/bin/sleep", &duration]);
    let (out, err) = (std::process::Stdio::piped(), std::process::Stdio::piped());
    let child = command.stdout(out).stderr(err).spawn().unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let program = format!("/bin/sleep\0{duration}\0");
    // A minute at most; what then runs, or not, is told by the document.
    for _ in 0..6000 {
        if runs(program.as_bytes()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    kill(pid, Signal::SIGSTOP).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    kill(pid, Signal::SIGCONT).unwrap();
    let output = child.wait_with_output().unwrap();
    let document = json(&output);
    assert_eq!(document["status"], "exited", "{document}");
}

/// Whether a process with this command line is on the host.
fn runs(command_line: &[u8]) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.map(|p| p.path().join("cmdline")).any(|p| std::fs::read(p).is_ok_and(|c| c == command_line))
}
