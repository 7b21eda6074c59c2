//! Points and groups of a Polygon test set.
//!
//! A group whose policy is `complete-group` gives all or nothing; one of `each-test` gives each test's points,
//! which needs one group a test where they differ. A group of samples without points is just the samples.

use problem::score::Score;
use roxmltree::Node;

use super::{FILE, Source, test_set};
use crate::draft::{self, Draft, How, Need, Part};
use crate::{Log, xml};

/// A group as it is listed, or as its tests name it.
struct Group<'a, 'i> {
    name: &'a str,
    node: Option<Node<'a, 'i>>,
    cases: Vec<usize>,
}

pub(super) fn read(source: Source<'_, '_>, draft: &mut Draft, log: &mut Log) {
    let nodes = test_set::list(source.testset);
    let groups = groups(source, &nodes);
    let points: Vec<Score> = nodes.iter().map(|test| points_of(*test, log)).collect();
    let of_groups = groups.iter().any(|g| {
        g.node.and_then(|n| xml::attribute(n, "points")).is_some_and(|p| Score::parse(p) != Some(Score::ZERO))
    });
    if points.iter().all(|p| *p == Score::ZERO) && !of_groups {
        if !groups.is_empty() {
            log.change(
                FILE,
                None,
                "there are groups and no points: groups have no effect, every test has to be passed",
            );
        }
        return;
    }
    if source.pass_fail {
        draft.parts = Some(Vec::new());
        return;
    }
    if draft.cases.iter().zip(&points).any(|(case, p)| case.sample && *p != Score::ZERO) {
        log.change(FILE, None, "samples never score in a package; those with points are in the package twice, as a sample and as a secret test that gives them");
    }
    draft.parts = Some(if groups.is_empty() {
        ungrouped(&points, draft)
    } else {
        grouped(&groups, &nodes, &points, draft, log)
    });
}

/// Points of a test or of a group; none are zero.
fn points_of(test: Node<'_, '_>, log: &mut Log) -> Score {
    let Some(text) = xml::attribute(test, "points") else { return Score::ZERO };
    let score = draft::points(text);
    if score.is_none() {
        let shown: String = text.chars().take(40).collect();
        log.refuse(FILE, Some(xml::line(test)), format!("`points` is `{shown}`; {}", draft::POINTS));
    }
    score.unwrap_or(Score::ZERO)
}

fn groups<'a, 'i>(source: Source<'a, 'i>, nodes: &[Node<'a, 'i>]) -> Vec<Group<'a, 'i>> {
    let listed = xml::child(source.testset, "groups");
    let mut all: Vec<Group<'a, 'i>> = listed
        .into_iter()
        .flat_map(|groups| xml::children(groups, "group"))
        .filter_map(|node| {
            Some(Group { name: xml::attribute(node, "name")?, node: Some(node), cases: Vec::new() })
        })
        .collect();
    for (i, test) in nodes.iter().enumerate() {
        let Some(name) = xml::attribute(*test, "group") else { continue };
        match all.iter_mut().find(|group| group.name == name) {
            Some(group) => group.cases.push(i),
            None => all.push(Group { name, node: None, cases: vec![i] }),
        }
    }
    all
}

/// Points of tests alone: one group for all when they are equal, else one a test.
fn ungrouped(points: &[Score], draft: &Draft) -> Vec<Part> {
    let counted: Vec<usize> =
        (0..points.len()).filter(|i| points[*i] != Score::ZERO || !draft.cases[*i].sample).collect();
    if let Some(first) = counted.first()
        && counted.iter().all(|i| points[*i] == points[*first])
    {
        let total = counted.iter().try_fold(Score::ZERO, |all, i| all.plus(points[*i]));
        return vec![part("tests", total.unwrap_or(Score::ZERO), How::Each, counted.clone(), None)];
    }
    counted.iter().map(|i| part(&format!("test-{}", i + 1), points[*i], How::Least, vec![*i], None)).collect()
}

fn part(name: &str, points: Score, how: How, cases: Vec<usize>, line: Option<u32>) -> Part {
    Part { name: name.to_owned(), points, how, cases, needs: Vec::new(), line, input_args: Vec::new() }
}

