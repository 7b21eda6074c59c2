//! A report as a judgement, the form in which results are stored, sent and shown.
//!
//! A harness gives points, not verdicts: a submission that it graded is `OK`, whatever the points, so that the
//! verdict tells nobody what hidden tests gave. One that it could not grade to the end has the verdict of how the
//! harness's box ended, and `WA` where that ended without a word of its own (a submission may have ended it).

use checker::Classified;
use proto::graded::{Graded, GradedTest};
use proto::id::Digest;
use proto::limits::Limits;
use proto::report::{Judgement, TestReport};
use proto::verdict::Verdict;

use crate::bundle::Bundle;
use crate::report::{Report, Status, TestResult};
use crate::view::{Stage, shown};

/// Longest text of one test, in bytes of JSON (a control character is six there), as of outputs elsewhere.
const TEXT_MAX: usize = 64 << 10;
/// Texts of all tests together, in the same bytes.
const TEXTS_MAX: usize = 1 << 20;
/// All tests together as JSON: with everything else, 0.6 MiB at most, they fit into one queue message
/// ([`MESSAGE_MAX`](proto::job::MESSAGE_MAX)). A report that does not would end as an SE.
const TESTS_MAX: usize = (3 << 20) + (256 << 10);
/// Note on a judgement some of whose texts were cut.
const TRUNCATED: &str = "graded_output_truncated";
/// Note on a judgement that does not list all tests; its points are those of all of them.
const TESTS_TRUNCATED: &str = "graded_tests_truncated";

/// Note on a judgement whose results the submission could have written itself: it ran in the harness's own box.
pub const SHARED_BOX: &str = "shared_box";

/// The judgement that `report` is. `ended`: how the harness's box ended, where there was one.
pub fn judgement(
    bundle: &Bundle,
    report: &Report,
    ended: Option<&Classified>,
    limits: &Limits,
    image: Option<(Digest, &str)>,
) -> Judgement {
    let cause = ended.and_then(|ended| ended.verdict).unwrap_or(Verdict::WA);
    let verdict = match report.status {
        Status::Graded => Verdict::OK,
        Status::Partial | Status::Failed => cause,
        Status::Ungradable => Verdict::JE,
        Status::Error => Verdict::SE,
    };
    let text = |score: Option<problem::score::Score>| score.map(|score| score.to_string());
    let mut room = Room::new();
    let mut judgement = Judgement::system_error("", String::new());
    judgement.verdict = verdict;
    judgement.reason = report.reason.as_deref().map(|text| room.take(text));
    judgement.score = text(report.score);
    judgement.max_score = text(report.max_score);
    judgement.limits = Some(limits.clone());
    if let Some((digest, kind)) = image {
        (judgement.image, judgement.image_kind) = (Some(digest), Some(kind.to_owned()));
    }
    judgement.timing.run_ms = report.wall_time_ms.unwrap_or_default();
    let output = report.output.as_deref().map(|text| room.take(text));
    let output_truncated =
        report.output_truncated || length(output.as_ref()) < length(report.output.as_ref());
    judgement.graded = Some(Box::new(Graded {
        format: bundle.format.to_owned(),
        separate: bundle.separate,
        status: report.status,
        feedback: Some(&report.feedback)
            .filter(|_| report.status != Status::Graded)
            .and_then(|text| text.as_deref().map(|text| room.take(text))),
        output,
        output_truncated,
        output_format: report.output_format.clone(),
        stdout: room.take(&report.stdout),
        stdout_truncated: report.stdout_truncated,
        cpu_time_ms: report.cpu_time_ms,
        wall_time_ms: report.wall_time_ms,
        memory_bytes: report.memory_bytes,
        diagnostics: report.diagnostics.iter().map(|f| format!("{}: {}", f.place, f.message)).collect(),
        shown: Some(shown(report, Stage::BeforeDueDate)),
    }));
    let mut left = TESTS_MAX;
    for result in &report.tests {
        let test = test(result, report.feedback.as_deref(), cause, &mut room);
        let size = serde_json::to_vec(&test).map_or(usize::MAX, |text| text.len() + 1);
        let Some(rest) = left.checked_sub(size) else {
            judgement.notes.push(TESTS_TRUNCATED.to_owned());
            break;
        };
        left = rest;
        judgement.tests.push(test);
    }
    if report.shared_box {
        judgement.notes.push(SHARED_BOX.to_owned());
    }
    if room.cut {
        judgement.notes.push(TRUNCATED.to_owned());
    }
    judgement
}

