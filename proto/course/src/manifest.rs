//! What describes a harness: our own `harness.toml`, and the part of PrairieLearn's `info.json` that says how a
//! question is graded.

use std::collections::BTreeMap;
use std::time::Duration;

use problem::score::Score;
use proto::units::{Bytes, parse_duration};
use serde::Deserialize;
use serde_json::Value;

use crate::lines::Planned;
use crate::report::Visibility;
use crate::results::{TESTS_MAX, kind};

/// How `results.json` is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schema {
    /// Tests with points of their own.
    #[default]
    Gradescope,
    /// A score between 0 and 1.
    PrairieLearn,
}

/// `harness.toml`. Every key is optional; unknown ones are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) results_format: Option<Schema>,
    pub(crate) image: Option<String>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) work_dir: Option<String>,
    pub(crate) submission: Option<String>,
    pub(crate) results: Option<String>,
    pub(crate) files: Option<String>,
    time: Option<String>,
    memory: Option<String>,
    #[serde(default)]
    pub(crate) separate: bool,
    #[serde(default)]
    pub(crate) installed: bool,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    tests: Vec<ManifestTest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestTest {
    name: String,
    max_score: Option<toml::Value>,
    visibility: Option<Visibility>,
}

impl Manifest {
    /// Of a harness that is all in its image.
    pub(crate) fn of_image(name: &str) -> Self {
        Self { image: Some(name.to_owned()), ..Self::default() }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong, with key and line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())
    }

    pub(crate) fn time(&self) -> Result<Option<Duration>, String> {
        let read = |t: &String| parse_duration(t).map_err(|e| format!("time: {e}"));
        self.time.as_ref().map(read).transpose()
    }

    pub(crate) fn memory(&self) -> Result<Option<Bytes>, String> {
        let read = |m: &String| m.parse().map_err(|e: proto::units::UnitError| format!("memory: {e}"));
        self.memory.as_ref().map(read).transpose()
    }

    /// The plan of `[[tests]]`; `None` when there is none.
    pub(crate) fn plan(&self) -> Result<Option<Vec<Planned>>, String> {
        if self.tests.len() > TESTS_MAX {
            return Err(format!("tests: there are {}; at most {TESTS_MAX} are graded", self.tests.len()));
        }
        let mut plan: Vec<Planned> = Vec::new();
        for test in &self.tests {
            if plan.iter().any(|p| p.name == test.name) {
                return Err(format!("tests: `{}` is there twice", test.name));
            }
            let number = |value: &toml::Value| match value {
                toml::Value::Integer(n) => Score::parse(&n.to_string()),
                toml::Value::Float(n) => Score::parse(&n.to_string()),
                toml::Value::String(text) => Score::parse(text),
                _ => None,
            };
            let max_score = match &test.max_score {
                None => None,
                Some(value) => Some(number(value).filter(|s| !s.is_negative()).ok_or_else(|| {
                    format!("tests: `{}`: max_score is {value}; a number of at least 0 is needed", test.name)
                })?),
            };
            let visibility = test.visibility.unwrap_or_default();
            plan.push(Planned { name: test.name.clone(), max_score, visibility });
        }
        Ok((!plan.is_empty()).then_some(plan))
    }
}

/// `externalGradingOptions` of a question's `info.json`.
#[derive(Debug, PartialEq)]
pub(crate) struct GradingOptions {
    pub(crate) image: Option<String>,
    /// `None` means the image's own.
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) server_files: Vec<String>,
    pub(crate) timeout: Duration,
    pub(crate) env: Vec<(String, Option<String>)>,
    pub(crate) notes: Vec<String>,
}

/// What a question gets that names no timeout.
const TIMEOUT: Duration = Duration::from_secs(30);