fn grouped(
    groups: &[Group<'_, '_>],
    nodes: &[Node<'_, '_>],
    points: &[Score],
    draft: &Draft,
    log: &mut Log,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    // Of each group: the parts it became, and what stands for "all of it passed".
    let mut became: Vec<(Vec<usize>, Option<Need>)> = Vec::new();
    for group in groups {
        let line = group.node.map(xml::line);
        let from = parts.len();
        let sum =
            group.cases.iter().try_fold(Score::ZERO, |all, i| all.plus(points[*i])).unwrap_or(Score::ZERO);
        let named = group.node.map(|node| points_of(node, log));
        let total = named.filter(|p| *p != Score::ZERO).unwrap_or(sum);
        let only_samples = group.cases.iter().all(|i| draft.cases[*i].sample);
        let policy = group.node.and_then(|n| xml::attribute(n, "points-policy")).unwrap_or("each-test");
        let witness = if group.cases.is_empty() {
            log.change(FILE, line, format!("group `{}` has no test and is left out", group.name));
            None
        } else if only_samples && total == Score::ZERO {
            Some(Need::Samples)
        } else if policy == "complete-group" {
            parts.push(part(group.name, total, How::All, group.cases.clone(), line));
            Some(Need::Part(from))
        } else {
            if policy != "each-test" {
                let message = format!(
                    "group `{}` has the points policy `{policy}`; `complete-group` or `each-test` is needed",
                    group.name
                );
                log.refuse(FILE, line, message);
            }
            each(group, points, total, line, &mut parts);
            let splits = parts.len() - from > 1;
            if splits {
                log.change(
                    FILE,
                    line,
                    format!(
                        "the tests of group `{}` have different points, so each is a group of its own",
                        group.name
                    ),
                );
            }
            // Only added below when something needs it.
            (!splits).then_some(Need::Part(from))
        };
        if let Some(policy) = group.node.and_then(|n| xml::attribute(n, "feedback-policy")) {
            log.change(FILE, line, format!("feedback policy `{policy}` of group `{}` is left out: what contestants see is the judge's policy", group.name));
        }
        became.push(((from..parts.len()).collect(), witness));
    }
    dependencies(groups, &mut became, &mut parts, log);
    for (group, (made, _)) in groups.iter().zip(&became) {
        for at in made {
            parts[*at].input_args = vec!["--group".to_owned(), group.name.to_owned()];
        }
    }
    let lonely: Vec<usize> = (0..nodes.len())
        .filter(|i| {
            xml::attribute(nodes[*i], "group").is_none()
                && !(draft.cases[*i].sample && points[*i] == Score::ZERO)
        })
        .collect();
    for i in lonely {
        parts.push(part(
            &format!("test-{}", i + 1),
            points[i],
            How::Least,
            vec![i],
            Some(xml::line(nodes[i])),
        ));
    }
    parts
}

/// The parts of a group in which each test has its own points.
fn each(group: &Group<'_, '_>, points: &[Score], total: Score, line: Option<u32>, parts: &mut Vec<Part>) {
    let first = group.cases.first().map_or(Score::ZERO, |i| points[*i]);
    if group.cases.iter().all(|i| points[*i] == first) {
        parts.push(part(group.name, total, How::Each, group.cases.clone(), line));
        return;
    }
    for i in &group.cases {
        parts.push(part(&format!("{}-{}", group.name, i + 1), points[*i], How::Least, vec![*i], line));
    }
}

fn dependencies(
    groups: &[Group<'_, '_>],
    became: &mut [(Vec<usize>, Option<Need>)],
    parts: &mut Vec<Part>,
    log: &mut Log,
) {
    for at in 0..groups.len() {
        let Some(node) = groups[at].node else { continue };
        for dependency in
            xml::child(node, "dependencies").into_iter().flat_map(|d| xml::children(d, "dependency"))
        {
            let name = xml::attribute(dependency, "group").unwrap_or_default();
            let Some(other) = groups.iter().position(|group| group.name == name) else {
                let shown: String = name.chars().take(60).collect();
                log.refuse(
                    FILE,
                    Some(xml::line(dependency)),
                    format!("group `{}` depends on `{shown}`, which is no group", groups[at].name),
                );
                continue;
            };
            if became[other].1.is_none() && !groups[other].cases.is_empty() {
                let whole = part(
                    &format!("{name}-all"),
                    Score::ZERO,
                    How::All,
                    groups[other].cases.clone(),
                    Some(xml::line(dependency)),
                );
                log.change(FILE, Some(xml::line(dependency)), format!("group `{name}` is in the package twice: with its points, and, worth nothing, as the condition that all of it passes"));
                became[other].1 = Some(Need::Part(parts.len()));
                parts.push(whole);
            }
            let Some(need) = became[other].1 else { continue };
            for made in became[at].0.clone() {
                if !parts[made].needs.contains(&need) {
                    parts[made].needs.push(need);
                }
            }
        }
    }
}
