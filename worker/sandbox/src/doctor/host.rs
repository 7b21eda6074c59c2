//! Files of the host that say whether times repeat and settings are safe. Never required, always worth knowing.

use std::path::{Path, PathBuf};

use super::Probe;
use super::table::row;

/// Least memory and disk with which the default limits and two images fit, bytes.
const MEMORY_MIN: u64 = 1 << 30;
const DISK_MIN: u64 = 2 << 30;

/// The oldest kernel on which the tests have run.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// Where the host's files lie.
#[derive(Debug, Clone)]
pub struct HostFiles {
    /// The folder that holds `proc` and `sys`: `/`, or one made up for a test.
    pub root: PathBuf,
    /// The folder in which images and packages are kept, whose disk matters.
    pub data: PathBuf,
}

impl HostFiles {
    /// A file's text without blanks around it; `None` when it cannot be read.
    fn read(&self, path: &str) -> Option<String> {
        Some(std::fs::read_to_string(self.root.join(path)).ok()?.trim().to_owned())
    }

    /// One file of every processor.
    fn of_cpus(&self, file: &str) -> Vec<String> {
        let mut all = Vec::new();
        for entry in
            std::fs::read_dir(self.root.join("sys/devices/system/cpu")).into_iter().flatten().flatten()
        {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("cpu"));
            if number.is_some_and(|n| n.parse::<u32>().is_ok()) {
                all.extend(
                    std::fs::read_to_string(entry.path().join(file)).map(|text| text.trim().to_owned()),
                );
            }
        }
        all.sort();
        all.dedup();
        all
    }
}

pub(super) fn probe(files: &HostFiles) -> Vec<Probe> {
    vec![
        kernel(files),
        swap(files),
        threads(files),
        clock_rate(files),
        turbo(files),
        randomisation(files),
        huge_pages(files),
        core_dumps(files),
        hard_links(files),
        memory(files),
        disk(&files.data),
    ]
}

/// A probe that could not be made is missing: unknown is not fine.
fn unknown(name: &'static str) -> Probe {
    row(name, false, "cannot be read here")
}

