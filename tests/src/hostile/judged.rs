//! Cases that go the whole way of a submission: sources in, a judgement out, through the worker's own engine.
//!
//! In a real language the sources attack its compiler. In the made-up language `attack` the program is the compiler,
//! so it can do to the compile box, to the artifact and to the next box whatever code that runs at compile time could.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use images::rootfs::Rootfs;
use language::Language;
use proto::facts::RunFacts;
use proto::job::{InlineTest, SourceFile};
use proto::report::Judgement;
use sandbox::BoxServer;
use sandbox::spec::{PairOutcome, PairSpec, RunOutcome, RunSpec};
use selftest::boxes::INPUT;
use selftest::case::{ATTACK_CPP, VALIDATOR_CPP};
use selftest::{Case, Happened};
use worker::boxes::BoxRunner;
use worker::engine::Aside;
use worker::runner::{PairRunError, RunError, Runner};
use worker::toolchains::Toolchains;
use worker::{Against, Engine, Submission};

/// The language whose compiler is the attack.
const ATTACK: &str = r#"
name = "an attack"
version = ["/compiler"]
extensions = ["attack"]
package_codes = ["attack"]
[compile]
argv = ["/compiler", "{sources}"]
artifact = "a.out"
[run]
argv = ["./{output}"]
[image]
suite = "none"
packages = []
"#;
/// What of a compiler's log is kept, and the words that say it was cut.
const LOG_MAX: usize = (64 << 10) + 100;

/// Judges the case once for each variant. `program` is the compiled attack, `host` the image with real compilers,
/// `dir` a place for a layer.
///
/// # Errors
/// How what happened differs from what must happen, or why nothing could.
pub fn judge(
    case: &Case,
    server: &BoxServer,
    host: &Rootfs,
    program: Option<&[u8]>,
    dir: &Path,
) -> Result<Happened, String> {
    let wanted = case.expect.judge.as_deref().unwrap_or_default();
    let (language, rootfs) = match program {
        Some(program) => attack(program, host, dir).map_err(|e| format!("the attack as a compiler: {e}"))?,
        None => (language::by_id(wanted).ok_or(format!("no language `{wanted}`"))?.clone(), host.clone()),
    };
    let toolchains = Toolchains::new([language.clone()], Box::new(move |_| Ok(rootfs.clone())));
    let runner = Arc::new(Recording { boxes: BoxRunner::new(server.clone()), last: Mutex::default() });
    let engine = Engine::new(Arc::clone(&runner) as Arc<dyn Runner>, Arc::new(toolchains), Aside::below(dir));
    let plain = [String::new()];
    let variants = if case.expect.variants.is_empty() { &plain[..] } else { &case.expect.variants };
    let mut happened = Err("there is no variant".to_owned());
    for variant in variants {
        let judgement = submit(&engine, case, &language, variant, dir);
        let judgement = judgement.map_err(|e| format!("variant `{variant}`: {e}"))?;
        hold(case, variant, &judgement).map_err(|e| format!("variant `{variant}`: {e}"))?;
        let facts = runner.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        let facts = facts.ok_or("nothing ran")?;
        let how = judgement.compile.map_or(String::new(), |c| format!("compiled {:?}", c.status));
        happened = Ok(Happened { verdict: judgement.verdict, how, facts });
    }
    happened
}

/// The language of which `program` is the compiler, and the host's image with it in.
fn attack(
    program: &[u8],
    host: &Rootfs,
    dir: &Path,
) -> Result<(Language, Rootfs), Box<dyn std::error::Error>> {
    let layer = tempfile::Builder::new().prefix("compiler-").tempdir_in(dir)?.keep();
    fs::set_permissions(&layer, fs::Permissions::from_mode(0o755))?;
    fs::write(layer.join("compiler"), program)?;
    fs::set_permissions(layer.join("compiler"), fs::Permissions::from_mode(0o755))?;
    let mut rootfs = host.clone();
    rootfs.layers.insert(0, layer);
    Ok((language::parse("attack", "attack", ATTACK)?, rootfs))
}