impl GradingOptions {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong, with its key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let info: Value = serde_json::from_str(text).map_err(|e| format!("is no JSON: {e}"))?;
        let options = info.get("externalGradingOptions").and_then(Value::as_object).ok_or(
            "has no `externalGradingOptions`: only questions that are graded externally can be graded here",
        )?;
        let wrong = |key: &str, value: &Value, needed: &str| {
            format!("externalGradingOptions.{key} is {}; {needed} is needed", kind(value))
        };
        let text = |key: &str| match options.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(wrong(key, other, "a string")),
        };
        let texts = |list: &[Value]| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let entrypoint = match options.get("entrypoint") {
            None | Some(Value::Null) => None,
            Some(Value::String(line)) => Some(line.split_whitespace().map(str::to_owned).collect()),
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => Some(texts(list)),
            Some(other) => return Err(wrong("entrypoint", other, "a string or an array of strings")),
        };
        let server_files = match options.get("serverFilesCourse") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => texts(list),
            Some(other) => return Err(wrong("serverFilesCourse", other, "an array of strings")),
        };
        let timeout = match options.get("timeout") {
            None | Some(Value::Null) => TIMEOUT,
            Some(value) => {
                let seconds = value.as_f64().filter(|s| *s > 0.0 && *s <= 3600.0);
                Duration::from_secs_f64(
                    seconds.ok_or_else(|| wrong("timeout", value, "a number of seconds"))?,
                )
            }
        };
        let mut env = Vec::new();
        match options.get("environment") {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    match value {
                        Value::Null => env.push((key.clone(), None)),
                        Value::String(text) => env.push((key.clone(), Some(text.clone()))),
                        other => return Err(wrong(&format!("environment.{key}"), other, "a string or null")),
                    }
                }
            }
            Some(other) => return Err(wrong("environment", other, "an object")),
        }
        let mut notes = Vec::new();
        if options.get("enabled") == Some(&Value::Bool(false)) {
            notes.push(
                "info.json: external grading is switched off there; it is graded all the same".to_owned(),
            );
        }
        if options.get("enableNetworking") == Some(&Value::Bool(true)) {
            notes.push("info.json: enableNetworking: there is no network in a box".to_owned());
        }
        let entrypoint = entrypoint.filter(|e: &Vec<String>| !e.is_empty());
        Ok(Self { image: text("image")?, entrypoint, server_files, timeout, env, notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_and_each_wrong_key_is_named() {
        let good = "image = \"py\"\ncommand = [\"/x\"]\ntime = \"5s\"\nmemory = \"64MiB\"\n\
                    [[tests]]\nname = \"a\"\nmax_score = 2.5\nvisibility = \"hidden\"\n[[tests]]\nname = \"b\"\n";
        let manifest = Manifest::parse(good).unwrap();
        assert_eq!(manifest.time().unwrap(), Some(Duration::from_secs(5)));
        let plan = manifest.plan().unwrap().unwrap();
        assert_eq!(plan[0].max_score.unwrap().to_string(), "2.5");
        assert_eq!((plan[0].visibility, plan[1].max_score), (Visibility::Hidden, None));
        for (bad, key) in [
            ("imag = \"py\"", "imag"),
            ("command = \"x\"", "command"),
            ("results_format = \"otter\"", "otter"),
            ("[[tests]]\nmax_score = 1", "name"),
            ("[[tests]]\nname = \"a\"\nvisibility = \"secret\"", "secret"),
        ] {
            assert!(Manifest::parse(bad).unwrap_err().contains(key), "{bad}");
        }
        assert!(Manifest::parse("time = \"5\"").unwrap().time().is_err());
        assert!(Manifest::parse("memory = \"0MiB\"").unwrap().memory().is_err());
        for bad in ["-1", "true", "\"x\""] {
            let text = format!("[[tests]]\nname = \"a\"\nmax_score = {bad}\n");
            assert!(Manifest::parse(&text).unwrap().plan().is_err(), "{bad}");
        }
        assert!(
            Manifest::parse("[[tests]]\nname = \"a\"\n[[tests]]\nname = \"a\"\n").unwrap().plan().is_err()
        );
    }

    #[test]
    fn a_question_says_how_it_is_graded() {
        let options = GradingOptions::parse(
            r#"{"uuid": "x", "externalGradingOptions": {"enabled": true, "image": "prairielearn/grader-python",
                "entrypoint": "/grade/tests/run.sh -v", "serverFilesCourse": ["lib/"], "timeout": 5,
                "enableNetworking": true, "environment": {"A": "1", "B": null}}}"#,
        )
        .unwrap();
        assert_eq!(options.entrypoint.unwrap(), ["/grade/tests/run.sh", "-v"]);
        assert_eq!((options.timeout, options.env.len(), options.notes.len()), (Duration::from_secs(5), 2, 1));
        let bare = GradingOptions::parse(r#"{"externalGradingOptions": {"image": "x"}}"#).unwrap();
        assert_eq!((bare.entrypoint, bare.timeout), (None, TIMEOUT));
        for bad in [
            "",
            "{}",
            r#"{"externalGradingOptions": {"image": 1}}"#,
            r#"{"externalGradingOptions": {"entrypoint": [1]}}"#,
            r#"{"externalGradingOptions": {"timeout": -1}}"#,
            r#"{"externalGradingOptions": {"environment": {"A": 1}}}"#,
        ] {
            assert!(GradingOptions::parse(bad).is_err(), "{bad}");
        }
    }
}
