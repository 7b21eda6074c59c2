//! An uploaded package: read and checked by `problem`, its bytes kept as a blob, its face as a view. Courses'
//! autograders are kept in the same way and checked by `course`.

mod course;

use std::path::Path;

use bytes::Bytes;
use problem::model::{Case, Problem};
use problem::{OpenError, PackageError};
use proto::http::{ProblemView, SampleView};
use proto::limits::Limits;
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

/// What a package is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A problem.
    #[default]
    Problem,
    /// A course's autograder.
    Harness,
}

impl Kind {
    /// What an installed package is.
    pub(crate) fn of(view: &ProblemView) -> Self {
        if view.harness.is_some() { Kind::Harness } else { Kind::Problem }
    }

    /// Its word in requests and messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Problem => "problem",
            Kind::Harness => "harness",
        }
    }
}

/// How a package gets its short name: from the request, else from the folder in the zip, else from the file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Naming<'a> {
    pub(crate) asked: Option<&'a str>,
    pub(crate) file: Option<&'a str>,
}

/// The name of a package that nobody named.
const NAMELESS: &str = "nameless-package";

/// Checks a package zip and installs it as the active revision of its problem. Returns its view and whether
/// the revision is new.
pub(crate) async fn install(
    store: &Store,
    zip: Bytes,
    naming: Naming<'_>,
) -> Result<(ProblemView, bool), ApiError> {
    install_with(store, zip, naming, read).await
}

/// The same for a course's autograder, whose limits must be within `maxima`. One that shares its box with what it
/// grades is taken only where the caller says so with `shared_box`.
pub(crate) async fn install_harness(
    store: &Store,
    zip: Bytes,
    naming: Naming<'_>,
    maxima: &Limits,
    shared_box: bool,
) -> Result<(ProblemView, bool), ApiError> {
    let maxima = maxima.clone();
    install_with(store, zip, naming, move |zip, name| course::read(zip, name, &maxima, shared_box)).await
}

async fn install_with(
    store: &Store,
    zip: Bytes,
    naming: Naming<'_>,
    read: impl FnOnce(&[u8], &str) -> Result<Read, ApiError> + Send + 'static,
) -> Result<(ProblemView, bool), ApiError> {
    let fallback = naming.asked.or(naming.file).unwrap_or(NAMELESS).to_owned();
    let bytes = zip.clone();
    let read = tokio::task::spawn_blocking(move || read(&bytes, &fallback)).await;
    let (mut view, languages) = read.map_err(|e| {
        tracing::error!(error = %e, "reading a package ended early");
        ApiError::new(Code::Internal, "the service failed; its log has the cause")
    })??;
    if let Some(name) = naming.asked {
        name.clone_into(&mut view.name);
        if view.harness.is_some() {
            // It has no title of its own.
            name.clone_into(&mut view.title);
        }
    }
    short_name(&view.name)?;
    // A harness is held in memory.
    let unpacked = match Kind::of(&view) {
        Kind::Problem => problem::bytes_on_disk(&zip).unwrap_or(0),
        Kind::Harness => 0,
    };
    let blob = store.put_blob(zip, now_ms()).await?;
    let new = NewProblem { view: view.clone(), blob, languages, unpacked };
    let new = store.install_problem(&new, now_ms()).await?;
    Ok((view, new))
}

fn short_name(name: &str) -> Result<(), ApiError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if name == NAMELESS {
        let detail =
            "nothing names the package (a problem's zip does with the folder at its top): send `?name=`";
        return Err(ApiError::new(Code::InvalidParameter, detail));
    }
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
        harness: None,
    }
}

type Read = (ProblemView, Option<Vec<String>>);

