use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use proto::facts::{Exit, LimitHit};
use proto::job::SourceFile;
use proto::report::Judgement;
use proto::units::Bytes;
use proto::verdict::Verdict;
use sandbox::spec::{Collected, Content, Opened, RunOutcome, RunSpec, Stdin};

use super::IN_MEMORY;
use crate::engine::{Against, Submission};
use crate::testing::{FakeRunner, bytes_of, compiled, engine, is_compile, problem, ran};

use Verdict::{AC, JE, OLE, WA};

/// A package with one case, 7 and 8, whose programs read `sum.in` and write `sum.out`.
fn package(more: impl Fn(&Path)) -> (tempfile::TempDir, problem::Problem) {
    let (folder, _) = problem(&[("7", "8")], None);
    let at = folder.path();
    let manifest = std::fs::read_to_string(at.join("problem.yaml")).unwrap();
    std::fs::write(at.join("problem.yaml"), manifest + "allow_file_writing: true\n").unwrap();
    std::fs::write(at.join("tribunal.yaml"), "input_file: sum.in\noutput_file: sum.out\n").unwrap();
    more(at);
    let loaded = problem::read_dir(at).unwrap_or_else(|e| panic!("{e}"));
    (folder, loaded.problem)
}

async fn judged(
    problem: problem::Problem,
    run: impl Fn(&RunSpec) -> RunOutcome + Send + Sync + 'static,
) -> Judgement {
    let runner = FakeRunner::new(move |spec| Ok(if is_compile(spec) { compiled() } else { run(spec) }));
    let source = |name: &str| SourceFile { name: name.to_owned(), content: b"8".to_vec() };
    let submission = Submission {
        language: "cpp".to_owned(),
        files: vec![source("a.cpp"), source("sum.out")],
        all: false,
        only: Vec::new(),
    };
    engine(runner as _).judge(&submission, &Against::Problem(Arc::new(problem)), &mut |_| {}).await.unwrap()
}

fn wrote(bytes: &[u8]) -> RunOutcome {
    let mut outcome = ran(Exit::Code(0), "");
    outcome.facts.written_bytes = Some(bytes.len() as u64);
    outcome.files = vec![Collected { path: b"sum.out".to_vec(), executable: false, bytes: bytes.to_vec() }];
    outcome
}

fn left_open(bytes: &[u8]) -> RunOutcome {
    let mut outcome = ran(Exit::Code(0), "");
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    outcome.facts.written_bytes = Some(bytes.len() as u64);
    outcome.opened = vec![Opened { path: b"sum.out".to_vec(), file: file.try_into().unwrap() }];
    outcome
}

#[tokio::test]
async fn the_file_and_what_was_printed_beside_it_share_one_limit() {
    for (printed, verdict) in [(0, AC), (24, AC), (25, OLE)] {
        let right = "1\n".repeat((8 << 19) - 12);
        let (_folder, problem) = package(|at| std::fs::write(at.join("data/secret/0.ans"), &right).unwrap());
        let judgement = judged(problem, move |_| {
            let mut outcome = wrote(right.as_bytes());
            // Only the file's own length tells here.
            outcome.facts.written_bytes = None;
            outcome.facts.stdout_bytes = printed;
            outcome
        })
        .await;
        assert_eq!(judgement.verdict, verdict, "{printed} bytes printed beside 8 MiB but 24 bytes");
        assert_eq!(judgement.tests[0].limit_hit, (verdict == OLE).then_some(LimitHit::Output));
    }
}

#[tokio::test]
async fn a_long_file_is_judged_where_it_lies_and_has_its_place() {
    let right = "one two three\n".repeat(100_000);
    let wrong = right.replacen("three", "other", 1);
    let cut = right[..right.len() - 20].to_owned();
    let longer = format!("{right}one");
    for (output, verdict) in [(&right, AC), (&wrong, WA), (&cut, WA), (&longer, WA), (&String::new(), WA)] {
        let (_folder, problem) = package(|at| std::fs::write(at.join("data/secret/0.ans"), &right).unwrap());
        let output = output.clone();
        let judgement = judged(problem, move |spec| {
            let [wanted] = &spec.collect[..] else { panic!("one file") };
            assert_eq!((wanted.open_above, wanted.max_bytes), (Some(IN_MEMORY), 8 << 20));
            assert!(spec.limits.disk.get() >= (64 << 20) + wanted.max_bytes, "it has its place");
            left_open(output.as_bytes())
        })
        .await;
        assert_eq!(judgement.verdict, verdict, "{:?}", judgement.tests[0].reason);
    }
}

