//! What runs left, by content: compiled programs, outputs with the facts of their runs, words of validators.
//!
//! The package format grants that a program does the same on the same input, so a run whose every part is the
//! same (image, files, command, environment, input, limits) need not be made again. What is kept is decided
//! here by [`Keep`]: never a failure of ours, never a run that met a limit or came near its time limit, so
//! that nobody who takes part is ever given a verdict of time from here. Those who set a problem judge the same
//! slow programs over and over, to the end of a margin beyond the limit; how those end is kept. The key is a hash
//! of the whole description of the run; an answer that was given once from another file of the same bytes is the
//! same answer.
//!
//! Only images addressed by content are known here. The `host` image is this machine's own `/usr`, which
//! changes without telling, so nothing that ran in it is kept.

mod entry;
mod store;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use checker::confirm::{FROM_PERCENT, near};
use proto::facts::{LimitHit, RunFacts};
use proto::http::WorkerCounts;
use proto::id::Digest;
use sandbox::spec::{Content, OpenFile, PairOutcome, PairSpec, RunOutcome, RunSpec, Stdin};
use sha2::{Digest as _, Sha256};

use crate::runner::{PairRunError, RunError, Runner};

pub use store::Store;

/// Version of the key and of what is kept; another one finds nothing of this.
const VERSION: &str = "tribunal run 2";

/// Bytes of a file that are hashed at once.
const PIECE: usize = 256 << 10;

/// What must be true of a run for its outcome to be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// A compiler, or a validator: it ended by itself within every limit.
    Ended,
    /// A submission: as well, and well within this time limit.
    Within(Duration),
    /// A package's own example: well within this time limit or so far beyond it that no other run could change
    /// the verdict, and stopped by nothing but its processor time.
    FarFrom(Duration),
}

impl Keep {
    fn allows(self, facts: &RunFacts) -> bool {
        let ended = facts.exit.is_some() && facts.limit_events.is_empty();
        let sound = facts.oom_kills == 0 && facts.process_limit_hits == 0 && facts.violation.is_none();
        let within =
            |limit: Duration| facts.cpu_time.saturating_mul(100) <= limit.saturating_mul(FROM_PERCENT);
        sound
            && match self {
                Keep::Ended => ended,
                Keep::Within(limit) => ended && within(limit),
                Keep::FarFrom(limit) if facts.cpu_time <= limit => ended && within(limit),
                Keep::FarFrom(limit) => {
                    let by_time = facts.limit_events.iter().all(|event| event.limit == LimitHit::CpuTime);
                    by_time && !near(facts.cpu_time, limit)
                }
            }
    }
}

/// A way into a box that remembers.
pub struct CachedRunner {
    inner: Arc<dyn Runner>,
    store: Arc<Store>,
    recalled: AtomicU64,
}

impl CachedRunner {
    /// Runs in `inner` what is not in `store`.
    pub fn new(inner: Arc<dyn Runner>, store: Arc<Store>) -> Self {
        Self { inner, store, recalled: AtomicU64::new(0) }
    }
}

impl std::fmt::Debug for CachedRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedRunner").field("store", &self.store).finish_non_exhaustive()
    }
}

#[async_trait]
impl Runner for CachedRunner {
    async fn run(&self, spec: RunSpec) -> Result<RunOutcome, RunError> {
        self.inner.run(spec).await
    }

