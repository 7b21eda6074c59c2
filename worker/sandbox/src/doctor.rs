//! What this host offers to a box: each mechanism probed in a real one, never guessed from a version.

use proto::facts::Exit;
use proto::limits::Limits;
use proto::units::Bytes;
use serde::Serialize;

use crate::error::SandboxError;
use crate::keeper::BoxServer;
use crate::run::Cancel;
use crate::spec::{Profile, RootSpec, RunSpec, Stdin};
use crate::steps::landlock;

/// One mechanism.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Short name.
    pub name: &'static str,
    /// Whether it works here.
    pub present: bool,
    /// Whether boxes cannot be trusted without it.
    pub required: bool,
    /// What was seen.
    pub seen: String,
    /// What is lost without it.
    pub lost: &'static str,
    /// How to get it.
    pub how: &'static str,
}

/// Runs `cat` on the box's own status in a box over `root` and holds what it says against what should be.
///
/// `root` needs `/usr/bin/cat`; the `host` image has it.
pub fn probe(server: Result<&BoxServer, &SandboxError>, root: &RootSpec) -> Vec<Probe> {
    let mut out = Vec::new();
    let server = match server {
        Ok(server) => server,
        Err(e) => {
            out.push(Probe {
                name: "box server",
                present: false,
                required: true,
                seen: e.to_string(),
                lost: "no program can be run at all",
                how: "see the error; as root, in a container, the box needs CAP_SYS_ADMIN in it",
            });
            return out;
        }
    };
    out.push(Probe {
        name: "box server",
        present: true,
        required: true,
        seen: "started".into(),
        lost: "no program can be run at all",
        how: "",
    });
    out.push(Probe {
        name: "control groups",
        present: server.cgroup_layout() != "none",
        required: nix::unistd::geteuid().is_root(),
        seen: server.cgroup_layout().into(),
        lost: "cpu time and memory are sampled, and MLE is never claimed as exact",
        how: "run as root, or under systemd with Delegate=yes",
    });
    match look(server, root) {
        Ok(text) => out.extend(in_box(&text)),
        Err(seen) => out.push(Probe {
            name: "a box",
            present: false,
            required: true,
            seen,
            lost: "no program can be run at all",
            how: "the message names the step the kernel refused",
        }),
    }
    out.push(Probe {
        name: "landlock",
        present: landlock::is_supported(),
        required: false,
        seen: if landlock::is_supported() { "version 2 or newer" } else { "absent" }.into(),
        lost: "the worker's own executable can be started inside a box, as its unprivileged user",
        how: "Linux 5.19 with CONFIG_SECURITY_LANDLOCK, and landlock among the modules of lsm= at boot",
    });
    out.extend(host());
    out
}

fn look(server: &BoxServer, root: &RootSpec) -> Result<String, String> {
    let files = ["status", "mountinfo", "uid_map", "cgroup", "timens_offsets"];
    let mut argv = vec!["/usr/bin/cat".to_owned()];
    argv.extend(files.map(|f| format!("/proc/self/{f}")));
    let spec = RunSpec {
        root: root.clone(),
        argv,
        env: Vec::new(),
        files: Vec::new(),
        stdin: Stdin::Empty,
        keep_stdout: 64 << 10,
        keep_stderr: 4096,
        limits: Limits { memory: Bytes::mib(64), ..Limits::run_defaults() },
        profile: Profile::Default,
        writable: false,
        collect: Vec::new(),
    };
    let outcome = server.run(&spec, &Cancel::new()).map_err(|e| e.to_string())?;
    if outcome.facts.exit != Some(Exit::Code(0)) {
        let stderr = String::from_utf8_lossy(&outcome.stderr.bytes).escape_debug().to_string();
        return Err(format!("cat ended with {:?}: {stderr}", outcome.facts.exit));
    }
    Ok(String::from_utf8_lossy(&outcome.stdout.bytes).into_owned())
}

