//! One root file system from Debian packages, by `mmdebstrap`.
//!
//! The bootstrap program runs as root when we are root, else in a user namespace of its own. Its sources are
//! the Debian entries of the host, so that a local mirror or proxy set up there serves builds too; what else
//! is installed from on the host never gets into an image.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::build::{BuildOptions, archive_of};
use crate::error::{Doing, ImageError, Result};
use crate::progress::{OnProgress, Progress};

const TOOL: &str = "mmdebstrap";
/// Last lines of the tool's output that an error shows.
const LOG_LINES: usize = 15;
/// A line longer than this is cut.
const LINE_BYTES_MAX: u64 = 4096;
/// Never needed to compile or run a program.
const EXCLUDED: [&str; 8] = [
    "/usr/share/bug/*",
    "/usr/share/doc/*",
    "/usr/share/gnome/help/*",
    "/usr/share/info/*",
    "/usr/share/linda/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
];

/// One tree to make.
#[derive(Debug, Clone)]
pub(crate) struct Bootstrap {
    image: String,
    suite: String,
    packages: Vec<String>,
    sources: Vec<String>,
    epoch: u64,
    start: Start,
    /// Where the plain tar archive goes.
    pub(crate) archive: PathBuf,
}

/// What a tree grows from.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// Nothing: the smallest Debian, with the lists of packages left in it for what grows on it.
    Nothing,
    /// The tree in this archive, which lacks the lists.
    Tree(PathBuf),
    /// The tree in this archive, lists and all.
    TreeWithLists(PathBuf),
}

impl Bootstrap {
    pub(crate) fn new(
        image: &str,
        suite: &str,
        packages: &[String],
        start: Start,
        work: &Path,
        options: &BuildOptions,
    ) -> Self {
        let sources = if options.sources.is_empty() { host_sources(suite) } else { options.sources.clone() };
        Self {
            image: image.to_owned(),
            suite: suite.to_owned(),
            packages: packages.to_vec(),
            sources,
            epoch: options.source_date_epoch,
            start,
            archive: archive_of(work, image),
        }
    }

    fn arguments(&self, as_root: bool, proxies: &[String]) -> Vec<String> {
        let mut args = vec![
            format!("--mode={}", if as_root { "root" } else { "unshare" }),
            "--format=tar".to_owned(),
            "--aptopt=Acquire::Languages \"none\"".to_owned(),
            // A tree that a crash leaves half made is thrown away, so nothing of it has to be on the disk.
            "--dpkgopt=force-unsafe-io".to_owned(),
        ];
        let (variant, skip) = match &self.start {
            Start::Nothing => ("minbase", "cleanup/apt/lists"),
            Start::Tree(_) => ("custom", "cleanup/apt/lists"),
            Start::TreeWithLists(_) => ("custom", "update,cleanup/apt/lists"),
        };
        args.push(format!("--variant={variant}"));
        args.push(format!("--skip={skip}"));
        if let Start::Tree(archive) | Start::TreeWithLists(archive) = &self.start {
            let archive = archive.display();
            args.push(if as_root {
                format!("--setup-hook=tar --numeric-owner -C \"$1\" -xf '{archive}'")
            } else {
                // The tool's own hook reads the archive with our rights, whatever user the tree is made as.
                format!("--setup-hook=tar-in '{archive}' /")
            });
        }
        // Some packages put alternatives of their manuals there and fail without the folder.
        args.push("--setup-hook=mkdir -p \"$1/usr/share/man/man1\"".to_owned());
        args.extend(proxies.iter().map(|proxy| format!("--aptopt={proxy}")));
        args.extend(EXCLUDED.iter().map(|path| format!("--dpkgopt=path-exclude={path}")));
        if !self.packages.is_empty() {
            args.push(format!("--include={}", self.packages.join(",")));
        }
        args.push(self.suite.clone());
        args.push(self.archive.display().to_string());
        args.extend(self.sources.iter().cloned());
        args
    }

