//! Problems of every kind that need more than a program and a validator, over prepared facts.

use std::io::Seek as _;
use std::sync::Arc;

use checker::policy::Policy;
use problem::Problem;
use proto::facts::{Exit, LimitEvent, LimitHit};
use proto::job::SourceFile;
use proto::report::{CompileStatus, Judgement};
use proto::verdict::Verdict;
use sandbox::spec::{Collected, Content, Opened, RunOutcome, RunSpec, Stdin};

use super::{ANSWERS, Against, Question, Submission, TimeBounds};
use crate::cache::CachedRunner;
use crate::testing::{FakeRunner, bytes_of, compiled, engine, is_compile, ran, stdin_of, too_slow};

use Verdict::{AC, CE, JE, OLE, PA, SK, TLE, WA};

fn package(manifest: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Problem) {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("problem.yaml", manifest);
    for (path, text) in files {
        put(path, text);
    }
    let loaded = problem::read_dir(folder.path()).unwrap_or_else(|e| panic!("{e}"));
    (folder, loaded.problem)
}

fn submission(language: &str, files: &[(&str, &str)]) -> Submission {
    let file = |(name, text): &(&str, &str)| SourceFile { name: (*name).to_owned(), content: (*text).into() };
    Submission {
        language: language.to_owned(),
        files: files.iter().map(file).collect(),
        all: false,
        only: Vec::new(),
    }
}

async fn judge(runner: &Arc<FakeRunner>, problem: Problem, submission: &Submission) -> Judgement {
    let against = Against::Problem(Arc::new(problem));
    engine(Arc::clone(runner) as _).judge(submission, &against, &mut |_| {}).await.unwrap()
}

fn verdicts(judgement: &Judgement) -> Vec<Verdict> {
    judgement.tests.iter().map(|t| t.verdict).collect()
}

fn answers(kind: &str) -> (tempfile::TempDir, Problem) {
    let manifest = format!(
        "problem_format_version: 2025-09\nname: A\nuuid: u\ntype: [{kind}, submit-answer]\nlimits: {{output: 1}}\n"
    );
    let data = [
        ("data/secret/1.in", ""),
        ("data/secret/1.ans", "one"),
        ("data/secret/2.in", ""),
        ("data/secret/2.ans", "two"),
    ];
    package(&manifest, &data)
}

#[tokio::test]
async fn an_answer_is_its_own_output_and_nothing_is_run() {
    let large = "x".repeat((1 << 20) + 1);
    for (kind, files, verdict, tests) in [
        ("pass-fail", &[("1.out", "one"), ("2.out", "two")][..], AC, [AC, AC]),
        ("pass-fail", &[("1.out", "one"), ("2.out", "too")], WA, [AC, WA]),
        ("pass-fail", &[("2.out", "two")], WA, [WA, SK]),
        ("pass-fail", &[("1.out", &large), ("2.out", "two")], OLE, [OLE, SK]),
        ("pass-fail", &[("all.zip", "no zip")], CE, [SK, SK]),
        ("scoring", &[("2.out", "two")], PA, [WA, AC]),
    ] {
        let runner = FakeRunner::new(|_| panic!("nothing is to be run"));
        let (_folder, problem) = answers(kind);
        let judgement = judge(&runner, problem, &submission(ANSWERS, files)).await;
        assert_eq!((judgement.verdict, &verdicts(&judgement)[..]), (verdict, &tests[..]), "{kind}");
        assert_eq!(judgement.image, None);
        let refused = judgement.compile.unwrap().status == CompileStatus::Error;
        assert_eq!(refused, verdict == CE);
    }
}

#[tokio::test]
async fn a_file_that_answers_nothing_is_noted() {
    let (_folder, problem) = answers("pass-fail");
    let files = [("1.out", "one"), ("2.out", "two"), ("readme.md", "?")];
    let judgement =
        judge(&FakeRunner::new(|_| panic!("no run")), problem, &submission(ANSWERS, &files)).await;
    assert_eq!((judgement.verdict, &judgement.notes[..]), (AC, &["files_without_case".to_owned()][..]));
}

