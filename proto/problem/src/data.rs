//! Test cases and groups: what lies under `data/`, in judging order, with the arguments each case inherits.
//!
//! A case is a file `X.in` with its answer `X.ans`. Samples come first, then `secret`; within them, names
//! are compared component by component in byte order. Settings come from `testdata.yaml` (legacy) or
//! `test_group.yaml` (2025-09) of every folder above a case, the nearest one winning.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Findings;
use crate::flags::Flags;
use crate::manifest::{self, Manifest};
use crate::model::{Case, FormatVersion, Group, Validator};
use crate::programs::usable;
use crate::tree::Tree;
use crate::yaml::{self, Fields};

/// Most cases judged in one problem.
pub(crate) const MAX_CASES: usize = 10_000;

const KNOWN_GROUP: &str = "`max_score`, `score_aggregation`, `static_validation_score`, `static_validator_args`, \
                           `require_pass`, `args`, `input_validator_args`, `output_validator_args`, \
                           `input_visualizer_args`, `output_visualizer_args`, `full_feedback`";
const KNOWN_CASE: &str = "`args`, `input_validator_args`, `output_validator_args`, `input_visualizer_args`, \
                          `output_visualizer_args`, `full_feedback`, `hint`, `description`";
const KNOWN_TESTDATA: &str = "`on_reject`, `grading`, `grader_flags`, `input_validator_flags`, \
                              `output_validator_flags`, `accept_score`, `reject_score`, `range`";

/// Cases and groups in judging order.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) cases: Vec<Case>,
    pub(crate) groups: Vec<Group>,
}

/// What a folder or case says of the runs in it.
#[derive(Debug, Clone, Default)]
struct Settings {
    args: Vec<String>,
    validator_args: Vec<String>,
    hint: Option<String>,
    /// Where `validator_args` were last set, for messages about them.
    origin: (String, u32),
    /// Nearest folder that counts as a group.
    group: String,
}

/// Reads `data/`.
pub(crate) fn read(tree: &Tree, manifest: &Manifest, validator: &Validator, findings: &mut Findings) -> Data {
    let mut reader = Reader {
        tree,
        manifest,
        default: *validator == Validator::Default,
        folders: BTreeMap::new(),
        checked: BTreeSet::new(),
    };
    let names = reader.names(findings);
    if names.is_empty() && !findings.failed() {
        findings.error(
            "data",
            None,
            "there are no test cases; put `NAME.in` with `NAME.ans` into data/secret or data/sample",
        );
    }
    if names.len() > MAX_CASES {
        findings.error(
            "data",
            None,
            format!("there are {} test cases; the maximum is {MAX_CASES}", names.len()),
        );
        return Data::default();
    }
    let mut data = Data::default();
    let mut places = BTreeMap::new();
    for name in names {
        let Some(case) = reader.case(&name, findings) else { continue };
        let place = *places.entry(case.group.clone()).or_insert_with(|| {
            data.groups.push(Group { name: case.group.clone(), cases: Vec::new() });
            data.groups.len() - 1
        });
        data.groups[place].cases.push(data.cases.len());
        data.cases.push(case);
    }
    reader.stray_files(findings);
    data
}

struct Reader<'a> {
    tree: &'a Tree,
    manifest: &'a Manifest,
    /// Whether the default validator reads the arguments, so that they can be checked here.
    default: bool,
    folders: BTreeMap<String, Settings>,
    /// Argument lists already checked.
    checked: BTreeSet<Vec<String>>,
}