fn kernel(files: &HostFiles) -> Probe {
    let Some(release) = files.read("proc/sys/kernel/osrelease") else { return unknown("kernel") };
    let mut numbers = release.split(['.', '-']).map(|n| n.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    row("kernel", version >= KERNEL_MIN, release)
}

fn swap(files: &HostFiles) -> Probe {
    let Some(text) = files.read("proc/swaps") else { return unknown("no swap") };
    let areas = text.lines().count().saturating_sub(1);
    row("no swap", areas == 0, format!("{areas} swap areas"))
}

fn threads(files: &HostFiles) -> Probe {
    // The file is absent where the architecture or the machine has no such thing.
    let on = files.read("sys/devices/system/cpu/smt/active").is_some_and(|text| text == "1");
    row("one thread per core", !on, if on { "SMT on" } else { "SMT off or absent" })
}

fn clock_rate(files: &HostFiles) -> Probe {
    let governors = files.of_cpus("cpufreq/scaling_governor");
    let seen = if governors.is_empty() { "not scaled here".to_owned() } else { governors.join(", ") };
    row("steady clock rate", governors.iter().all(|g| g == "performance"), seen)
}

fn turbo(files: &HostFiles) -> Probe {
    let intel = files.read("sys/devices/system/cpu/intel_pstate/no_turbo").map(|text| text == "0");
    let other = files.read("sys/devices/system/cpu/cpufreq/boost").map(|text| text == "1");
    let seen = match intel.or(other) {
        None => "not controlled here",
        Some(true) => "on",
        Some(false) => "off",
    };
    row("no turbo", seen != "on", seen)
}

fn randomisation(files: &HostFiles) -> Probe {
    let Some(text) = files.read("proc/sys/kernel/randomize_va_space") else {
        return unknown("address randomisation");
    };
    row("address randomisation", text == "2", text)
}

fn huge_pages(files: &HostFiles) -> Probe {
    // Absent: a kernel without them.
    let text =
        files.read("sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_else(|| "absent".to_owned());
    row("no forced huge pages", !text.contains("[always]"), text)
}

fn core_dumps(files: &HostFiles) -> Probe {
    let name = "core dumps start no program";
    let Some(text) = files.read("proc/sys/kernel/core_pattern") else { return unknown(name) };
    row(name, !text.starts_with('|'), text)
}

fn hard_links(files: &HostFiles) -> Probe {
    let Some(text) = files.read("proc/sys/fs/protected_hardlinks") else {
        return unknown("protected hard links");
    };
    row("protected hard links", text == "1", text)
}

fn memory(files: &HostFiles) -> Probe {
    let free = files.read("proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    });
    let Some(free) = free else { return unknown("memory free") };
    row("memory free", free >= MEMORY_MIN, mib(free))
}

/// Of the nearest folder that exists: the data folder is made at the first start.
fn disk(data: &Path) -> Probe {
    let there = data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            row("disk free", free >= DISK_MIN, format!("{} at {}", mib(free), there.display()))
        }
        Err(e) => row("disk free", false, e.to_string()),
    }
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host on which nothing is to be wished for, each file of it.
    const FIT: [(&str, &str); 11] = [
        ("proc/sys/kernel/osrelease", "6.1.0-56-cloud-amd64\n"),
        ("proc/swaps", "Filename Type Size Used Priority\n"),
        ("sys/devices/system/cpu/smt/active", "0\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"),
        ("proc/sys/kernel/randomize_va_space", "2\n"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ("proc/sys/kernel/core_pattern", "core\n"),
        ("proc/sys/fs/protected_hardlinks", "1\n"),
        ("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable: 4000000 kB\n"),
    ];

    /// The names of what is missing on a made-up host with these files changed; no text removes one.
    fn missing(changes: &[(&str, Option<&str>)]) -> Vec<&'static str> {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in FIT {
            let text = changes.iter().find(|(p, _)| *p == path).map_or(Some(text), |(_, text)| *text);
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if let Some(text) = text {
                std::fs::write(path, text).unwrap();
            }
        }
        let files = HostFiles { root: dir.path().into(), data: dir.path().into() };
        // Free disk is that of the machine the test runs on.
        let probes = probe(&files).into_iter().filter(|p| !p.present && p.name != "disk free");
        probes.map(|p| p.name).collect()
    }

    #[test]
    fn a_fit_host_misses_nothing_and_each_bad_setting_is_found() {
        assert_eq!(missing(&[]), [""; 0]);
        for (path, text, name) in [
            ("proc/sys/kernel/osrelease", "5.15.0-1", "kernel"),
            ("proc/sys/kernel/osrelease", "nonsense", "kernel"),
            ("proc/swaps", "Filename\n/dev/sda2 partition 1 0 -2\n", "no swap"),
            ("sys/devices/system/cpu/smt/active", "1", "one thread per core"),
            ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave", "steady clock rate"),
            ("sys/devices/system/cpu/intel_pstate/no_turbo", "0", "no turbo"),
            ("proc/sys/kernel/randomize_va_space", "0", "address randomisation"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never", "no forced huge pages"),
            ("proc/sys/kernel/core_pattern", "|/usr/share/apport", "core dumps start no program"),
            ("proc/sys/fs/protected_hardlinks", "0", "protected hard links"),
            ("proc/meminfo", "MemAvailable: 1000 kB", "memory free"),
        ] {
            assert_eq!(missing(&[(path, Some(text))]), [name], "{path} = {text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_missing_unless_a_machine_may_lack_it() {
        for (path, name) in [
            ("proc/sys/kernel/osrelease", Some("kernel")),
            ("proc/swaps", Some("no swap")),
            ("sys/devices/system/cpu/smt/active", None),
            ("sys/devices/system/cpu/intel_pstate/no_turbo", None),
            ("proc/sys/kernel/randomize_va_space", Some("address randomisation")),
            ("sys/kernel/mm/transparent_hugepage/enabled", None),
            ("proc/sys/kernel/core_pattern", Some("core dumps start no program")),
            ("proc/sys/fs/protected_hardlinks", Some("protected hard links")),
            ("proc/meminfo", Some("memory free")),
        ] {
            assert_eq!(missing(&[(path, None)]), name.into_iter().collect::<Vec<_>>(), "{path}");
        }
    }
}
