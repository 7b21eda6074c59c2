//! A test run again in mount and network namespaces of its own: there it may mount small disks and drop packets, and
//! nobody else on this host sees any of it. Its loopback is up, and nothing else is there to be reached.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set in the inner run.
const INSIDE: &str = "TRIBUNAL_TEST_APART";

/// Where the calling test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// In namespaces of its own.
    Inside,
    /// It has run inside and passed: there is nothing left to do.
    Passed,
    /// Not here: that needs root. It was said.
    Impossible,
}

/// Runs the test `name` of this executable again in namespaces of its own, unless it runs there already. Blocks for as
/// long as it takes.
///
/// # Panics
/// When it fails inside.
pub fn apart(name: &str) -> Apart {
    if std::env::var_os(INSIDE).is_some() {
        return Apart::Inside;
    }
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--propagation", "private", "sh", "-c", script]);
        command
    };
    // The rule is never met; it shows whether packets can be dropped here.
    let tried = unshare("ip link set lo up && iptables -w -A INPUT -s 192.0.2.1 -j DROP")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !tried.is_ok_and(|status| status.success()) {
        println!(
            "skipped: full disks and silent connections: `unshare --net --mount` and iptables do not work here"
        );
        return Apart::Impossible;
    }
    let mut inner = unshare("ip link set lo up && exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().expect("this test has a path"))
        .args([name, "--exact", "--include-ignored", "--nocapture"])
        .env(INSIDE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare can be started");
    let said = BufReader::new(inner.stdout.take().expect("stdout is piped"));
    let mut ran = false;
    for line in said.lines().map_while(Result::ok) {
        ran |= line.contains("1 passed");
        // What the inner run says of its one test would be counted as a second one.
        if !line.starts_with("test ") && !line.starts_with("running ") {
            println!("{line}");
        }
    }
    let status = inner.wait().expect("it is our child");
    assert!(status.success() && ran, "{name} failed in namespaces of its own: {status}");
    Apart::Passed
}

/// A small disk, in memory, that a test inside may fill.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts `mib` MiB at `place`, which is made.
    ///
    /// # Panics
    /// When it cannot be mounted.
    pub fn mount(place: &Path, mib: u32) -> Self {
        std::fs::create_dir_all(place).expect("its folder can be made");
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(place).status();
        assert!(mounted.is_ok_and(|s| s.success()), "a small disk at {}", place.display());
        Self(place.to_owned())
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves no byte free.
    ///
    /// # Panics
    /// When it takes everything.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).expect("a new file");
        // Far more than any of these disks holds.
        let full = (0..1 << 18).any(|_| file.write_all(&[0; 4096]).is_err());
        assert!(full, "{} takes everything", self.0.display());
    }

    /// Makes room again.
    ///
    /// # Panics
    /// When the filler cannot be removed.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("it was full");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever made the folder removes it next.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Silence between whoever speaks to a port of loopback and who listens there, inside: every packet is dropped, and
/// neither end is told, as when a cable is cut or a firewall forgot the connection. Dropping it heals the wire.
#[derive(Debug)]
pub struct Silence([Vec<String>; 2]);

impl Silence {
    /// To and from `port` of `address`; all of 127.0.0.0/8 leads to this host, so that who speaks to which of its
    /// addresses tells clients of one port apart. `None` is every address.
    ///
    /// # Panics
    /// When iptables does not take it.
    pub fn fall(address: Option<Ipv4Addr>, port: u16) -> Self {
        let address = address.map_or_else(|| "127.0.0.0/8".to_owned(), |a| a.to_string());
        let rule = |end: &str, side: &str| {
            let port = port.to_string();
            ["INPUT", end, &address, "-p", "tcp", side, &port, "-j", "DROP"].map(str::to_owned).to_vec()
        };
        let silence = Self([rule("-d", "--dport"), rule("-s", "--sport")]);
        assert!(silence.change("-I"), "iptables drops what goes to and from {address}:{port}");
        silence
    }

    fn change(&self, how: &str) -> bool {
        self.0.iter().all(|rule| {
            Command::new("iptables").args(["-w", how]).args(rule).status().is_ok_and(|s| s.success())
        })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if !self.change("-D") {
            eprintln!("a silence could not be ended");
        }
    }
}
