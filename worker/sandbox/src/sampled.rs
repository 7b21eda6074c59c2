//! Figures without control groups: a walk over the box's processes in `/proc` (proc(5)).
//!
//! Also what the kernel keeps per thread and not per group: how long it waited for a cpu.
//!
//! Good to a clock tick and to what lives at the moment of looking; results from it are labelled `sampled`.

use std::time::Duration;

/// Sums over a process tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// CPU time of all living processes and of all reaped children.
    pub(crate) cpu: Duration,
    /// Resident memory of all living processes, bytes.
    pub(crate) rss: u64,
    /// Anonymous memory of the process that has most of it, bytes. Pages that processes share count in each, so a sum
    /// would blame a program for forking.
    pub(crate) most: u64,
}

/// Ticks per second in /proc: USER_HZ, 100 on every architecture of Linux.
const TICK: Duration = Duration::from_millis(10);

/// Bytes of a page on x86-64.
const PAGE: u64 = 4096;

/// Most processes looked at.
const PROCESSES_MAX: usize = 4096;

/// Sums over `root` and its descendants. A box's init is the root; its own reaped children are in its
/// `cutime` and `cstime`.
pub(crate) fn tree(root: i32) -> Tree {
    let mut sum = Tree::default();
    for _ in 0..LOOKS {
        let reaped = stat(root).map(|(cpu, _)| cpu.reaped);
        sum = Tree::default();
        walk(root, |pid| {
            if let Some((cpu, pages)) = stat(pid) {
                sum.cpu += TICK * (cpu.own + cpu.reaped);
                sum.rss += pages * PAGE;
                sum.most = sum.most.max(anonymous(pid));
            }
        });
        // A child reaped between a look at the root and one at its children would be in neither.
        if stat(root).map(|(cpu, _)| cpu.reaped) == reaped {
            break;
        }
    }
    sum
}

/// Most looks for one in which the root reaped nobody.
const LOOKS: usize = 4;

/// CPU time of a process, ticks.
#[derive(Debug, Clone, Copy)]
struct Ticks {
    /// Its own.
    own: u32,
    /// Of children it reaped.
    reaped: u32,
}

/// The longest time any thread below `root` was ready to run and had no cpu: the second figure of
/// /proc/PID/task/TID/schedstat (proc(5); kernel Documentation/scheduler/sched-stats.rst). Zero where the
/// kernel does not tell.
pub(crate) fn longest_cpu_wait(root: i32) -> Duration {
    let mut longest = Duration::ZERO;
    walk(root, |pid| {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let waited = text.split_whitespace().nth(1).and_then(|t| t.parse().ok()).unwrap_or(0);
            longest = longest.max(Duration::from_nanos(waited));
        }
    });
    longest
}

/// System calls of x86-64 in which a thread waits for others to say something: read, poll, select, pread64, readv,
/// recvfrom, recvmsg, epoll_wait, pselect6, ppoll, epoll_pwait, preadv, recvmmsg, preadv2, epoll_pwait2.
const WAITING: [&str; 15] =
    ["0", "7", "23", "17", "19", "45", "47", "232", "270", "271", "281", "295", "299", "327", "441"];

/// Whether any thread below `root` waits in a call that reads or waits for something to read, by the first word of
/// /proc/PID/task/TID/syscall (proc(5)); `None` when none of these files tells, because the kernel keeps them from
/// us. A thread that runs, or sleeps without looking at its input, does not wait.
pub(crate) fn waits_for_input(root: i32) -> Option<bool> {
    let mut told = None;
    walk(root, |pid| {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let Ok(text) = std::fs::read_to_string(task.path().join("syscall")) else { continue };
            let call = text.split_whitespace().next().unwrap_or_default();
            told = Some(told.unwrap_or(false) || WAITING.contains(&call));
        }
    });
    told
}

/// Flag of a process that has begun to end: PF_EXITING (kernel include/linux/sched.h), set before its files are closed.
const EXITING: u64 = 4;

/// Whether a child of `root` has ended or begun to, by fields 3 and 9 of /proc/PID/stat (proc(5)), or there is none.
pub(crate) fn a_child_ends(root: i32) -> bool {
    let children = std::fs::read_to_string(format!("/proc/{root}/task/{root}/children")).unwrap_or_default();
    let lives = |pid: &str| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let (state, flags) = (fields.next()?, fields.nth(5)?.parse::<u64>().ok()?);
        Some(!matches!(state, "Z" | "X") && flags & EXITING == 0)
    };
    let mut children = children.split_whitespace().peekable();
    children.peek().is_none() || children.any(|pid| lives(pid) != Some(true))
}

/// Visits `root` and its descendants, at most [`PROCESSES_MAX`].
fn walk(root: i32, mut visit: impl FnMut(i32)) {
    let mut open = vec![root];
    for _ in 0..PROCESSES_MAX {
        let Some(pid) = open.pop() else { return };
        visit(pid);
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|p| p.parse::<i32>().ok()));
        }
    }
}

