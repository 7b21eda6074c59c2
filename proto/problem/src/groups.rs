//! Test groups: how each is graded, and the rules that hold between them.

use std::collections::BTreeMap;

use crate::diagnostic::Findings;
use crate::model::{
    Aggregation, FormatVersion, Grader, GraderScore, GraderVerdict, Grading, Group, StaticCheck,
};
use crate::score::Score;
use crate::settings::Folders;
use crate::yaml::Fields;

const KNOWN_GROUP: &str = "`max_score`, `score_aggregation`, `static_validation_score`, `static_validator_args`, \
                           `require_pass`, `args`, `input_validator_args`, `output_validator_args`, \
                           `input_visualizer_args`, `output_visualizer_args`, `full_feedback`";
const KNOWN_TESTDATA: &str = "`on_reject`, `grading`, `grader_flags`, `input_validator_flags`, \
                              `output_validator_flags`, `accept_score`, `reject_score`, `range`";
/// Largest `max_score`.
const MAX_SCORE: f64 = 1e9;

/// A `max_score`.
#[derive(Debug, Clone, Copy)]
enum Max {
    Unbounded,
    Of(Score),
}

/// A group as its own file describes it, before the others are known.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) grader: Grader,
    how: Option<Aggregation>,
    /// `None` when the file does not say.
    max: Option<Max>,
    require_pass: (Vec<String>, Option<u32>),
    static_check: Option<StaticCheck>,
    /// Lines of `max_score` and `static_validation_score`.
    lines: (Option<u32>, Option<u32>),
}

impl Draft {
    pub(crate) const fn has_static_check(&self) -> bool {
        self.static_check.is_some()
    }
}

/// Points of groups in units of `tribunal.yaml`. A bounded score is at most [`MAX_SCORE`] and a unit at least 1e-9,
/// so nothing of it is lost.
pub(crate) fn in_units(groups: &mut [Group], unit: Score) {
    let worth = |points: &mut Option<Score>| {
        if let Some(worth) = points.and_then(|points| points.times(unit)) {
            *points = Some(worth);
        }
    };
    for group in groups {
        if let Grading::Aggregate { max, .. } = &mut group.grading {
            worth(max);
        }
        if let Some(check) = &mut group.static_check {
            worth(&mut check.score);
        }
    }
}

/// Takes what 2025-09 says of a group's result.
pub(crate) fn aggregate(
    file: &str,
    mut fields: Fields<'_>,
    folders: &Folders<'_>,
    findings: &mut Findings,
) -> Draft {
    let mut draft = Draft::default();
    let version = folders.manifest.version;
    if version == FormatVersion::Draft2023_07
        && let Some(mut older) = fields.mapping("scoring", findings)
    {
        let message = "`scoring` is of an older draft; `max_score`, `score_aggregation` and `require_pass` are the newer keys";
        findings.warning(file, Some(older.line), message);
        take_keys(file, &mut older, ["score", "aggregation", "require_pass"], &mut draft, findings);
        older.finish(false, "`score`, `aggregation`, `require_pass`", findings);
    }
    let line = ["max_score", "score_aggregation", "require_pass"].iter().find_map(|k| fields.line_of(k));
    take_keys(file, &mut fields, ["max_score", "score_aggregation", "require_pass"], &mut draft, findings);
    let in_sample = file.starts_with("data/sample/");
    if let Some(line) = line
        && (in_sample || !folders.manifest.kind.scoring)
    {
        let keys = "`max_score`, `score_aggregation` and `require_pass`";
        if in_sample {
            findings.error(file, Some(line), format!("samples never score; {keys} are not permitted here"));
        } else {
            findings.warning(file, Some(line), format!("{keys} have no effect in a pass-fail problem"));
        }
        draft.require_pass.0.clear();
    }
    static_keys(file, &mut fields, folders, &mut draft, findings);
    fields.finish(version == FormatVersion::V2025_09, KNOWN_GROUP, findings);
    draft
}

