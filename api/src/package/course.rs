//! A course's autograder, uploaded: read by the crate `course`, refused with the file that is wrong.

use course::{Bundle, BundleError};
use problem::{Diagnostic, PackageError, Severity};
use proto::http::{HarnessView, ProblemView};
use proto::language::HOST;
use proto::limits::{Limits, LimitsRequest};
use proto::units::round_ms;

use super::Read;
use crate::error::{ApiError, Code};
use crate::time::{now_ms, rfc3339};

/// Said of a harness that does not keep submissions out of its box.
const SHARED: &str = "the harness shares its box with the submission, which could write the results itself; say \
                      `separate = true` in harness.toml (worker/harness/README.md)";
/// Said to who uploads one and did not say that he knows.
const REFUSED: &str = "the harness shares its box with what it grades, so that a submission can read the tests and \
                       write its own results: run it in boxes of its own with `separate = true` in harness.toml \
                       (worker/harness/README.md says how), or send `shared_box=accept` (`--shared-box`) to have \
                       such results, each marked with the note `shared_box`";

/// Reads the zip. What it is called in messages and, where nobody named it, in the store: `name`.
pub(super) fn read(zip: &[u8], name: &str, maxima: &Limits, shared_box: bool) -> Result<Read, ApiError> {
    let bundle = Bundle::read_zip(zip, name).map_err(|e| refused(name, &e))?;
    let limits = bundle
        .limits(&LimitsRequest::default(), maxima)
        .map_err(|e| wrong(name, "harness.toml", format!("{e}; this service's operator set the maximum")))?;
    if !bundle.separate && !shared_box {
        return Err(ApiError::new(Code::SharedBox, REFUSED));
    }
    let mut notes = bundle.notes.clone();
    if !bundle.separate {
        notes.push(SHARED.to_owned());
    }
    let view = ProblemView {
        name: name.to_owned(),
        title: name.to_owned(),
        digest: bundle.revision(),
        created_at: rfc3339(now_ms()),
        kind: "harness".to_owned(),
        tests: bundle.planned(),
        cpu_time_ms: round_ms(limits.cpu_time),
        memory_bytes: limits.memory.get(),
        statement: None,
        samples: Vec::new(),
        harness: Some(HarnessView {
            format: bundle.format.to_owned(),
            image: bundle.image.clone().unwrap_or_else(|| HOST.to_owned()),
            separate: bundle.separate,
            wall_time_ms: round_ms(limits.wall_time),
            notes,
        }),
    };
    Ok((view, None))
}

fn refused(name: &str, error: &BundleError) -> ApiError {
    match error {
        BundleError::Files(e) => wrong(name, &e.place, e.what.clone()),
        BundleError::Description { file, what } => wrong(name, file, what.clone()),
        BundleError::Unknown(_) => wrong(
            name,
            ".",
            "neither run_autograder (a Gradescope autograder), nor info.json (a PrairieLearn question), nor \
             harness.toml lies at the top of it"
                .to_owned(),
        ),
    }
}

