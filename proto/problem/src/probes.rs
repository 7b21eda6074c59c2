//! Cases that try the validators: `data/invalid_input`, `data/invalid_output`, `data/valid_output`, and what
//! samples show.
//!
//! Nobody's submission is run on them. They say what an input validator has to reject, and what the output
//! validator has to reject or accept.

use crate::data;
use crate::diagnostic::Findings;
use crate::model::{Case, Probe, ProbeKind};
use crate::settings::Folders;

const KINDS: [(&str, ProbeKind); 4] = [
    ("invalid_input", ProbeKind::InvalidInput),
    ("invalid_output", ProbeKind::InvalidOutput),
    // The older name of `invalid_output`.
    ("invalid_answers", ProbeKind::InvalidOutput),
    ("valid_output", ProbeKind::ValidOutput),
];

/// Reads them all, in the order of the table, then of names.
pub(crate) fn read(folders: &mut Folders<'_>, findings: &mut Findings) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (folder, kind) in KINDS {
        let names = data::names_in(folders.tree, folder, findings);
        if let (Some(first), true) = (names.first(), folders.manifest.kind.interactive)
            && kind != ProbeKind::InvalidInput
        {
            let message =
                "outputs of an interactive problem cannot be checked by themselves; they are ignored";
            findings.warning(&format!("data/{first}.in"), None, message);
            continue;
        }
        let room = data::MAX_CASES.saturating_sub(probes.len());
        if names.len() > room {
            let most = data::MAX_CASES;
            findings.error(&format!("data/{folder}"), None, format!("there are more than {most} such cases"));
            break;
        }
        probes.extend(names.iter().filter_map(|name| probe(folders, name, kind, findings)));
    }
    probes
}

/// What samples show has to be right: the output validator accepts `X.out`, and `X.ans` unless something else
/// is shown in its place. Of kinds whose answers are no outputs nothing is asked.
pub(crate) fn samples(folders: &Folders<'_>, cases: &[Case]) -> Vec<Probe> {
    let kind = folders.manifest.kind;
    if kind.interactive || kind.multi_pass {
        return Vec::new();
    }
    let probe = |case: &Case| {
        let beside = |extension: &str| folders.tree.files.get(&format!("data/{}.{extension}", case.name));
        let output = match (beside("out"), beside("ans.statement")) {
            (Some(out), _) => out.disk.clone(),
            (None, Some(_)) => return None,
            (None, None) => case.answer.clone(),
        };
        Some(Probe {
            kind: ProbeKind::ValidOutput,
            name: case.name.clone(),
            input: case.input.clone(),
            checked: Some((case.answer.clone(), output)),
            validator_args: case.validator_args.clone(),
            input_args: case.input_args.clone(),
        })
    };
    cases.iter().filter(|case| case.sample).filter_map(probe).collect()
}

fn probe(folders: &mut Folders<'_>, name: &str, kind: ProbeKind, findings: &mut Findings) -> Option<Probe> {
    let (folder, _) = name.rsplit_once('/')?;
    let mut settings = folders.folder(&format!("data/{folder}"), findings);
    if !folders.legacy() {
        folders.case_yaml(&format!("data/{name}.yaml"), &mut settings, findings);
    }
    let tree = folders.tree;
    let mut beside = |extension: &str| {
        let path = format!("data/{name}.{extension}");
        let found = tree.files.get(&path).map(|entry| entry.disk.clone());
        if found.is_none() {
            findings.error(&path, None, format!("the file is missing; data/{name}.in asks for it"));
        }
        found
    };
    let checked = match kind {
        ProbeKind::InvalidInput => None,
        ProbeKind::InvalidOutput | ProbeKind::ValidOutput => {
            let (answer, output) = (beside("ans"), beside("out"));
            Some(answer.zip(output)?)
        }
    };
    folders.check_args(&settings, findings);
    Some(Probe {
        kind,
        name: name.to_owned(),
        input: tree.files.get(&format!("data/{name}.in"))?.disk.clone(),
        checked,
        validator_args: settings.validator_args,
        input_args: settings.input_args,
    })
}