fn take_keys(
    file: &str,
    fields: &mut Fields<'_>,
    [max, how, require]: [&str; 3],
    draft: &mut Draft,
    findings: &mut Findings,
) {
    draft.lines.0 = fields.line_of(max).or(draft.lines.0);
    if fields.is_text(max) {
        if let Some((word, line)) = fields.text(max, findings) {
            if word == "unbounded" {
                draft.max = Some(Max::Unbounded);
            } else {
                wrong_score(file, line, max, &word, findings);
            }
        }
    } else if let Some((value, text, line)) = fields.number(max, findings) {
        match Score::parse(&text) {
            Some(score) if (0.0..=MAX_SCORE).contains(&value) && value.fract() == 0.0 => {
                draft.max = Some(Max::Of(score));
            }
            _ => wrong_score(file, line, max, &text, findings),
        }
    }
    if let Some((word, line)) = fields.text(how, findings) {
        draft.how = match word.as_str() {
            "pass-fail" => Some(Aggregation::PassFail),
            "sum" => Some(Aggregation::Sum),
            "min" => Some(Aggregation::Min),
            other => {
                let shown: String = other.chars().take(60).collect();
                let message = format!("`{how}` is `{shown}`; `pass-fail`, `sum` or `min` is needed");
                findings.error(file, Some(line), message);
                None
            }
        };
    }
    if let Some((names, line)) = fields.words(require, findings) {
        draft.require_pass = (names, Some(line));
    }
}

fn wrong_score(file: &str, line: u32, key: &str, got: &str, findings: &mut Findings) {
    let shown: String = got.chars().take(60).collect();
    let want = "a whole number from 0 to 1000000000, or `unbounded`, is needed";
    findings.error(file, Some(line), format!("`{key}` is `{shown}`; {want}"));
}

fn static_keys(
    file: &str,
    fields: &mut Fields<'_>,
    folders: &Folders<'_>,
    draft: &mut Draft,
    findings: &mut Findings,
) {
    const SCORE: &str = "static_validation_score";
    const ARGS: &str = "static_validator_args";
    let args = fields.words(ARGS, findings);
    let Some(line) = fields.line_of(SCORE) else {
        if let Some((_, line)) = args {
            findings.error(file, Some(line), format!("`{ARGS}` means nothing without `{SCORE}`"));
        }
        return;
    };
    draft.lines.1 = Some(line);
    let score = if fields.is_text(SCORE) {
        match fields.text(SCORE, findings) {
            Some((word, _)) if word == "pass-fail" => None,
            _ => {
                let message =
                    format!("`{SCORE}` must be a whole number that is not negative, or `pass-fail`");
                return findings.error(file, Some(line), message);
            }
        }
    } else {
        match fields.number(SCORE, findings) {
            Some((value, text, _)) if (0.0..=MAX_SCORE).contains(&value) && value.fract() == 0.0 => {
                Score::parse(&text)
            }
            _ => {
                let message =
                    format!("`{SCORE}` must be a whole number that is not negative, or `pass-fail`");
                return findings.error(file, Some(line), message);
            }
        }
    };
    if folders.others.static_validator.is_none() {
        let message = format!("`{SCORE}` needs a program in static_validator/, and there is none");
        return findings.error(file, Some(line), message);
    }
    draft.static_check = Some(StaticCheck { score, args: args.map(|(words, _)| words).unwrap_or_default() });
}

