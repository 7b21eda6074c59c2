//! Test cases: what lies under `data/`, in judging order.
//!
//! A case is a file `X.in` with its answer `X.ans`. Samples come first, then `secret`; within them, names
//! are compared component by component in byte order. What lies beside and means nothing is told by `stray`.

use std::collections::BTreeMap;

use crate::diagnostic::Findings;
use crate::groups;
use crate::manifest::Manifest;
use crate::model::{Case, FormatVersion, Grader, Group, Probe, Validator};
use crate::probes;
use crate::programs::{NAMES, Others, usable};
use crate::settings::Folders;
use crate::stray;
use crate::tree::Tree;

/// Most cases judged in one problem.
pub(crate) const MAX_CASES: usize = 10_000;

/// Cases and groups in judging order.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) cases: Vec<Case>,
    pub(crate) groups: Vec<Group>,
    pub(crate) root: Option<Grader>,
    pub(crate) probes: Vec<Probe>,
}

/// Reads `data/`.
pub(crate) fn read(
    tree: &Tree,
    manifest: &Manifest,
    validator: &Validator,
    others: &Others,
    findings: &mut Findings,
) -> Data {
    let mut folders = Folders::new(tree, manifest, others, *validator == Validator::Default, findings);
    let names = names(tree, findings);
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
    let cases: Vec<Case> = names.iter().filter_map(|name| case(&mut folders, name, findings)).collect();
    groups_without_cases(&mut folders, findings);
    let mut probes = probes::read(&mut folders, findings);
    probes.extend(probes::samples(&folders, &cases));
    stray::tell(&folders, findings);
    // In order of names, so that groups that only the static validator looks at stand where they belong.
    let mut drafts = std::mem::take(&mut folders.groups);
    drafts.sort_by(|a, b| a.name.split('/').cmp(b.name.split('/')));
    let mut groups = groups::build(&drafts, &folders, findings);
    let places: BTreeMap<String, usize> =
        groups.iter().enumerate().map(|(i, g)| (g.name.clone(), i)).collect();
    for (i, case) in cases.iter().enumerate() {
        if let Some(place) = places.get(&case.group) {
            groups[*place].cases.push(i);
        }
    }
    Data { cases, groups, root: folders.root, probes }
}

/// Case names in judging order.
fn names(tree: &Tree, findings: &mut Findings) -> Vec<String> {
    let mut all = Vec::new();
    for top in ["sample", "secret"] {
        let names = names_in(tree, top, findings);
        if names.is_empty() && top == "secret" {
            findings.warning("data/secret", None, "there are no secret test cases");
        }
        all.extend(names);
    }
    all
}

/// Names of the inputs in one folder of `data/`, in judging order.
pub(crate) fn names_in(tree: &Tree, top: &str, findings: &mut Findings) -> Vec<String> {
    let mut names = Vec::new();
    for (rel, _) in tree.under(&format!("data/{top}")) {
        let Some(stem) = rel.strip_suffix(".in") else { continue };
        if rel.split('/').any(|part| part.ends_with(".files")) {
            continue;
        }
        let name = format!("{top}/{stem}");
        if !name.split('/').all(usable) {
            findings.warning(&format!("data/{top}/{rel}"), None, format!("ignored: {NAMES}"));
            continue;
        }
        if tree.has_folder(&format!("data/{name}")) {
            let message = "a case and a folder must not share a name";
            findings.error(&format!("data/{name}.in"), None, message);
        }
        names.push(name);
    }
    names.sort_by(|a, b| a.split('/').cmp(b.split('/')));
    names
}

fn case(folders: &mut Folders<'_>, name: &str, findings: &mut Findings) -> Option<Case> {
    let (input, answer) = (format!("data/{name}.in"), format!("data/{name}.ans"));
    let (folder, stem) = name.rsplit_once('/')?;
    if stem == "test_group" && !folders.legacy() {
        findings.error(&input, None, "no case may be called `test_group`");
    }
    let tree = folders.tree;
    let Some(ans) = tree.files.get(&answer) else {
        findings.error(&answer, None, format!("the answer file of {input} is missing"));
        return None;
    };
    let mut settings = folders.folder(&format!("data/{folder}"), findings);
    if folders.legacy() {
        settings.hint = tree.text(&format!("data/{name}.hint"), 64 << 10, findings);
    } else {
        folders.case_yaml(&format!("data/{name}.yaml"), &mut settings, findings);
    }
    folders.check_args(&settings, findings);
    let files = format!("data/{name}.files");
    let has_files = !folders.legacy() && tree.has_folder(&files);
    Some(Case {
        name: name.to_owned(),
        group: settings.group,
        input: tree.files.get(&input)?.disk.clone(),
        answer: ans.disk.clone(),
        args: settings.args,
        validator_args: settings.validator_args,
        input_args: settings.input_args,
        full_feedback: settings.full_feedback,
        files: has_files.then(|| tree.root.join(&files)),
        sample: name.starts_with("sample/"),
        hint: settings.hint,
    })
}

/// Folders of `secret` that hold no case: a group when the static validator looks at it, else nothing.
fn groups_without_cases(folders: &mut Folders<'_>, findings: &mut Findings) {
    if folders.manifest.version != FormatVersion::V2025_09 {
        return;
    }
    let file = folders.file_names().0;
    let tree = folders.tree;
    let with_settings = tree.under("data/secret").filter_map(|(rel, _)| {
        let (group, rest) = rel.split_once('/')?;
        (rest == file).then_some(group)
    });
    for group in with_settings {
        let path = format!("data/secret/{group}");
        let checked = |folders: &Folders<'_>| {
            folders.groups.iter().any(|d| format!("data/{}", d.name) == path && d.has_static_check())
        };
        folders.folder(&path, findings);
        if !tree.under(&path).any(|(rel, _)| rel.ends_with(".in")) && !checked(folders) {
            findings.error(&path, None, "the group has no test case, and no static validation either");
        }
    }
}
