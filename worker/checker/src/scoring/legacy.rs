//! Legacy graders, as the format's default grader has them: verdicts and scores of what is inside, combined.

use problem::model::{Grader, GraderScore, GraderVerdict};
use problem::score::Score;
use proto::verdict::Verdict;

use super::{Decided, Given, Mark, Scorer, Trouble, sum, too_fine, word};
use crate::grader::{Asked, Grades};
use crate::policy::Policy;

/// The score of one case: what its validator gave, else the group's for its kind.
pub(super) fn case(grader: &Grader, decided: Decided) -> Result<Score, String> {
    match (decided.verdict.passes(), decided.given) {
        (true, Given::Nothing) => Ok(grader.accept_score),
        (true, Given::Score(score)) => Ok(score),
        (true, Given::Multiplier(part)) => part.times(grader.accept_score).ok_or_else(too_fine),
        (false, Given::Nothing) => Ok(grader.reject_score),
        (false, _) => Err("the validator gave a score for an output it did not accept".to_owned()),
    }
}

pub(super) fn group(
    scorer: &Scorer<'_>,
    at: usize,
    grader: &Grader,
    cases: &[Decided],
    marks: &[Mark],
    grades: &Grades,
) -> Result<Mark, Trouble> {
    let group = &scorer.problem.groups[at];
    let mut items = Vec::new();
    for i in &group.cases {
        if cases[*i].verdict != Verdict::SK {
            items.push((*i, Mark { verdict: cases[*i].verdict, score: case(grader, cases[*i])? }));
        }
    }
    for inner in (0..marks.len()).filter(|i| scorer.problem.groups[*i].parent == Some(at)) {
        if marks[inner].verdict != Verdict::SK {
            items.push((first_case(scorer, inner), marks[inner]));
        }
    }
    items.sort_by_key(|(order, _)| *order);
    grade(grader, &items.into_iter().map(|(_, mark)| mark).collect::<Vec<_>>(), grades)
}

/// Sample and secret together.
pub(super) fn whole(
    scorer: &Scorer<'_>,
    root: &Grader,
    marks: &[Mark],
    grades: &Grades,
) -> Result<Mark, Trouble> {
    let tops = scorer.problem.groups.iter().zip(marks).filter(|(group, mark)| {
        let left_out = root.ignore_sample && group.name == "sample";
        group.parent.is_none() && mark.verdict != Verdict::SK && !left_out
    });
    let mark = grade(root, &tops.map(|(_, mark)| *mark).collect::<Vec<_>>(), grades)?;
    if !scorer.scores() {
        return Ok(mark);
    }
    let full = mark.verdict.passes() && root.most.is_none_or(|most| mark.score == most);
    Ok(Mark { verdict: word(full, mark.score, mark.verdict), score: mark.score })
}

fn grade(grader: &Grader, items: &[Mark], grades: &Grades) -> Result<Mark, Trouble> {
    if items.is_empty() {
        return Ok(Mark { verdict: Verdict::SK, score: Score::ZERO });
    }
    if grader.custom {
        return ask(grader, items, grades);
    }
    let verdicts = || items.iter().map(|mark| mark.verdict);
    let any = grader.accept_if_any_accepted && verdicts().any(Verdict::passes);
    let verdict = match grader.verdict {
        GraderVerdict::AlwaysAccept => Some(Verdict::AC),
        _ if any => Some(Verdict::AC),
        GraderVerdict::FirstError => Policy::All.verdict(verdicts()),
        GraderVerdict::WorstError => Policy::Worst.verdict(verdicts()),
    };
    let scores: Vec<Score> = items.iter().map(|mark| mark.score).collect();
    let score = match grader.score {
        GraderScore::Sum => sum(&scores)?,
        GraderScore::Avg => sum(&scores)?.shared(scores.len()).ok_or_else(too_fine)?,
        GraderScore::Min => scores.into_iter().min().unwrap_or(Score::ZERO),
        GraderScore::Max => scores.into_iter().max().unwrap_or(Score::ZERO),
    };
    within_range(grader, score)?;
    Ok(Mark { verdict: verdict.unwrap_or(Verdict::SK), score })
}

/// The word of the package's own grader; the score of what it does not accept is ignored.
fn ask(grader: &Grader, items: &[Mark], grades: &Grades) -> Result<Mark, Trouble> {
    let asked = Asked::new(&grader.flags, items.iter().map(|mark| (mark.verdict, mark.score)));
    let Some(word) = grades.get(&asked) else { return Err(Trouble::Ask(asked)) };
    let (verdict, score) = word.clone()?;
    if !verdict.passes() {
        return Ok(Mark { verdict, score: Score::ZERO });
    }
    within_range(grader, score)?;
    Ok(Mark { verdict, score })
}

fn within_range(grader: &Grader, score: Score) -> Result<(), String> {
    let below = grader.least.is_some_and(|least| score < least);
    if below || grader.most.is_some_and(|most| score > most) {
        let end = |end: Option<Score>| end.map_or_else(|| "any".to_owned(), |score| score.to_string());
        let (least, most) = (end(grader.least), end(grader.most));
        return Err(format!("its score is {score}; `range` allows {least} to {most}"));
    }
    Ok(())
}

/// Where a group stands among the cases beside it.
fn first_case(scorer: &Scorer<'_>, group: usize) -> usize {
    let all = 0..scorer.problem.cases.len();
    all.into_iter().find(|i| scorer.within(scorer.group_of[*i], group)).unwrap_or(usize::MAX)
}