#[tokio::test]
async fn a_score_that_cannot_be_brought_back_is_a_judge_error_and_never_all_points() {
    const LINK: &str = "is a symbolic link";
    const EMPTY: &str = "is a directory";
    for (kind, lost, why, verdict) in [
        ("scoring", "_judge/feedback/score.txt", LINK, JE),
        ("scoring", "_judge/feedback/score.txt", EMPTY, JE),
        ("scoring", "_judge/feedback/score_multiplier.txt", EMPTY, JE),
        ("scoring", "_judge/feedback", LINK, JE),
        // The directory itself may be empty.
        ("scoring", "_judge/feedback", EMPTY, AC),
        ("scoring", "_judge/feedback/judgemessage.txt", LINK, AC),
        ("scoring", "_judge/feedback/judgemessage.txt", EMPTY, AC),
        ("pass-fail", "_judge/feedback/score.txt", LINK, AC),
        ("pass-fail", "_judge/feedback/score.txt", EMPTY, AC),
    ] {
        let manifest = format!(
            "problem_format_version: 2025-09\nname: L\nuuid: u\ntype: {kind}\nlimits: {{time_limit: 1}}\n"
        );
        let files = [
            ("output_validator/v.cpp", "int main() {}"),
            ("data/secret/1.in", "in"),
            ("data/secret/1.ans", "ans"),
        ];
        let (_folder, problem) = package(&manifest, &files);
        let runner = FakeRunner::new(move |spec| {
            let is_validator = spec.collect.iter().any(|c| c.path == "_judge/feedback");
            let mut outcome = ran(Exit::Code(if is_validator { 42 } else { 0 }), "");
            match why {
                EMPTY => outcome.empty = vec![lost.into()],
                why => outcome.refused = vec![(lost.to_owned(), why.to_owned())],
            }
            Ok(if is_compile(spec) { compiled() } else { outcome })
        });
        let judgement = judge(&runner, problem, &submission("cpp", &[("a.cpp", "")])).await;
        assert_eq!(judgement.verdict, verdict, "{kind} {lost} {why}");
        if verdict == JE {
            let reason = judgement.tests[0].reason.as_deref().unwrap();
            assert!(reason.contains(why), "{reason}");
            assert_eq!(judgement.score, None);
        }
    }
}

#[tokio::test]
async fn a_validator_with_nothing_but_a_run_script_is_started_by_it() {
    let manifest = "problem_format_version: 2025-09\nname: R\nuuid: u\nlimits: {time_limit: 1}\n";
    let files = [
        ("output_validator/run", "#!/bin/sh\nexit 42\n"),
        ("output_validator/data.txt", ""),
        ("data/secret/1.in", ""),
        ("data/secret/1.ans", ""),
    ];
    let (_folder, problem) = package(manifest, &files);
    let runner = FakeRunner::new(|spec| {
        let is_validator = spec.collect.iter().any(|c| c.path == "_judge/feedback");
        Ok(ran(Exit::Code(if is_validator { 42 } else { 0 }), ""))
    });
    let judgement = judge(&runner, problem, &submission("python3", &[("a.py", "")])).await;
    assert_eq!(judgement.verdict, AC, "{:?}", judgement.reason);
    let last = runner.commands().pop().unwrap();
    assert_eq!(last[..2], ["/w/_judge/program/run", "_judge/input.in"]);
}

