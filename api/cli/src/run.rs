//! `tribunal run`: one command in one box. Facts out, or the program's own output and exit status.

use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker::{Classified, classify};
use images::ImageError;
use proto::limits::{Limits, LimitsRequest};
use proto::units::round_ms;
use proto::verdict::Verdict;
use sandbox::spec::{BoxFile, Captured, Collect, Collected, RunOutcome, RunSpec, Stdin};
use sandbox::{Cancel, SandboxError};
use serde_json::{Value, json};

use crate::args::RunArgs;
use crate::context::{Settings, root_spec};
use crate::output::{Failure, chain, note, pass, print_json};

/// Exit statuses of the pass-through that are not the program's own.
const EXIT_LIMIT: u8 = 124;
const EXIT_VIOLATION: u8 = 125;
const EXIT_FAILED: u8 = 126;

pub(crate) fn main(args: &RunArgs, settings: &Settings) -> Result<u8, Failure> {
    let destinations = destinations(&args.out)?;
    let limits = limits(args, &settings.config.maxima)?;
    let files = args.files.iter().map(|file| box_file(file)).collect::<Result<Vec<_>, _>>()?;
    let env = args.env.iter().map(|pair| variable(pair)).collect::<Result<Vec<_>, _>>()?;
    let stdin = stdin(args.stdin.as_deref())?;
    let boxes = Settings::boxes(0);
    let store = settings.store()?;
    let rootfs = store.rootfs(&args.image).map_err(|e| match e {
        ImageError::UnknownImage { .. } => Failure::usage(e),
        other => Failure::ours(chain(&other)),
    })?;

    let max_bytes = limits.disk.get();
    let spec = RunSpec {
        root: root_spec(&rootfs),
        argv: args.command.clone(),
        env: merged(rootfs.env, env),
        files,
        stdin,
        keep_stdout: usize::try_from(limits.output.get()).unwrap_or(usize::MAX),
        overflow: None,
        keep_stderr: usize::try_from(limits.output.get()).unwrap_or(usize::MAX),
        limits,
        profile: args.profile,
        writable: true,
        collect: args.out.iter().map(|path| Collect::read(path, max_bytes)).collect(),
    };
    let outcome = match boxes {
        Ok(boxes) => boxes.run(&spec, &Cancel::new()).map_err(|e| match e {
            SandboxError::Exec { .. } | SandboxError::BadSpec(_) => Failure::usage(chain(&e)),
            other => Failure::ours(chain(&other)),
        }),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(outcome) => finish(args, &spec.limits, &outcome, &destinations),
        Err(Failure::Ours(why)) => fail(args, &why),
        Err(usage) => Err(usage),
    }
}

fn finish(
    args: &RunArgs,
    limits: &Limits,
    outcome: &RunOutcome,
    destinations: &[(String, PathBuf)],
) -> Result<u8, Failure> {
    let classified = classify(&outcome.facts, limits);
    let document = document(outcome, &classified, args.report);
    write_status(args, &document)?;
    for (path, why) in &outcome.refused {
        note(&format!("--out {path}: {why}"));
    }
    for file in &outcome.files {
        bring_back(file, destinations)?;
    }
    if args.json {
        print_json(&document)?;
        return Ok(if status_word(&classified) == "failed" { 3 } else { 0 });
    }
    pass(std::io::stdout().lock(), &outcome.stdout.bytes)?;
    pass(std::io::stderr().lock(), &outcome.stderr.bytes)?;
    Ok(exit_status(&classified))
}

/// We failed: the JSON says so too, with nothing in it that was not measured.
fn fail(args: &RunArgs, why: &str) -> Result<u8, Failure> {
    let document = json!({
        "status": "failed", "reason": why, "exit_code": null, "signal": null, "limit_hit": null,
        "cpu_time_ms": null, "wall_time_ms": null, "memory_bytes": null,
        "stdout": "", "stderr": "", "stdout_truncated": false, "stderr_truncated": false,
    });
    write_status(args, &document)?;
    note(why);
    if args.json {
        print_json(&document)?;
        return Ok(3);
    }
    Ok(EXIT_FAILED)
}

