//! The kernel's log since a moment: whether an attack made the kernel complain of itself (H9).

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;

/// What only a kernel bug says. A stall (soft lockup, RCU stall, hung task) is left out: on a loaded virtual machine
/// the hypervisor makes them too, and a test that fails for a neighbour's load proves nothing.
const COMPLAINTS: [&str; 5] = ["kernel BUG", "BUG: ", "WARNING: CPU", "Oops", "refcount_t"];
const STALLS: [&str; 3] = ["soft lockup", "stall", "blocked for more than"];

/// Most records read at one look; the buffer of the kernel holds fewer.
const RECORDS_MAX: usize = 100_000;

/// The log from where it was opened.
#[derive(Debug)]
pub struct KernelLog(Option<File>);

impl KernelLog {
    /// Opens it at its end; where it may not be read, every look says nothing.
    pub fn open() -> Self {
        let mut options = File::options();
        options.read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
        let at_end = options.open("/dev/kmsg").and_then(|mut log| log.seek(SeekFrom::End(0)).map(|_| log));
        Self(at_end.ok())
    }

    /// Whether this host lets us read it.
    pub fn readable(&self) -> bool {
        self.0.is_some()
    }

    /// Complaints since the last look.
    pub fn complaints(&self) -> Vec<String> {
        let Some(mut log) = self.0.as_ref() else { return Vec::new() };
        let mut found = Vec::new();
        let mut record = [0; 8192];
        for _ in 0..RECORDS_MAX {
            match log.read(&mut record) {
                Ok(len) if len > 0 => {
                    let text = String::from_utf8_lossy(&record[..len]).into_owned();
                    found.extend(complaint(&text).map(str::to_owned));
                }
                // EPIPE: records were overwritten before we read them; the next read goes on.
                Err(e) if e.raw_os_error() == Some(nix::errno::Errno::EPIPE as i32) => {}
                _ => break,
            }
        }
        found
    }
}

/// The message of a record when it is a complaint: `priority,number,time,flags;message`, then lines of details.
fn complaint(record: &str) -> Option<&str> {
    let message = record.split_once(';')?.1.lines().next()?;
    let bad = COMPLAINTS.iter().any(|word| message.contains(word));
    (bad && !STALLS.iter().any(|word| message.contains(word))).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_kernel_bug_says_is_a_complaint() {
        for (record, bad) in [
            ("4,1,2,-;WARNING: CPU: 0 PID: 7 at mm/page.c:1 f+0x1\n SUBSYSTEM=x", true),
            ("1,1,2,-;BUG: unable to handle page fault for address: 0", true),
            ("4,1,2,-;BUG: soft lockup - CPU#1 stuck for 22s!", false),
            ("6,1,2,-;program invoked oom-killer: gfp_mask=0xcc0", false),
            ("6,1,2,-;program[7]: segfault at 0 ip 0 sp 0 error 4", false),
            ("no record", false),
        ] {
            assert_eq!(complaint(record).is_some(), bad, "{record}");
        }
    }
}
