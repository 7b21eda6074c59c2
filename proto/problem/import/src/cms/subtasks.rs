//! How the tests of a CMS task make its score: `gen/GEN`, or `score_type` with its parameters.

use std::collections::BTreeSet;

use problem::score::Score;
use problem::tree::Tree;
use problem::yaml::{Fields, Node, Value};

use super::{FILE, MAX_TESTS, programs::Deciding};
use crate::draft::{How, POINTS, Part, points as score};
use crate::{Log, Options, pattern};

const GEN: &str = "gen/GEN";
/// Largest GEN read.
const MAX_GEN: u64 = 4 << 20;

/// What was found.
pub(super) struct Layout {
    pub(super) tests: u64,
    pub(super) parts: Vec<Part>,
}

/// Points and tests of a subtask, and where it stands.
type Subtask = (Score, u64, Option<u32>);

pub(super) fn read(
    tree: &Tree,
    top: &mut Fields<'_>,
    deciding: Deciding,
    options: &Options,
    log: &mut Log,
) -> Option<Layout> {
    let claimed = top.whole("n_input", "tests", u32::MAX, &mut log.findings);
    let total = total(top, log);
    let explicit = explicit(top, log);
    let (gen_subtasks, gen_tests) = match tree.text(GEN, MAX_GEN, &mut log.findings) {
        Some(text) => of_gen(&text, log)?,
        None => (Vec::new(), None),
    };
    let Some(tests) = gen_tests.or(claimed) else {
        log.refuse(FILE, None, "`n_input` is missing, and there is no gen/GEN to count the tests by");
        return None;
    };
    if claimed.is_some_and(|claimed| claimed != tests) {
        log.refuse(
            FILE,
            None,
            format!("`n_input` is {}, and {GEN} lists {tests} tests", claimed.unwrap_or_default()),
        );
        return None;
    }
    if tests > MAX_TESTS {
        log.refuse(FILE, None, format!("there are {tests} tests; at most {MAX_TESTS} are possible"));
        return None;
    }
    let parts = match explicit {
        None if gen_subtasks.is_empty() => vec![sum(tests, total)],
        None => groups(&gen_subtasks, How::Least),
        Some((kind, line, parameters)) => by_type(&kind, line, &parameters, tests, deciding, log)?,
    };
    if !options.pass_fail && deciding == Deciding::Parts {
        log.change(
            FILE,
            None,
            "the program's outcome between 0 and 1 is the part of the points it gives, to nine places",
        );
    }
    Some(Layout { tests, parts })
}

/// `total_value`, which the tests share where there are no subtasks; 100 when it is not there.
fn total(top: &mut Fields<'_>, log: &mut Log) -> Score {
    let Some((_, text, line)) = top.number("total_value", &mut log.findings) else {
        return Score::whole(100);
    };
    score(&text).unwrap_or_else(|| {
        log.refuse(FILE, Some(line), format!("`total_value` is `{text}`; {POINTS}"));
        Score::whole(100)
    })
}

/// `score_type`, its line, and its parameters. One without the other counts for nothing, here and in CMS.
fn explicit(top: &mut Fields<'_>, log: &mut Log) -> Option<(String, u32, Node)> {
    let kind = top.text("score_type", &mut log.findings);
    let parameters = top.take("score_type_parameters");
    let (there, missing, line) = match (kind, parameters) {
        (Some((kind, line)), Some(parameters)) => return Some((kind, line, parameters)),
        (Some((_, line)), None) => ("score_type", "score_type_parameters", line),
        (None, Some(parameters)) => ("score_type_parameters", "score_type", parameters.line),
        (None, None) => return None,
    };
    let message = format!(
        "`{there}` is left out, because `{missing}` is not beside it: without both, {GEN} counts, or the tests share \
         `total_value`, as in CMS"
    );
    log.change(FILE, Some(line), message);
    None
}

fn sum(tests: u64, total: Score) -> Part {
    part("tests", total, How::Each, (0..tests as usize).collect(), None)
}

fn part(name: &str, points: Score, how: How, cases: Vec<usize>, line: Option<u32>) -> Part {
    Part { name: name.to_owned(), points, how, cases, needs: Vec::new(), line, input_args: Vec::new() }
}

