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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_fits_them() {
        for (us, told) in [
            (0, "0 ms"),
            (1_500, "1.5 ms"),
            (999_000, "999 ms"),
            (1_000_000, "1 s"),
            (1_250_499, "1.25 s"),
            (1_250_500, "1.251 s"),
            (61_000_000, "61 s"),
        ] {
            assert_eq!(time(Duration::from_micros(us)), told);
        }
    }

    #[test]
    fn every_limit_is_told_by_its_name_and_in_its_unit() {
        #[rustfmt::skip]
        let rows = [
            (LimitHit::CpuTime, 2_000_000_000, "cpu time limit of 2 s exceeded"),
            (LimitHit::WallTime, 2_000_000_000, "wall time limit of 2 s exceeded"),
            (LimitHit::Idle, 500_000_000, "idle limit (wall time, with the cpu hardly used) of 500 ms exceeded"),
            (LimitHit::Memory, 64 << 20, "memory limit of 64MiB exceeded"),
            (LimitHit::Output, 8 << 20, "output limit of 8MiB exceeded"),
            (LimitHit::FileSize, 1 << 30, "file size limit of 1GiB exceeded"),
            (LimitHit::Disk, 64 << 20, "work directory limit of 64MiB exceeded"),
            (LimitHit::Inodes, 4096, "limit on files in the work directory of 4096 exceeded"),
            (LimitHit::Processes, 64, "process limit of 64 exceeded"),
        ];
        for (limit, bound, told) in rows {
            assert_eq!(feedback(limit, bound), told);
        }
    }

    #[test]
    fn signals_have_their_names_beside_their_numbers() {
        #[rustfmt::skip]
        let rows = [
            (1, "HUP"), (2, "INT"), (3, "QUIT"), (4, "ILL"), (5, "TRAP"), (6, "ABRT"), (7, "BUS"), (8, "FPE"),
            (9, "KILL"), (10, "USR1"), (11, "SEGV"), (12, "USR2"), (13, "PIPE"), (14, "ALRM"), (15, "TERM"),
            (16, "STKFLT"), (24, "XCPU"), (25, "XFSZ"), (31, "SYS"),
        ];
        for (number, name) in rows {
            assert_eq!(signal(number), format!("signal {number} (SIG{name})"));
        }
        assert_eq!(signal(64), "signal 64");
    }
}