fn write_status(args: &RunArgs, document: &Value) -> Result<(), Failure> {
    let Some(file) = &args.status_file else { return Ok(()) };
    std::fs::write(file, format!("{document}\n"))
        .map_err(|e| Failure::usage(format!("--status-file {}: {e}", file.display())))
}

fn status_word(classified: &Classified) -> &'static str {
    match classified.verdict {
        Some(Verdict::RTE) if classified.signal.is_some() => "signalled",
        None | Some(Verdict::RTE) => "exited",
        Some(Verdict::TLE | Verdict::ILE | Verdict::MLE | Verdict::OLE) => "limit",
        Some(Verdict::SV) => "violation",
        // `classify` makes none of these but SE from a run; whatever it is, it is not the program's.
        Some(
            Verdict::AC
            | Verdict::PA
            | Verdict::WA
            | Verdict::OK
            | Verdict::CE
            | Verdict::SK
            | Verdict::JE
            | Verdict::SE,
        ) => "failed",
    }
}

fn exit_status(classified: &Classified) -> u8 {
    match status_word(classified) {
        "limit" => EXIT_LIMIT,
        "violation" => EXIT_VIOLATION,
        "exited" => classified.exit_code.unwrap_or(0) as u8,
        "signalled" => 128u8.saturating_add(classified.signal.unwrap_or(0) as u8),
        _ => EXIT_FAILED,
    }
}

fn document(outcome: &RunOutcome, classified: &Classified, behaviour: bool) -> Value {
    let facts = &outcome.facts;
    let status = status_word(classified);
    let mut document = json!({
        "status": status,
        "exit_code": classified.exit_code,
        "signal": classified.signal,
        "limit_hit": if status == "limit" { json!(classified.limit_hit) } else { Value::Null },
        "cpu_time_ms": round_ms(facts.cpu_time),
        "wall_time_ms": round_ms(facts.wall_time),
        "memory_bytes": facts.memory_bytes,
        "accounting": facts.accounting,
        "reason": classified.reason,
        "notes": classified.notes,
    });
    stream(&mut document, "stdout", &outcome.stdout);
    stream(&mut document, "stderr", &outcome.stderr);
    if behaviour {
        document["behaviour"] = json!(facts);
    }
    document
}

fn stream(document: &mut Value, name: &str, captured: &Captured) {
    document[name] = json!(String::from_utf8_lossy(&captured.bytes));
    document[format!("{name}_truncated")] = json!(captured.truncated);
    if std::str::from_utf8(&captured.bytes).is_err() {
        document[format!("{name}_base64")] = json!(STANDARD.encode(&captured.bytes));
    }
}

fn limits(args: &RunArgs, maxima: &Limits) -> Result<Limits, Failure> {
    let request = LimitsRequest {
        cpu_time: args.cpu_time,
        wall_time: args.wall_time,
        memory: args.memory,
        output: args.output,
        processes: args.processes,
        disk: args.disk,
        ..LimitsRequest::default()
    };
    request.resolve(&Limits::run_defaults(), maxima).map_err(Failure::usage)
}

fn merged(image: Vec<(String, String)>, own: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut env: Vec<_> = image.into_iter().filter(|(k, _)| !own.iter().any(|(o, _)| o == k)).collect();
    env.extend(own);
    env
}

fn variable(pair: &str) -> Result<(String, String), Failure> {
    match pair.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Failure::usage(format!("--env `{pair}`: KEY=VALUE is needed"))),
    }
}

