//! The kinds of host, and what each can and cannot promise.

use proto::facts::Accounting;
use serde::Serialize;

/// One kind of host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostMode {
    /// `root-v1-hybrid`, `root-v1`, `root-v2`, `rootless-delegated` or `rootless`.
    pub name: &'static str,
    /// How every result on such a host is labelled.
    pub accounting: Accounting,
    /// What holds here, beyond what holds everywhere.
    pub promises: &'static [&'static str],
    /// What does not hold here.
    pub cannot: &'static [&'static str],
}

const EXACT: &str = "cpu time of the whole process tree and OOM kills are counted by the kernel";
const LAST: &str =
    "the user namespace of a box is made last and owns no other namespace; every box has user ids of its own";
const KILL: &str = "a box ends at once, however many processes it has";
const FIRST: &str = "the user namespace comes first, so a box's other namespaces belong to it: seccomp and the limits on nested namespaces carry what that order would";
const ONE_USER: &str = "all boxes run as the worker's own user: only their namespaces keep them apart";

impl HostMode {
    /// Of a worker that is root or not, with control groups laid out as [`crate::BoxServer::cgroup_layout`] says.
    pub fn of(root: bool, layout: &str) -> Self {
        let exact = Accounting::Exact;
        match (root, layout) {
            (true, "v1-hybrid") => Self {
                name: "root-v1-hybrid",
                accounting: exact,
                promises: &[EXACT, LAST, KILL],
                cannot: &[],
            },
            (true, "v2") => {
                Self { name: "root-v2", accounting: exact, promises: &[EXACT, LAST, KILL], cannot: &[] }
            }
            (true, _) => Self {
                name: "root-v1",
                accounting: exact,
                promises: &[EXACT, LAST],
                cannot: &[
                    "boxes are ended through their init, which takes longer with many processes",
                    "the part of cpu time spent in user mode is not known",
                ],
            },
            (false, "none") => Self {
                name: "rootless",
                accounting: Accounting::Sampled,
                promises: &["namespaces, system call filters and resource limits hold"],
                cannot: &[
                    FIRST,
                    ONE_USER,
                    "cpu time is summed from /proc, to 10 ms, over what lives when it is looked at",
                    "memory is bounded by address space per process, and MLE is never claimed",
                    "refused forks are not counted",
                ],
            },
            (false, _) => Self {
                name: "rootless-delegated",
                accounting: exact,
                promises: &[EXACT, KILL],
                cannot: &[FIRST, ONE_USER],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_without_control_groups_has_sampled_figures() {
        for (root, layout, name) in [
            (true, "v1-hybrid", "root-v1-hybrid"),
            (true, "v1", "root-v1"),
            (true, "v2", "root-v2"),
            (false, "v2", "rootless-delegated"),
            (false, "none", "rootless"),
        ] {
            let mode = HostMode::of(root, layout);
            assert_eq!(mode.name, name);
            assert_eq!(mode.accounting == Accounting::Sampled, layout == "none", "{name}");
            assert_eq!(mode.promises.contains(&EXACT), layout != "none", "{name}");
            assert_eq!(mode.promises.contains(&LAST), root, "{name}");
        }
    }
}