fn groups(subtasks: &[Subtask], how: How) -> Vec<Part> {
    let mut from = 0usize;
    let mut parts = Vec::new();
    for (i, (points, tests, line)) in subtasks.iter().enumerate() {
        let to = from + *tests as usize;
        parts.push(part(&format!("subtask-{i}"), *points, how, (from..to).collect(), *line));
        from = to;
    }
    parts
}

/// Lines of GEN: a test each, `# ST: points` begins a subtask, `#COPY: file` is a test too.
fn of_gen(text: &str, log: &mut Log) -> Option<(Vec<Subtask>, Option<u64>)> {
    let (mut subtasks, mut tests): (Vec<Subtask>, u64) = (Vec::new(), 0);
    for (i, line) in text.lines().enumerate() {
        let at = i as u32 + 1;
        let (test, comment) = line.split_once('#').unwrap_or((line, ""));
        let (test, comment) = (test.trim(), comment.trim());
        let is_test = !test.is_empty() || comment.starts_with("COPY:");
        if let Some(points) = comment.strip_prefix("ST:") {
            if is_test {
                log.refuse(GEN, Some(at), "a test and the begin of a subtask stand in one line");
                return None;
            }
            let Some(points) = score(points.trim()) else {
                log.refuse(GEN, Some(at), "`# ST:` is followed by points, such as `# ST: 20`");
                return None;
            };
            if subtasks.is_empty() && tests > 0 {
                log.refuse(GEN, Some(at), "tests stand before the first subtask");
                return None;
            }
            subtasks.push((points, 0, Some(at)));
        } else if is_test {
            if test.is_empty() == comment.starts_with("COPY:") {
                tests += 1;
                if let Some((_, count, _)) = subtasks.last_mut() {
                    *count += 1;
                }
            } else {
                log.refuse(GEN, Some(at), "a test and `COPY:` stand in one line");
                return None;
            }
        }
    }
    Some((subtasks, Some(tests)))
}

fn by_type(
    kind: &str,
    line: u32,
    parameters: &Node,
    tests: u64,
    deciding: Deciding,
    log: &mut Log,
) -> Option<Vec<Part>> {
    match kind {
        "Sum" => {
            let value = crate::dmoj::scalar(&parameters.value).and_then(|text| score(&text));
            let Some(value) = value else {
                log.refuse(
                    FILE,
                    Some(line),
                    "`score_type: Sum` needs `score_type_parameters`, the points of one test",
                );
                return None;
            };
            let total = (0..tests).try_fold(Score::ZERO, |all, _| all.plus(value))?;
            Some(vec![sum(tests, total)])
        }
        "GroupMin" => listed(parameters, line, tests, log),
        "GroupMul" if deciding == Deciding::WholeOnly => {
            log.change(FILE, Some(line), "`GroupMul` becomes the least of a group: outcomes are only 0 and 1 here, so the product is the least");
            listed(parameters, line, tests, log)
        }
        "GroupMul" => {
            log.refuse(FILE, Some(line), "`GroupMul` multiplies outcomes, which can be parts of one here; a package has the sum and the least only. Use `GroupMin` if that is meant");
            None
        }
        other => {
            let shown: String = other.chars().take(40).collect();
            log.refuse(FILE, Some(line), format!("`score_type` is `{shown}`; Sum, GroupMin and GroupMul (with outcomes 0 and 1) are carried over"));
            None
        }
    }
}

/// The subtasks of `score_type_parameters`, each worth the least of its tests: `[points, number of tests]` one after
/// the other, or `[points, pattern]` over the tests' names, which are their numbers with three places.
fn listed(parameters: &Node, line: u32, tests: u64, log: &mut Log) -> Option<Vec<Part>> {
    if let Some(patterns) = patterns(parameters) {
        return Some(named(&patterns, tests, log));
    }
    let Some(subtasks) = pairs(parameters) else {
        let message = "`score_type_parameters` is neither a list of `[points, number of tests]` nor one of \
                       `[points, pattern over the tests' names]`";
        log.refuse(FILE, Some(line), message);
        return None;
    };
    // Before anything is made of them: a list may claim more tests than there is memory for.
    let counted: u64 = subtasks.iter().map(|(_, tests, _)| *tests).sum();
    if counted != tests {
        let message = format!("the subtasks have {counted} tests, and there are {tests}");
        log.refuse(FILE, Some(line), message);
        return None;
    }
    Some(groups(&subtasks, How::Least))
}

