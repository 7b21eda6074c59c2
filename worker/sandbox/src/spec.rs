//! What a caller asks of a box and what it gets back: plain values, no kernel in sight.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::facts::RunFacts;
use proto::limits::Limits;
use serde::{Deserialize, Serialize};

pub use crate::content::{Content, OpenFile, Reading};

/// The read-only tree a box starts from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RootSpec {
    /// Unpacked layers, topmost first, joined by overlayfs under an empty upper of the box's own. The tree
    /// has real directories `/proc`, `/dev`, `/tmp` and `/w`; the store makes sure of that at import.
    pub lower: Vec<PathBuf>,
    /// Further read-only trees mounted over directories of that root, because overlayfs does not show
    /// mounts below its layers: the `host` image brings the host's `/usr` this way.
    pub binds: Vec<RootBind>,
}

/// One read-only tree inside the root.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RootBind {
    /// Directory on the host.
    pub source: PathBuf,
    /// Absolute path in the box; exists in the root as a real directory.
    pub target: PathBuf,
}

/// A file placed into the work directory before the program starts.
#[derive(Debug, Clone)]
pub struct BoxFile {
    /// Path below the work directory: relative, no `..`, no empty component. Directories are made.
    pub path: String,
    /// Its content. A file is copied inside the kernel; one that changed meanwhile is an error.
    pub content: Content,
    /// Whether it gets mode 0755 instead of 0644.
    pub executable: bool,
}

/// What the program reads from fd 0.
#[derive(Debug, Clone, Default)]
pub enum Stdin {
    /// Nothing: end of file at once.
    #[default]
    Empty,
    /// These bytes, from a sealed memfd.
    Bytes(Arc<[u8]>),
    /// What this regular file holds, copied into a sealed memfd: at most 2 GiB. Any other descriptor, a pipe
    /// or a socket, is passed on as it is.
    Fd(Arc<OwnedFd>),
}

/// A regular file or a whole directory of the work directory, wanted back after the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collect {
    /// Path below the work directory; `.` is all of it.
    pub path: String,
    /// Most bytes wanted over all files found there; more is an entry in [`RunOutcome::refused`].
    pub max_bytes: u64,
    /// One file is wanted and no directory, and one with more bytes than this is not read but handed out open, in
    /// [`RunOutcome::opened`]. `None` reads whatever is there.
    pub open_above: Option<u64>,
}

impl Collect {
    /// What is found there, read whole.
    pub fn read(path: impl Into<String>, max_bytes: u64) -> Self {
        Self { path: path.into(), max_bytes, open_above: None }
    }
}

/// Which system calls are open. The rules are in `policy/seccomp.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// No socket of any kind, and no execve after the one that starts the program: for a program that is one
    /// file. Forks and threads stay. The program sees EAFNOSUPPORT and EPERM.
    Strict,
    /// What every language runtime needs; of sockets only `AF_UNIX`.
    #[default]
    Default,
    /// Also TCP and UDP on the box's own loopback interface, which is up. It leads nowhere else.
    Loopback,
}

impl Profile {
    /// All of them, tightest first.
    pub const ALL: [Profile; 3] = [Profile::Strict, Profile::Default, Profile::Loopback];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Strict => "strict",
            Profile::Default => "default",
            Profile::Loopback => "loopback",
        }
    }
}

/// A name that no profile has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no profile; there are strict, default and loopback")]
pub struct UnknownProfile(String);

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let found = Profile::ALL.into_iter().find(|profile| profile.name() == text);
        found.ok_or_else(|| UnknownProfile(text.to_owned()))
    }
}

/// Takes standard output beyond what is kept, while it is produced.
pub trait Overflow: std::fmt::Debug + Send + Sync {
    /// A run begins: what came of an earlier one is forgotten.
    fn begin(&self);

    /// The first call brings all that was written so far, what is kept included, each further one what follows.
    /// Never a byte beyond the output limit. Called by the thread that watches the run: it must not wait.
    fn take(&self, bytes: &[u8]);
}

/// Hears what a program appends to a file, while it does.
pub trait Follower: std::fmt::Debug + Send + Sync {
    /// The file begins: what was heard before is of another one.
    fn begin(&self);

    /// What follows. Called by the thread that watches the run: it must not wait.
    fn take(&self, bytes: &[u8]);
}

/// A file of the work directory that is read while the program runs, some times a second. A hint: the program may do
/// with the file what it likes, and what counts is [collected](RunSpec::collect).
#[derive(Debug, Clone)]
pub struct Follow {
    /// Path below the work directory.
    pub path: String,
    /// Most bytes that are read, over all files of that name.
    pub max_bytes: u64,
    /// Who hears it.
    pub to: Arc<dyn Follower>,
}