impl Reader<'_> {
    fn legacy(&self) -> bool {
        self.manifest.version == FormatVersion::Legacy
    }

    const fn settings_file(legacy: bool) -> &'static str {
        if legacy { "testdata.yaml" } else { "test_group.yaml" }
    }

    /// Case names in judging order.
    fn names(&self, findings: &mut Findings) -> Vec<String> {
        let mut all = Vec::new();
        for top in ["sample", "secret"] {
            let mut names = Vec::new();
            for (rel, _) in self.tree.under(&format!("data/{top}")) {
                let Some(stem) = rel.strip_suffix(".in") else { continue };
                if rel.split('/').any(|part| part.ends_with(".files")) {
                    continue;
                }
                let name = format!("{top}/{stem}");
                if !name.split('/').all(usable) {
                    let message = "ignored: a name has letters, digits, `_`, `.` and `-` and starts with none of the last two";
                    findings.warning(&format!("data/{top}/{rel}"), None, message);
                    continue;
                }
                if self.tree.has_folder(&format!("data/{name}")) {
                    findings.error(
                        &format!("data/{name}.in"),
                        None,
                        "a case and a folder must not share a name",
                    );
                }
                names.push(name);
            }
            names.sort_by(|a, b| a.split('/').cmp(b.split('/')));
            if names.is_empty() && top == "secret" {
                findings.warning("data/secret", None, "there are no secret test cases");
            }
            all.extend(names);
        }
        all
    }

    fn case(&mut self, name: &str, findings: &mut Findings) -> Option<Case> {
        let (input, answer) = (format!("data/{name}.in"), format!("data/{name}.ans"));
        let (folder, stem) = name.rsplit_once('/')?;
        if stem == "test_group" && !self.legacy() {
            findings.error(&input, None, "no case may be called `test_group`");
        }
        let Some(ans) = self.tree.files.get(&answer) else {
            findings.error(&answer, None, format!("the answer file of {input} is missing"));
            return None;
        };
        let mut settings = self.folder(&format!("data/{folder}"), findings);
        if self.legacy() {
            settings.hint = self.tree.text(&format!("data/{name}.hint"), 64 << 10, findings);
        } else {
            self.case_yaml(&format!("data/{name}.yaml"), &mut settings, findings);
        }
        self.check_args(&settings, findings);
        let files = format!("data/{name}.files");
        let has_files = !self.legacy() && self.tree.has_folder(&files);
        Some(Case {
            name: name.to_owned(),
            group: settings.group,
            input: self.tree.files.get(&input)?.disk.clone(),
            answer: ans.disk.clone(),
            args: settings.args,
            validator_args: settings.validator_args,
            files: has_files.then(|| self.tree.root.join(&files)),
            sample: name.starts_with("sample/"),
            hint: settings.hint,
        })
    }

    /// Settings of the folder `path`, those above it included.
    fn folder(&mut self, path: &str, findings: &mut Findings) -> Settings {
        if let Some(known) = self.folders.get(path) {
            return known.clone();
        }
        let mut settings = match path.rsplit_once('/') {
            Some((above, _)) => self.folder(above, findings),
            None => Settings {
                validator_args: self.manifest.validator_flags.0.clone(),
                origin: (manifest::FILE.to_owned(), self.manifest.validator_flags.1),
                ..Settings::default()
            },
        };
        let file = format!("{path}/{}", Self::settings_file(self.legacy()));
        let present = self.tree.files.contains_key(&file);
        let depth = path.split('/').count();
        if depth == 2 || (depth > 2 && self.legacy()) || (depth == 3 && path.starts_with("data/secret/")) {
            path.strip_prefix("data/").unwrap_or(path).clone_into(&mut settings.group);
        }
        if present && !self.legacy() && (depth == 1 || depth > 3) {
            findings.error(
                &file,
                None,
                "test groups are data/sample, data/secret and the folders directly in data/secret",
            );
        }
        if let Some(text) = self.tree.text(&file, yaml::MAX_BYTES, findings)
            && let Some(fields) = yaml::read(&file, &text, findings)
        {
            if self.legacy() {
                self.testdata(&file, fields, &mut settings, findings);
            } else {
                test_group(&file, fields, &mut settings, findings);
            }
        }
        self.folders.insert(path.to_owned(), settings.clone());
        settings
    }

    fn case_yaml(&self, file: &str, settings: &mut Settings, findings: &mut Findings) {
        let Some(text) = self.tree.text(file, yaml::MAX_BYTES, findings) else { return };
        let Some(mut fields) = yaml::read(file, &text, findings) else { return };
        common_keys(file, &mut fields, settings, findings);
        if let Some((hint, _)) = fields.text("hint", findings) {
            settings.hint = Some(hint);
        }
        fields.ignore(&["description"]);
        fields.finish(true, KNOWN_CASE, findings);
    }

    fn testdata(&self, file: &str, mut fields: Fields<'_>, settings: &mut Settings, findings: &mut Findings) {
        for (key, old) in [("output_validator_flags", true), ("output_validator_args", false)] {
            let Some((flags, line)) = fields.words(key, findings) else { continue };
            if !old {
                findings.warning(
                    file,
                    Some(line),
                    "`output_validator_args` is the newer name; legacy says `output_validator_flags`",
                );
            }
            settings.validator_args = self.manifest.validator_flags.0.iter().cloned().chain(flags).collect();
            settings.origin = (file.to_owned(), line);
        }
        if let Some((value, line)) = fields.text("grading", findings)
            && value != "default"
        {
            findings.unsupported(file, Some(line), "`grading: custom`");
        }
        if let Some((flags, line)) = fields.words("grader_flags", findings) {
            let deciding = ["always_accept", "accept_if_any_accepted", "ignore_sample"];
            for flag in flags.iter().filter(|f| deciding.contains(&f.as_str())) {
                findings.unsupported(file, Some(line), &format!("`grader_flags: {flag}`"));
            }
        }
        if let Some((value, line)) = fields.text("on_reject", findings) {
            match value.as_str() {
                "break" => {}
                "continue" => findings.warning(
                    file,
                    Some(line),
                    "`on_reject: continue`: the first case that fails decides all the same",
                ),
                _ => findings.error(file, Some(line), "`on_reject` must be `break` or `continue`"),
            }
        }
        fields.ignore(&[
            "input_validator_flags",
            "input_validator_args",
            "accept_score",
            "reject_score",
            "range",
        ]);
        fields.finish(false, KNOWN_TESTDATA, findings);
    }

    fn check_args(&mut self, settings: &Settings, findings: &mut Findings) {
        if !self.default || !self.checked.insert(settings.validator_args.clone()) {
            return;
        }
        if let Err(e) = Flags::parse(&settings.validator_args) {
            findings.error(&settings.origin.0, Some(settings.origin.1), e.to_string());
        }
    }

    /// Files that look like test data and are none.
    fn stray_files(&self, findings: &mut Findings) {
        let wrong = Self::settings_file(!self.legacy());
        let right = Self::settings_file(self.legacy());
        for (rel, _) in self.tree.under("data") {
            let path = format!("data/{rel}");
            let top = rel.split('/').next().unwrap_or_default();
            if rel == wrong || rel.ends_with(&format!("/{wrong}")) {
                findings.error(&path, None, format!("this format version calls the file `{right}`"));
            } else if let Some(stem) = path.strip_suffix(".ans")
                && matches!(top, "sample" | "secret")
                && !self.tree.files.contains_key(&format!("{stem}.in"))
            {
                findings.warning(&path, None, format!("ignored: there is no {stem}.in for this answer"));
            } else if rel.ends_with(".in")
                && !matches!(
                    top,
                    "sample"
                        | "secret"
                        | "invalid_input"
                        | "invalid_output"
                        | "valid_output"
                        | "invalid_answers"
                )
            {
                findings.warning(&path, None, "ignored: test cases lie in data/sample and data/secret");
            }
        }
        if !self.legacy() {
            self.mixed_groups(findings);
        }
    }

    /// In 2025-09 `secret` has either cases or groups. Folders without any settings are let through beside
    /// cases, as an earlier text of the format did.
    fn mixed_groups(&self, findings: &mut Findings) {
        let secret = || self.tree.under("data/secret");
        if !secret().any(|(rel, _)| rel.split_once('/').is_some_and(|(_, rest)| rest == "test_group.yaml")) {
            return;
        }
        for (rel, _) in secret().filter(|(rel, _)| rel.ends_with(".in") && !rel.contains('/')) {
            let message = "data/secret has groups, so every case must lie in one of its folders";
            findings.error(&format!("data/secret/{rel}"), None, message);
        }
    }
}

fn test_group(file: &str, mut fields: Fields<'_>, settings: &mut Settings, findings: &mut Findings) {
    common_keys(file, &mut fields, settings, findings);
    if let Some(node) = fields.take("static_validation_score") {
        findings.unsupported(file, Some(node.line), "`static_validation_score`");
    }
    for key in ["max_score", "score_aggregation", "require_pass"] {
        if let Some(node) = fields.take(key) {
            findings.warning(file, Some(node.line), format!("`{key}` has no effect in a pass-fail problem"));
        }
    }
    fields.ignore(&["static_validator_args"]);
    fields.finish(true, KNOWN_GROUP, findings);
}

/// Keys that groups and cases of 2025-09 share.
fn common_keys(file: &str, fields: &mut Fields<'_>, settings: &mut Settings, findings: &mut Findings) {
    if let Some((args, _)) = fields.words("args", findings) {
        settings.args = args;
    }
    if let Some((args, line)) = fields.words("output_validator_args", findings) {
        settings.validator_args = args;
        settings.origin = (file.to_owned(), line);
    }
    fields.boolean("full_feedback", findings);
    fields.ignore(&["input_validator_args", "input_visualizer_args", "output_visualizer_args"]);
}