/// One test. Of one that was not reported `feedback` says why to the student, and `cause` is where the run ended.
pub(crate) fn test(
    result: &TestResult,
    feedback: Option<&str>,
    cause: Verdict,
    room: &mut Room,
) -> TestReport {
    let missing = result.not_reported.is_some();
    let verdict = match result.status.as_deref() {
        // It stands where the run ended.
        _ if missing => cause,
        Some("passed") => Verdict::AC,
        Some(_) => Verdict::WA,
        None => Verdict::OK,
    };
    let reason = result.not_reported.as_deref().map(|text| room.take(text));
    let mut test = TestReport::not_run(&result.name, "", verdict, reason);
    test.score = result.score.map(|score| score.to_string());
    test.max_score = result.max_score.map(|score| score.to_string());
    test.feedback = if missing { feedback } else { result.output.as_deref() }.map(|text| room.take(text));
    let output_truncated = !missing
        && (result.output_truncated || length(test.feedback.as_ref()) < length(result.output.as_ref()));
    test.graded = Some(Box::new(GradedTest {
        number: result.number.clone(),
        status: result.status.clone(),
        visibility: result.visibility,
        output_format: result.output_format.clone(),
        tags: result.tags.clone(),
        not_reported: missing,
        output_truncated,
    }));
    test
}

