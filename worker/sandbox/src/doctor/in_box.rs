//! What programs in a box see and may do.

use std::time::Duration;

use proto::facts::{Exit, RunFacts};
use proto::limits::Limits;
use proto::units::Bytes;

use super::Probe;
use super::table::row;
use crate::error::SandboxError;
use crate::keeper::BoxServer;
use crate::run::Cancel;
use crate::spec::{BoxFile, Profile, RootSpec, RunSpec, Stdin};

/// Files of `/proc/self` that tell what a process is.
const FILES: [&str; 5] = ["status", "mountinfo", "uid_map", "cgroup", "timens_offsets"];

/// Namespaces by their name in `/proc/self/ns` and in the table of probes.
const NAMESPACES: [(&str, &str); 8] = [
    ("pid", "pid namespace"),
    ("mnt", "mount namespace"),
    ("net", "network namespace"),
    ("ipc", "ipc namespace"),
    ("uts", "uts namespace"),
    ("cgroup", "cgroup namespace"),
    ("time", "time namespace"),
    ("user", "user namespace"),
];

pub(super) fn probe(server: &BoxServer, root: &RootSpec) -> Vec<Probe> {
    let mut cat = vec!["/usr/bin/cat".to_owned()];
    cat.extend(FILES.map(|file| format!("/proc/self/{file}")));
    let mut links = vec!["/usr/bin/readlink".to_owned()];
    links.extend(NAMESPACES.map(|(kind, _)| format!("/proc/self/ns/{kind}")));
    let mut probes = Vec::new();
    match say(server, &spec(root, cat)) {
        Ok(text) => probes.extend(status(&text)),
        Err(seen) => probes.push(row("a box", false, seen)),
    }
    match say(server, &spec(root, links)) {
        Ok(text) => probes.extend(namespaces(&text, |kind| {
            let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).ok()?;
            Some(link.to_string_lossy().into_owned())
        })),
        Err(seen) => probes.push(row("a box", false, seen)),
    }
    probes.push(foreign("no 32-bit calls", server, root, &elf32(&IA32)));
    probes.push(foreign("no x32 calls", server, root, &elf64(&X32)));
    probes
}

/// A small run of `argv`.
pub(super) fn spec(root: &RootSpec, argv: Vec<String>) -> RunSpec {
    RunSpec {
        root: root.clone(),
        argv,
        env: Vec::new(),
        files: Vec::new(),
        stdin: Stdin::Empty,
        keep_stdout: 64 << 10,
        overflow: None,
        keep_stderr: 4096,
        limits: Limits {
            memory: Bytes::mib(64),
            // Nothing is measured: on a loaded or emulated host a probe must not be called missing for being slow.
            cpu_time: Duration::from_secs(20),
            wall_time: Duration::from_mins(1),
            ..Limits::run_defaults()
        },
        profile: Profile::Default,
        writable: false,
        collect: Vec::new(),
    }
}

fn say(server: &BoxServer, spec: &RunSpec) -> Result<String, String> {
    let outcome = server.run(spec, &Cancel::new()).map_err(|e| e.to_string())?;
    if outcome.facts.exit != Some(Exit::Code(0)) {
        let stderr = String::from_utf8_lossy(&outcome.stderr.bytes).escape_debug().to_string();
        return Err(format!("{} ended with {:?}: {stderr}", spec.argv[0], outcome.facts.exit));
    }
    Ok(String::from_utf8_lossy(&outcome.stdout.bytes).into_owned())
}

/// `text` is one link a line in the order of [`NAMESPACES`]; `own` tells the worker's.
fn namespaces(text: &str, own: impl Fn(&str) -> Option<String>) -> Vec<Probe> {
    let mut lines = text.lines();
    let mut probes = Vec::new();
    for (kind, name) in NAMESPACES {
        let inside = lines.next().unwrap_or_default();
        let apart = inside.starts_with(&format!("{kind}:[")) && own(kind).is_some_and(|own| own != inside);
        probes.push(row(name, apart, if inside.is_empty() { "unknown" } else { inside }));
    }
    probes
}