#[tokio::test]
async fn asking_only_the_validator_tells_what_the_output_is_worth() {
    let scoring =
        "problem_format_version: 2025-09\nname: L\nuuid: u\ntype: scoring\nlimits: {time_limit: 1}\n";
    let pass_fail = scoring.replace("scoring", "pass-fail");
    for (manifest, status, wrote, verdict, score) in [
        (scoring, 42, Some(("score.txt", "7.50")), AC, Some("7.5")),
        (scoring, 42, Some(("score_multiplier.txt", "0.25")), AC, Some("12.5")),
        (scoring, 42, None, AC, Some("50")),
        (scoring, 43, None, WA, Some("0")),
        (scoring, 43, Some(("score.txt", "1")), JE, None),
        (scoring, 42, Some(("score.txt", "51")), JE, None),
        (scoring, 1, None, JE, None),
        (&pass_fail, 42, Some(("score.txt", "7")), AC, None),
    ] {
        let files = [
            ("output_validator/v.cpp", "int main() {}"),
            ("data/secret/1.in", ""),
            ("data/secret/1.ans", ""),
            ("data/secret/2.in", ""),
            ("data/secret/2.ans", ""),
        ];
        let (_folder, problem) = package(manifest, &files);
        let runner = FakeRunner::new(move |spec| {
            let mut outcome = ran(Exit::Code(status), "");
            outcome.files = wrote
                .iter()
                .map(|(name, text)| Collected {
                    path: format!("_judge/feedback/{name}").into_bytes(),
                    executable: false,
                    bytes: text.as_bytes().to_vec(),
                })
                .collect();
            Ok(if is_compile(spec) { compiled() } else { outcome })
        });
        let nothing: Content = Vec::new().into();
        let question = Question { input: nothing.clone(), answer: nothing.clone(), output: nothing };
        let checked = engine(runner as _).check(&problem, None, question).await.unwrap();
        assert_eq!((checked.verdict, checked.score.as_deref()), (verdict, score), "{status} {wrote:?}");
        assert_eq!(checked.reason.is_some(), verdict == JE, "{:?}", checked.reason);
    }
}

#[tokio::test]
async fn an_included_file_is_where_a_program_starts_only_under_the_name_for_that() {
    let manifest = "problem_format_version: 2025-09\nname: I\nuuid: u\nlimits: {time_limit: 1}\n";
    for (included, sent, starts) in [
        ("include/python3/helper.py", &["sent.py"][..], Some("sent.py")),
        ("include/default/helper.py", &["sent.py", "__main__.py"], Some("__main__.py")),
        ("include/python3/__main__.py", &["sent.py"], Some("__main__.py")),
        ("include/python3/sent.py", &["sent.py"], Some("sent.py")),
        ("include/python3/helper.py", &["one.py", "two.py"], None),
    ] {
        let (_folder, problem) =
            package(manifest, &[(included, ""), ("data/secret/1.in", ""), ("data/secret/1.ans", "")]);
        let runner = FakeRunner::new(|_| Ok(ran(Exit::Code(0), "")));
        let sent: Vec<_> = sent.iter().map(|name| (*name, "")).collect();
        let judgement = judge(&runner, problem, &submission("python3", &sent)).await;
        assert_eq!(judgement.verdict, if starts.is_some() { AC } else { CE }, "{included} {sent:?}");
        let ran = runner.commands().pop();
        assert_eq!(
            ran.as_ref().and_then(|argv| argv.last()).map(String::as_str),
            starts,
            "{included} {sent:?}"
        );
    }
}

#[tokio::test]
async fn a_long_output_reaches_its_validator_from_a_file_and_not_through_our_memory() {
    let output = "a long line\n".repeat(200_000);
    for (protocol, names) in [
        ("default", ["_judge/input.in", "_judge/answer.ans", "_judge/feedback/"]),
        ("testlib", ["_judge/input.in", "/dev/stdin", "_judge/answer.ans"]),
    ] {
        let (_folder, problem) = package(
            "problem_format_version: 2025-09\nname: L\nuuid: u\nlimits: {time_limit: 1}\n",
            &[
                ("output_validator/v.cpp", "int main() {}"),
                ("tribunal.yaml", &format!("validator_protocol: {protocol}\n")),
                ("data/secret/1.in", "in"),
                ("data/secret/1.ans", "ans"),
            ],
        );
        let written = output.clone();
        let runner = FakeRunner::new(move |spec: &RunSpec| {
            if is_compile(spec) {
                return Ok(compiled());
            }
            let Some(overflow) = &spec.overflow else {
                assert_eq!(spec.argv[1..], names);
                let Stdin::Fd(file) = &spec.stdin else { panic!("{protocol}: not from a file") };
                let mut file = std::fs::File::from(file.try_clone().unwrap());
                file.rewind().unwrap();
                assert!(std::io::read_to_string(file).unwrap() == written, "{protocol}: another output");
                assert!(
                    spec.files.iter().all(|file| file.content.len() < 1000),
                    "{protocol}: and in no file"
                );
                return Ok(ran(Exit::Code(if protocol == "testlib" { 0 } else { 42 }), ""));
            };
            overflow.begin();
            written.as_bytes().chunks(65_536).for_each(|part| overflow.take(part));
            let mut outcome = ran(Exit::Code(0), &written[..spec.keep_stdout]);
            outcome.stdout.truncated = true;
            outcome.facts.stdout_bytes = written.len() as u64;
            Ok(outcome)
        });
        let judgement = judge(&runner, problem, &submission("cpp", &[("a.cpp", "")])).await;
        assert_eq!(judgement.verdict, AC, "{protocol}: {:?}", judgement.tests[0].reason);
    }
}

