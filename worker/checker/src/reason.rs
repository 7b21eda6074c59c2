//! Words for judges and contestants: which limit, which value, which bound, when.

use std::time::Duration;

use proto::facts::{LimitEvent, LimitHit};
use proto::units::{Bytes, round_ms};

/// `1.5 s`, `20 ms`.
pub(crate) fn time(d: Duration) -> String {
    if d >= Duration::from_secs(1) {
        format!("{} s", (d.as_secs_f64() * 1e3).round() / 1e3)
    } else {
        format!("{} ms", round_ms(d))
    }
}

fn amount(limit: LimitHit, value: u64) -> String {
    match limit {
        LimitHit::CpuTime | LimitHit::WallTime | LimitHit::Idle => time(Duration::from_nanos(value)),
        LimitHit::Memory | LimitHit::Output | LimitHit::FileSize | LimitHit::Disk => Bytes(value).to_string(),
        LimitHit::Processes | LimitHit::Inodes => value.to_string(),
    }
}

/// The limit's name for people.
pub(crate) const fn name(limit: LimitHit) -> &'static str {
    match limit {
        LimitHit::CpuTime => "cpu time limit",
        LimitHit::WallTime => "wall time limit",
        LimitHit::Idle => "idle limit (wall time, with the cpu hardly used)",
        LimitHit::Memory => "memory limit",
        LimitHit::Output => "output limit",
        LimitHit::FileSize => "file size limit",
        LimitHit::Disk => "work directory limit",
        LimitHit::Inodes => "limit on files in the work directory",
        LimitHit::Processes => "process limit",
    }
}

/// What a judge reads of a limit that fired.
pub(crate) fn event(e: &LimitEvent) -> String {
    format!(
        "{}: {} against a bound of {}, observed {} after the start",
        name(e.limit),
        amount(e.limit, e.value),
        amount(e.limit, e.bound),
        time(Duration::from_nanos(e.observed_ns)),
    )
}

/// What a contestant reads of it.
pub(crate) fn feedback(limit: LimitHit, bound: u64) -> String {
    format!("{} of {} exceeded", name(limit), amount(limit, bound))
}

/// `signal 11 (SIGSEGV)`. Numbers as on x86-64 and aarch64 Linux (signal(7)).
pub(crate) fn signal(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        16 => "SIGSTKFLT",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return format!("signal {number}"),
    };
    format!("signal {number} ({name})")
}
