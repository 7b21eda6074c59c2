//! Figures without control groups: a walk over the box's processes in `/proc` (proc(5)).
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
}

/// Ticks per second in /proc: USER_HZ, 100 on every architecture of Linux.
const TICK: Duration = Duration::from_millis(10);

/// Most processes looked at.
const PROCESSES_MAX: usize = 4096;

/// Sums over `root` and its descendants. A box's init is the root; its own reaped children are in its
/// `cutime` and `cstime`.
pub(crate) fn tree(root: i32) -> Tree {
    let mut sum = Tree::default();
    let mut open = vec![root];
    let mut seen = 0;
    while let Some(pid) = open.pop() {
        seen += 1;
        if seen > PROCESSES_MAX {
            break;
        }
        if let Some((ticks, pages)) = stat(pid) {
            sum.cpu += TICK * ticks;
            sum.rss += pages * 4096;
        }
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|p| p.parse::<i32>().ok()));
        }
    }
    sum
}

/// (utime + stime + cutime + cstime in ticks, resident pages): fields 14 to 17 and 24 of /proc/PID/stat.
fn stat(pid: i32) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
    Some((ticks as u32, number(24)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_counts_its_children() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let me = std::process::id() as i32;
        let both = tree(me);
        let alone = stat(me).unwrap().1 * 4096;
        assert!(both.rss > alone, "{} > {alone}", both.rss);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(tree(i32::MAX), Tree::default());
    }
}