#[tokio::test]
async fn a_validator_is_asked_about_a_long_output_file_when_the_box_that_left_it_is_let_go() {
    use std::os::unix::fs::MetadataExt as _;
    let (_folder, problem) = package(
        "problem_format_version: 2025-09\nname: L\nuuid: u\nallow_file_writing: true\nlimits: {time_limit: 1}\n",
        &[
            ("output_validator/v.cpp", "int main() {}"),
            ("tribunal.yaml", "output_file: out\n"),
            ("data/secret/1.in", "in"),
            ("data/secret/1.ans", "ans"),
        ],
    );
    let left = Arc::new(std::sync::Mutex::new(0));
    let runner = FakeRunner::new(move |spec: &RunSpec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        if let Stdin::Fd(file) = &spec.stdin {
            let asked = std::fs::File::from(file.try_clone().unwrap()).metadata().unwrap();
            assert!(asked.len() == 2 << 20 && asked.ino() != *left.lock().unwrap(), "it is the box's own");
            return Ok(ran(Exit::Code(42), ""));
        }
        let file = tempfile::tempfile().unwrap();
        file.set_len(2 << 20).unwrap();
        *left.lock().unwrap() = file.metadata().unwrap().ino();
        let opened = Opened { path: b"out".to_vec(), file: file.try_into().unwrap() };
        Ok(RunOutcome { opened: vec![opened], ..ran(Exit::Code(0), "") })
    });
    let judgement = judge(&runner, problem, &submission("cpp", &[("a.cpp", "")])).await;
    assert_eq!(judgement.verdict, AC, "{:?}", judgement.tests[0].reason);
}

fn looked_at() -> (tempfile::TempDir, Problem) {
    package(
        "problem_format_version: 2025-09\nname: S\nuuid: u\ntype: scoring\nlimits: {time_limit: 1}\n",
        &[
            ("static_validator/v.py", ""),
            ("data/secret/test_group.yaml", "static_validation_score: 40\nstatic_validator_args: [x, y]\n"),
            ("data/secret/1.in", "right"),
            ("data/secret/1.ans", "right"),
        ],
    )
}

/// What a run that is asked about the sources does; any other compiles or gives its input back.
fn look(exit: Exit, multiplier: Option<&'static str>) -> Arc<FakeRunner> {
    FakeRunner::new(move |spec: &RunSpec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        if !spec.argv.iter().any(|word| word == ".judge/feedback/") {
            return Ok(if spec.argv.iter().any(|w| w == "-c") { ran(Exit::Code(0), "") } else { echo(spec) });
        }
        assert_eq!(spec.argv[1..], ["/w/.judge/program/v.py", "cpp", "a.cpp", ".judge/feedback/", "x", "y"]);
        let open: Vec<&str> =
            spec.files.iter().map(|f| f.path.as_str()).filter(|path| !path.starts_with('.')).collect();
        assert_eq!(open, ["a.cpp", "a.out"], "the submission's own files and nothing else");
        let mut outcome = ran(exit, "");
        outcome.files = multiplier
            .map(|text| Collected {
                path: b".judge/feedback/score_multiplier.txt".to_vec(),
                executable: false,
                bytes: text.into(),
            })
            .into_iter()
            .collect();
        Ok(outcome)
    })
}

fn echo(spec: &RunSpec) -> RunOutcome {
    ran(Exit::Code(0), &stdin_of(spec))
}