    fn run(&self, proxies: &[String], progress: OnProgress<'_>) -> Result<()> {
        progress(Progress::Bootstrap { image: self.image.clone() });
        let as_root = rustix::process::geteuid().is_root();
        let mut child = Command::new(TOOL)
            .args(self.arguments(as_root, proxies))
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string())
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| missing_or(error, &self.archive))?;
        let mut log = VecDeque::with_capacity(LOG_LINES);
        if let Some(stderr) = child.stderr.take() {
            let mut reader = BufReader::new(stderr);
            let mut line = Vec::new();
            while reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).unwrap_or(0) > 0 {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if log.len() == LOG_LINES {
                    log.pop_front();
                }
                progress(Progress::Line { image: self.image.clone(), text: text.clone() });
                log.push_back(text);
            }
        }
        let status = child.wait().doing("wait for the bootstrap of", &self.archive)?;
        if status.success() {
            return Ok(());
        }
        Err(ImageError::BuildFailed {
            image: self.image.clone(),
            status: status.to_string(),
            log: Vec::from(log).join("\n"),
        })
    }
}

/// Makes all trees, `parallel` at a time. After a failure no further one is started.
pub(crate) fn run_all(plans: &[Bootstrap], parallel: usize, progress: OnProgress<'_>) -> Result<()> {
    let proxies = host_proxies();
    let next = AtomicUsize::new(0);
    let failure: Mutex<Option<ImageError>> = Mutex::new(None);
    let first_failure = || failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..parallel.clamp(1, plans.len().max(1)) {
            scope.spawn(|| {
                while first_failure().is_none() {
                    let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    if let Err(error) = plan.run(&proxies, progress) {
                        first_failure().get_or_insert(error);
                    }
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

fn missing_or(error: std::io::Error, archive: &Path) -> ImageError {
    if error.kind() == std::io::ErrorKind::NotFound {
        ImageError::MissingTool { tool: TOOL, install: "apt-get install mmdebstrap" }
    } else {
        ImageError::Io { doing: "start mmdebstrap for", path: archive.to_path_buf(), source: error }
    }
}

/// Proxy settings of the host's apt, as `--aptopt` words; none where there is no apt.
fn host_proxies() -> Vec<String> {
    let Ok(output) = Command::new("apt-config").args(["dump", "Acquire"]).stdin(Stdio::null()).output()
    else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| is_proxy(line)).map(|line| line.trim_end_matches(';').to_owned()).collect()
}

fn is_proxy(line: &str) -> bool {
    let key = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    key.split("::").any(|part| part == "proxy") && !line.trim_end().ends_with("\"\";")
}

/// The host's own sources for this suite as `sources.list` lines; empty means the tool's default mirror.
fn host_sources(suite: &str) -> Vec<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(list) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(list.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut lines: Vec<String> = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let found = match file.extension().and_then(|ext| ext.to_str()) {
            Some("list") => one_line_sources(&text, suite),
            Some("sources") => deb822_sources(&text, suite),
            _ => Vec::new(),
        };
        for line in found {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    // Without the suite itself, its updates alone are no use.
    let whole = lines.iter().any(|line| line.split_whitespace().any(|word| word == suite));
    if whole { lines } else { Vec::new() }
}

/// `deb [options] uri suite component...`; options are left to the tool's own keyring search.
fn one_line_sources(text: &str, suite: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace().peekable();
        if words.next() != Some("deb") {
            return None;
        }
        if words.peek().is_some_and(|word| word.starts_with('[')) {
            let _options: Vec<&str> = words.by_ref().take_while(|word| !word.ends_with(']')).collect();
        }
        let (uri, name) = (words.next()?, words.next()?);
        let wanted = is_debian(uri) && belongs(name, suite) && words.any(|component| component == "main");
        wanted.then(|| format!("deb {uri} {name} main"))
    });
    lines.collect()
}

/// Stanzas of `Key: value` lines, with continuation lines.
fn deb822_sources(text: &str, suite: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for stanza in text.split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((key, value)) = line.split_once(':') {
                fields.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let field = |key: &str| {
            fields
                .iter()
                .find(|(name, _)| name == key)
                .map_or("", |(_, value)| value.as_str())
                .split_whitespace()
        };
        let off = field("enabled").any(|value| value == "no");
        if off || !field("types").any(|kind| kind == "deb") || !field("components").any(|c| c == "main") {
            continue;
        }
        for uri in field("uris").filter(|uri| is_debian(uri)) {
            for name in field("suites").filter(|name| belongs(name, suite)) {
                lines.push(format!("deb {uri} {name} main"));
            }
        }
    }
    lines
}

/// Mirrors keep the archive's folder names; other vendors' repositories have other ones.
fn is_debian(uri: &str) -> bool {
    let last = uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    matches!(last, "debian" | "debian-security") && !uri.contains(['[', ']', '"', '\''])
}

fn belongs(name: &str, suite: &str) -> bool {
    name.strip_prefix(suite).is_some_and(|rest| matches!(rest, "" | "-updates" | "-security"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debian_sources_of_the_suite_are_taken_from_the_host() {
        let deb822 = "Types: deb deb-src\n# dated\nURIs: http://mirror.example/debian\nSuites: bookworm\n \
                      bookworm-updates sid\nComponents: main contrib\n\nTypes: deb\nURIs: http://vendor.example/node\n\
                      Suites: bookworm\nComponents: main\n\nEnabled: no\nTypes: deb\n\
                      URIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n";
        assert_eq!(
            deb822_sources(deb822, "bookworm"),
            [
                "deb http://mirror.example/debian bookworm main",
                "deb http://mirror.example/debian bookworm-updates main"
            ]
        );
        let lines = "deb [arch=amd64 signed-by=/k] http://mirror.example/debian-security/ bookworm-security main\n\
                     deb-src http://mirror.example/debian bookworm main\n# deb http://x/debian bookworm main\n\
                     deb http://vendor.example/apt bookworm main\ndeb http://mirror.example/debian trixie main\n";
        assert_eq!(
            one_line_sources(lines, "bookworm"),
            ["deb http://mirror.example/debian-security/ bookworm-security main"]
        );
    }

    #[test]
    fn a_missing_tool_is_told_with_the_command_that_installs_it() {
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(missing_or(gone, Path::new("x")).to_string().contains("apt-get install mmdebstrap"));
        let other = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert!(matches!(missing_or(other, Path::new("x")), ImageError::Io { .. }));
    }

    #[test]
    fn proxies_are_taken_and_empty_settings_are_not() {
        assert!(is_proxy("Acquire::http::Proxy \"http://cache.example:3142\";"));
        assert!(is_proxy("Acquire::http::proxy::deb.example \"DIRECT\";"));
        assert!(!is_proxy("Acquire::http::Proxy \"\";"));
        assert!(!is_proxy("Acquire::Changelogs::URI \"x\";"));
    }

    #[test]
    fn apt_state_of_the_host_is_never_named() {
        let plan = Bootstrap {
            image: "cpp".to_owned(),
            suite: "bookworm".to_owned(),
            packages: vec!["g++".to_owned(), "libc6-dev".to_owned()],
            sources: vec!["deb http://mirror.example/debian bookworm main".to_owned()],
            epoch: 1,
            start: Start::TreeWithLists(PathBuf::from("/build/base.tar")),
            archive: PathBuf::from("/build/cpp.tar"),
        };
        let args = plan.arguments(true, &[]);
        assert!(args.iter().all(|arg| !arg.contains("Dir::")), "{args:?}");
        assert!(args.contains(&"--include=g++,libc6-dev".to_owned()));
        assert!(
            args.contains(&"--setup-hook=tar --numeric-owner -C \"$1\" -xf '/build/base.tar'".to_owned())
        );
        assert_eq!(args.last().unwrap(), "deb http://mirror.example/debian bookworm main");
        assert!(plan.arguments(false, &[]).contains(&"--mode=unshare".to_owned()));
    }
}