/// Most subtasks by patterns: each looks at every test.
const MAX_PATTERNS: usize = 1000;

fn named(patterns: &[(Score, String, u32)], tests: u64, log: &mut Log) -> Vec<Part> {
    let mut parts = Vec::new();
    for (i, (points, text, line)) in patterns.iter().enumerate() {
        let shown: String = text.chars().take(60).collect();
        let Some(regex) = pattern::python(text, false) else {
            let message = format!("`{shown}` is no pattern that can be used: {}", pattern::USABLE);
            log.refuse(FILE, Some(*line), message);
            continue;
        };
        let cases: Vec<usize> =
            (0..tests as usize).filter(|test| regex.is_match(&format!("{test:03}"))).collect();
        if cases.is_empty() {
            let last = tests.saturating_sub(1);
            let message = format!("`{shown}` fits no test's name; those are 000 to {last:03}");
            log.refuse(FILE, Some(*line), message);
        }
        parts.push(part(&format!("subtask-{i}"), *points, How::Least, cases, Some(*line)));
    }
    let taken: BTreeSet<usize> = parts.iter().flat_map(|part| part.cases.iter().copied()).collect();
    let left: Vec<String> =
        (0..tests as usize).filter(|test| !taken.contains(test)).map(|test| format!("{test:03}")).collect();
    if !left.is_empty() {
        let shown = left.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
        let more = if left.len() > 10 { ", and others" } else { "" };
        log.change(FILE, None, format!("tests that are in no subtask are left out: {shown}{more}"));
    }
    parts
}

fn patterns(node: &Node) -> Option<Vec<(Score, String, u32)>> {
    let Value::List(items) = &node.value else { return None };
    let one = |item: &Node| {
        let Value::List(pair) = &item.value else { return None };
        let [Node { value: Value::Number(_, points), .. }, Node { value: Value::Text(pattern), .. }, ..] =
            &pair[..]
        else {
            return None;
        };
        Some((score(points)?, pattern.clone(), item.line))
    };
    items
        .iter()
        .map(one)
        .collect::<Option<Vec<_>>>()
        .filter(|all| !all.is_empty() && all.len() <= MAX_PATTERNS)
}

fn pairs(node: &Node) -> Option<Vec<Subtask>> {
    let Value::List(items) = &node.value else { return None };
    items
        .iter()
        .map(|item| {
            let Value::List(pair) = &item.value else { return None };
            let [
                Node { value: Value::Number(_, points), .. },
                Node { value: Value::Number(tests, _), .. },
                ..,
            ] = &pair[..]
            else {
                return None;
            };
            let whole = tests.fract() == 0.0 && (0.0..=MAX_TESTS as f64).contains(tests);
            whole.then_some((score(points)?, *tests as u64, Some(item.line)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gen_of(text: &str) -> (Option<Vec<(String, u64)>>, Log) {
        let mut log = Log::default();
        let read = of_gen(text, &mut log).map(|(subtasks, _)| {
            subtasks.into_iter().map(|(points, tests, _)| (points.to_string(), tests)).collect()
        });
        (read, log)
    }

    #[test]
    fn gen_names_subtasks_and_counts_their_tests() {
        let text = "# a comment\n# ST: 0\n#COPY: a.txt\n\n#ST: 100\n1 2 # small\n3 4\n";
        let (read, _) = gen_of(text);
        assert_eq!(read.unwrap(), [("0".to_owned(), 1), ("100".to_owned(), 2)]);
    }

    #[test]
    fn lines_that_mean_two_things_are_refused_with_their_number() {
        for (text, line) in
            [("1 2\n# ST: 10\n", 2), ("1 # ST: 10\n", 1), ("# ST: many\n", 1), ("1 # COPY: x\n", 1)]
        {
            let (read, log) = gen_of(text);
            assert!(read.is_none(), "{text}");
            assert_eq!(log.findings.list[0].line, Some(line), "{text}");
        }
    }
}