#[tokio::test]
async fn a_static_validator_sees_the_sources_and_its_word_is_a_case() {
    for (exit, multiplier, verdict, score, word) in [
        (Exit::Code(42), None, AC, Some("100"), AC),
        (Exit::Code(42), Some("0.5"), PA, Some("80"), AC),
        (Exit::Code(43), None, PA, Some("60"), WA),
        (Exit::Code(43), Some("0.5"), JE, None, JE),
        (Exit::Code(0), None, JE, None, JE),
        (Exit::Signal(11), None, JE, None, JE),
    ] {
        let (_folder, problem) = looked_at();
        let program = submission("cpp", &[("a.cpp", "int main() {}")]);
        let judgement = judge(&look(exit, multiplier), problem, &program).await;
        let first = &judgement.tests[0];
        assert_eq!((first.name.as_str(), first.group.as_str()), ("secret/static_validation", "secret"));
        assert_eq!((judgement.verdict, judgement.score.as_deref()), (verdict, score), "{exit:?}");
        assert_eq!((first.verdict, first.cpu_time_ms), (word, None));
    }
}

#[tokio::test]
async fn a_helper_that_is_included_does_not_hide_from_a_static_validator_where_a_submission_starts() {
    let manifest = "problem_format_version: 2025-09\nname: S\nuuid: u\nlimits: {time_limit: 1}\n";
    let (_folder, problem) = package(
        manifest,
        &[
            ("static_validator/v.py", ""),
            ("include/python3/helper.py", ""),
            ("data/secret/test_group.yaml", "static_validation_score: pass-fail\n"),
            ("data/secret/1.in", ""),
            ("data/secret/1.ans", ""),
        ],
    );
    let runner = FakeRunner::new(|spec: &RunSpec| {
        let looks = spec.argv.iter().any(|word| word == ".judge/feedback/");
        Ok(ran(Exit::Code(if looks { 42 } else { 0 }), ""))
    });
    let judgement = judge(&runner, problem, &submission("python3", &[("sent.py", "")])).await;
    assert_eq!(judgement.verdict, AC);
    let asked =
        runner.commands().into_iter().find(|argv| argv.iter().any(|w| w == ".judge/feedback/")).unwrap();
    assert_eq!(asked[asked.len() - 3..], ["python3", "sent.py", ".judge/feedback/"]);
}

#[tokio::test]
async fn a_submission_cannot_stand_in_for_the_static_validator_or_its_word() {
    let runner = FakeRunner::new(|spec: &RunSpec| {
        if is_compile(spec) {
            return Ok(compiled());
        }
        let Some(feedback) = spec.argv.iter().find(|word| word.ends_with("/feedback/")) else {
            return Ok(if spec.argv.iter().any(|w| w == "-c") { ran(Exit::Code(0), "") } else { echo(spec) });
        };
        let folder = feedback.strip_suffix("feedback/").unwrap();
        assert_eq!(spec.argv[1], format!("/w/{folder}program/v.py"));
        let own = spec.files.iter().filter(|file| file.path.starts_with(folder));
        let own: Vec<&str> = own.map(|file| file.path.strip_prefix(folder).unwrap()).collect();
        assert_eq!(own, ["program/v.py", "feedback/.keep"], "nothing of the submission's is in there");
        Ok(ran(Exit::Code(43), ""))
    });
    let (_folder, problem) = looked_at();
    let files = [
        ("a.cpp", "int main() {}"),
        (".judge/program/v.py", "exit(42)"),
        (".judge/feedback/score.txt", "40"),
        (".judge_/feedback/.keep", ""),
    ];
    let judgement = judge(&runner, problem, &submission("cpp", &files)).await;
    assert_eq!((judgement.verdict, judgement.tests[0].verdict), (PA, WA));
}

#[tokio::test]
async fn equal_questions_to_static_validators_and_graders_are_asked_once() {
    let kept = tempfile::tempdir().unwrap();
    let store = Arc::new(crate::cache::Store::open(kept.path(), proto::units::Bytes::mib(1)).unwrap());
    let program = submission("cpp", &[("a.cpp", "int main() {}")]);
    let (_folder, looked_at) = looked_at();
    let (_other, graded) = graded();
    let looking = look(Exit::Code(42), None);
    let grading = FakeRunner::new(|spec: &RunSpec| {
        Ok(match spec.argv.last().map(String::as_str) {
            _ if is_compile(spec) => compiled(),
            Some("7") => ran(Exit::Code(0), "AC 12.5\n"),
            _ if spec.argv.iter().any(|w| w == "-c") => ran(Exit::Code(0), ""),
            _ => echo(spec),
        })
    });
    for (runner, problem, word) in [(looking, looked_at, ".judge/feedback/"), (grading, graded, "7")] {
        let against = Against::Problem(Arc::new(problem));
        let mut judgements = Vec::new();
        for _ in 0..2 {
            let cached = CachedRunner::new(Arc::clone(&runner) as _, Arc::clone(&store));
            judgements.push(engine(Arc::new(cached)).judge(&program, &against, &mut |_| {}).await.unwrap());
        }
        let asked = runner.commands().iter().filter(|argv| argv.iter().any(|w| w == word)).count();
        assert_eq!(asked, 1, "{word}");
        assert_eq!(judgements[0].score, judgements[1].score);
        assert!(judgements[0].score.is_some());
    }
}