fn status(text: &str) -> Vec<Probe> {
    let field = |name: &str| {
        text.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned()).unwrap_or_default()
    };
    let mounts = |point: &str, kind: &str| {
        text.lines().find(|l| l.contains(&format!(" {point} ")) && l.contains(&format!(" - {kind} ")))
    };
    let sets = ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].map(field);
    let proc = mounts("/proc", "proc").unwrap_or_default();
    vec![
        row(
            "another user",
            !field("Uid:").is_empty() && !field("Uid:").split_whitespace().any(|id| id == "0"),
            format!("uid {}", field("Uid:").split_whitespace().next().unwrap_or("?")),
        ),
        row(
            "no capabilities",
            sets.iter().all(|set| !set.is_empty() && set.trim_matches('0').is_empty()),
            format!("bounding set {}", sets[2]),
        ),
        row("no_new_privs", field("NoNewPrivs:") == "1", field("NoNewPrivs:")),
        row(
            "seccomp filters",
            field("Seccomp:") == "2",
            format!("mode {}, {} filters", field("Seccomp:"), field("Seccomp_filters:")),
        ),
        row(
            "overlay root",
            mounts("/", "overlay").is_some_and(|line| line.contains("userxattr")),
            if mounts("/", "overlay").is_some() { "overlay" } else { "something else" },
        ),
        row(
            "private /proc",
            proc.contains("subset=pid") && proc.contains("hidepid=invisible"),
            "subset=pid,hidepid=invisible",
        ),
        row("no /sys", mounts("/sys", "sysfs").is_none(), "absent"),
    ]
}

/// Whether a program that makes such a call does not get through: `present` means that it was ended.
fn foreign(name: &str, server: &BoxServer, root: &RootSpec, program: &[u8]) -> Probe {
    let mut spec = spec(root, vec!["/w/probe".to_owned()]);
    spec.files.push(BoxFile { path: "probe".to_owned(), content: program.into(), executable: true });
    match server.run(&spec, &Cancel::new()) {
        Ok(outcome) => row(name, was_ended(&outcome.facts), how(&outcome.facts)),
        // A kernel without that table does not know the format.
        Err(SandboxError::Exec { source, .. }) if source.raw_os_error() == Some(libc::ENOEXEC) => {
            row(name, true, "this kernel does not execute it")
        }
        Err(e) => row(name, false, e.to_string()),
    }
}

fn how(facts: &RunFacts) -> String {
    match (&facts.violation, facts.exit) {
        (Some(_), _) => "ended as a security violation".to_owned(),
        (None, exit) => format!("ended with {exit:?}"),
    }
}

fn was_ended(facts: &RunFacts) -> bool {
    facts.violation.is_some() || facts.exit == Some(Exit::Signal(libc::SIGSYS))
}

/// getpid and exit(0) by `int 0x80`: mov eax,20; int 0x80; xor ebx,ebx; mov eax,1; int 0x80.
const IA32: [u8; 16] = [0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x31, 0xdb, 0xb8, 1, 0, 0, 0, 0xcd, 0x80];
/// getpid by its x32 number, then a plain exit_group(0): mov eax,0x40000027; syscall; xor edi,edi; mov eax,231; syscall.
const X32: [u8; 16] = [0xb8, 0x27, 0, 0, 0x40, 0x0f, 0x05, 0x31, 0xff, 0xb8, 231, 0, 0, 0, 0x0f, 0x05];

/// Where both programs are loaded.
const LOAD: u32 = 0x40_0000;