/// Takes what legacy says of a group's result; what is not said stays as it is above.
pub(crate) fn grader(
    file: &str,
    mut fields: Fields<'_>,
    grader: &mut Grader,
    folders: &Folders<'_>,
    findings: &mut Findings,
) {
    if let Some((value, line)) = fields.text("grading", findings) {
        match value.as_str() {
            "default" => grader.custom = false,
            "custom" => {
                grader.custom = true;
                if folders.others.graders.is_empty() {
                    findings.error(file, Some(line), "`grading: custom` needs a program in graders/");
                }
            }
            _ => findings.error(file, Some(line), "`grading` must be `default` or `custom`"),
        }
    }
    if let Some((flags, line)) = fields.words("grader_flags", findings) {
        // The key is inherited whole: a group with flags of its own has none of those above it.
        let Grader { verdict, score, ignore_sample, accept_if_any_accepted, .. } = Grader::default();
        *grader = Grader { verdict, score, ignore_sample, accept_if_any_accepted, ..grader.clone() };
        let known = if grader.custom { &[][..] } else { &flags[..] };
        for flag in known {
            if !obey(flag, grader) {
                let shown: String = flag.chars().take(60).collect();
                let message =
                    format!("`grader_flags`: the default grader does not know `{shown}`; it is ignored");
                findings.warning(file, Some(line), message);
            }
        }
        grader.flags = flags;
    }
    if let Some((value, line)) = fields.text("on_reject", findings) {
        match value.as_str() {
            "break" => grader.stop_on_reject = true,
            "continue" => grader.stop_on_reject = false,
            _ => findings.error(file, Some(line), "`on_reject` must be `break` or `continue`"),
        }
        if value == "continue" && !folders.manifest.kind.scoring {
            let message = "`on_reject: continue`: the first case that fails decides all the same";
            findings.warning(file, Some(line), message);
        }
    }
    for key in ["accept_score", "reject_score"] {
        let Some((text, line)) = fields.text(key, findings) else { continue };
        match Score::parse(text.trim()) {
            Some(score) if key == "accept_score" => grader.accept_score = score,
            Some(score) => grader.reject_score = score,
            None => findings.error(file, Some(line), format!("`{key}` must be a number")),
        }
    }
    if let Some((words, line)) = fields.words("range", findings) {
        match range(&words) {
            Some((least, most)) => (grader.least, grader.most) = (least, most),
            None => findings.error(
                file,
                Some(line),
                "`range` must be two numbers, the smaller first, such as `0 100`",
            ),
        }
    }
    fields.finish(false, KNOWN_TESTDATA, findings);
}

fn obey(flag: &str, grader: &mut Grader) -> bool {
    match flag {
        "worst_error" => grader.verdict = GraderVerdict::WorstError,
        "first_error" => grader.verdict = GraderVerdict::FirstError,
        "always_accept" => grader.verdict = GraderVerdict::AlwaysAccept,
        "sum" => grader.score = GraderScore::Sum,
        "avg" => grader.score = GraderScore::Avg,
        "min" => grader.score = GraderScore::Min,
        "max" => grader.score = GraderScore::Max,
        "ignore_sample" => grader.ignore_sample = true,
        "accept_if_any_accepted" => grader.accept_if_any_accepted = true,
        _ => return false,
    }
    true
}

type Range = (Option<Score>, Option<Score>);

fn range(words: &[String]) -> Option<Range> {
    let [least, most] = words else { return None };
    let end = |word: &str, open: &[&str]| -> Option<Option<Score>> {
        if open.contains(&word.to_ascii_lowercase().as_str()) {
            Some(None)
        } else {
            Score::parse(word).map(Some)
        }
    };
    let least = end(least, &["-inf", "-infinity", "-.inf"])?;
    let most = end(most, &["inf", "+inf", "infinity", "+infinity", ".inf", "+.inf"])?;
    let ordered = least.zip(most).is_none_or(|(a, b)| a <= b);
    ordered.then_some((least, most))
}

