//! The host's processes as `/proc` tells them, and which of them are ours.

use std::collections::BTreeMap;
use std::fs;

/// One living process.
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    pub(crate) uid: u32,
    /// Whether it is in a pid namespace below ours.
    pub(crate) nested: bool,
}

/// Every living process.
pub(crate) fn processes() -> Vec<Process> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let number =
            |name| field(&status, name).and_then(|text| text.split_whitespace().next()?.parse().ok());
        let (Some(pid), Some(parent), Some(uid)) = (number("Pid:"), number("PPid:"), number("Uid:")) else {
            continue;
        };
        let nested = field(&status, "NSpid:").is_some_and(|ids| ids.split_whitespace().count() > 1);
        let name = field(&status, "Name:").unwrap_or_default().to_owned();
        found.push(Process { pid, parent, name, uid, nested });
    }
    found
}

/// Living processes below this one.
pub(crate) fn descendants() -> Vec<Process> {
    let all = processes();
    let parents: BTreeMap<u32, u32> = all.iter().map(|p| (p.pid, p.parent)).collect();
    let ours = |pid: u32| {
        let up = std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
        up.skip(1).take(parents.len()).any(|pid| pid == std::process::id())
    };
    all.into_iter().filter(|p| ours(p.pid)).collect()
}

/// Whether a process below this one was started with exactly these arguments, its name first.
pub fn runs_below(argv: &[&str]) -> bool {
    let wanted: Vec<u8> = argv.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
    let line = |pid: u32| fs::read(format!("/proc/{pid}/cmdline"));
    descendants().iter().any(|process| line(process.pid).is_ok_and(|line| line == wanted))
}

/// The value of a line of `/proc/<pid>/status`, whose name ends in a colon.
pub(crate) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
