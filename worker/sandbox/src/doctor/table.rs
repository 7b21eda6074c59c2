//! The table of probes: what each is for. Whoever adds a probe adds its row here and its line to `deploy/HOST.md`.

use super::Probe;

/// When a missing mechanism makes boxes untrustworthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Always.
    Always,
    /// When the worker is root: rootless is a weaker promise anyway, and says so.
    AsRoot,
    /// Never: something is slower, coarser or less repeatable.
    Never,
}

/// One row.
struct Row {
    name: &'static str,
    need: Need,
    lost: &'static str,
    how: &'static str,
}

const fn known(name: &'static str, need: Need, lost: &'static str, how: &'static str) -> Row {
    Row { name, need, lost, how }
}

use Need::{Always, AsRoot, Never};

const NO_BOX: &str = "no program can be run at all";
const TIMES_VARY: &str = "times vary from run to run";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    known("box server", Always, NO_BOX, "see the error; as root in a container, it needs the capabilities of deploy/HOST.md"),
    known("a box", Always, NO_BOX, "the message names the step the kernel refused"),
    known("control groups", AsRoot, "cpu time and memory are sampled, and MLE is never claimed", "mount the memory and pids controllers writable; under systemd: Delegate=yes"),
    known("cpu accounting", AsRoot, "cpu time of processes that ended between two looks is missed", "a cgroup2 tree, or the v1 controller cpuacct"),
    known("oom_kill counter", AsRoot, "there is no proof of a memory limit, so no MLE", "Linux 4.13 with the memory controller"),
    known("process limit counter", AsRoot, "nobody learns that a fork was refused by the limit", "Linux 4.3 with the pids controller"),
    known("swap limit of a group", Never, "where swap is on, a box can use it beyond its memory limit", "boot with swapaccount=1, or switch swap off"),
    known("raw memory peak", Never, "results carry no raw peak of memory (memory_peak_raw is null)", "cgroup v1, or Linux 5.19 for v2"),
    known("clone into cgroup", Never, "a box is moved into its groups after it was made instead of being born there", "Linux 5.7 and a mounted cgroup2 tree"),
    known("cgroup.kill", Never, "a box with many processes takes longer to end", "Linux 5.14 and a mounted cgroup2 tree"),
    known("pid namespace", Always, "programs see and signal each other", "kernel with CONFIG_PID_NS"),
    known("mount namespace", Always, "mounts of a box are mounts of the host", "any kernel with namespaces"),
    known("network namespace", Always, "programs reach the network", "kernel with CONFIG_NET_NS"),
    known("ipc namespace", Always, "programs share System V and POSIX queues and memory", "kernel with CONFIG_IPC_NS"),
    known("uts namespace", Always, "programs see the name of the host", "kernel with CONFIG_UTS_NS"),
    known("cgroup namespace", Always, "programs see the names of the worker's groups", "Linux 4.6 with CONFIG_CGROUPS"),
    known("time namespace", Always, "programs see the host's uptime", "Linux 5.6 with CONFIG_TIME_NS"),
    known("user namespace", Always, "a kernel bug that needs capabilities in a namespace is one step nearer", "kernel with CONFIG_USER_NS; sysctl user.max_user_namespaces above 0; without root also no sysctl or security module against unprivileged user namespaces"),
    known("user namespace last", AsRoot, "the other namespaces of a box belong to its own user namespace", "run the worker as root"),
    known("id range lock", AsRoot, "two workers could give the same user ids to two boxes", "run the worker as root with a writable /run/tribunal"),
    known("another user", Always, "programs run as the worker's root", "kernel with CONFIG_USER_NS"),
    known("no capabilities", Always, "programs use powers of root over their box", "run the worker with the capabilities of deploy/HOST.md"),
    known("no_new_privs", Always, "set-user-id programs of an image work", "Linux 3.5"),
    known("seccomp filters", Always, "the whole system call surface is open", "kernel with CONFIG_SECCOMP_FILTER"),
    known("seccomp user notification", Always, "a security violation cannot be told from a signal the program sent itself", "Linux 5.5"),
    known("no 32-bit calls", Always, "system calls of the 32-bit table go past the filters", "report it: the filters must end such a program"),
    known("no x32 calls", Always, "system calls of the x32 table go past the filters", "report it: the filters must end such a program"),
    known("overlay root", Always, "boxes over one image share inodes, and with them locks", "kernel with CONFIG_OVERLAY_FS and its option userxattr (Linux 5.11; modprobe overlay)"),
    known("private /proc", Always, "files of the kernel under /proc are visible", "Linux 5.8"),
    known("no /sys", Always, "hardware and control groups are visible", "report it: a box mounts none"),
    known("openat2", Always, "files cannot be collected safely", "Linux 5.6, and a container whose seccomp profile knows it"),
    known("close_range", Always, "descriptors of the worker could be inherited", "Linux 5.11, and a container whose seccomp profile knows it"),
    known("pidfd", Always, "the end of a box cannot be awaited safely", "Linux 5.3, and a container whose seccomp profile knows it"),
    known("sealed memfd", Always, "programs could change their input", "Linux 3.17"),
    known("landlock", Never, "the worker's own executable can be started inside a box, as its unprivileged user", "Linux 5.19 with CONFIG_SECURITY_LANDLOCK, and landlock among the modules of lsm= at boot"),
    known("kernel", Never, "it is older than any on which the tests have run (6.1)", "a newer kernel"),
    known("no swap", Never, "times under memory pressure vary", "swapoff -a, or rely on the boxes' own swap limit of 0 where that is present"),
    known("one thread per core", Never, "a neighbour on the same core slows a run and could observe it", "echo off > /sys/devices/system/cpu/smt/control"),
    known("steady clock rate", Never, TIMES_VARY, "cpupower frequency-set -g performance"),
    known("no turbo", Never, TIMES_VARY, "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 > /sys/devices/system/cpu/cpufreq/boost"),
    known("address randomisation", Never, "an exploit finds its targets at known addresses", "sysctl kernel.randomize_va_space=2"),
    known("no forced huge pages", Never, "memory and times of the same program vary", "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"),
    known("core dumps start no program", Never, "each crash in a box starts a program as root outside it, whatever the limit on core files", "sysctl kernel.core_pattern=core"),
    known("protected hard links", Never, "users of the host can link to files they may not read", "sysctl fs.protected_hardlinks=1"),
    known("memory free", Never, "boxes with the default limits may not fit", "free or add memory: 1 GiB at least"),
    known("disk free", Never, "images, packages and results may not fit", "free or add disk: 2 GiB at least"),
];