#[tokio::test]
async fn a_validator_is_given_a_long_file_and_a_long_input_without_our_memory() {
    let long = "7 and more\n".repeat(200_000);
    let (_folder, problem) = package(|at| {
        std::fs::create_dir(at.join("output_validator")).unwrap();
        std::fs::write(at.join("output_validator/check.cpp"), "int main() {}").unwrap();
        for name in ["in", "ans"] {
            std::fs::write(at.join(format!("data/secret/0.{name}")), &long).unwrap();
        }
    });
    let judgement = judged(problem, move |spec| {
        let file = |name: &str| spec.files.iter().find(|file| file.path == name).map(|file| &file.content);
        let given = |name: &str| {
            let content = file(name).unwrap();
            assert!(matches!(content, Content::File(_)), "{name} is in our memory");
            assert!(bytes_of(content) == long.as_bytes(), "{name}");
        };
        if file("_judge/answer.ans").is_none() {
            given("sum.in");
            return left_open(long.as_bytes());
        }
        given("_judge/input.in");
        given("_judge/answer.ans");
        assert!(matches!(spec.stdin, Stdin::Fd(_)), "the output is in our memory");
        assert!(spec.limits.memory.get() > 2 * long.len() as u64, "what we put there is not the validator's");
        ran(Exit::Code(42), "")
    })
    .await;
    assert_eq!(judgement.verdict, AC, "{:?}", judgement.tests[0].reason);
}

#[tokio::test]
async fn the_input_is_a_file_and_a_file_is_the_output() {
    let (_folder, problem) = package(|_| {});
    let judgement = judged(problem, |spec| {
        let input = spec.files.iter().find(|file| file.path == "sum.in").unwrap();
        assert_eq!((&bytes_of(&input.content)[..], spec.writable), (&b"7"[..], true));
        assert!(matches!(spec.stdin, Stdin::Empty));
        assert!(spec.files.iter().all(|file| file.path != "sum.out"), "a source is no output");
        wrote(b"8\n")
    })
    .await;
    assert_eq!(judgement.verdict, AC);
}

#[tokio::test]
async fn what_is_written_elsewhere_or_not_at_all_is_wrong_and_says_so() {
    for refused in
        [None, Some("does not exist"), Some("is a symbolic link"), Some("is no regular file but Fifo")]
    {
        let (_folder, problem) = package(|_| {});
        let judgement = judged(problem, move |_| {
            let mut outcome = ran(Exit::Code(0), "8\n");
            outcome.refused = refused.map(|why| ("sum.out".to_owned(), why.to_owned())).into_iter().collect();
            outcome
        })
        .await;
        let test = &judgement.tests[0];
        assert_eq!((judgement.verdict, test.verdict), (WA, WA), "{refused:?}");
        assert!(test.feedback.as_deref().unwrap().contains("sum.out"), "{refused:?}");
    }
}

#[tokio::test]
async fn no_file_is_wrong_even_where_the_right_one_is_empty() {
    let (_folder, problem) = package(|at| std::fs::write(at.join("data/secret/0.ans"), "").unwrap());
    assert_eq!(judged(problem.clone(), |_| ran(Exit::Code(0), "")).await.verdict, WA);
    assert_eq!(judged(problem, |_| wrote(b"")).await.verdict, AC);
}

#[tokio::test]
async fn a_file_over_the_output_limit_is_ole_and_stdout_counts_with_it() {
    let limit = |at: &Path| {
        let manifest = std::fs::read_to_string(at.join("problem.yaml")).unwrap();
        let manifest = manifest.replace("limits:\n", "limits:\n  output: 1\n");
        std::fs::write(at.join("problem.yaml"), manifest).unwrap();
    };
    let over = |judgement: Judgement| {
        assert_eq!((judgement.verdict, judgement.tests[0].limit_hit), (OLE, Some(LimitHit::Output)));
    };
    let (_folder, problem) = package(limit);
    over(
        judged(problem.clone(), |_| {
            let mut outcome = ran(Exit::Code(0), "");
            outcome.refused = vec![("sum.out".to_owned(), super::TOO_LARGE.to_owned())];
            outcome
        })
        .await,
    );
    over(judged(problem.clone(), |_| wrote(&vec![b'8'; (1 << 20) + 1])).await);
    over(judged(problem.clone(), |_| left_open(&vec![b'8'; (1 << 20) + 1])).await);
    over(
        judged(problem.clone(), |_| {
            let mut outcome = wrote(&vec![b' '; 1 << 20]);
            outcome.facts.stderr_bytes = 1;
            outcome
        })
        .await,
    );
    // A right file, and beside it one that nobody asked for.
    let beside = |written: u64| {
        move |_: &RunSpec| {
            let mut outcome = wrote(b"8\n");
            outcome.facts.written_bytes = Some(written);
            outcome
        }
    };
    assert_eq!(judged(problem.clone(), beside(1 << 20)).await.verdict, AC);
    over(judged(problem, beside((1 << 20) + 1)).await);
}