/// Resident memory that is neither file nor shared: fields 2 and 3 of /proc/PID/statm. Zero when it is gone.
fn anonymous(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let mut fields = text.split_whitespace().skip(1).filter_map(|n| n.parse::<u64>().ok());
    let (resident, shared) = (fields.next().unwrap_or(0), fields.next().unwrap_or(0));
    resident.saturating_sub(shared) * PAGE
}

/// CPU time and resident pages: fields 14 to 17 and 24 of /proc/PID/stat.
fn stat(pid: i32) -> Option<(Ticks, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
    let (own, reaped) = (number(14)? + number(15)?, number(16)? + number(17)?);
    Some((Ticks { own: own as u32, reaped: reaped as u32 }, number(24)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_ended_is_told_from_one_that_lives() {
        let shell = |words: &str| {
            std::process::Command::new("sh")
                .args(["-c", words])
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        // The shell is the root here; what it runs is its child.
        let mut alive = shell("sleep 60 & wait");
        let mut ended = shell("true & exec sleep 60");
        let mut childless = shell("exec sleep 60");
        let end = std::time::Instant::now() + Duration::from_secs(30);
        let found = || [&alive, &ended, &childless].map(|shell| a_child_ends(shell.id() as i32));
        while found() != [false, true, true] && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let found = found();
        // The sleeping child of the first is its own process, which nobody else ends.
        let child = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", alive.id())).unwrap();
        for shell in [&mut alive, &mut ended, &mut childless] {
            shell.kill().unwrap();
            shell.wait().unwrap();
        }
        let pid = nix::unistd::Pid::from_raw(child.trim().parse().unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        assert_eq!(found, [false, true, true]);
    }

    #[test]
    fn who_reads_waits_for_input_and_who_sleeps_does_not() {
        let spawn = |words: &str| {
            let mut command = std::process::Command::new("sh");
            command.args(["-c", words]).stdin(std::process::Stdio::piped()).spawn().unwrap()
        };
        let mut both = [spawn("exec cat"), spawn("exec sleep 60")];
        let end = std::time::Instant::now() + Duration::from_secs(30);
        for (child, want) in both.iter().zip([true, false]) {
            // Before it is `cat` or `sleep` the shell may wait for anything.
            let settled = |pid: u32| {
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                name.trim() != "sh" && waits_for_input(pid as i32) == Some(want)
            };
            while !settled(child.id()) {
                assert!(std::time::Instant::now() < end, "it never got to {want}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        for child in &mut both {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(waits_for_input(i32::MAX), None);
    }

    #[test]
    fn a_tree_counts_its_children() {
        let mut shell = std::process::Command::new("sh").args(["-c", "sleep 30 & wait"]).spawn().unwrap();
        let pid = shell.id() as i32;
        let end = std::time::Instant::now() + Duration::from_secs(10);
        let child = loop {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            // Between fork and exec its memory comes and goes; as `sleep` it stays.
            let resident = |p: &i32| {
                let name = std::fs::read_to_string(format!("/proc/{p}/comm")).unwrap_or_default();
                name.trim() == "sleep" && stat(*p).is_some_and(|(_, pages)| pages > 0)
            };
            match children.split_whitespace().find_map(|p| p.parse::<i32>().ok()).filter(resident) {
                Some(child) => break child,
                None => assert!(std::time::Instant::now() < end, "the shell has no child"),
            }
        };
        // The shell waits and its child sleeps: neither grows any more.
        let (alone, both) = (stat(pid).unwrap().1 * 4096, tree(pid).rss);
        assert!(both > alone, "{both} > {alone}");
        let most = tree(pid).most;
        assert!(0 < most && most < both, "{most} of one, {both} of both with what they share with others");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGKILL).unwrap();
        shell.wait().unwrap();
        assert_eq!(tree(i32::MAX), Tree::default());
    }

    #[test]
    fn a_thread_that_shares_its_cpu_has_waited_for_it() {
        // Two spinners on one cpu that we may use: each waits about half of the time.
        let allowed = nix::sched::sched_getaffinity(nix::unistd::Pid::this()).unwrap();
        let cpu = (0..nix::sched::CpuSet::count()).find(|n| allowed.is_set(*n).unwrap()).unwrap();
        let spin = format!("exec taskset -c {cpu} timeout 30 sh -c 'while :; do :; done'");
        let mut both: Vec<_> =
            (0..2).map(|_| std::process::Command::new("sh").args(["-c", &spin]).spawn().unwrap()).collect();
        let end = std::time::Instant::now() + Duration::from_secs(30);
        let waited = |c: &std::process::Child| longest_cpu_wait(c.id() as i32) > Duration::from_millis(100);
        while !both.iter().all(waited) {
            assert!(std::time::Instant::now() < end, "neither waited");
            std::thread::sleep(Duration::from_millis(20));
        }
        for child in &mut both {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::SIGTERM)
                .unwrap();
            child.wait().unwrap();
        }
        assert_eq!(longest_cpu_wait(i32::MAX), Duration::ZERO);
    }
}
