//! A [`Runner`] made of prepared facts, for tests of the decisions.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use images::rootfs::{Rootfs, RootfsKind};
use proto::facts::{Accounting, Exit, LimitEvent, LimitHit, RunFacts};
use proto::id::Digest;
use sandbox::spec::{
    BoxTimes, Captured, Collected, Content, PairOutcome, PairSpec, RunOutcome, RunSpec, Side,
};

use crate::engine::{Aside, Engine};
use crate::runner::{PairRunError, RunError, Runner};
use crate::toolchains::Toolchains;

/// Decides what a run does.
type Script = dyn Fn(&RunSpec) -> Result<RunOutcome, RunError> + Send + Sync;

/// Decides what a pair does.
type PairScript = dyn Fn(&PairSpec) -> Result<PairOutcome, PairRunError> + Send + Sync;

/// Answers runs from a script and remembers what was asked.
pub(crate) struct FakeRunner {
    script: Box<Script>,
    pairs: Option<Box<PairScript>>,
    pub(crate) runs: Mutex<Vec<RunSpec>>,
    /// How long each run takes, so that something can happen meanwhile.
    delay: Duration,
    /// After so many runs the machine is unfit.
    pub(crate) fit_for: AtomicUsize,
}

impl FakeRunner {
    pub(crate) fn new(
        script: impl Fn(&RunSpec) -> Result<RunOutcome, RunError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::slow(Duration::ZERO, script)
    }

    pub(crate) fn slow(
        delay: Duration,
        script: impl Fn(&RunSpec) -> Result<RunOutcome, RunError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            pairs: None,
            runs: Mutex::default(),
            delay,
            fit_for: AtomicUsize::new(usize::MAX),
        })
    }

    /// One that runs pairs too; compilers always succeed.
    pub(crate) fn talking(
        pairs: impl Fn(&PairSpec) -> Result<PairOutcome, PairRunError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::talking_beside(|_| Ok(compiled()), pairs)
    }

    /// One that runs pairs, and what is no pair from a script.
    pub(crate) fn talking_beside(
        script: impl Fn(&RunSpec) -> Result<RunOutcome, RunError> + Send + Sync + 'static,
        pairs: impl Fn(&PairSpec) -> Result<PairOutcome, PairRunError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            pairs: Some(Box::new(pairs)),
            runs: Mutex::default(),
            delay: Duration::ZERO,
            fit_for: AtomicUsize::new(usize::MAX),
        })
    }

    /// `argv` of every run so far.
    pub(crate) fn commands(&self) -> Vec<Vec<String>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|s| s.argv.clone()).collect()
    }
}

#[async_trait]
impl Runner for FakeRunner {
    async fn run(&self, spec: RunSpec) -> Result<RunOutcome, RunError> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(spec.clone());
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        (self.script)(&spec)
    }

    async fn run_pair(&self, spec: PairSpec) -> Result<PairOutcome, PairRunError> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(spec.partner.clone());
        let Some(pairs) = &self.pairs else {
            let error = RunError::BadSpec("this runner has no pairs".to_owned());
            return Err(PairRunError { side: Side::Program, error });
        };
        pairs(&spec)
    }

    fn unfit(&self) -> Option<String> {
        let worn_out = self.commands().len() >= self.fit_for.load(Ordering::Relaxed);
        worn_out.then(|| "2 boxes could not be killed".to_owned())
    }
}

/// Facts of a run that exited.
pub(crate) fn facts(exit: Exit) -> RunFacts {
    RunFacts {
        exit: Some(exit),
        cpu_time: Duration::from_millis(3),
        cpu_user: None,
        wall_time: Duration::from_millis(4),
        memory_bytes: Some(1 << 20),
        memory_peak_raw: None,
        stdout_bytes: 0,
        stderr_bytes: 0,
        written_bytes: None,
        limit_events: Vec::new(),
        oom_kills: 0,
        process_limit_hits: 0,
        violation: None,
        accounting: Accounting::Exact,
    }
}

/// A run that ended with `exit` after writing `stdout`.
pub(crate) fn ran(exit: Exit, stdout: &str) -> RunOutcome {
    let mut facts = facts(exit);
    facts.stdout_bytes = stdout.len() as u64;
    RunOutcome {
        facts,
        stdout: Captured { bytes: stdout.into(), truncated: false },
        stderr: Captured::default(),
        files: Vec::new(),
        opened: Vec::new(),
        empty: Vec::new(),
        refused: Vec::new(),
        times: BoxTimes::default(),
    }
}