/// A probe with what its row says.
///
/// # Panics
/// In tests at the latest: when the table has no such row.
pub(super) fn row(name: &str, present: bool, seen: impl Into<String>) -> Probe {
    let row = TABLE.iter().find(|row| row.name == name).expect("every probe has a row");
    let required = match row.need {
        Always => true,
        AsRoot => nix::unistd::geteuid().is_root(),
        Never => false,
    };
    Probe { name: row.name, present, required, seen: seen.into(), lost: row.lost, how: row.how }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const HOST_MD: &str = include_str!("../../../../deploy/HOST.md");

    /// What stands in backticks at the start of the rows of HOST.md's tables whose first column is `probe`.
    fn named() -> BTreeSet<&'static str> {
        let mut inside = false;
        let mut names = BTreeSet::new();
        for line in HOST_MD.lines() {
            inside = line.starts_with("| probe |") || (inside && line.starts_with('|'));
            let name = line.strip_prefix("| `").and_then(|rest| rest.split_once('`'));
            names.extend(name.filter(|_| inside).map(|(name, _)| name));
        }
        names
    }

    #[test]
    fn every_probe_has_its_line_in_host_md_and_every_line_its_probe() {
        let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(rows.len(), TABLE.len(), "a name stands twice");
        assert_eq!(named(), rows);
    }

    #[test]
    fn every_row_says_what_is_lost_and_how_to_get_it() {
        for row in TABLE {
            assert!(!row.lost.is_empty() && !row.how.is_empty(), "{}", row.name);
        }
    }
}