fn graded() -> (tempfile::TempDir, Problem) {
    package(
        "name: G\ntype: scoring\nlimits: {time_limit: 1}\n",
        &[
            ("graders/g.py", ""),
            ("data/testdata.yaml", "grader_flags: ignore_sample\non_reject: continue\n"),
            ("data/secret/testdata.yaml", "grading: custom\ngrader_flags: 7\n"),
            ("data/secret/1.in", "right"),
            ("data/secret/1.ans", "right"),
            ("data/secret/2.in", "wrong"),
            ("data/secret/2.ans", "right"),
        ],
    )
}

#[tokio::test]
async fn a_grader_of_the_packages_own_is_asked_and_its_faults_are_judge_errors() {
    fn says(text: &'static str) -> RunOutcome {
        ran(Exit::Code(0), text)
    }
    for (grader, verdict, score) in [
        ((|_| says("AC 12.5\n")) as fn(&RunSpec) -> RunOutcome, AC, Some("12.5")),
        (|_| says("WA 12.5\n"), WA, Some("0")),
        (|_| says(""), JE, None),
        (|_| says("AC 1\nAC 2\n"), JE, None),
        (|_| ran(Exit::Code(1), "AC 1\n"), JE, None),
        (too_slow, JE, None),
    ] {
        let runner = FakeRunner::new(move |spec: &RunSpec| {
            Ok(match spec.argv.last().map(String::as_str) {
                _ if is_compile(spec) => compiled(),
                Some("7") => {
                    assert_eq!(stdin_of(spec), "AC 1\nWA 0\n");
                    grader(spec)
                }
                _ if spec.argv.iter().any(|w| w == "-c") => ran(Exit::Code(0), ""),
                _ => echo(spec),
            })
        });
        let (_folder, problem) = graded();
        let judgement = judge(&runner, problem, &submission("cpp", &[("a.cpp", "int main() {}")])).await;
        assert_eq!((judgement.verdict, judgement.score.as_deref()), (verdict, score), "{judgement:?}");
        assert_eq!(verdicts(&judgement), [AC, WA]);
    }
}

/// A package without a time limit whose accepted submission takes 300 ms and whose slow one never ends.
fn untimed(version: &str) -> (tempfile::TempDir, Problem) {
    let manifest = match version {
        "legacy" => "name: T\n".to_owned(),
        version => format!("problem_format_version: {version}\nname: T\nuuid: u\n"),
    };
    package(
        &manifest,
        &[
            ("data/secret/1.in", ""),
            ("data/secret/1.ans", "right"),
            ("submissions/accepted/a.cpp", "good"),
            ("submissions/wrong_answer/b.cpp", "bad"),
            ("submissions/time_limit_exceeded/c.cpp", "slow"),
        ],
    )
}