    async fn run_or_recall(&self, spec: RunSpec, keep: Keep) -> Result<(RunOutcome, bool), RunError> {
        // Hashing and reading are work for a thread that may block.
        let store = Arc::clone(&self.store);
        let described = spec.clone();
        // An output of which only the begin is kept is compared while it is produced, and never again; one that was
        // handed out open is as long.
        let flows = spec.overflow.is_some();
        let whole =
            move |outcome: &RunOutcome| !(flows && outcome.stdout.truncated) && outcome.opened.is_empty();
        let given: Vec<OpenFile> =
            spec.files.iter().filter_map(|file| file.content.file().cloned()).collect();
        let found = tokio::task::spawn_blocking(move || {
            let key = key_of(&described)?;
            let outcome = store.get(&key).and_then(|bytes| entry::read(&bytes));
            Some((key, outcome.filter(|outcome| keep.allows(&outcome.facts) && whole(outcome))))
        });
        let (key, outcome) = match found.await {
            Ok(Some((_, Some(outcome)))) => {
                self.recalled.fetch_add(1, Ordering::Relaxed);
                return Ok((outcome, true));
            }
            Ok(Some((key, None))) => (Some(key), self.inner.run(spec).await?),
            // Not to be kept, or a thread of ours ended early: then it is run, as if there was no cache.
            Ok(None) | Err(_) => (None, self.inner.run(spec).await?),
        };
        if let Some(key) =
            key.filter(|_| keep.allows(&outcome.facts) && outcome.refused.is_empty() && whole(&outcome))
        {
            let (store, kept) = (Arc::clone(&self.store), outcome.clone());
            // A file that somebody wrote meanwhile may not have been to the run what it was to its key.
            let put = move || {
                if given.iter().all(|file| file.unchanged().is_ok()) {
                    store.put(&key, &entry::write(&kept));
                }
            };
            let _ = tokio::task::spawn_blocking(put).await;
        }
        Ok((outcome, false))
    }

    /// Who talks with whom is in no key.
    async fn run_pair(&self, spec: PairSpec) -> Result<PairOutcome, PairRunError> {
        self.inner.run_pair(spec).await
    }

    fn unfit(&self) -> Option<String> {
        self.inner.unfit()
    }

    fn counts(&self) -> WorkerCounts {
        WorkerCounts { runs_recalled: self.recalled.load(Ordering::Relaxed), ..self.inner.counts() }
    }
}

/// The key of a run; `None` when it cannot be told from its description what it will do.
fn key_of(spec: &RunSpec) -> Option<Digest> {
    let Stdin::Bytes(stdin) = &spec.stdin else {
        return match spec.stdin {
            Stdin::Empty => key_with(spec, &[]),
            _ => None,
        };
    };
    key_with(spec, stdin)
}

fn key_with(spec: &RunSpec, stdin: &[u8]) -> Option<Digest> {
    if !spec.root.binds.is_empty() {
        return None;
    }
    // Every part is behind its length or of one size, so that two descriptions never read the same.
    let mut parts = Parts(Sha256::new());
    parts.text(VERSION);
    parts.count(spec.root.lower.len());
    for layer in &spec.root.lower {
        parts.text(layer.to_str()?);
    }
    parts.texts(&spec.argv);
    parts.count(spec.env.len());
    for (name, value) in &spec.env {
        parts.text(name);
        parts.text(value);
    }
    parts.count(spec.files.len());
    for file in &spec.files {
        parts.text(&file.path);
        parts.count(usize::from(file.executable));
        parts.content(&file.content)?;
    }
    parts.count(usize::from(matches!(spec.stdin, Stdin::Empty)));
    parts.bytes(stdin);
    // What flows over is kept only whole, and is then the same as where all that may be written is kept.
    let all = || usize::try_from(spec.limits.output.get()).unwrap_or(usize::MAX);
    parts.count(spec.overflow.as_ref().map_or(spec.keep_stdout, |_| all()));
    parts.count(spec.keep_stderr);
    parts.text(&serde_json::to_string(&spec.limits).ok()?);
    parts.text(spec.profile.name());
    parts.count(usize::from(spec.writable));
    parts.count(spec.collect.len());
    for wanted in &spec.collect {
        parts.text(&wanted.path);
        parts.count(usize::try_from(wanted.max_bytes).ok()?);
    }
    Some(Digest::of(&parts.0.finalize()))
}

struct Parts(Sha256);

impl Parts {
    fn count(&mut self, n: usize) {
        self.0.update((n as u64).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    /// The same wherever they are; `None` when they cannot be read.
    fn content(&mut self, content: &Content) -> Option<()> {
        match content {
            Content::Bytes(bytes) => self.bytes(bytes),
            Content::File(file) => {
                self.0.update(file.len().to_le_bytes());
                let mut from = file.reader().ok()?;
                let mut piece = vec![0; PIECE];
                while let n @ 1.. = from.read(&mut piece).ok()? {
                    self.0.update(&piece[..n]);
                }
            }
        }
        Some(())
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.count(texts.len());
        for text in texts {
            self.text(text);
        }
    }
}

#[cfg(test)]
mod tests;
