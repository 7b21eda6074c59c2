//! From what a client sent to what is stored: every check of a new submission, in one place.
//!
//! Pure but for two lookups (problem, languages), which come in as values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use checker::policy::{Policy, UnknownPolicy};
use proto::http::{FileBody, NewSubmission, TestBody};
use proto::job::{InlineTest, SourceFile};
use proto::language::{HOST, LanguageInfo};
use proto::limits::Limits;
use serde_json::Value;

use crate::error::{ApiError, Code};
use crate::store::{Content, ProblemRow};

/// Largest source file (commands.md, "Defaults").
const FILE_MAX: usize = 256 << 10;
/// All source files together.
const FILES_MAX: usize = 1 << 20;
/// How many source files.
const FILES_COUNT_MAX: usize = 100;
/// Tests of a request together: with the sources they have to fit into one queue message as base64.
const TESTS_MAX: usize = 1 << 20;
/// How many tests of a request.
const TESTS_COUNT_MAX: usize = 256;
/// Arguments of one test.
const ARGS_MAX: usize = 64;
/// Bytes of `external_id`, `participant` and each label.
const WORD_MAX: usize = 256;
/// How many labels.
const LABELS_MAX: usize = 32;

/// Reads the JSON body.
pub(crate) fn read_json(bytes: &[u8]) -> Result<NewSubmission, ApiError> {
    read_value(super::parse(bytes)?)
}

/// Reads one submission. `limits` is read on its own, so that what is wrong with it is `invalid_limit`.
pub(crate) fn read_value(value: Value) -> Result<NewSubmission, ApiError> {
    if value.is_array() {
        return Err(super::no_array());
    }
    if let Some(limits) = value.get("limits").filter(|l| !l.is_null()) {
        serde_json::from_value::<proto::limits::LimitsRequest>(limits.clone()).map_err(|e| {
            let text = format!("limits: {e}");
            let unknown = e.to_string().starts_with("unknown field");
            ApiError::new(if unknown { Code::UnknownKey } else { Code::InvalidLimit }, text)
        })?;
    }
    serde_json::from_value(value).map_err(|e| super::json_error(&e))
}

/// Decodes and checks the sources, tests and limits.
pub(crate) fn content(body: &NewSubmission, maxima: &Limits) -> Result<Content, ApiError> {
    target(body)?;
    words(body)?;
    let limits = body.limits.clone().unwrap_or_default();
    limits
        .resolve(&Limits::run_defaults(), maxima)
        .map_err(|e| ApiError::new(Code::InvalidLimit, e.to_string()).with("key", e.key().into()))?;
    Ok(Content {
        files: files(&body.files)?,
        tests: body.tests.as_deref().map(tests).transpose()?,
        limits,
        all: body.all,
        policy: policy(body)?,
        harness: body.harness.is_some(),
    })
}

/// Exactly one thing to judge against, and with a harness nothing that is the harness's to say.
fn target(body: &NewSubmission) -> Result<(), ApiError> {
    let targets = [body.problem.is_some(), body.harness.is_some(), body.tests.is_some()];
    if targets.iter().filter(|there| **there).count() != 1 {
        let detail = "exactly one of `problem`, `harness` and `tests` is needed";
        return Err(ApiError::new(Code::InvalidTarget, detail));
    }
    if body.harness.is_none() {
        return match body.language {
            Some(_) => Ok(()),
            None => Err(ApiError::new(Code::InvalidBody, "missing field `language`")),
        };
    }
    let given = [("language", body.language.is_some()), ("policy", body.policy.is_some()), ("all", body.all)];
    match given.iter().find(|(_, given)| *given) {
        Some((key, _)) => {
            let detail = format!("`{key}` is the harness's own business: leave it out beside `harness`");
            Err(ApiError::new(Code::InvalidBody, detail))
        }
        None => Ok(()),
    }
}

fn policy(body: &NewSubmission) -> Result<Option<String>, ApiError> {
    let invalid = |why: String| ApiError::new(Code::InvalidBody, why);
    let Some(word) = &body.policy else { return Ok(None) };
    let policy: Policy = word.parse().map_err(|e: UnknownPolicy| invalid(e.to_string()))?;
    if body.all && !policy.runs_all() {
        return Err(invalid(format!("`all` and `policy` {policy} contradict each other; leave one out")));
    }
    Ok(Some(policy.to_string()))
}