#[tokio::test]
async fn a_time_limit_nobody_named_follows_from_the_accepted_submissions() {
    let runner = || {
        FakeRunner::new(|spec: &RunSpec| {
            let source = spec.files.iter().find(|f| f.path != "a.out").unwrap();
            let mut outcome = match &*bytes_of(&source.content) {
                _ if is_compile(spec) => compiled(),
                b"slow" => too_slow(spec),
                b"bad" => ran(Exit::Code(0), "wrong"),
                _ => ran(Exit::Code(0), "right"),
            };
            let ms = if bytes_of(&source.content) == b"bad" { 700 } else { 300 };
            outcome.facts.cpu_time = std::time::Duration::from_millis(ms);
            Ok(outcome)
        })
    };
    // 2 x 700 ms, since in 2025-09 what may not be too slow bounds it, too; 5 x 300 ms.
    for (version, seconds) in [("2025-09", 2), ("legacy", 2)] {
        let (_folder, problem) = untimed(version);
        let runner = runner();
        let engine = engine(Arc::clone(&runner) as _);
        let against = Against::Problem(Arc::new(problem));
        let slow = submission("cpp", &[("c.cpp", "slow")]);
        for _ in 0..2 {
            let judgement = engine.judge(&slow, &against, &mut |_| {}).await.unwrap();
            assert_eq!(judgement.limits.unwrap().cpu_time.as_secs(), seconds, "{version}");
            assert_eq!(
                (judgement.verdict, &judgement.notes[..]),
                (TLE, &["time_limit_inferred".to_owned()][..])
            );
        }
        let measured = if version == "legacy" { 1 } else { 2 };
        assert_eq!(runner.commands().len(), 2 * measured + 4, "{version}: measured once");
    }
}

#[tokio::test]
async fn an_analyst_sees_all_the_time_that_is_looked_at_and_waits_no_longer() {
    for (factor, wall) in [(1.5, 4), (3.0, 4), (5.0, 6)] {
        let manifest = format!(
            "problem_format_version: 2025-09\nname: W\nuuid: u\nlimits:\n  time_limit: 1\n  time_multipliers:\n    \
             time_limit_to_tle: {factor}\n"
        );
        let (_folder, problem) = package(&manifest, &[("data/secret/1.in", ""), ("data/secret/1.ans", "")]);
        let runner =
            FakeRunner::new(|spec| Ok(if is_compile(spec) { compiled() } else { ran(Exit::Code(0), "") }));
        let against = Against::Problem(Arc::new(problem));
        let sent = submission("cpp", &[("a.cpp", "")]);
        let engine = engine(Arc::clone(&runner) as _);
        engine.judge_from(None, Policy::Analyst, &sent, &against, &mut |_| {}).await.unwrap();
        let limits = &runner.runs.lock().unwrap()[1].limits;
        let seconds = std::time::Duration::from_secs_f64;
        assert_eq!(
            (limits.cpu_time, limits.wall_time),
            (seconds(factor), seconds(f64::from(wall))),
            "{factor}"
        );
    }
}

#[test]
fn the_slowest_case_of_the_fastest_slow_one_bounds_from_above() {
    let (_folder, problem) = untimed("2025-09");
    let judged = |times: &[u64]| {
        let mut judgement = Judgement::system_error("cpp", String::new());
        for ms in times {
            let mut test = proto::report::TestReport::not_run("secret/1", "secret", AC, None);
            let mut facts = crate::testing::facts(Exit::Code(0));
            facts.cpu_time = std::time::Duration::from_millis(*ms);
            test.facts = Some(facts);
            judgement.tests.push(test);
        }
        judgement
    };
    let mut bounds = TimeBounds::default();
    let [accepted, slow, _] = &problem.submissions[..] else { panic!() };
    bounds.take(problem.version, &accepted.rules, &judged(&[100, 400]));
    bounds.take(problem.version, &slow.rules, &judged(&[100, 2000]));
    bounds.take(problem.version, &slow.rules, &judged(&[1600, 30]));
    let ms = std::time::Duration::from_millis;
    assert_eq!((bounds.accepted, bounds.too_slow), (Some(ms(400)), Some(ms(1600))));
    assert_eq!(bounds.limit(&problem), Ok(ms(1000)));
    // A program that sleeps is as slow as the clock says that ended it.
    let mut idle = judged(&[2]);
    let facts = idle.tests[0].facts.as_mut().unwrap();
    facts.wall_time = ms(4000);
    facts.limit_events = vec![LimitEvent { limit: LimitHit::Idle, observed_ns: 4, value: 4, bound: 4 }];
    bounds.take(problem.version, &slow.rules, &idle);
    assert_eq!(bounds.too_slow, Some(ms(1600)));
    bounds.take(problem.version, &slow.rules, &judged(&[1400]));
    assert!(bounds.limit(&problem).unwrap_err().to_string().contains("at most"));
}