#[tokio::test]
async fn what_may_be_written_has_its_place() {
    let (_folder, problem) = package(|at| {
        let manifest = std::fs::read_to_string(at.join("problem.yaml")).unwrap();
        std::fs::write(at.join("problem.yaml"), manifest.replace("limits:\n", "limits:\n  output: 200\n"))
            .unwrap();
        std::fs::remove_file(at.join("tribunal.yaml")).unwrap();
    });
    let judgement = judged(problem, |spec| {
        let limits = &spec.limits;
        assert_eq!(limits.output_and_files, Some(Bytes::mib(200)));
        assert!(limits.disk >= Bytes::mib(200) && limits.file_size >= Bytes::mib(200), "{limits:?}");
        ran(Exit::Code(0), "8\n")
    })
    .await;
    assert_eq!(judgement.verdict, AC, "{:?}", judgement.reason);
}

#[tokio::test]
async fn a_testlib_checker_gets_the_output_as_a_file_and_is_read_by_its_own_statuses() {
    let checker = |at: &Path| {
        std::fs::create_dir(at.join("output_validator")).unwrap();
        std::fs::write(at.join("output_validator/check.cpp"), "int main() {}").unwrap();
        std::fs::write(at.join("tribunal.yaml"), "validator_protocol: testlib\n").unwrap();
    };
    for (status, said, verdict) in [
        (0, "ok", AC),
        (1, "wrong answer", WA),
        (3, "FAIL", JE),
        (9, "", JE),
        (7, "points 1", JE),
        (7, "points 0", WA),
        (50, "partially correct (50)", WA),
        (100, "partially correct (100)", AC),
    ] {
        let (_folder, problem) = package(checker);
        let judgement = judged(problem, move |spec| {
            if !spec.argv.iter().any(|word| word.ends_with("answer.ans")) {
                return ran(Exit::Code(0), "8");
            }
            let names = ["_judge/input.in", "_judge/output.out", "_judge/answer.ans"];
            assert_eq!(spec.argv[spec.argv.len() - 3..], names);
            assert!(matches!(spec.stdin, Stdin::Empty));
            let file = |name: &str| spec.files.iter().find(|f| f.path == name).map(|f| bytes_of(&f.content));
            assert_eq!(names.map(|n| file(n).unwrap()), [&b"7"[..], b"8", b"8"]);
            let mut outcome = ran(Exit::Code(status), "");
            outcome.stderr.bytes = said.into();
            outcome
        })
        .await;
        assert_eq!(judgement.verdict, verdict, "{status} {said}");
    }
}

#[tokio::test]
async fn a_checker_without_its_testlib_says_what_to_do() {
    let (_folder, problem) = package(|at| {
        std::fs::create_dir(at.join("output_validator")).unwrap();
        std::fs::write(at.join("output_validator/check.cpp"), "#include \"testlib.h\"\n").unwrap();
        std::fs::write(at.join("tribunal.yaml"), "validator_protocol: testlib\n").unwrap();
    });
    let judgement =
        judged_by_compiler(problem, "check.cpp:1:10: fatal error: testlib.h: No such file or directory")
            .await;
    assert_eq!(judgement.verdict, JE);
    assert!(judgement.reason.unwrap().contains("put the file beside the program"));
}

/// Judges where the submission compiles and the compiler says `log` of everything else.
async fn judged_by_compiler(problem: problem::Problem, log: &'static str) -> Judgement {
    let runner = FakeRunner::new(move |spec| {
        Ok(if spec.files.iter().any(|file| file.path == "a.cpp") {
            compiled()
        } else {
            ran(Exit::Code(1), log)
        })
    });
    let files = vec![SourceFile { name: "a.cpp".to_owned(), content: Vec::new() }];
    let submission = Submission { language: "cpp".to_owned(), files, all: false, only: Vec::new() };
    engine(runner as _).judge(&submission, &Against::Problem(Arc::new(problem)), &mut |_| {}).await.unwrap()
}

#[tokio::test]
async fn a_checker_the_package_names_decides() {
    for (name, output, verdict) in [
        ("exact", "8", AC),
        ("exact", "8\n", WA),
        ("lines", "8 \n\n", AC),
        ("lines", "\n8", WA),
        ("default", "\n8", AC),
    ] {
        let (_folder, problem) = package(|at| {
            std::fs::write(at.join("tribunal.yaml"), format!("checker: {name}\n")).unwrap();
        });
        let judgement = judged(problem, |_| ran(Exit::Code(0), output)).await;
        assert_eq!(judgement.verdict, verdict, "{name} {output:?}");
    }
}
