//! Everything that can go wrong with a box, told once: the step, the operand, the errno.

use std::io;

use serde::{Deserialize, Serialize};

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One kernel mechanism on the way to exec, in order. Errors before exec come back as (step, errno).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Step {
            $($(#[$doc])* $name,)*
        }

        impl Step {
            /// Every step, in order of declaration.
            pub const ALL: &'static [Step] = &[$(Step::$name,)*];

            /// What the step does, as a verb phrase for messages.
            pub const fn verb(self) -> &'static str {
                match self {
                    $(Step::$name => $text,)*
                }
            }
        }
    };
}

steps! {
    /// clone3 by the box server.
    Clone = "clone the box init",
    /// PR_SET_PDEATHSIG and the check that the parent still lives.
    ParentDeath = "tie the box to the life of its server",
    /// The tmpfs of /w, /tmp and /dev/shm.
    WorkDir = "mount the work directory",
    /// The root overlay.
    Overlay = "mount the root overlay",
    /// A further read-only tree over the root.
    Bind = "mount a read-only tree over the root",
    /// /proc.
    Proc = "mount /proc",
    /// /dev and its nodes.
    Dev = "make /dev",
    /// Binding the writable directories into the root.
    Place = "bind a writable directory into the root",
    /// pivot_root and the detaching of the old root.
    Pivot = "pivot into the root",
    /// sethostname.
    Hostname = "set the host name",
    /// SIOCSIFFLAGS on `lo`.
    Loopback = "bring the loopback interface up",
    /// Joining the v1 control groups.
    Attach = "join the control groups",
    /// The cgroup namespace.
    CgroupNamespace = "enter a cgroup namespace",
    /// The time namespace and its offsets.
    TimeNamespace = "enter a time namespace",
    /// The user namespace and its maps.
    UserNamespace = "enter a user namespace",
    /// setgroups, setresgid, setresuid.
    Ids = "change user and group",
    /// Zeroes in /proc/sys/user/max_*_namespaces.
    NamespaceLimits = "forbid nested namespaces",
    /// Bounding, ambient, securebits and capability sets.
    Capabilities = "drop capabilities",
    /// The fork of the program process.
    Fork = "fork the program process",
    /// setsid, umask, the work directory, oom_score_adj.
    Session = "start a session",
    /// Landlock: only programs of the box.
    Landlock = "forbid programs from outside the box",
    /// no_new_privs and the filters.
    Seccomp = "install the system call filters",
    /// The word to start, with the descriptors.
    Start = "wait for the start",
    /// dup2 of stdin, stdout, stderr.
    Stdio = "place standard streams",
    /// setrlimit.
    ResourceLimits = "set resource limits",
    /// execve.
    Exec = "execute the program",
}

impl Step {
    /// The step with this number on the wire.
    pub(crate) fn from_wire(n: i64) -> Option<Step> {
        Step::ALL.iter().copied().find(|s| *s as i64 == n)
    }
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel refused a step of making the box. Ours to explain, never the submission's fault.
    #[error("could not {} (step {step:?}, operand {index}): {source}", step.verb())]
    Setup {
        /// Which step.
        step: Step,
        /// Which operand of it: the n-th mount, node, filter.
        index: u32,
        /// The errno.
        source: io::Error,
    },
    /// The program could not be executed: absent, not executable, wrong format.
    #[error("could not execute `{program}`: {source}")]
    Exec {
        /// `argv[0]`.
        program: String,
        /// The errno.
        source: io::Error,
    },
    /// The caller asked for something no box can be.
    #[error("bad run specification: {0}")]
    BadSpec(String),
    /// The host lacks a mechanism; the text says which and how to get it.
    #[error("{what}; {how}")]
    Unavailable {
        /// What is missing.
        what: String,
        /// How to get it.
        how: String,
    },
    /// The box server or init went away in the middle.
    #[error("the box died while it was being {during}")]
    Lost {
        /// What was going on.
        during: &'static str,
    },
    /// An operation on our side of the box failed.
    #[error("could not {what}: {source}")]
    Host {
        /// What was tried, as a verb phrase.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The caller cancelled the run.
    #[error("cancelled")]
    Cancelled,
}

impl SandboxError {
    pub(crate) fn host(what: impl Into<String>) -> impl FnOnce(io::Error) -> SandboxError {
        let what = what.into();
        move |source| SandboxError::Host { what, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_survives_the_wire() {
        for step in Step::ALL {
            assert_eq!(Step::from_wire(*step as i64), Some(*step));
        }
        assert_eq!(Step::from_wire(-1), None);
        assert_eq!(Step::from_wire(Step::ALL.len() as i64), None);
    }
}