/// A run that was killed at its cpu limit.
pub(crate) fn too_slow(spec: &RunSpec) -> RunOutcome {
    let bound = spec.limits.cpu_time.as_nanos() as u64;
    let mut outcome = ran(Exit::Signal(9), "");
    outcome.facts.limit_events =
        vec![LimitEvent { limit: LimitHit::CpuTime, observed_ns: bound, value: bound + 1, bound }];
    outcome
}

/// A compiler that left an artifact.
pub(crate) fn compiled() -> RunOutcome {
    let mut outcome = ran(Exit::Code(0), "");
    outcome.files = vec![Collected { path: b"a.out".to_vec(), executable: true, bytes: b"ELF".to_vec() }];
    outcome
}

/// Whether this is a compile run: the artifact is wanted back.
pub(crate) fn is_compile(spec: &RunSpec) -> bool {
    spec.collect.iter().any(|c| c.path == "a.out")
}

/// What the program reads.
pub(crate) fn stdin_of(spec: &RunSpec) -> String {
    match &spec.stdin {
        sandbox::spec::Stdin::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        sandbox::spec::Stdin::Empty | sandbox::spec::Stdin::Fd(_) => String::new(),
    }
}

/// What a box would be given.
pub(crate) fn bytes_of(content: &Content) -> Vec<u8> {
    match content {
        Content::Bytes(bytes) => bytes.to_vec(),
        Content::File(file) => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut file.reader().unwrap(), &mut bytes).unwrap();
            bytes
        }
    }
}

/// An engine over `runner` that finds a tree for every language.
pub(crate) fn engine(runner: Arc<dyn Runner>) -> Engine {
    engine_with(runner, language::all().iter().cloned())
}

/// The same for these languages alone.
pub(crate) fn engine_with(
    runner: Arc<dyn Runner>,
    languages: impl IntoIterator<Item = language::Language>,
) -> Engine {
    let rootfs = Rootfs {
        digest: Digest::of(b"image"),
        kind: RootfsKind::Oci,
        layers: vec![PathBuf::from("/nowhere")],
        binds: Vec::new(),
        env: vec![("PATH".to_owned(), "/usr/bin".to_owned())],
        lease: images::Lease::none(),
    };
    let find = move |_: &language::Language| Ok(rootfs.clone());
    let aside = Aside::below(&std::env::temp_dir());
    Engine::new(runner, Arc::new(Toolchains::new(languages, Box::new(find))), aside)
}

/// C++ as if its runtime had a heap of its own, and as if it were slower by `factor`.
pub(crate) fn with_own_heap(factor: f64) -> language::Language {
    let out_of_memory =
        Some(language::OutOfMemory { exit_code: Some(3), signal: None, said: "heap is full".to_owned() });
    let cpp = language::by_id("cpp").unwrap().clone();
    language::Language { cpu_time_factor: factor, out_of_memory, ..cpp }
}

/// A problem with these (input, answer) cases, kept in the returned folder.
pub(crate) fn problem(
    cases: &[(&str, &str)],
    validator: Option<&str>,
) -> (tempfile::TempDir, problem::Problem) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: String, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "problem.yaml".to_owned(),
        "problem_format_version: 2025-09\ntype: pass-fail\nname: Test\nuuid: 6b1b9f4e-1b1b-4b1b-8b1b-1b1b1b1b1b1b\n\
         limits:\n  time_limit: 1.0\n",
    );
    for (i, (input, answer)) in cases.iter().enumerate() {
        write(format!("data/secret/{i}.in"), input);
        write(format!("data/secret/{i}.ans"), answer);
    }
    if let Some(source) = validator {
        write("output_validator/validate.cpp".to_owned(), source);
    }
    let loaded = problem::read_dir(folder.path()).unwrap_or_else(|e| panic!("{e}"));
    (folder, loaded.problem)
}

/// How often each thing happened, by name.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<HashMap<String, usize>>);

impl Counts {
    /// Counts one more; returns how many before.
    pub(crate) fn add(&self, what: &str) -> usize {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(what.to_owned()).or_default();
        *count += 1;
        *count - 1
    }
}
