//! What a problem amounts to before it is a package: limits, cases, parts with points, programs.
//!
//! Readers fill it; [`Draft::files`] is the only place that knows how a package of version 2025-09 says it.

use std::fmt::Write as _;

use problem::decimal::Decimal;
use problem::score::{PLACES, Score};
use sha2::{Digest as _, Sha256};

use crate::write::{Content, Files};
use crate::{Format, Log, Options};

/// Most MiB of output asked for: the judge's own most.
const MAX_OUTPUT_MIB: u64 = 1024;

/// One test case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) input: Content,
    pub(crate) answer: Content,
    /// Whether contestants see it.
    pub(crate) sample: bool,
}

/// How cases of a part make its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// All of them right, or nothing.
    All,
    /// Each gives an equal share.
    Each,
    /// The worst one's part of the points.
    Least,
}

/// What has to pass before a part is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The samples.
    Samples,
    /// The part with this index.
    Part(usize),
}

/// Cases with points.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) points: Score,
    pub(crate) how: How,
    /// Indices into [`Draft::cases`].
    pub(crate) cases: Vec<usize>,
    pub(crate) needs: Vec<Need>,
    /// Where it stands in the source.
    pub(crate) line: Option<u32>,
    /// Arguments of the input validators.
    pub(crate) input_args: Vec<String>,
}

/// A problem on its way to be a package.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// The file of the source that says most, for messages.
    pub(crate) main: &'static str,
    /// What the problem is known by at home: the same source gives the same uuid.
    pub(crate) identity: String,
    /// Titles by language code.
    pub(crate) titles: Vec<(String, String)>,
    pub(crate) time_ms: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
    /// `None` for the format's default, raised where the answers need it.
    pub(crate) output_bytes: Option<u64>,
    pub(crate) interactive: bool,
    pub(crate) input_file: Option<String>,
    pub(crate) output_file: Option<String>,
    /// Whether the validator is a testlib-style checker.
    pub(crate) testlib: bool,
    /// Source of the interactor beside a testlib-style checker.
    pub(crate) interactor: Option<String>,
    /// The judge's checker that decides.
    pub(crate) checker: Option<&'static str>,
    /// Arguments of the submission.
    pub(crate) args: Vec<String>,
    pub(crate) validator_args: Vec<String>,
    /// Whether the validator can give a part of a case's points, and is told with an argument whether it may.
    pub(crate) told_points: bool,
    pub(crate) cases: Vec<Case>,
    /// `None` in a pass-fail problem.
    pub(crate) parts: Option<Vec<Part>>,
    /// Decimal places that points have; known once the parts are in order.
    pub(crate) places: u32,
    /// `submissions.yaml`, when the folders do not say it all.
    pub(crate) expectations: String,
    /// Everything else.
    pub(crate) files: Files,
}

/// Whether a program in C++ includes `testlib.h`.
pub(crate) fn includes_testlib(source: &[u8]) -> bool {
    let text = String::from_utf8_lossy(source);
    text.lines().any(|line| line.trim_start().starts_with("#include") && line.contains("testlib.h"))
}

/// A text as YAML and JSON both read it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