fn submit(
    engine: &Engine,
    case: &Case,
    language: &Language,
    variant: &str,
    dir: &Path,
) -> Result<Judgement, String> {
    let mut files: Vec<(String, Vec<u8>)> = case
        .sources
        .iter()
        .filter(|(name, _)| *name == ATTACK_CPP)
        .map(|(n, c)| (n.clone(), c.clone()))
        .collect();
    if files.is_empty() {
        files.push((format!("main.{}", language.extensions[0]), b"source\n".to_vec()));
    }
    files.extend(case.expect.files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())));
    if !variant.is_empty() {
        files.push(("variant".to_owned(), variant.as_bytes().to_vec()));
    }
    let submission = Submission {
        language: language.id.clone(),
        files: files.into_iter().map(|(name, content)| SourceFile { name, content }).collect(),
        all: true,
        only: Vec::new(),
    };
    let stdin = case.expect.stdin.as_deref().unwrap_or(INPUT).as_bytes().to_vec();
    let against = if let Some(validator) = case.sources.get(VALIDATOR_CPP) {
        // A folder of its own, removed with the whole suite's: rounds run the case several times, at once too.
        let folder = tempfile::Builder::new().prefix("package-").tempdir_in(dir);
        let folder = folder.map_err(|e| e.to_string())?.keep();
        let problem = package(case, validator, &stdin, &folder).map_err(|e| e.to_string())?;
        Against::Problem(Arc::new(problem))
    } else {
        let test = InlineTest { stdin, expected_output: None, args: case.expect.args.clone() };
        Against::Tests { tests: vec![test], limits: case.expect.limits.clone() }
    };
    // Without the drivers for signals and I/O, which would keep descriptors of this process open.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    runtime.block_on(engine.judge(&submission, &against, &mut |_| {})).map_err(|e| e.to_string())
}

/// A problem with one case, whose input is `stdin`, for the case's own validator. A validator may use a second and
/// 64 MiB.
fn package(
    case: &Case,
    validator: &[u8],
    stdin: &[u8],
    folder: &Path,
) -> Result<problem::model::Problem, Box<dyn std::error::Error>> {
    let limits = &case.expect.limits;
    let usual = selftest::boxes::defaults();
    let seconds = limits.cpu_time.unwrap_or(usual.cpu_time).as_secs_f64();
    let kind = if case.expect.interactive { "[pass-fail, interactive]" } else { "pass-fail" };
    let manifest = format!(
        "problem_format_version: 2025-09\ntype: {kind}\nname: Attack\nuuid: 5d0c7b1e-2f6a-4c8e-9b3d-7a1e4f6c2d90\n\
         limits: {{time_limit: {seconds}, time_resolution: {seconds}, output: 4, validation_time: 1, \
         validation_memory: 64}}\n"
    );
    for (path, content) in [
        ("problem.yaml", manifest.as_bytes()),
        ("data/secret/1.in", stdin),
        ("data/secret/1.ans", b"\n".as_slice()),
        ("output_validator/validator.cpp", validator),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, content)?;
    }
    Ok(problem::read_dir(folder)?.problem)
}

fn hold(case: &Case, variant: &str, judgement: &Judgement) -> Result<(), String> {
    let expect = &case.expect;
    let wanted = expect.by_variant.get(variant).map_or(&expect.verdict[..], std::slice::from_ref);
    let log = judgement.compile.as_ref().map_or("", |compile| compile.log.as_str());
    let test = judgement.tests.first();
    let reason = test.and_then(|test| test.reason.as_deref()).unwrap_or_default();
    let shown: String = log.chars().take(400).collect();
    let context = || format!("reason {reason:?}, log {shown:?}");
    if !wanted.contains(&judgement.verdict) {
        return Err(format!("verdict {}, expected {wanted:?}; {}", judgement.verdict, context()));
    }
    if let Some(words) = expect.reason_has.as_ref().filter(|words| !reason.contains(*words)) {
        return Err(format!("the reason lacks {words:?}; {}", context()));
    }
    if let Some(words) = expect.log_has.iter().find(|words| !log.contains(*words)) {
        return Err(format!("the log lacks {words:?}; {}", context()));
    }
    if let Some(words) = expect.log_lacks.iter().find(|words| log.contains(*words)) {
        return Err(format!("the log has {words:?}; {}", context()));
    }
    if log.len() > LOG_MAX {
        return Err(format!("a log of {} bytes", log.len()));
    }
    let said = test.and_then(|test| test.stdout.as_deref()).unwrap_or_default();
    match &expect.stdout {
        Some(text) if text != said => Err(format!("it said {said:?}; {}", context())),
        _ => Ok(()),
    }
}

/// Real boxes; remembers what the last one observed.
#[derive(Debug)]
struct Recording {
    boxes: BoxRunner,
    last: Mutex<Option<RunFacts>>,
}

#[async_trait::async_trait]
impl Runner for Recording {
    async fn run(&self, spec: RunSpec) -> Result<RunOutcome, RunError> {
        let outcome = self.boxes.run(spec).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome.facts.clone());
        Ok(outcome)
    }

    async fn run_pair(&self, spec: PairSpec) -> Result<PairOutcome, PairRunError> {
        let outcome = self.boxes.run_pair(spec).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome.program.facts.clone());
        Ok(outcome)
    }
}