/// An executable of one segment (elf(5)): 52 bytes of header, 32 of program header, the code.
fn elf32(code: &[u8]) -> Vec<u8> {
    let size = (84 + code.len()) as u32;
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec();
    file.extend([LOAD + 84, 52, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    file.extend([52_u16, 32, 1, 40, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    // PT_LOAD, offset, addresses, sizes, readable and executable, a page.
    file.extend([1, 0, LOAD, LOAD, size, size, 5, 4096].iter().flat_map(|word: &u32| word.to_le_bytes()));
    file.extend(code);
    file
}

/// The same for 64 bits: 64 bytes of header, 56 of program header.
fn elf64(code: &[u8]) -> Vec<u8> {
    let (size, load) = ((120 + code.len()) as u64, u64::from(LOAD));
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    file.extend([load + 120, 64, 0].iter().flat_map(|word| word.to_le_bytes()));
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 64, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    file.extend([1_u32, 5].iter().flat_map(|word| word.to_le_bytes()));
    file.extend([0, load, load, size, size, 4096].iter().flat_map(|word: &u64| word.to_le_bytes()));
    file.extend(code);
    file
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Only getpid and exit: outside a box they harm nobody.
    #[test]
    fn the_programs_that_make_foreign_calls_are_alive_outside_a_box() {
        let dir = tempfile::tempdir().unwrap();
        for (name, program) in [("ia32", elf32(&IA32)), ("x32", elf64(&X32))] {
            let path = dir.path().join(name);
            std::fs::write(&path, program).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            match run(&path).map_err(|e| (e.raw_os_error(), e)) {
                Err((Some(libc::ENOEXEC), _)) if name == "ia32" => {
                    println!("skipped: {name}: this kernel does not execute it");
                }
                ended => assert_eq!(ended.unwrap().code(), Some(0), "{name}"),
            }
        }
    }

    /// Tries again while a fork of another test still holds the file open for writing.
    fn run(path: &std::path::Path) -> std::io::Result<std::process::ExitStatus> {
        for _ in 0..100 {
            match std::process::Command::new(path).status() {
                Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                ended => return ended,
            }
        }
        std::process::Command::new(path).status()
    }

    #[test]
    fn a_namespace_shared_with_the_worker_is_missing() {
        let inside = NAMESPACES.map(|(kind, _)| format!("{kind}:[2]\n")).concat();
        let own = |kind: &str| Some(if kind == "net" { "net:[2]".to_owned() } else { format!("{kind}:[1]") });
        for probe in namespaces(&inside, own) {
            assert_eq!(probe.present, probe.name != "network namespace", "{}", probe.name);
        }
        assert!(namespaces("", own).iter().all(|probe| !probe.present), "nothing said is nothing shown");
        assert!(namespaces(&inside, |_| None).iter().all(|probe| !probe.present));
    }

    const GOOD: &str = "Uid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000\nCapEff:\t0000\nCapBnd:\t0000\nCapAmb:\t0000\n\
                        NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n\
                        1 2 0:3 / / ro - overlay none ro,lowerdir=x,userxattr\n\
                        2 1 0:4 / /proc rw - proc proc rw,hidepid=invisible,subset=pid\n";

    #[test]
    fn each_line_a_program_should_not_see_makes_its_probe_missing() {
        assert!(status(GOOD).iter().all(|probe| probe.present), "{:?}", status(GOOD));
        for (name, from, to) in [
            ("another user", "Uid:\t1000", "Uid:\t0"),
            ("no capabilities", "CapBnd:\t0000", "CapBnd:\t0020"),
            ("no capabilities", "CapEff:", "Other:"),
            ("no_new_privs", "NoNewPrivs:\t1", "NoNewPrivs:\t0"),
            ("seccomp filters", "Seccomp:\t2", "Seccomp:\t0"),
            ("overlay root", ",userxattr", ""),
            ("private /proc", ",subset=pid", ""),
            ("no /sys", "2 1 0:4 / /proc", "3 1 0:5 / /sys rw - sysfs s rw\n2 1 0:4 / /proc"),
        ] {
            let probes = status(&GOOD.replace(from, to));
            let missing: Vec<_> = probes.iter().filter(|p| !p.present).map(|p| p.name).collect();
            assert_eq!(missing, [name], "{from} -> {to}");
        }
    }
}