fn words(body: &NewSubmission) -> Result<(), ApiError> {
    let too_long =
        |key: &str| ApiError::new(Code::InvalidBody, format!("`{key}` may have at most {WORD_MAX} bytes"));
    for (key, value) in [("external_id", &body.external_id), ("participant", &body.participant)] {
        if value.as_ref().is_some_and(|v| v.len() > WORD_MAX) {
            return Err(too_long(key));
        }
    }
    if body.labels.len() > LABELS_MAX {
        return Err(ApiError::new(Code::InvalidBody, format!("at most {LABELS_MAX} labels are taken")));
    }
    if body.labels.iter().any(|l| l.len() > WORD_MAX) { Err(too_long("labels")) } else { Ok(()) }
}

fn files(files: &[FileBody]) -> Result<Vec<SourceFile>, ApiError> {
    if files.is_empty() {
        return Err(ApiError::new(Code::NoSource, "`files` must hold at least one source file"));
    }
    if files.len() > FILES_COUNT_MAX {
        let detail = format!("{} files were sent; at most {FILES_COUNT_MAX} are taken", files.len());
        return Err(ApiError::new(Code::SourceTooLarge, detail));
    }
    let mut names = std::collections::HashSet::new();
    let mut total = 0;
    let mut decoded = Vec::with_capacity(files.len());
    for file in files {
        file_name(&file.name)?;
        if !names.insert(file.name.as_str()) {
            let detail = format!("the file name `{}` stands twice", file.name);
            return Err(ApiError::new(Code::InvalidFileName, detail));
        }
        let what = format!("file `{}`", file.name);
        let bytes = bytes(&what, "content", file.content.as_deref(), file.content_base64.as_deref())?
            .ok_or_else(|| {
                ApiError::new(
                    Code::InvalidContent,
                    format!("{what} needs `content`, `content_base64` or `content_blob`"),
                )
            })?;
        total += bytes.len();
        if bytes.len() > FILE_MAX {
            let detail = format!("{what} has {} bytes; at most {FILE_MAX} are taken", bytes.len());
            return Err(ApiError::new(Code::SourceTooLarge, detail));
        }
        decoded.push(SourceFile { name: file.name.clone(), content: bytes });
    }
    if total > FILES_MAX {
        let detail = format!("the sources have {total} bytes together; at most {FILES_MAX} are taken");
        return Err(ApiError::new(Code::SourceTooLarge, detail));
    }
    if decoded.iter().all(|f| f.content.is_empty()) {
        return Err(ApiError::new(Code::NoSource, "every source file is empty"));
    }
    Ok(decoded)
}

/// A relative path of plain names. A leading `-` would be an option to a compiler, a leading `.` hides.
fn file_name(name: &str) -> Result<(), ApiError> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || "_.-+@ ".contains(c))
    };
    if !name.is_empty() && name.len() <= 255 && name.split('/').count() <= 8 && name.split('/').all(part) {
        return Ok(());
    }
    let shown: String = name.chars().take(80).collect();
    let detail = format!(
        "`{}` is not a file name: letters, digits and `_.-+@` are needed, starting with a letter, digit or `_`, \
         with at most 8 parts divided by `/`",
        shown.escape_debug()
    );
    Err(ApiError::new(Code::InvalidFileName, detail))
}

fn tests(tests: &[TestBody]) -> Result<Vec<InlineTest>, ApiError> {
    if tests.is_empty() {
        return Err(ApiError::new(Code::InvalidTarget, "`tests` must hold at least one test"));
    }
    if tests.len() > TESTS_COUNT_MAX {
        let detail = format!("{} tests were sent; at most {TESTS_COUNT_MAX} are taken", tests.len());
        return Err(ApiError::new(Code::TestsTooLarge, detail));
    }
    let mut total = 0;
    let mut decoded = Vec::with_capacity(tests.len());
    for (number, test) in (1..).zip(tests) {
        let what = format!("test {number}");
        let stdin = bytes(&what, "stdin", test.stdin.as_deref(), test.stdin_base64.as_deref())?;
        let expected = bytes(
            &what,
            "expected_output",
            test.expected_output.as_deref(),
            test.expected_output_base64.as_deref(),
        )?;
        if test.args.len() > ARGS_MAX || test.args.iter().any(|a| a.contains('\0')) {
            let detail = format!("{what}: at most {ARGS_MAX} arguments without NUL are taken");
            return Err(ApiError::new(Code::InvalidBody, detail));
        }
        total += stdin.as_ref().map_or(0, Vec::len) + expected.as_ref().map_or(0, Vec::len);
        total += test.args.iter().map(String::len).sum::<usize>();
        decoded.push(InlineTest {
            stdin: stdin.unwrap_or_default(),
            expected_output: expected,
            args: test.args.clone(),
        });
    }
    if total > TESTS_MAX {
        let detail = format!(
            "the tests have {total} bytes together; at most {TESTS_MAX} are taken: make a problem package of them"
        );
        return Err(ApiError::new(Code::TestsTooLarge, detail));
    }
    Ok(decoded)
}