/// Puts the drafts together, and holds them against each other.
pub(crate) fn build(drafts: &[Draft], folders: &Folders<'_>, findings: &mut Findings) -> Vec<Group> {
    let places: BTreeMap<String, usize> =
        drafts.iter().enumerate().map(|(i, draft)| (draft.name.clone(), i)).collect();
    let legacy = folders.graders();
    let mut groups = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let secret = draft.name == "secret";
        let grading = if legacy {
            Grading::Grader(draft.grader.clone())
        } else {
            let how = draft.how.unwrap_or(if secret { Aggregation::Sum } else { Aggregation::PassFail });
            let max = match draft.max {
                Some(Max::Of(score)) => Some(score),
                Some(Max::Unbounded) => None,
                None => secret.then_some(Score::whole(100)),
            };
            Grading::Aggregate { how, max }
        };
        let parent = draft.name.rsplit_once('/').and_then(|(above, _)| places.get(above).copied());
        groups.push(Group {
            name: draft.name.clone(),
            parent,
            cases: Vec::new(),
            require_pass: Vec::new(),
            grading,
            static_check: draft.static_check.clone(),
        });
    }
    if !legacy && folders.manifest.kind.scoring {
        for (i, draft) in drafts.iter().enumerate() {
            bounds(&mut groups, i, draft, folders.manifest.version, findings);
            require(&mut groups, i, draft, &places, findings);
        }
    }
    for (draft, group) in drafts.iter().zip(&groups) {
        let pass_fail = !folders.manifest.kind.scoring
            || group.name == "sample"
            || matches!(group.grading, Grading::Aggregate { how: Aggregation::PassFail, .. });
        if draft.static_check.as_ref().is_some_and(|check| check.score.is_none() != pass_fail) {
            let message =
                "`static_validation_score` is `pass-fail` in a pass-fail group and a number in any other";
            findings.error(&draft.file, draft.lines.1, message);
        }
    }
    groups
}

fn bounds(groups: &mut [Group], at: usize, draft: &Draft, version: FormatVersion, findings: &mut Findings) {
    let Grading::Aggregate { how, max } = groups[at].grading else { return };
    if draft.name == "sample" || draft.name.starts_with("sample/") {
        return;
    }
    let above = groups[at].parent.map(|p| groups[p].grading.clone());
    if let Some(Grading::Aggregate { how: outer, max: Some(_) }) = above {
        if max.is_none() && version == FormatVersion::Draft2023_07 {
            // The drafts left the sum of the groups unbounded.
            let top = groups.iter_mut().filter(|g| g.name == "secret");
            top.for_each(|g| g.grading = Grading::Aggregate { how: outer, max: None });
        } else if max.is_none() {
            let message = "`max_score` of the group is unbounded, so `max_score` of data/secret must be, too; give \
                           the group a `max_score`";
            return findings.error(&draft.file, draft.lines.0, message);
        }
        if outer == Aggregation::PassFail && how != Aggregation::PassFail {
            let message = "data/secret is `pass-fail`, so every group in it must be `pass-fail`";
            findings.error(&draft.file, draft.lines.0, message);
        }
    }
    if how == Aggregation::PassFail && max.is_none() {
        findings.error(&draft.file, draft.lines.0, "a `pass-fail` group needs a bounded `max_score`");
    }
    if let (Some(max), Some(StaticCheck { score: Some(part), .. })) = (max, &draft.static_check)
        && *part > max
    {
        findings.error(&draft.file, draft.lines.1, "`static_validation_score` is above `max_score`");
    }
}

fn require(
    groups: &mut [Group],
    at: usize,
    draft: &Draft,
    places: &BTreeMap<String, usize>,
    findings: &mut Findings,
) {
    let (names, line) = &draft.require_pass;
    for name in names {
        let shown: String = name.chars().take(60).collect();
        let name = name.strip_prefix("data/").unwrap_or(name);
        let found = places.get(name).or_else(|| places.get(&format!("secret/{name}"))).copied();
        let Some(other) = found else {
            let message = format!("`require_pass` names `{shown}`, and there is no such group");
            findings.error(&draft.file, *line, message);
            continue;
        };
        let is_sample = groups[other].name == "sample";
        let pass_fail =
            matches!(groups[other].grading, Grading::Aggregate { how: Aggregation::PassFail, .. });
        let why = if other >= at {
            "the group must come earlier in the order of names"
        } else if draft.name == "secret" && !is_sample {
            "data/secret may depend on `sample` only"
        } else if !is_sample && !pass_fail {
            "the group must have `score_aggregation: pass-fail`"
        } else {
            groups[at].require_pass.push(other);
            continue;
        };
        findings.error(&draft.file, *line, format!("`require_pass` names `{shown}`: {why}"));
    }
}
