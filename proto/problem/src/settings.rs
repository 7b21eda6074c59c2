//! What folders and cases of `data/` say of the runs in them: `testdata.yaml` (legacy), `test_group.yaml`
//! (2025-09) and `NAME.yaml`, each inherited by what lies below, the nearest one winning.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Findings;
use crate::flags::Flags;
use crate::groups::{self, Draft};
use crate::manifest::{self, Manifest};
use crate::model::{FormatVersion, Grader, InputArgs};
use crate::programs::Others;
use crate::tree::Tree;
use crate::yaml::{self, Fields, Value};

const KNOWN_CASE: &str = "`args`, `input_validator_args`, `output_validator_args`, `input_visualizer_args`, \
                          `output_visualizer_args`, `full_feedback`, `hint`, `description`";
const LEGACY_FILE: &str = "testdata.yaml";
const FILE: &str = "test_group.yaml";

/// What a folder or case says of the runs in it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) args: Vec<String>,
    pub(crate) validator_args: Vec<String>,
    pub(crate) input_args: InputArgs,
    pub(crate) full_feedback: bool,
    pub(crate) hint: Option<String>,
    /// Where `validator_args` were last set, for messages about them.
    pub(crate) origin: (String, u32),
    /// Nearest folder that counts as a group.
    pub(crate) group: String,
    /// Legacy: the grader, as far as it is known here.
    pub(crate) grader: Grader,
}

/// Reads settings, each file once.
pub(crate) struct Folders<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) manifest: &'a Manifest,
    pub(crate) others: &'a Others,
    /// Whether the default validator reads the arguments, so that they can be checked here.
    default: bool,
    /// Whether groups are graded as in legacy: there always, in drafts where their files say so.
    graders: bool,
    known: BTreeMap<String, Settings>,
    /// Argument lists already checked.
    checked: BTreeSet<Vec<String>>,
    /// Every group met, what is inside it after it.
    pub(crate) groups: Vec<Draft>,
    /// Legacy: what `data/testdata.yaml` says of sample and secret together.
    pub(crate) root: Option<Grader>,
}

impl<'a> Folders<'a> {
    pub(crate) fn new(
        tree: &'a Tree,
        manifest: &'a Manifest,
        others: &'a Others,
        default: bool,
        findings: &mut Findings,
    ) -> Self {
        let graders = match manifest.version {
            FormatVersion::Legacy => true,
            FormatVersion::Draft2023_07 => graded_as_legacy(tree, findings),
            FormatVersion::V2025_09 => false,
        };
        Self {
            graders,
            tree,
            manifest,
            others,
            default,
            known: BTreeMap::new(),
            checked: BTreeSet::new(),
            groups: Vec::new(),
            root: None,
        }
    }

    pub(crate) fn legacy(&self) -> bool {
        self.manifest.version == FormatVersion::Legacy
    }

    /// Whether groups are graded as in legacy.
    pub(crate) fn graders(&self) -> bool {
        self.graders
    }

    /// Whether groups nest: in legacy and in the drafts, not in 2025-09.
    fn nesting(&self) -> bool {
        self.manifest.version != FormatVersion::V2025_09
    }

    /// The settings file of this version, and the name that other versions have for it.
    pub(crate) fn file_names(&self) -> (&'static str, &'static str) {
        if self.legacy() { (LEGACY_FILE, FILE) } else { (FILE, LEGACY_FILE) }
    }

    /// Settings of the folder `path`, those above it included.
    pub(crate) fn folder(&mut self, path: &str, findings: &mut Findings) -> Settings {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let mut settings = match path.rsplit_once('/') {
            Some((above, _)) => self.folder(above, findings),
            None => self.top(),
        };
        let (file, read) = self.file_in(path, findings);
        let depth = path.split('/').count();
        let judged = path == "data/sample" || path == "data/secret" || depth > 2 && in_judged(path);
        let is_group =
            judged && (depth == 2 || self.nesting() || (depth == 3 && path.starts_with("data/secret/")));
        if path == "data/sample" {
            settings.full_feedback = true;
        }
        let mut draft = Draft::default();
        if read
            && let Some(text) = self.tree.text(&file, yaml::MAX_BYTES, findings)
            && let Some(fields) = yaml::read(&file, &self.manifest.constants.apply_text(text), findings)
        {
            if self.graders {
                self.testdata(&file, fields, &mut settings, findings);
            } else {
                draft = self.test_group(&file, fields, &mut settings, findings);
            }
        }
        if is_group {
            path.strip_prefix("data/").unwrap_or(path).clone_into(&mut settings.group);
            draft.name.clone_from(&settings.group);
            draft.file = file;
            draft.grader = settings.grader.clone();
            self.groups.push(draft);
        } else if depth == 1 && self.graders {
            self.root = Some(settings.grader.clone());
        }
        self.known.insert(path.to_owned(), settings.clone());
        settings
    }

    fn top(&self) -> Settings {
        Settings {
            args: Vec::new(),
            validator_args: self.manifest.validator_flags.0.clone(),
            input_args: InputArgs::All(Vec::new()),
            full_feedback: false,
            hint: None,
            origin: (manifest::FILE.to_owned(), self.manifest.validator_flags.1),
            group: String::new(),
            grader: Grader::default(),
        }
    }