/// `SRC` or `SRC:DEST`; a file whose name has a colon is taken as it is when it exists.
fn box_file(text: &str) -> Result<BoxFile, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let (source, dest) = match text.rsplit_once(':') {
        Some((source, dest)) if !Path::new(text).exists() => (Path::new(source), dest.to_owned()),
        _ => {
            let name = Path::new(text).file_name().and_then(|n| n.to_str()).unwrap_or_default();
            (Path::new(text), name.to_owned())
        }
    };
    let failed = |e: std::io::Error| Failure::usage(format!("--file {}: {e}", source.display()));
    let executable = std::fs::metadata(source).map_err(failed)?.permissions().mode() & 0o100 != 0;
    let content = std::fs::read(source).map_err(failed)?;
    Ok(BoxFile { path: dest, content: content.into(), executable })
}

fn stdin(file: Option<&Path>) -> Result<Stdin, Failure> {
    use std::io::Read as _;
    let Some(file) = file else { return Ok(Stdin::Empty) };
    let failed = |e: std::io::Error| Failure::usage(format!("--stdin {}: {e}", file.display()));
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
        return Ok(Stdin::Bytes(bytes.into()));
    }
    let opened = std::fs::File::open(file).map_err(failed)?;
    if !opened.metadata().map_err(failed)?.is_file() {
        return Err(Failure::usage(format!("--stdin {}: a regular file is needed", file.display())));
    }
    Ok(Stdin::Fd(Arc::new(OwnedFd::from(opened))))
}

/// Where each `--out` goes: its last name in the current folder. Nothing that exists is overwritten, so
/// this is asked before anything runs.
fn destinations(out: &[String]) -> Result<Vec<(String, PathBuf)>, Failure> {
    out.iter()
        .map(|path| {
            let inside = Path::new(path);
            let plain = inside.components().all(|c| matches!(c, Component::Normal(_)));
            let Some(name) = inside.file_name().filter(|_| plain) else {
                return Err(Failure::usage(format!(
                    "--out `{path}`: a path below the work directory is needed"
                )));
            };
            let dest = PathBuf::from(name);
            if dest.symlink_metadata().is_ok() {
                return Err(Failure::usage(format!(
                    "--out {path}: `{}` exists already here",
                    dest.display()
                )));
            }
            Ok((path.clone(), dest))
        })
        .collect()
}

fn bring_back(file: &Collected, destinations: &[(String, PathBuf)]) -> Result<(), Failure> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(&file.path));
    let Some((rest, dest)) = destinations
        .iter()
        .find_map(|(wanted, dest)| path.strip_prefix(wanted).ok().map(|rest| (rest, dest)))
    else {
        return Ok(());
    };
    if !rest.components().all(|c| matches!(c, Component::Normal(_))) {
        return Err(Failure::ours(format!("the box gave back a file called {}", path.display())));
    }
    let target = if rest.as_os_str().is_empty() { dest.clone() } else { dest.join(rest) };
    let failed = |e: std::io::Error| Failure::usage(format!("could not write {}: {e}", target.display()));
    if let Some(parent) = target.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mode = if file.executable { 0o755 } else { 0o644 };
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&target);
    pass(opened.map_err(failed)?, &file.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(verdict: Option<Verdict>, exit_code: Option<i32>, signal: Option<i32>) -> Classified {
        Classified {
            verdict,
            reason: None,
            feedback: None,
            limit_hit: None,
            notes: Vec::new(),
            exit_code,
            signal,
        }
    }

    #[test]
    fn the_exit_status_is_the_programs_or_says_why_not() {
        for (verdict, code, signal, want) in [
            (None, Some(0), None, 0),
            (Some(Verdict::RTE), Some(7), None, 7),
            (Some(Verdict::RTE), None, Some(11), 139),
            (Some(Verdict::TLE), None, Some(9), 124),
            (Some(Verdict::ILE), None, Some(9), 124),
            (Some(Verdict::SV), None, None, 125),
            (Some(Verdict::SE), None, None, 126),
        ] {
            assert_eq!(exit_status(&classified(verdict, code, signal)), want, "{verdict:?}");
        }
    }

    #[test]
    fn nothing_is_brought_back_outside_the_current_folder() {
        for bad in ["../x", "/etc/passwd", "", "a/../../b", "."] {
            assert!(destinations(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(destinations(&["there/is-no-such-file-here".to_owned()]).is_ok());
    }
}