fn read(zip: &[u8], fallback: &str) -> Result<Read, ApiError> {
    let ours = |error: std::io::Error| {
        tracing::error!(%error, "no folder or no file of a package");
        ApiError::new(Code::Unavailable, "the package cannot be looked at now; try again later")
    };
    let refused = |e: PackageError| {
        let diagnostics = serde_json::to_value(&e.diagnostics).unwrap_or_default();
        ApiError::new(Code::InvalidPackage, e.to_string()).with("diagnostics", diagnostics)
    };
    let scratch = tempfile::tempdir().map_err(ours)?;
    let opened = problem::open_zip(zip, fallback, scratch.path()).map_err(|e| match e {
        OpenError::Package(e) => refused(e),
        OpenError::Room { .. } => {
            tracing::error!(error = %e, "a package was not looked at");
            ApiError::new(Code::Unavailable, "there is no room to look at the package now; try again later")
        }
    })?;
    let problem = opened.problem;
    problem.honourable(&Limits::default_maxima()).map_err(refused)?;
    // As the command line does before it sends one; no validator is run here.
    let diagnostics =
        checker::checktestdata::malformed(&problem, |path| std::fs::read(path)).map_err(ours)?;
    if !diagnostics.is_empty() {
        return Err(refused(PackageError { package: problem.name.clone(), diagnostics }));
    }
    Ok((view(&problem), problem.languages.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Site;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};

    fn zip(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/problems").join(name);
        problem::pack_zip(&folder).unwrap()
    }

    fn upload(path: &str, bytes: Vec<u8>) -> Request<Body> {
        let request =
            Request::post(path).header("host", "localhost").header("content-type", "application/zip");
        request.body(Body::from(bytes)).unwrap()
    }

    #[tokio::test]
    async fn a_package_is_installed_once_and_shown_with_its_samples() {
        let site = Site::start(false).await;
        let answer = site.send(upload("/api/v1/problems", zip("aplusb"))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let view = answer.json();
        assert_eq!(view["name"], "aplusb");
        assert!(view["tests"].as_u64().unwrap() > 1);
        assert!(!view["samples"].as_array().unwrap().is_empty());
        let again = site.send(upload("/api/v1/problems", zip("aplusb"))).await;
        assert_eq!(again.status, StatusCode::OK);
        let renamed = site.send(upload("/api/v1/problems?name=other", zip("aplusb"))).await.json();
        assert_eq!((&renamed["name"], &renamed["digest"]), (&"other".into(), &view["digest"]));
        let body = serde_json::json!({"problem": "aplusb", "language": "cpp",
            "files": [{"name": "a.cpp", "content": "int main(){}"}]});
        let sent = site.ask("POST", "/api/v1/submissions", None, Some(body)).await;
        assert_eq!((sent.status, &sent.json()["problem"]), (StatusCode::CREATED, &"aplusb".into()));
        let activate = serde_json::json!({"digest": view["digest"]});
        let answer = site.ask("POST", "/api/v1/problems/aplusb/activate", None, Some(activate)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let other = serde_json::json!({"digest": proto::id::Digest::of(b"x")});
        let answer = site.ask("POST", "/api/v1/problems/aplusb/activate", None, Some(other)).await;
        assert_eq!(answer.code(), "not_found");
    }

    #[tokio::test]
    async fn a_specification_that_is_not_of_its_language_is_refused_as_verify_refuses_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join("spec").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let manifest = "problem_format_version: 2025-09\nname: S\nuuid: s\nlimits: {time_limit: 1}\n";
        write("problem.yaml", &format!("{manifest}constants: {{most: 2}}\n"));
        write("data/secret/1.in", "1");
        write("data/secret/1.ans", "1");
        write("input_validators/first.ctd", "INT(1,{{most}})");
        write("input_validators/more.ctd", "INT(1,9)\nINT(2,)");
        let zip = || problem::pack_zip(&folder.path().join("spec")).unwrap();
        let site = Site::start(false).await;
        let answer = site.send(upload("/api/v1/problems?name=spec", zip())).await;
        assert_eq!(answer.code(), "invalid_package");
        let wanted = serde_json::json!([{"severity": "error", "path": "input_validators/more.ctd", "line": 2,
            "message": "column 7: a value is needed here, not `)`"}]);
        assert_eq!(answer.json()["diagnostics"], wanted);
        assert_eq!(site.ask("GET", "/api/v1/problems", None, None).await.json(), serde_json::json!([]));
        write("input_validators/more.ctd", "INT(1,9)");
        let answer = site.send(upload("/api/v1/problems?name=spec", zip())).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }

    #[tokio::test]
    async fn what_is_no_package_is_refused_with_diagnostics() {
        let site = Site::start(false).await;
        for bytes in [b"not a zip".to_vec(), Vec::new()] {
            let answer = site.send(upload("/api/v1/problems?name=x", bytes)).await;
            assert_eq!(answer.code(), "invalid_package");
            assert!(answer.json()["diagnostics"][0]["message"].is_string());
        }
        let answer = site.send(upload("/api/v1/problems?name=../x", zip("aplusb"))).await;
        assert_eq!(answer.code(), "invalid_parameter");
        assert_eq!(site.ask("GET", "/api/v1/problems", None, None).await.json(), serde_json::json!([]));
    }
}