fn length(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

/// How much text may still be taken over, in bytes of JSON.
#[derive(Debug)]
pub(crate) struct Room {
    left: usize,
    cut: bool,
}

impl Room {
    /// For the texts of all tests of a submission.
    pub(crate) fn new() -> Self {
        Self { left: TEXTS_MAX, cut: false }
    }

    fn take(&mut self, text: &str) -> String {
        let most = TEXT_MAX.min(self.left);
        let (mut end, mut taken) = (0, 0);
        for c in text.chars() {
            let size = written(c);
            if taken + size > most {
                break;
            }
            (end, taken) = (end + c.len_utf8(), taken + size);
        }
        self.cut |= end < text.len();
        self.left -= taken;
        text[..end].to_owned()
    }
}

/// Bytes of a character in a JSON string as `serde_json` writes it (RFC 8259 section 7).
const fn written(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Visibility;
    use problem::score::Score;

    fn made(report: &Report, verdict: Option<Verdict>) -> Judgement {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("run_autograder"), "#!/bin/sh\n").unwrap();
        let bundle = Bundle::read(dir.path()).unwrap();
        let limits = Bundle::default_limits();
        let ended = Classified {
            verdict,
            reason: None,
            feedback: None,
            limit_hit: None,
            notes: Vec::new(),
            exit_code: None,
            signal: None,
        };
        judgement(&bundle, report, Some(&ended), &limits, None)
    }

    fn report(status: Status) -> Report {
        let mut report = Report::empty(status, "SECRET", "not to the end");
        report.score = Some(Score::ONE);
        let test = |name: &str, visibility| TestResult {
            name: name.to_owned(),
            status: Some("passed".to_owned()),
            score: Some(Score::ONE),
            output: Some(name.repeat(20_000)),
            visibility,
            ..TestResult::default()
        };
        report.tests = vec![test("open", Visibility::Visible), test("SECRET", Visibility::Hidden)];
        report
    }

    #[test]
    fn points_are_no_verdict_and_what_ended_the_harness_is() {
        assert_eq!(made(&report(Status::Graded), Some(Verdict::RTE)).verdict, Verdict::OK);
        assert_eq!(made(&report(Status::Ungradable), None).verdict, Verdict::JE);
        assert_eq!(made(&report(Status::Failed), None).verdict, Verdict::WA);
        let mut late = report(Status::Partial);
        late.tests[0].not_reported = Some("SECRET".to_owned());
        let late = made(&late, Some(Verdict::ILE));
        assert_eq!((late.verdict, late.tests[0].verdict, late.tests[1].verdict), {
            (Verdict::ILE, Verdict::ILE, Verdict::AC)
        });
        assert_eq!(late.tests[0].feedback.as_deref(), Some("not to the end"));
        assert!(!serde_json::to_string(&late.for_contestant()).unwrap().contains("SECRET"));
    }

    #[test]
    fn whatever_a_harness_reports_fits_into_one_queue_message() {
        for c in [
            'a',
            '"',
            '\\',
            '\n',
            '\r',
            '\t',
            '\u{8}',
            '\u{c}',
            '\0',
            '\u{1f}',
            '\u{7f}',
            '\u{2028}',
            '\u{1f600}',
        ] {
            assert_eq!(serde_json::to_string(&c.to_string()).unwrap().len() - 2, written(c), "{c:?}");
        }
        let mut flood = report(Status::Partial);
        let wide = "\u{1f600}".repeat(200);
        flood.reason = Some("\u{1}".repeat(64 << 10));
        flood.feedback = flood.reason.clone();
        (flood.output, flood.stdout) = (flood.reason.clone(), "\u{1}".repeat(128 << 10));
        let finding = crate::Finding { place: wide.clone(), message: wide.clone() };
        flood.diagnostics = vec![finding; 101];
        let test = TestResult {
            name: wide.clone(),
            number: Some(wide.clone()),
            tags: vec![wide; 20],
            output: Some("\u{1}".repeat(64 << 10)),
            not_reported: Some("x".repeat(300)),
            ..TestResult::default()
        };
        flood.tests = vec![test; crate::results::TESTS_MAX];
        let all = made(&flood, Some(Verdict::ILE));
        let size = serde_json::to_vec(&all).unwrap().len();
        assert!(size < proto::job::MESSAGE_MAX - (64 << 10), "{size}");
        assert!(!all.tests.is_empty() && all.notes.contains(&TESTS_TRUNCATED.to_owned()), "{:?}", all.notes);
        // A file that the reader takes is enough for it.
        let one = r#"{"name": "NAME", "score": 1, "max_score": 1, "output": "OUTPUT"}"#;
        let one = one.replace("NAME", &"n".repeat(200)).replace("OUTPUT", &"o".repeat(300));
        let file = format!(r#"{{"tests": [{}]}}"#, vec![one; crate::results::TESTS_MAX].join(","));
        assert!(file.len() < crate::results::FILE_MAX as usize, "{}", file.len());
        let mut findings = crate::findings::Findings::default();
        let said = crate::results::read(file.as_bytes(), &mut findings).unwrap();
        let read = made(&Report { tests: said.tests, ..report(Status::Graded) }, None);
        assert!(read.notes.contains(&TESTS_TRUNCATED.to_owned()), "{:?}", read.notes);
        flood.tests.truncate(10);
        let few = made(&flood, None);
        assert_eq!((few.tests.len(), few.notes.contains(&TESTS_TRUNCATED.to_owned())), (10, false));
    }

    #[test]
    fn a_note_tells_of_results_that_the_submission_could_have_written() {
        let mut shared = report(Status::Graded);
        assert!(made(&shared, None).notes.iter().all(|note| note != SHARED_BOX));
        shared.shared_box = true;
        let told = made(&shared, None);
        assert!(told.notes.contains(&SHARED_BOX.to_owned()));
        assert!(told.for_contestant().notes.contains(&SHARED_BOX.to_owned()));
    }

    #[test]
    fn what_ended_early_says_why_to_the_student_and_what_fits_is_told_whole() {
        for (status, why) in [
            (Status::Graded, None),
            (Status::Partial, Some("not to the end")),
            (Status::Failed, Some("not to the end")),
        ] {
            let mut short = report(status);
            for test in &mut short.tests {
                test.output = Some("short".to_owned());
            }
            let judgement = made(&short, None);
            assert_eq!(judgement.graded.unwrap().feedback.as_deref(), why, "{status:?}");
            assert_eq!(judgement.notes, Vec::<String>::new(), "{status:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_a_note_tells() {
        let mut long = report(Status::Graded);
        for _ in 0..40 {
            long.tests.push(long.tests[0].clone());
        }
        let judgement = made(&long, None);
        assert!(judgement.tests.iter().all(|t| t.feedback.as_ref().unwrap().len() <= TEXT_MAX));
        assert!(serde_json::to_vec(&judgement).unwrap().len() < TEXTS_MAX + (64 << 10));
        assert_eq!(judgement.notes, [TRUNCATED]);
        // Each that was cut says so, and no other.
        long.tests.truncate(2);
        long.tests[0].output = Some("short".to_owned());
        (long.output, long.output_truncated) = (Some("x".repeat(TEXT_MAX)), false);
        let told = made(&long, None);
        let cut = |judgement: &Judgement| -> Vec<bool> {
            judgement.tests.iter().map(|t| t.graded.as_ref().unwrap().output_truncated).collect()
        };
        assert_eq!((cut(&told), told.graded.as_ref().unwrap().output_truncated), (vec![false, true], false));
        // What the reader of the file had cut fits now and is cut all the same.
        (long.tests[0].output_truncated, long.output_truncated) = (true, true);
        let told = made(&long, None);
        assert_eq!((cut(&told), told.graded.as_ref().unwrap().output_truncated), (vec![true, true], true));
        // And so is what is cut here alone.
        (long.output, long.output_truncated) = (Some("x".repeat(TEXT_MAX + 1)), false);
        let cut_here = made(&long, None).graded.unwrap();
        assert_eq!((cut_here.output.unwrap().len(), cut_here.output_truncated), (TEXT_MAX, true));
        // A contestant is told of what he sees: here only of the first.
        let view = told.for_contestant();
        assert_eq!((cut(&view), view.graded.unwrap().output_truncated), (vec![true], true));
    }
}
