//! Negative controls: the same program where the responsible layer is off. There its attack must succeed, or the
//! case proves nothing.
//!
//! The program runs as uid 0 of fresh user, pid, mount, network, IPC, UTS and control group namespaces, with neither
//! filter nor tight limits, and ends with its pid namespace. On the host that uid 0 is `nobody`, so nothing of the
//! host is its own; what it can use up is bounded.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use selftest::Case;
use selftest::boxes::{CONTROL, INPUT};

/// Longest a control may take; it is killed then. Its own work takes no second, the rest is for a loaded host.
const SECONDS: &str = "30";
/// What it can use up.
const BOUNDS: [&str; 5] = ["--cpu=20", "--data=536870912", "--fsize=67108864", "--nproc=256", "--core=0"];
/// The user that nothing belongs to.
const NOBODY: &str = "65534";
/// Run by sh in the namespaces: $0 the program, $1 a folder of files for its work directory, the rest arguments.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=256m none /mnt && cp -- "$0" /mnt/program && cp -r -- "$1/." /mnt/ && cd /mnt || exit 125
mount -t proc none /proc 2>/dev/null
shift
exec ./program "$@"
"#;
/// Most of its output that a message quotes, bytes.
const QUOTE_MAX: usize = 400;

/// A place for controls.
#[derive(Debug)]
pub struct Controls {
    dir: PathBuf,
}

impl Controls {
    /// A place below `dir`, when this host lets `nobody` make namespaces.
    ///
    /// # Errors
    /// Why it does not.
    pub fn open(dir: &Path) -> Result<Self> {
        let dir = dir.join("control");
        fs::create_dir_all(dir.join("files"))?;
        for path in [dir.clone(), dir.join("files")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        let controls = Self { dir };
        let ended = controls.run(Path::new("/bin/true"), INPUT, &[])?;
        ensure!(
            ended.is_none(),
            "a user without rights cannot make namespaces here: {}",
            ended.unwrap_or_default()
        );
        Ok(controls)
    }

    /// Runs the program of a case as its control.
    ///
    /// # Errors
    /// What it ended with, when that is not exit status 0: the case is dead.
    pub fn succeeds(&self, case: &Case, program: &Path) -> Result<()> {
        let files = self.dir.join("files");
        fs::remove_dir_all(&files)?;
        fs::create_dir(&files)?;
        fs::set_permissions(&files, fs::Permissions::from_mode(0o755))?;
        for (name, text) in &case.expect.files {
            let path = files.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, text)?;
        }
        let args: Vec<&str> =
            std::iter::once(CONTROL).chain(case.expect.args.iter().map(String::as_str)).collect();
        let ended = self.run(program, case.expect.stdin.as_deref().unwrap_or(INPUT), &args)?;
        ensure!(ended.is_none(), "its control is dead: {}", ended.unwrap_or_default());
        Ok(())
    }

    /// `None` when it exited 0, else how it ended.
    fn run(&self, program: &Path, input: &str, args: &[&str]) -> Result<Option<String>> {
        let path = self.dir.join("input");
        let _ = fs::remove_file(&path);
        let mut stdin = File::options().read(true).write(true).create_new(true).open(&path)?;
        stdin.write_all(input.as_bytes())?;
        std::io::Seek::rewind(&mut stdin)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", SECONDS]);
        if nix::unistd::geteuid().is_root() {
            command.args([
                "setpriv",
                "--reuid",
                NOBODY,
                "--regid",
                NOBODY,
                "--clear-groups",
                "--no-new-privs",
            ]);
        }
        command.arg("prlimit").args(BOUNDS).arg("--");
        command.args(["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]);
        command.args(["--mount", "--net", "--ipc", "--uts", "--cgroup", "--", "sh", "-c", SCRIPT]);
        command.arg(program).arg(self.dir.join("files")).args(args);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
        let mut child = command
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("controls need util-linux and coreutils")?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        // Quoted at most; what it writes beyond that goes nowhere and ends it by SIGPIPE at the latest.
        child.stdout.take().context("stdout is piped")?.take(QUOTE_MAX as u64).read_to_end(&mut out)?;
        child.stderr.take().context("stderr is piped")?.take(QUOTE_MAX as u64).read_to_end(&mut err)?;
        let status = child.wait()?;
        let quote = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_debug().to_string();
        Ok((!status.success()).then(|| format!("{status}; it said \"{}\" \"{}\"", quote(&out), quote(&err))))
    }
}

#[cfg(test)]
mod tests {
    use selftest::case::Headers;

    use super::*;

    #[test]
    fn a_control_is_root_of_its_own_namespaces_and_nobody_on_the_host() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let controls = match Controls::open(dir.path()) {
            Ok(controls) => controls,
            Err(e) => {
                println!("skipped: negative controls: {e:#}");
                return;
            }
        };
        let run = |text: &str, expect: &str| {
            let program = dir.path().join("program");
            fs::write(&program, text).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let sources = [("attack.c", ""), ("expect.toml", expect)];
            let sources = sources.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
            let case = Case::new("case", sources.into_iter().collect(), &Headers::default()).unwrap();
            controls.succeeds(&case, &program)
        };
        let plain = "id = \"P01\"\nwhy = \"w\"\nverdict = [\"OK\"]\n";
        let root = "#!/bin/sh\n[ $(id -u) = 0 ] && [ $1 = CONTROL ] && [ \"$(cat)\" = 'pristine input' ] && hostname inside";
        run(root, plain).unwrap();
        let files = format!("{plain}args = [\"a b\"]\n[files]\n\"text\" = \"content\"\n");
        run("#!/bin/sh\n[ $2 = 'a b' ] || [ \"$2\" = 'a b' ] && [ $(cat text) = content ]", &files).unwrap();
        let said = run("#!/bin/sh\necho no hole; exit 3", plain).unwrap_err().to_string();
        assert!(said.contains("no hole") && said.contains('3'), "{said}");
        // Nothing of the host's root is its own.
        run("#!/bin/sh\n! touch /etc/tribunal-control 2>/dev/null", plain).unwrap();
    }
}
