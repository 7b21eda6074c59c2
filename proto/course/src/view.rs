//! The student's view of a report: what the harness lets be seen at a stage, and nothing from which the rest
//! could be worked out.

use proto::graded::Shown;

use crate::report::{Report, Status, Visibility};

/// Where the assignment stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Submissions are still taken.
    #[default]
    BeforeDueDate,
    /// The due date has passed.
    AfterDueDate,
    /// Grades are published.
    Published,
}

impl std::str::FromStr for Stage {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "before-due-date" => Ok(Stage::BeforeDueDate),
            "after-due-date" => Ok(Stage::AfterDueDate),
            "published" => Ok(Stage::Published),
            other => Err(format!("`{other}` is no stage: before-due-date, after-due-date or published")),
        }
    }
}

/// Whether a student sees what is `visible` so at `stage`.
const fn shows(visible: Visibility, stage: Stage) -> bool {
    match visible {
        Visibility::Visible => true,
        Visibility::AfterDueDate => matches!(stage, Stage::AfterDueDate | Stage::Published),
        Visibility::AfterPublished => matches!(stage, Stage::Published),
        Visibility::Hidden => false,
    }
}

/// What the student sees of `report` at `stage`.
///
/// A test's own word takes the place of the one on all of it, both ways (Gradescope's specification, "Controlling Test
/// Case Visibility": a test that tells whether the program compiles may be visible before the due date, the rest
/// after it). While any test is out of sight there is no total: the difference to the sum of the others would tell it.
pub fn shown(report: &Report, stage: Stage) -> Shown {
    let output = shows(report.visibility, stage);
    let tests = (0..).zip(&report.tests).filter(|(_, test)| shows(test.visibility, stage));
    let tests: Vec<u32> = tests.map(|(place, _)| place).collect();
    let total = output && tests.len() == report.tests.len();
    Shown { tests, total, output, stdout: shows(report.stdout_visibility, stage) }
}

/// `report` as the student sees it at `stage`: what is [`shown`], and nothing that may quote the rest.
pub fn as_student(report: &Report, stage: Stage) -> Report {
    let shown = shown(report, stage);
    let mut view = report.clone();
    let mut place = 0..;
    view.tests.retain(|_| place.next().is_some_and(|n: u32| shown.tests.contains(&n)));
    for test in &mut view.tests {
        test.extra_data = None;
        if test.not_reported.is_some() {
            test.not_reported.clone_from(&report.feedback);
        }
    }
    if !shown.total {
        view.score = None;
        view.max_score = None;
        view.leaderboard = None;
    }
    if !shown.output {
        view.output = None;
        view.output_truncated = false;
        view.output_format = None;
    }
    if !shown.stdout {
        view.stdout = String::new();
        view.stdout_truncated = false;
    }
    // Reasons and diagnostics may quote tests; an exit status may be the number of failed ones.
    view.reason = report.feedback.clone().filter(|_| report.status != Status::Graded);
    view.diagnostics = Vec::new();
    view.extra_data = None;
    view.exit_code = None;
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TestResult;
    use problem::score::Score;

    fn report(visibilities: &[Visibility]) -> Report {
        let test = |(n, v): (usize, &Visibility)| TestResult {
            name: format!("t{n}"),
            score: Some(Score::ONE),
            max_score: Some(Score::whole(2)),
            visibility: *v,
            extra_data: Some("secret".into()),
            not_reported: Some("secret".into()),
            ..TestResult::default()
        };
        let mut report = Report::empty(Status::Partial, "secret: t1 wants 42", "time limit exceeded");
        report.tests = visibilities.iter().enumerate().map(test).collect();
        report.score = Some(Score::whole(3));
        report.stdout = "secret".into();
        report.diagnostics.push(crate::Finding { place: "secret".into(), message: "secret".into() });
        report.extra_data = Some("secret".into());
        report
    }

    #[test]
    fn a_student_sees_each_test_from_its_stage_on_and_no_total_before_he_sees_all() {
        use Visibility::{AfterDueDate, AfterPublished, Visible};
        let all = report(&[Visible, AfterDueDate, AfterPublished]);
        for (stage, seen, total) in
            [(Stage::BeforeDueDate, 1, false), (Stage::AfterDueDate, 2, false), (Stage::Published, 3, true)]
        {
            let view = as_student(&all, stage);
            assert_eq!((view.tests.len(), view.score.is_some()), (seen, total), "{stage:?}");
        }
        let with_hidden = as_student(&report(&[Visible, Visibility::Hidden]), Stage::Published);
        assert_eq!((with_hidden.tests.len(), with_hidden.score), (1, None));
    }

    #[test]
    fn a_tests_own_word_on_who_sees_it_takes_the_place_of_the_one_on_all() {
        use Visibility::{AfterDueDate, Hidden, Visible};
        let mut compiles_first = report(&[Visible, AfterDueDate, Hidden]);
        (compiles_first.visibility, compiles_first.output) = (AfterDueDate, Some("all".into()));
        let before = as_student(&compiles_first, Stage::BeforeDueDate);
        assert_eq!((before.tests.len(), before.tests[0].name.as_str()), (1, "t0"));
        assert!(before.output.is_none() && before.score.is_none(), "{before:?}");
        let after = as_student(&compiles_first, Stage::AfterDueDate);
        assert_eq!((after.tests.len(), after.output.as_deref(), after.score), (2, Some("all"), None));
        // With every test in sight the total is out of it all the same while the word on all is.
        let mut in_sight = report(&[Visible]);
        in_sight.visibility = AfterDueDate;
        let before = as_student(&in_sight, Stage::BeforeDueDate);
        assert_eq!((before.tests.len(), before.score), (1, None));
    }

    #[test]
    fn nothing_meant_for_staff_reaches_a_student() {
        for stage in [Stage::BeforeDueDate, Stage::AfterDueDate, Stage::Published] {
            let view = as_student(&report(&[Visibility::Visible, Visibility::Hidden]), stage);
            let text = serde_json::to_string(&view).unwrap();
            assert!(!text.contains("secret"), "{text}");
            assert_eq!(view.reason.as_deref(), Some("time limit exceeded"));
        }
    }

    #[test]
    fn results_hidden_as_a_whole_show_nothing() {
        let mut hidden = report(&[Visibility::AfterPublished]);
        hidden.visibility = Visibility::AfterPublished;
        hidden.output = Some("text".into());
        let view = as_student(&hidden, Stage::AfterDueDate);
        assert!(view.tests.is_empty() && view.score.is_none() && view.output.is_none());
        assert!(as_student(&hidden, Stage::Published).score.is_some());
    }
}