/// At most one of the two forms of a byte field.
fn bytes(
    what: &str,
    key: &str,
    text: Option<&str>,
    base64: Option<&str>,
) -> Result<Option<Vec<u8>>, ApiError> {
    match (text, base64) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(base64)) => STANDARD.decode(base64).map(Some).map_err(|e| {
            ApiError::new(Code::InvalidContent, format!("{what}: `{key}_base64` is not base64: {e}"))
        }),
        (Some(_), Some(_)) => Err(ApiError::new(
            Code::InvalidContent,
            format!("{what} has both `{key}` and `{key}_base64`; one is needed"),
        )),
    }
}

/// What a job's worker has to have: the language that was asked for, or the image of the harness.
pub(crate) fn runs_in(body: &NewSubmission, package: Option<&ProblemRow>) -> String {
    let image = package.and_then(|p| p.view.harness.as_ref()).map(|h| h.image.clone());
    image.or_else(|| body.language.clone()).unwrap_or_default()
}

/// Holds the language against what workers can do and what the problem allows. What only a worker can do that is away
/// (`remembered`) waits for it.
pub(crate) fn language(
    id: &str,
    known: &[LanguageInfo],
    remembered: &[String],
    problem: Option<&ProblemRow>,
) -> Result<(), ApiError> {
    let well_formed = !id.is_empty()
        && id.len() <= 32
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_+-.".contains(&b));
    if id == HOST && problem.is_some_and(|p| p.view.harness.is_some()) {
        return Ok(());
    }
    // Before the first worker registered nobody knows the languages: the submission waits for one.
    let usable = known.iter().filter(|l| l.usable).map(|l| l.id.as_str()).collect::<Vec<_>>();
    let waits = remembered.iter().any(|known| known == id);
    if !well_formed || (!known.is_empty() && !usable.contains(&id) && !waits) {
        let shown: String = id.chars().take(40).collect();
        let why = known.iter().find(|l| l.id == id).and_then(|l| l.reason.as_deref());
        let detail = match why {
            Some(why) => format!("no worker can run `{}` now: {why}", shown.escape_debug()),
            None if usable.is_empty() => format!("`{}` is not a language", shown.escape_debug()),
            None => {
                format!("`{}` is not a language here; there are {}", shown.escape_debug(), usable.join(", "))
            }
        };
        return Err(ApiError::new(Code::UnknownLanguage, detail).with("languages", usable.into()));
    }
    if let Some(allowed) = problem.and_then(|p| p.languages.as_ref())
        && !allowed.iter().any(|code| code == id)
    {
        let detail = format!("the problem does not allow `{id}`; it allows {}", allowed.join(", "));
        return Err(ApiError::new(Code::LanguageNotAllowed, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests_of_accept {
    use super::*;
    use crate::testing::language as made_up;

    fn code(json: &str) -> Result<Content, Code> {
        read_json(json.as_bytes())
            .and_then(|body| content(&body, &Limits::default_maxima()))
            .map_err(|e| e.code)
    }

    #[test]
    fn each_bad_body_has_its_own_code() {
        let big = "x".repeat(FILE_MAX + 1);
        let many = (0..=FILES_COUNT_MAX)
            .map(|n| format!(r#"{{"name":"f{n}.c","content":"x"}}"#))
            .collect::<Vec<_>>()
            .join(",");
        let file = r#"{"name":"a.cpp","content":"x"}"#;
        let fifth = format!(r#""content":"{}""#, "x".repeat(FILE_MAX - 10));
        let together =
            (0..5).map(|n| format!(r#"{{"name":"f{n}.c",{fifth}}}"#)).collect::<Vec<_>>().join(",");
        let big_test = "x".repeat(TESTS_MAX + 1);
        let table: Vec<(String, Code)> = vec![
            ("{".into(), Code::InvalidJson),
            (String::new(), Code::InvalidJson),
            ("[]".into(), Code::InvalidBody),
            (r#"{"language":"cpp"}"#.into(), Code::InvalidBody),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"colour":1}}"#), Code::UnknownKey),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"limits":{{"cpu":1}}}}"#), Code::UnknownKey),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"limits":{{"cpu_time_ms":0}}}}"#), Code::InvalidLimit),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"limits":{{"cpu_time_ms":-1}}}}"#), Code::InvalidLimit),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"limits":{{"memory_bytes":9e18}}}}"#), Code::InvalidLimit),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"limits":{{"memory_bytes":99999999999999}}}}"#), Code::InvalidLimit),
            (format!(r#"{{"language":"cpp","files":[{file}]}}"#), Code::InvalidTarget),
            (format!(r#"{{"problem":"a","tests":[{{}}],"language":"cpp","files":[{file}]}}"#), Code::InvalidTarget),
            (format!(r#"{{"tests":[],"language":"cpp","files":[{file}]}}"#), Code::InvalidTarget),
            (format!(r#"{{"problem":"a","files":[{file}]}}"#), Code::InvalidBody),
            (format!(r#"{{"problem":"a","harness":"h","files":[{file}]}}"#), Code::InvalidTarget),
            (format!(r#"{{"tests":[{{}}],"harness":"h","files":[{file}]}}"#), Code::InvalidTarget),
            (format!(r#"{{"harness":"h","language":"cpp","files":[{file}]}}"#), Code::InvalidBody),
            (format!(r#"{{"harness":"h","policy":"oi","files":[{file}]}}"#), Code::InvalidBody),
            (format!(r#"{{"harness":"h","all":true,"files":[{file}]}}"#), Code::InvalidBody),
            (r#"{"harness":"h","files":[]}"#.into(), Code::NoSource),
            (format!(r#"{{"tests":[{{"stdin":"{big_test}"}}],"language":"cpp","files":[{file}]}}"#), Code::TestsTooLarge),
            (r#"{"problem":"a","language":"cpp","files":[]}"#.into(), Code::NoSource),
            (r#"{"problem":"a","language":"cpp","files":[{"name":"a.c","content":""}]}"#.into(), Code::NoSource),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{{"name":"a.c","content":"{big}"}}]}}"#), Code::SourceTooLarge),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{many}]}}"#), Code::SourceTooLarge),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{together}]}}"#), Code::SourceTooLarge),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file},{file}]}}"#), Code::InvalidFileName),
            (r#"{"problem":"a","language":"cpp","files":[{"name":"a.c"}]}"#.into(), Code::InvalidContent),
            (r#"{"problem":"a","language":"cpp","files":[{"name":"a.c","content":"x","content_base64":"eA=="}]}"#.into(), Code::InvalidContent),
            (r#"{"problem":"a","language":"cpp","files":[{"name":"a.c","content_base64":"*"}]}"#.into(), Code::InvalidContent),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"policy":"best"}}"#), Code::InvalidBody),
            (format!(r#"{{"problem":"a","language":"cpp","files":[{file}],"policy":"oi","all":true}}"#), Code::InvalidBody),
        ];
        for (json, expected) in table {
            let shown: String = json.chars().take(120).collect();
            assert_eq!(code(&json).map(drop), Err(expected), "{shown}");
        }
    }

    #[test]
    fn names_that_leave_the_folder_or_look_like_options_are_refused() {
        for bad in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "-o",
            ".hidden",
            "a\0b",
            "a\\b",
            "a/",
            "a\nb",
            "x/-o",
        ] {
            assert!(file_name(bad).is_err(), "{bad:?}");
        }
        for good in ["a.cpp", "src/main.rs", "Main.java", "_x.py", "lösung.py", "a-b_c.h", "a+b.cc"] {
            assert!(file_name(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_language_nobody_has_is_refused_once_somebody_registered() {
        let known = [made_up("cpp", true), made_up("python3", false)];
        let away = ["java".to_owned()];
        assert!(language("java", &known, &away, None).is_ok(), "it waits for the worker that can");
        assert!(language("cpp", &known, &away, None).is_ok());
        assert_eq!(language("python3", &known, &away, None).unwrap_err().code, Code::UnknownLanguage);
        assert_eq!(language("none-such", &known, &away, None).unwrap_err().code, Code::UnknownLanguage);
        assert!(language("none-such", &[], &[], None).is_ok(), "nobody registered yet");
        assert_eq!(language("../x", &[], &[], None).unwrap_err().code, Code::UnknownLanguage);
    }
}
