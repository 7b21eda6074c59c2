//! An uploaded package: read and checked by `problem`, its bytes kept as a blob, its face as a view.

use std::path::Path;

use bytes::Bytes;
use problem::model::{Case, Problem};
use proto::http::{ProblemView, SampleView};
use proto::units::round_ms;

use crate::error::{ApiError, Code};
use crate::store::{NewProblem, Store};
use crate::time::{now_ms, rfc3339};

/// Sample cases shown.
const SAMPLES_MAX: usize = 8;
/// Bytes shown of a sample's input and answer.
const SAMPLE_BYTES_MAX: u64 = 4096;
/// Bytes shown of a statement.
const STATEMENT_MAX: usize = 256 << 10;

/// Checks a package zip and installs it as the active revision of its problem; `name` overrides the short
/// name. Returns its view and whether the revision is new.
pub(crate) async fn install(
    store: &Store,
    zip: Bytes,
    name: Option<&str>,
) -> Result<(ProblemView, bool), ApiError> {
    if let Some(name) = name {
        short_name(name)?;
    }
    let (bytes, name) = (zip.clone(), name.map(str::to_owned));
    let read = tokio::task::spawn_blocking(move || read(&bytes, name.as_deref())).await;
    let (view, languages) = read.map_err(|e| {
        tracing::error!(error = %e, "reading a package ended early");
        ApiError::new(Code::Internal, "the service failed; its log has the cause")
    })??;
    let blob = store.put_blob(zip, now_ms()).await?;
    let new = store.install_problem(&NewProblem { view: view.clone(), blob, languages }, now_ms()).await?;
    Ok((view, new))
}

fn short_name(name: &str) -> Result<(), ApiError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if first && rest && name.len() <= 100 {
        return Ok(());
    }
    let detail =
        "a problem's name is made of letters, digits and `_.-`, at most 100, starting with a letter or digit";
    Err(ApiError::new(Code::InvalidParameter, detail))
}

fn view(problem: &Problem) -> ProblemView {
    let shown = |path: &Path| {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).and_then(|f| f.take(SAMPLE_BYTES_MAX).read_to_end(&mut bytes));
        file.map(|_| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    let sample = |case: &Case| SampleView { input: shown(&case.input), answer: shown(&case.answer) };
    let statement = problem.statement.as_ref().map(|s| {
        let end = (0..=STATEMENT_MAX.min(s.len())).rev().find(|at| s.is_char_boundary(*at)).unwrap_or(0);
        s[..end].to_owned()
    });
    ProblemView {
        name: problem.name.clone(),
        title: problem.title.clone(),
        digest: problem.digest.clone(),
        created_at: rfc3339(now_ms()),
        kind: problem.kind.name().to_owned(),
        tests: problem.cases.len() as u32,
        cpu_time_ms: problem.limits.cpu_time.map_or(0.0, round_ms),
        memory_bytes: problem.limits.memory.get(),
        statement,
        samples: problem.cases.iter().filter(|c| c.sample).take(SAMPLES_MAX).map(sample).collect(),
    }
}

type Read = (ProblemView, Option<Vec<String>>);

fn read(zip: &[u8], name: Option<&str>) -> Result<Read, ApiError> {
    let scratch = tempfile::tempdir().map_err(|e| {
        tracing::error!(error = %e, "no temporary folder for a package");
        ApiError::new(Code::Unavailable, "the package cannot be looked at now; try again later")
    })?;
    let loaded = problem::open_zip(zip, name.unwrap_or_default(), scratch.path()).map_err(|e| {
        let diagnostics = serde_json::to_value(&e.diagnostics).unwrap_or_default();
        ApiError::new(Code::InvalidPackage, e.to_string()).with("diagnostics", diagnostics)
    })?;
    Ok((view(&loaded.problem), loaded.problem.languages.clone()))
}