    /// The settings file in a folder, and whether it is there. Drafts may use the older name.
    fn file_in(&self, folder: &str, findings: &mut Findings) -> (String, bool) {
        let (name, other) = self.file_names();
        let (file, older) = (format!("{folder}/{name}"), format!("{folder}/{other}"));
        let draft = self.manifest.version == FormatVersion::Draft2023_07;
        if draft && !self.tree.files.contains_key(&file) && self.tree.files.contains_key(&older) {
            findings.warning(&older, None, format!("the newer name of this file is `{name}`"));
            return (older, true);
        }
        let there = self.tree.files.contains_key(&file);
        (file, there)
    }

    /// Adds what `NAME.yaml` says of one case.
    pub(crate) fn case_yaml(&self, file: &str, settings: &mut Settings, findings: &mut Findings) {
        let Some(text) = self.tree.text(file, yaml::MAX_BYTES, findings) else { return };
        let Some(mut fields) = yaml::read(file, &text, findings) else { return };
        self.common_keys(file, &mut fields, settings, findings);
        if let Some((hint, _)) = fields.text("hint", findings) {
            settings.hint = Some(hint);
        }
        fields.text("description", findings);
        fields.finish(self.manifest.version == FormatVersion::V2025_09, KNOWN_CASE, findings);
    }

    fn testdata(&self, file: &str, mut fields: Fields<'_>, settings: &mut Settings, findings: &mut Findings) {
        if !self.legacy() {
            self.common_keys(file, &mut fields, settings, findings);
        }
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
        for key in ["input_validator_flags", "input_validator_args"] {
            if let Some(args) = input_args(key, file, &mut fields, findings) {
                settings.input_args = args;
            }
        }
        groups::grader(file, fields, &mut settings.grader, self, findings);
    }

    fn test_group(
        &self,
        file: &str,
        mut fields: Fields<'_>,
        settings: &mut Settings,
        findings: &mut Findings,
    ) -> Draft {
        self.common_keys(file, &mut fields, settings, findings);
        groups::aggregate(file, fields, self, findings)
    }

    /// Keys that groups and cases of 2025-09 share.
    fn common_keys(
        &self,
        file: &str,
        fields: &mut Fields<'_>,
        settings: &mut Settings,
        findings: &mut Findings,
    ) {
        if let Some((args, _)) = fields.words("args", findings) {
            settings.args = args;
        }
        if let Some((args, line)) = fields.words("output_validator_args", findings) {
            settings.validator_args = args;
            settings.origin = (file.to_owned(), line);
        }
        if let Some(args) = input_args("input_validator_args", file, fields, findings) {
            settings.input_args = args;
        }
        if self.manifest.version == FormatVersion::Draft2023_07 {
            if let Some((args, line)) = fields.words("output_validator_flags", findings) {
                let message =
                    "`output_validator_flags` is an older name; `output_validator_args` is the newer one";
                findings.warning(file, Some(line), message);
                settings.validator_args = args;
                settings.origin = (file.to_owned(), line);
            }
            if let Some(args) = input_args("input_validator_flags", file, fields, findings) {
                settings.input_args = args;
            }
        }
        if let Some(shown) = fields.boolean("full_feedback", findings) {
            settings.full_feedback = shown;
        }
        fields.ignore(&["input_visualizer_args", "output_visualizer_args"]);
    }

    /// Checks the arguments of the default validator, each list once.
    pub(crate) fn check_args(&mut self, settings: &Settings, findings: &mut Findings) {
        if !self.default || !self.checked.insert(settings.validator_args.clone()) {
            return;
        }
        if let Err(e) = Flags::parse(&settings.validator_args) {
            findings.error(&settings.origin.0, Some(settings.origin.1), e.to_string());
        }
    }
}

/// Whether the groups of a draft have the keys of legacy: the drafts began with them, and public tools read no others.
/// Then all of its groups are graded so; a key of later drafts is told as unknown.
fn graded_as_legacy(tree: &Tree, findings: &mut Findings) -> bool {
    const KEYS: [&str; 6] = ["on_reject", "grading", "grader_flags", "accept_score", "reject_score", "range"];
    let named = |path: &str| [LEGACY_FILE, FILE].iter().any(|file| path.rsplit('/').next() == Some(file));
    for (rel, _) in tree.under("data").filter(|(rel, _)| named(rel)) {
        let path = format!("data/{rel}");
        // What is wrong with the file is told when it is read for good.
        let mut unheard = Findings::default();
        let Some(text) = tree.text(&path, yaml::MAX_BYTES, &mut unheard) else { continue };
        let Some(fields) = yaml::read(&path, &text, &mut unheard) else { continue };
        if let Some(line) = KEYS.iter().find_map(|key| fields.line_of(key)) {
            let message = "keys of legacy in a package of the drafts: its groups are graded as in legacy";
            findings.warning(&path, Some(line), message);
            return true;
        }
    }
    false
}

/// Whether a folder lies in the data submissions are judged on.
fn in_judged(path: &str) -> bool {
    path.starts_with("data/sample/") || path.starts_with("data/secret/")
}

/// Words for every input validator, or a mapping of a validator's name to its words.
fn input_args(key: &str, file: &str, fields: &mut Fields<'_>, findings: &mut Findings) -> Option<InputArgs> {
    if !fields.is_mapping(key) {
        return fields.words(key, findings).map(|(words, _)| InputArgs::All(words));
    }
    let node = fields.take(key)?;
    let Value::Map(entries) = node.value else { return None };
    let names: Vec<String> = entries.iter().map(|(name, _)| name.name.clone()).collect();
    let mut inner = Fields::nested(file, key, node.line, entries);
    let named = names.into_iter().filter_map(|name| Some((name.clone(), inner.words(&name, findings)?.0)));
    Some(InputArgs::Named(named.collect()))
}