fn in_box(text: &str) -> Vec<Probe> {
    let field = |name: &str| {
        text.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned()).unwrap_or_default()
    };
    let mount = |point: &str, kind: &str| {
        text.lines().any(|l| l.contains(&format!(" {point} ")) && l.contains(&format!(" - {kind} ")))
    };
    let row =
        |name, present, seen: String, lost, how| Probe { name, present, required: true, seen, lost, how };
    vec![
        row(
            "pid namespace",
            field("Pid:").parse::<u32>().is_ok_and(|p| p < 10),
            format!("pid {}", field("Pid:")),
            "programs see and signal each other",
            "kernel with CONFIG_PID_NS",
        ),
        row(
            "user namespace",
            text.lines().any(|l| l.split_whitespace().next() == Some("1000"))
                && !field("Uid:").starts_with('0'),
            format!("uid {}", field("Uid:").split_whitespace().next().unwrap_or("?")),
            "a kernel bug that needs capabilities in a namespace is one step nearer",
            "kernel with CONFIG_USER_NS; sysctl user.max_user_namespaces above 0",
        ),
        row(
            "no capabilities",
            ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"]
                .iter()
                .all(|f| field(f).trim_matches('0').is_empty()),
            format!("bounding set {}", field("CapBnd:")),
            "the program could use powers of root over its box",
            "the worker needs CAP_SETPCAP to drop the bounding set",
        ),
        row(
            "no_new_privs",
            field("NoNewPrivs:") == "1",
            field("NoNewPrivs:"),
            "set-user-id programs in the image would work",
            "Linux 3.5",
        ),
        row(
            "seccomp filters",
            field("Seccomp:") == "2",
            format!("mode {}, {} filters", field("Seccomp:"), field("Seccomp_filters:")),
            "the whole system call surface is open",
            "kernel with CONFIG_SECCOMP_FILTER",
        ),
        row(
            "overlay root",
            mount("/", "overlay"),
            "overlay".into(),
            "boxes over one image would share inodes, and with them locks",
            "kernel with CONFIG_OVERLAY_FS (modprobe overlay)",
        ),
        row(
            "private /proc",
            text.contains("subset=pid") && text.contains("hidepid=invisible"),
            "subset=pid,hidepid=invisible".into(),
            "files of the kernel under /proc are visible",
            "Linux 5.8",
        ),
        row("no /sys", !mount("/sys", "sysfs"), "absent".into(), "hardware and cgroups are visible", ""),
        row(
            "cgroup namespace",
            text.lines().filter(|l| l.starts_with("0::")).all(|l| l == "0::/"),
            "own group is /".into(),
            "the program sees the worker's group names",
            "Linux 4.6 with CONFIG_CGROUPS",
        ),
        row(
            "time namespace",
            text.lines().any(|l| l.starts_with("monotonic") && !l.contains(" 0  ")),
            field("monotonic"),
            "the program sees the host's uptime",
            "Linux 5.6 with CONFIG_TIME_NS",
        ),
    ]
}

/// What makes times repeatable: never required, always worth knowing.
fn host() -> Vec<Probe> {
    let read = |p: &str| std::fs::read_to_string(p).unwrap_or_default().trim().to_owned();
    let swaps = read("/proc/swaps").lines().count().saturating_sub(1);
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    let smt = read("/sys/devices/system/cpu/smt/active");
    let row =
        |name, present, seen: String, lost, how| Probe { name, present, required: false, seen, lost, how };
    vec![
        row(
            "no swap",
            swaps == 0,
            format!("{swaps} swap areas"),
            "times under memory pressure vary",
            "swapoff -a, or rely on the boxes' own swap limit of 0",
        ),
        row(
            "steady clock rate",
            governor.is_empty() || governor == "performance",
            if governor.is_empty() { "not scaled here".into() } else { governor },
            "times vary with the load of the host",
            "cpupower frequency-set -g performance",
        ),
        row(
            "one thread per core",
            smt != "1",
            if smt == "1" { "SMT on" } else { "SMT off or absent" }.into(),
            "a neighbour on the same core slows a run and could observe it",
            "echo off > /sys/devices/system/cpu/smt/control",
        ),
    ]
}