/// One run.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// The tree it sees.
    pub root: RootSpec,
    /// Program and arguments. `argv[0]` is absolute or looked up in the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Files placed into the work directory `/w`, which is also the current directory.
    pub files: Vec<BoxFile>,
    /// Standard input.
    pub stdin: Stdin,
    /// How many bytes of stdout to keep; counting and the output limit go on beyond it.
    pub keep_stdout: usize,
    /// Who takes stdout when it is more than what is kept. Not used in a pair.
    pub overflow: Option<Arc<dyn Overflow>>,
    /// How many bytes of stderr to keep.
    pub keep_stderr: usize,
    /// The bounds.
    pub limits: Limits,
    /// System calls.
    pub profile: Profile,
    /// Whether the program may write in `/w`. When not, `/w` is read-only and `/tmp` stays writable.
    pub writable: bool,
    /// What to bring back after the box is dead.
    pub collect: Vec<Collect>,
}

/// One captured stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The first bytes, at most as many as were to be kept.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub truncated: bool,
}

/// A file brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// Path below the work directory, `/` between components; not necessarily UTF-8.
    pub path: Vec<u8>,
    /// Whether the owner could execute it.
    pub executable: bool,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A file that was not read but is open. Nothing lives in its box any more, so nobody changes it; all that the box had
/// in its writable directories stays in memory as long as this is kept.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Path below the work directory.
    pub path: Vec<u8>,
    /// The file.
    pub file: OpenFile,
}

/// Where the caller's wait went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BoxTimes {
    /// Making the box, or taking a warm one.
    pub setup: Duration,
    /// From the end of the program until the box was gone.
    pub teardown: Duration,
}

/// What came of a run that really started.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// What was observed.
    pub facts: RunFacts,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// Files brought back.
    pub files: Vec<Collected>,
    /// Files handed out open.
    pub opened: Vec<Opened>,
    /// Directories with nothing in them, where a directory was wanted back: path below the work directory.
    pub empty: Vec<Vec<u8>>,
    /// What was wanted back but refused, with the reason: a symlink, a FIFO, too large, absent.
    pub refused: Vec<(String, String)>,
    /// Where the time went.
    pub times: BoxTimes,
}

/// Who of two programs that talk with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that is judged.
    Program,
    /// The one that leads the talk.
    Partner,
}

/// Two runs whose standard output is each other's standard input. Their own `stdin` and `keep_stdout` are not used.
///
/// Neither learns of the other's end before it was seen here. The program's closing of its output reaches the partner
/// only when the program is dead. Its wall clock stands while the partner computes; the partner's counts from the
/// program's end on.
#[derive(Debug, Clone)]
pub struct PairSpec {
    /// The one that is judged.
    pub program: RunSpec,
    /// The one that leads.
    pub partner: RunSpec,
    /// Exit statuses of the partner after which the program may go on; after any other it is ended at once.
    pub partner_content: Vec<i32>,
    /// How long the partner may go on after a program that did not exit with 0.
    pub grace: Duration,
    /// Bytes remembered of the begin, and as many of the end, of what was said.
    pub keep_transcript: usize,
}

/// Something one of them wrote, as it was read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub from: Side,
    /// When, since both were started.
    pub at: Duration,
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// How many there were.
    pub total: u64,
}

/// What was said: the begin and the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// From the first line on.
    pub head: Vec<Line>,
    /// How many lines are left out between.
    pub omitted: u64,
    /// Up to the last line.
    pub tail: Vec<Line>,
}

/// Where the partner was when the program's wall-clock time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartnerState {
    /// It waited for the program: to say something, or to read what it was told.
    Waiting,
    /// It did neither.
    Elsewhere,
}

/// What came of a pair that really started.
#[derive(Debug, Clone)]
pub struct PairOutcome {
    /// The one that is judged. Without an exit and without a limit that fired, it was ended because its partner was not
    /// content.
    pub program: RunOutcome,
    /// The one that leads. Without an exit and without a limit that fired, it was ended because its grace was over.
    pub partner: RunOutcome,
    /// Who ended first.
    pub first: Side,
    /// Where the partner was when the program's wall-clock time ran out; `None` when it did not, or nobody was left
    /// to be asked.
    pub partner_state: Option<PartnerState>,
    /// What was said.
    pub transcript: Transcript,
}