fn wrong(name: &str, path: &str, message: String) -> ApiError {
    let diagnostic = Diagnostic { severity: Severity::Error, path: path.into(), line: None, message };
    let error = PackageError { package: name.to_owned(), diagnostics: vec![diagnostic] };
    let diagnostics = serde_json::to_value(&error.diagnostics).unwrap_or_default();
    ApiError::new(Code::InvalidPackage, error.to_string()).with("diagnostics", diagnostics)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Answer, Site};
    use axum::body::Body;
    use axum::http::{Request, StatusCode};

    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join("h").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        problem::pack_zip(&dir.path().join("h")).unwrap()
    }

    async fn upload(site: &Site, name: &str, bytes: Vec<u8>) -> Answer {
        upload_with(site, &format!("name={name}&shared_box=accept"), bytes).await
    }

    async fn upload_with(site: &Site, query: &str, bytes: Vec<u8>) -> Answer {
        let path = format!("/api/v1/problems?kind=harness&{query}");
        let request =
            Request::post(path).header("host", "localhost").header("content-type", "application/zip");
        site.send(request.body(Body::from(bytes)).unwrap()).await
    }

    async fn submit(site: &Site, changes: Value) -> Answer {
        let mut body = json!({"files": [{"name": "a.sh", "content": "exit 0"}]});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        site.ask("POST", "/api/v1/submissions", None, Some(body)).await
    }

    const RUN: (&str, &str) = ("run_autograder", "#!/bin/sh\n");

    #[tokio::test]
    async fn a_harness_is_uploaded_pinned_and_kept_apart_from_problems() {
        let site = Site::start(false).await;
        let first = upload(&site, "calc", zip(&[RUN])).await;
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
        let first = first.json();
        assert_eq!((&first["type"], &first["harness"]["image"]), (&json!("harness"), &json!("host")));
        assert_eq!(upload(&site, "calc", zip(&[RUN])).await.status, StatusCode::OK, "it was there");
        // Another image makes another revision of it.
        let toml = ("harness.toml", "image = \"python3\"\nseparate = true\n");
        let second = upload(&site, "calc", zip(&[RUN, toml])).await.json();
        assert_ne!(first["digest"], second["digest"]);
        let list = |path: &'static str| site.ask("GET", path, None, None);
        assert_eq!(list("/api/v1/problems").await.json(), json!([]));
        assert_eq!(list("/api/v1/problems?kind=harness").await.json(), json!([second]));

        let sent = submit(&site, json!({"harness": "calc"})).await.json();
        assert_eq!((&sent["problem"], &sent["language"]), (&json!("calc"), &json!("python3")), "{sent}");
        let fixed = format!("calc@{}", first["digest"].as_str().unwrap());
        assert_eq!(submit(&site, json!({"harness": fixed})).await.json()["language"], "host");
        for (body, code) in [
            (json!({"harness": "none"}), "unknown_problem"),
            (json!({"problem": "calc", "language": "cpp"}), "unknown_problem"),
            (json!({"harness": "calc", "problem": "calc"}), "invalid_target"),
            (json!({"harness": "calc", "language": "cpp"}), "invalid_body"),
            (json!({"harness": "calc", "limits": {"memory_bytes": 99_999_999_999_999_u64}}), "invalid_limit"),
        ] {
            assert_eq!(submit(&site, body.clone()).await.code(), code, "{body}");
        }
        let named = submit(&site, json!({"problem": "calc", "language": "cpp"})).await.json();
        assert_eq!(named["detail"], "`calc` is a harness: name it with `harness`");
    }

    #[tokio::test]
    async fn a_harness_that_shares_its_box_is_taken_only_from_who_says_that_he_knows() {
        let site = Site::start(false).await;
        let refused = upload_with(&site, "name=calc", zip(&[RUN])).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "shared_box"));
        let told = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            ["separate = true", "shared_box=accept", "--shared-box"].iter().all(|w| told.contains(w)),
            "{told}"
        );
        let list = site.ask("GET", "/api/v1/problems?kind=harness", None, None).await;
        assert_eq!(list.json(), json!([]));
        let taken = upload_with(&site, "name=calc&shared_box=accept", zip(&[RUN])).await;
        assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text);
        let notes = taken.json()["harness"]["notes"].to_string();
        assert!(notes.contains("could write the results itself"), "{notes}");
        let again = upload_with(&site, "name=calc", zip(&[RUN])).await;
        assert_eq!(again.code(), "shared_box", "who sends it again may be somebody else");

        let separate = zip(&[RUN, ("harness.toml", "separate = true\n")]);
        let taken = upload_with(&site, "name=calc", separate).await;
        assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text);
        let notes = taken.json()["harness"]["notes"].to_string();
        assert!(!notes.contains("could write the results itself"), "{notes}");
        let odd = upload_with(&site, "name=calc&shared_box=yes", zip(&[RUN])).await;
        assert_eq!(odd.status, StatusCode::BAD_REQUEST, "{}", odd.text);
        let problem = Request::post("/api/v1/problems?shared_box=accept").header("host", "localhost");
        let problem =
            problem.header("content-type", "application/zip").body(Body::from(zip(&[RUN]))).unwrap();
        assert_eq!(site.send(problem).await.code(), "invalid_parameter");
    }

    #[tokio::test]
    async fn a_broken_or_hostile_harness_is_refused_with_the_file_that_is_wrong_and_nothing_is_stored() {
        let site = Site::start(false).await;
        let table = [
            (zip(&[("readme.txt", "x")]), ".", "run_autograder"),
            (zip(&[RUN, ("harness.toml", "time = 7\ncolour = 1\n")]), "harness.toml", "colour"),
            (zip(&[("info.json", "{")]), "info.json", ""),
            (
                zip(&[RUN, ("harness.toml", "submission = \"/etc/x\"\n")]),
                "harness.toml",
                "belongs to the system",
            ),
            (zip(&[RUN, ("harness.toml", "time = \"6000m\"\n")]), "harness.toml", "operator"),
            (b"no zip".to_vec(), "bad", "not a zip archive"),
        ];
        for (bytes, path, word) in table {
            let answer = upload(&site, "bad", bytes).await;
            assert_eq!(answer.code(), "invalid_package", "{}", answer.text);
            let told = &answer.json()["diagnostics"][0];
            assert_eq!(told["path"], path, "{told}");
            assert!(told["message"].as_str().unwrap().contains(word), "{told}");
        }
        let list = site.ask("GET", "/api/v1/problems?kind=harness", None, None).await;
        assert_eq!(list.json(), json!([]));
    }
}