/// A uuid that the same problem gets each time (RFC 9562, version 8).
fn uuid(format: Format, identity: &str) -> String {
    let hash = Sha256::digest(format!("tribunal import\0{}\0{identity}", format.name()));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

impl Draft {
    /// The package's files. `None` when something was refused.
    pub(crate) fn files(mut self, format: Format, options: &Options, log: &mut Log) -> Option<Files> {
        if self.cases.is_empty() {
            log.refuse(self.main, None, "there are no test cases");
            return None;
        }
        if let Some(limit) = options.time_limit {
            self.time_ms = Some(limit.as_millis() as u64);
        }
        if let Some(memory) = options.memory {
            self.memory_bytes = Some(memory.get());
        }
        if options.pass_fail && self.parts.take().is_some() {
            log.change(
                self.main,
                None,
                "points and groups are left out, as asked for: every test has to be passed",
            );
        }
        self.normalise_parts(log)?;
        let mut files = std::mem::take(&mut self.files);
        files.insert("problem.yaml".to_owned(), Content::Bytes(self.manifest(format, log).into_bytes()));
        let sidecar = self.sidecar();
        if !sidecar.is_empty() {
            files.insert("tribunal.yaml".to_owned(), Content::Bytes(sidecar.into_bytes()));
        }
        if !self.expectations.is_empty() {
            let text = std::mem::take(&mut self.expectations);
            files.insert("submissions/submissions.yaml".to_owned(), Content::Bytes(text.into_bytes()));
        }
        self.data(&mut files, log)?;
        Some(files)
    }

    fn manifest(&self, format: Format, log: &mut Log) -> String {
        let mut text = format!(
            "# Made from a problem of {} by `tribunal problem import`.\nproblem_format_version: 2025-09\n",
            match format {
                Format::Polygon => "Polygon",
                Format::Dmoj => "the DMOJ judge",
                Format::Cms => "CMS",
            }
        );
        match &self.titles[..] {
            [(_, only)] => text += &format!("name: {}\n", quoted(only)),
            many => {
                text += "name:\n";
                for (language, title) in many {
                    text += &format!("  {language}: {}\n", quoted(title));
                }
            }
        }
        text += &format!("uuid: {}\n", uuid(format, &self.identity));
        let kind = if self.parts.is_some() { "scoring" } else { "pass-fail" };
        text += &if self.interactive {
            format!("type: [{kind}, interactive]\n")
        } else {
            format!("type: {kind}\n")
        };
        let limits = self.limits(log);
        if !limits.is_empty() {
            text += &format!("limits:\n{limits}");
        }
        if self.output_file.is_some() {
            text += "allow_file_writing: true\n";
        }
        text
    }

    fn limits(&self, log: &mut Log) -> String {
        const MIB: u64 = 1 << 20;
        let mut text = String::new();
        match self.time_ms {
            Some(ms) if ms % 1000 == 0 => text += &format!("  time_limit: {}\n", ms / 1000),
            Some(ms) => {
                let seconds = format!("{}.{:03}", ms / 1000, ms % 1000);
                text += &format!("  time_limit: {}\n  time_resolution: 0.001\n", seconds.trim_end_matches('0'));
            }
            None => log.change(self.main, None, "there is no time limit here; the judge's default is used until `--time-limit` or problem.yaml says one"),
        }
        match self.memory_bytes {
            Some(bytes) => {
                let mib = bytes.div_ceil(MIB).max(1);
                if mib * MIB != bytes {
                    log.change(self.main, None, format!("the memory limit of {bytes} bytes becomes {mib} MiB; packages count in MiB"));
                }
                text += &format!("  memory: {mib}\n");
            }
            None => log.change(self.main, None, "there is no memory limit here; the package format's 2048 MiB are used until `--memory` or problem.yaml says one"),
        }
        let longest = self.cases.iter().map(|case| length(&case.answer)).max().unwrap_or(0);
        // Room for an answer written twice as wide.
        let needed = (2 * longest).div_ceil(MIB) + 1;
        let output = match self.output_bytes {
            Some(bytes) => Some(bytes.div_ceil(MIB).max(1)),
            None if needed > 8 => Some(needed),
            None => None,
        };
        if let Some(mib) = output.map(|mib| mib.min(MAX_OUTPUT_MIB)) {
            if self.output_bytes != Some(mib * MIB) {
                log.change(
                    self.main,
                    None,
                    format!("the output limit is {mib} MiB, counted over stdout, stderr and files together"),
                );
            }
            text += &format!("  output: {mib}\n");
        }
        text
    }

    fn sidecar(&self) -> String {
        let mut text = String::new();
        if self.testlib {
            text += "validator_protocol: testlib\n";
        }
        if self.places > 0 {
            let _ = writeln!(text, "score_unit: 1e-{}", self.places);
        }
        for (key, value) in [
            ("checker", self.checker),
            ("interactor", self.interactor.as_deref()),
            ("input_file", self.input_file.as_deref()),
            ("output_file", self.output_file.as_deref()),
        ] {
            if let Some(value) = value {
                text += &format!("{key}: {}\n", quoted(value));
            }
        }
        text
    }

    /// Orders parts so that each comes after what it needs, and gives what is needed a group of its own
    /// where its part is not one of all or nothing.
    fn normalise_parts(&mut self, log: &mut Log) -> Option<()> {
        let Some(parts) = self.parts.take() else { return Some(()) };
        let mut ordered: Vec<Part> = Vec::with_capacity(parts.len());
        // Where an old index went; for needs, where its witness is.
        let mut at: Vec<Option<usize>> = vec![None; parts.len()];
        let needed: Vec<bool> =
            (0..parts.len()).map(|i| parts.iter().any(|p| p.needs.contains(&Need::Part(i)))).collect();
        for _ in 0..parts.len() {
            let ready = |i: &usize| {
                at[*i].is_none()
                    && parts[*i].needs.iter().all(|need| match need {
                        Need::Samples => true,
                        Need::Part(other) => at.get(*other).copied().flatten().is_some(),
                    })
            };
            let Some(next) = (0..parts.len()).find(ready) else {
                let stuck = (0..parts.len()).find(|i| at[*i].is_none())?;
                let name = &parts[stuck].name;
                log.refuse(self.main, parts[stuck].line, format!("group `{name}` depends on itself, by way of others or directly; a group may only depend on groups that can come before it"));
                return None;
            };
            let mut part = parts[next].clone();
            part.needs = part
                .needs
                .iter()
                .filter_map(|need| match need {
                    Need::Samples => Some(Need::Samples),
                    Need::Part(other) => at[*other].map(Need::Part),
                })
                .collect();
            if needed[next] && part.how != How::All {
                log.change(self.main, part.line, format!("group `{}` is in the package twice: once with its points, and once, worth nothing, as the condition that all of it passes, because only such a group can be depended on", part.name));
                let witness = Part {
                    name: format!("{}-all", part.name),
                    points: Score::ZERO,
                    how: How::All,
                    ..part.clone()
                };
                ordered.push(witness);
            }
            at[next] =
                Some(if needed[next] && part.how != How::All { ordered.len() - 1 } else { ordered.len() });
            ordered.push(part);
        }
        self.places = ordered.iter().map(|part| places(part.points)).max().unwrap_or_default();
        if self.places > 0 {
            let message = format!(
                "points have {} decimal places and `max_score` has none: they are 10^{0} times as large in the package, and `score_unit` in tribunal.yaml makes them what they were; tools that do not know it show the larger ones",
                self.places
            );
            log.change(self.main, None, message);
        }
        self.parts = Some(ordered);
        Some(())
    }

    fn data(&self, files: &mut Files, log: &mut Log) -> Option<()> {
        let width = self.cases.len().to_string().len().max(2);
        let put = |files: &mut Files, folder: &str, at: usize| {
            let case = &self.cases[at];
            let stem = format!("data/{folder}/{:0width$}", at + 1);
            files.insert(format!("{stem}.in"), case.input.clone());
            files.insert(format!("{stem}.ans"), case.answer.clone());
        };
        let common = self.common();
        let settings = |files: &mut Files, folder: &str, text: String| {
            if !text.is_empty() {
                files.insert(format!("data/{folder}/test_group.yaml"), Content::Bytes(text.into_bytes()));
            }
        };
        let samples: Vec<usize> = (0..self.cases.len()).filter(|i| self.cases[*i].sample).collect();
        for at in &samples {
            put(files, "sample", *at);
        }
        if !samples.is_empty() {
            settings(files, "sample", common.clone());
        }
        let Some(parts) = &self.parts else {
            let secret: Vec<usize> = (0..self.cases.len()).filter(|i| !self.cases[*i].sample).collect();
            for at in &secret {
                put(files, "secret", *at);
            }
            if !secret.is_empty() {
                settings(files, "secret", common);
            }
            return Some(());
        };
        let total = parts
            .iter()
            .try_fold(Score::ZERO, |all, part| all.plus(part.points))
            .and_then(|all| self.scaled(all));
        let Some(total) = total.filter(|total| *total <= 1_000_000_000) else {
            log.refuse(
                self.main,
                None,
                "the points together are more than 1000000000, with as many decimal places as they have",
            );
            return None;
        };
        let mut secret = format!("max_score: {total}\nscore_aggregation: sum\n{common}");
        if let [only] = &parts[..]
            && only.how == How::Each
            && only.needs.is_empty()
        {
            secret += self.points_word(only);
            for at in &only.cases {
                put(files, "secret", *at);
            }
            settings(files, "secret", secret);
            return Some(());
        }
        settings(files, "secret", secret);
        let names = names(parts);
        for (part, name) in parts.iter().zip(&names) {
            let folder = format!("secret/{name}");
            let how = match part.how {
                How::All => "pass-fail",
                How::Each => "sum",
                How::Least => "min",
            };
            let points = self.scaled(part.points).unwrap_or(0);
            let mut text = format!("max_score: {points}\nscore_aggregation: {how}\n");
            let needs: Vec<String> = part
                .needs
                .iter()
                .filter_map(|need| match need {
                    Need::Samples => (!samples.is_empty()).then(|| "sample".to_owned()),
                    Need::Part(other) => Some(format!("secret/{}", names[*other])),
                })
                .collect();
            if !needs.is_empty() {
                let _ = writeln!(text, "require_pass: {}", list(&needs));
            }
            text += self.points_word(part);
            if !part.input_args.is_empty() {
                let _ = writeln!(text, "input_validator_args: {}", list(&part.input_args));
            }
            settings(files, &folder, text);
            for at in &part.cases {
                put(files, &folder, *at);
            }
        }
        Some(())
    }

    /// What holds for samples and secret cases alike.
    fn common(&self) -> String {
        let mut text = String::new();
        if !self.args.is_empty() {
            let _ = writeln!(text, "args: {}", list(&self.args));
        }
        if !self.validator_args.is_empty() {
            let _ = writeln!(text, "output_validator_args: {}", list(&self.validator_args));
        }
        text
    }

    /// The points as `max_score` has them: a whole number of the package's `score_unit`.
    fn scaled(&self, points: Score) -> Option<u64> {
        u64::try_from(points.times(Score::whole(10u32.pow(self.places)))?.ceiling()?).ok()
    }

    fn points_word(&self, part: &Part) -> &'static str {
        if self.told_points && part.how != How::All { "output_validator_args: [points]\n" } else { "" }
    }
}

fn length(content: &Content) -> u64 {
    match content {
        Content::Bytes(bytes) | Content::Script(bytes) => bytes.len() as u64,
        Content::File(path) => path.metadata().map_or(0, |meta| meta.len()),
    }
}

/// Points as they are written; `None` when they are negative, or have more decimal places than are kept.
pub(crate) fn points(text: &str) -> Option<Score> {
    let places = Decimal::parse(text.as_bytes())?.exponent().checked_neg()?;
    Score::parse(text).filter(|score| !score.is_negative() && places <= i64::from(PLACES))
}

/// What [`points`] asks for, in words.
pub(crate) const POINTS: &str = "a number that is not negative, with at most nine decimal places, is needed";

/// Decimal places of points that [`points`] read.
fn places(points: Score) -> u32 {
    let text = points.to_string();
    text.split_once('.').map_or(0, |(_, places)| places.len() as u32)
}

/// Folder names in judging order.
fn names(parts: &[Part]) -> Vec<String> {
    let width = parts.len().to_string().len().max(2);
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' };
    let name = |(i, part): (usize, &Part)| {
        let slug: String = part.name.chars().map(plain).take(60).collect();
        format!("{:0width$}-{slug}", i + 1)
    };
    parts.iter().enumerate().map(name).collect()
}
