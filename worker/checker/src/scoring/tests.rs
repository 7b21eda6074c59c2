//! Packages in a few lines, submissions as verdicts, scores as they must come out.

use std::fs;

use Verdict::{AC, JE, SK, TLE, WA};

use super::*;

/// A package of these files beside a manifest and one example; `.in` brings its `.ans`.
fn package(manifest: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Problem) {
    let dir = tempfile::Builder::new().prefix("scored").tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let at = dir.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    };
    put("problem.yaml", manifest);
    put("submissions/accepted/a.py", "");
    for (path, text) in files {
        put(path, text);
        if let Some(stem) = path.strip_suffix(".in") {
            put(&format!("{stem}.ans"), "");
        }
    }
    let problem = problem::read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}")).problem;
    (dir, problem)
}

const NEW: &str =
    "problem_format_version: 2025-09\nname: S\nuuid: u\ntype: scoring\nlimits: {time_limit: 1}\n";

fn plain(verdicts: &[Verdict]) -> Vec<Decided> {
    verdicts.iter().map(|v| Decided { verdict: *v, given: Given::Nothing }).collect()
}

/// The result where no grader of the package's own has a say.
fn fold(scorer: &Scorer<'_>, cases: &[Decided]) -> Scored {
    scorer.fold(cases, &Grades::new()).unwrap()
}

fn score(text: &str) -> Score {
    Score::parse(text).unwrap()
}

/// `verdict score` of the whole, then of each group.
fn words(scored: &Scored) -> Vec<String> {
    let whole = format!("{} {}", scored.verdict, scored.score.map_or("-".to_owned(), |s| s.to_string()));
    let groups = scored.groups.iter().map(|g| {
        let score = g.score.clone().unwrap_or("-".to_owned());
        let max = g.max_score.as_ref().map_or(String::new(), |m| format!("/{m}"));
        format!("{} {} {score}{max}", g.name, g.verdict)
    });
    std::iter::once(whole).chain(groups).collect()
}

fn groups() -> (tempfile::TempDir, Problem) {
    package(
        NEW,
        &[
            ("data/sample/1.in", ""),
            ("data/secret/a/1.in", ""),
            ("data/secret/a/2.in", ""),
            ("data/secret/a/test_group.yaml", "max_score: 20\n"),
            ("data/secret/b/1.in", ""),
            ("data/secret/b/2.in", ""),
            ("data/secret/b/3.in", ""),
            (
                "data/secret/b/test_group.yaml",
                "max_score: 50\nscore_aggregation: sum\nrequire_pass: secret/a\n",
            ),
            ("data/secret/c/1.in", ""),
            ("data/secret/c/2.in", ""),
            (
                "data/secret/c/test_group.yaml",
                "max_score: 30\nscore_aggregation: min\nrequire_pass: sample\n",
            ),
        ],
    )
}

#[test]
fn groups_of_2025_aggregate_exactly_and_the_word_says_how_much() {
    let (_dir, problem) = groups();
    let scorer = Scorer::new(&problem).unwrap();
    for (cases, want) in [
        (
            [AC; 8],
            vec![
                "AC 100",
                "sample AC -",
                "secret AC 100/100",
                "secret/a AC 20/20",
                "secret/b AC 50/50",
                "secret/c AC 30/30",
            ],
        ),
        (
            [AC, AC, AC, AC, WA, AC, AC, TLE],
            vec![
                "PA 53.333333333",
                "sample AC -",
                "secret PA 53.333333333/100",
                "secret/a AC 20/20",
                "secret/b PA 33.333333333/50",
                "secret/c TLE 0/30",
            ],
        ),
        (
            [WA, TLE, SK, SK, SK, SK, SK, SK],
            vec![
                "TLE 0",
                "sample WA -",
                "secret TLE 0/100",
                "secret/a TLE 0/20",
                "secret/b SK 0/50",
                "secret/c SK 0/30",
            ],
        ),
        (
            [AC, JE, SK, SK, SK, SK, SK, SK],
            vec![
                "JE -",
                "sample AC -",
                "secret JE 0/100",
                "secret/a JE 0/20",
                "secret/b SK 0/50",
                "secret/c SK 0/30",
            ],
        ),
    ] {
        assert_eq!(words(&fold(&scorer, &plain(&cases))), want, "{cases:?}");
    }
}

/// Case, its verdict, what was given, and its score or a part of the complaint.
type Row = (usize, Verdict, Given, Result<Option<&'static str>, &'static str>);

#[test]
fn what_a_validator_gives_counts_and_what_it_may_not_give_is_a_judge_error() {
    let (_dir, problem) = groups();
    let scorer = Scorer::new(&problem).unwrap();
    let half = Given::Multiplier(score("0.5"));
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (0, AC, Given::Score(score("7")), Ok(None)),
        (1, AC, Given::Nothing, Ok(None)),
        (1, AC, half, Err("`pass-fail` group")),
        (3, AC, Given::Nothing, Ok(Some("16.666666667"))),
        (3, AC, half, Ok(Some("8.333333333"))),
        (3, AC, Given::Score(score("16.6")), Ok(Some("16.6"))),
        (3, AC, Given::Score(score("16.7")), Err("at most 16.666666667")),
        (3, AC, Given::Score(score("0")), Ok(Some("0"))),
        (3, AC, Given::Multiplier(Score::ONE), Ok(Some("16.666666667"))),
        (3, AC, Given::Multiplier(Score::ZERO), Ok(Some("0"))),
        (3, AC, Given::Multiplier(score("-0.1")), Err("from 0 to 1")),
        (6, AC, Given::Score(score("30")), Ok(Some("30"))),
        (6, AC, Given::Score(score("30.000000001")), Err("at most 30")),
        (3, AC, Given::Score(score("-1")), Err("not negative")),
        (3, AC, Given::Multiplier(score("1.01")), Err("from 0 to 1")),
        (3, WA, Given::Nothing, Ok(Some("0"))),
        (3, WA, Given::Score(Score::ZERO), Err("did not accept")),
        (6, AC, half, Ok(Some("15"))),
    ];
    for (case, verdict, given, want) in rows {
        let got = scorer.case(*case, Decided { verdict: *verdict, given: *given });
        match (got, want) {
            (Ok(got), Ok(want)) => {
                assert_eq!(got.map(|s| s.to_string()).as_deref(), *want, "{case} {given:?}");
            }
            (Err(got), Err(want)) => assert!(got.contains(want), "{case} {given:?}: {got}"),
            (got, want) => panic!("{case} {verdict} {given:?}: {got:?}, not {want:?}"),
        }
    }
    let mut cases = plain(&[AC; 8]);
    cases[3].given = half;
    cases[6].given = Given::Multiplier(score("0.25"));
    assert_eq!(words(&fold(&scorer, &cases))[0], "PA 69.166666667");
}

#[test]
fn an_unbounded_group_needs_a_score_for_each_accepted_case() {
    let (_dir, problem) = package(
        NEW,
        &[
            ("data/secret/1.in", ""),
            ("data/secret/2.in", ""),
            ("data/secret/test_group.yaml", "max_score: unbounded\n"),
        ],
    );
    let scorer = Scorer::new(&problem).unwrap();
    let given = |text| Decided { verdict: AC, given: Given::Score(score(text)) };
    assert_eq!(words(&fold(&scorer, &[given("1e3"), given("0.5")])), ["AC 1000.5", "secret AC 1000.5"]);
    let lost = [given("4"), Decided { verdict: WA, given: Given::Nothing }];
    assert_eq!(words(&fold(&scorer, &lost)), ["PA 4", "secret PA 4"]);
    let missing = fold(&scorer, &plain(&[AC, AC]));
    assert_eq!(missing.verdict, JE);
    assert!(missing.reason.unwrap().contains("group secret: the validator gave no score.txt"));
    let part = Decided { verdict: AC, given: Given::Multiplier(Score::ONE) };
    assert!(scorer.case(0, part).unwrap_err().contains("unbounded"));
}

#[test]
fn a_group_waits_for_those_it_requires_and_stops_when_it_has_nothing_to_lose() {
    let (_dir, problem) = groups();
    let scorer = Scorer::new(&problem).unwrap();
    let mut seen = vec![None; 8];
    seen[0] = Some(WA);
    assert_eq!(scorer.blocked_by(6, &seen), Some("sample"));
    assert_eq!(scorer.blocked_by(3, &seen), None);
    seen[2] = Some(TLE);
    assert_eq!(scorer.blocked_by(3, &seen), Some("secret/a"));
    assert_eq!(scorer.blocked_by(1, &seen), None);
    for (case, verdict, stops) in [
        (0, WA, Stops::Nothing),
        (1, AC, Stops::Nothing),
        (1, WA, Stops::Group),
        (3, WA, Stops::Nothing),
        (6, TLE, Stops::Group),
        (3, Verdict::SE, Stops::Everything),
    ] {
        assert_eq!(scorer.stops(case, verdict), stops, "{case} {verdict}");
    }
    assert!(scorer.together(3, 5) && !scorer.together(2, 3));
    assert_eq!((scorer.len(), scorer.is_empty()), (8, false));
}

#[test]
fn the_most_that_can_be_had_is_told_of_cases_and_of_the_whole() {
    let (_dir, problem) = groups();
    let scorer = Scorer::new(&problem).unwrap();
    assert_eq!(scorer.max(), Some(score("100")));
    let most: Vec<_> = (0..8).map(|case| scorer.max_of(case).map(|most| most.to_string())).collect();
    let [part, all] = [Some("16.666666667".to_owned()), Some("30".to_owned())];
    assert_eq!(most, [&None, &None, &None, &part, &part, &part, &all, &all].map(Clone::clone));
    let (_dir, problem) = package(
        NEW,
        &[
            ("data/sample/1.in", ""),
            ("data/secret/1.in", ""),
            ("data/secret/test_group.yaml", "max_score: unbounded\n"),
        ],
    );
    let scorer = Scorer::new(&problem).unwrap();
    assert_eq!((scorer.max(), scorer.max_of(0), scorer.max_of(1)), (None, None, None));
    let (_dir, problem) = legacy("grader_flags: ignore_sample\nrange: 0 15\n", "range: 0 14\n");
    assert_eq!(Scorer::new(&problem).unwrap().max(), Some(score("15")));
}

#[test]
fn a_legacy_group_stops_at_a_failure_unless_it_goes_on_or_one_that_passes_is_enough() {
    for (flags, stops) in [
        ("", Stops::Group),
        ("on_reject: break\n", Stops::Group),
        ("on_reject: continue\n", Stops::Nothing),
        ("grader_flags: accept_if_any_accepted\n", Stops::Nothing),
        ("grader_flags: accept_if_any_accepted\non_reject: continue\n", Stops::Nothing),
    ] {
        let files = [
            ("data/sample/1.in", ""),
            ("data/secret/1.in", ""),
            ("data/secret/2.in", ""),
            ("data/secret/testdata.yaml", flags),
        ];
        let (_dir, problem) = package("name: S\ntype: scoring\n", &files);
        let scorer = Scorer::new(&problem).unwrap();
        assert_eq!(scorer.stops(1, WA), stops, "{flags:?}");
        assert_eq!(scorer.stops(1, JE), Stops::Everything, "{flags:?}");
        assert_eq!((scorer.stops(1, AC), scorer.stops(0, WA)), (Stops::Nothing, Stops::Nothing));
    }
}

#[test]
fn what_lies_in_a_legacy_group_has_its_say_in_judging_order() {
    let files = [
        ("data/testdata.yaml", "grader_flags: ignore_sample\n"),
        ("data/secret/testdata.yaml", "grader_flags: first_error\non_reject: continue\n"),
        ("data/secret/a/1.in", ""),
        ("data/secret/b.in", ""),
        ("data/secret/c/1.in", ""),
    ];
    let (_dir, problem) = package("name: S\ntype: scoring\n", &files);
    let names: Vec<_> = problem.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["secret/a/1", "secret/b", "secret/c/1"]);
    let scorer = Scorer::new(&problem).unwrap();
    for (cases, first) in
        [([WA, TLE, AC], WA), ([AC, TLE, WA], TLE), ([AC, AC, WA], WA), ([TLE, AC, WA], TLE)]
    {
        assert_eq!(fold(&scorer, &plain(&cases)).groups[0].verdict, first, "{cases:?}");
    }
}

#[test]
fn a_failure_of_ours_is_never_turned_into_one_of_the_package() {
    let unbounded = ("data/secret/test_group.yaml", "max_score: unbounded\nscore_aggregation: sum\n");
    let (_dir, problem) = package(
        NEW,
        &[
            unbounded,
            ("data/secret/a/1.in", ""),
            ("data/secret/a/test_group.yaml", "max_score: unbounded\nscore_aggregation: sum\n"),
            ("data/secret/b/1.in", ""),
            ("data/secret/b/test_group.yaml", "max_score: unbounded\nscore_aggregation: sum\n"),
        ],
    );
    let scorer = Scorer::new(&problem).unwrap();
    // Both groups lack a score.txt, or one does and the box of the other broke.
    let faulty = fold(&scorer, &plain(&[AC, AC]));
    assert_eq!(faulty.verdict, JE);
    assert!(faulty.reason.unwrap().starts_with("group secret/b: "), "one reason is told");
    let ours = fold(&scorer, &plain(&[Verdict::SE, AC]));
    assert_eq!((ours.verdict, ours.score, ours.reason), (Verdict::SE, None, None));
}

#[test]
fn a_sum_that_cannot_be_kept_exactly_is_said_and_never_rounded() {
    let primes =
        [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101];
    let parts: Vec<Score> = primes.into_iter().map(|n| Score::ONE.shared(n).unwrap()).collect();
    assert!(sum(&parts[..5]).is_ok());
    assert_eq!(sum(&parts).unwrap_err(), "the score has too many digits to be kept exactly");
}

fn legacy(root: &str, secret: &str) -> (tempfile::TempDir, Problem) {
    package(
        "name: S\ntype: scoring\n",
        &[
            ("data/testdata.yaml", root),
            ("data/sample/1.in", ""),
            ("data/secret/testdata.yaml", secret),
            ("data/secret/a/1.in", ""),
            ("data/secret/a/2.in", ""),
            ("data/secret/a/testdata.yaml", "accept_score: 10\ngrader_flags: min\n"),
            ("data/secret/b/x/1.in", ""),
            ("data/secret/b/x/2.in", ""),
            ("data/secret/b/x/testdata.yaml", "accept_score: 5\ngrader_flags: avg\non_reject: continue\n"),
        ],
    )
}

#[test]
fn legacy_graders_combine_verdicts_and_scores_at_any_depth() {
    #[rustfmt::skip]
    let rows: &[(&str, &str, [Verdict; 5], &str)] = &[
        ("grader_flags: ignore_sample\n", "grader_flags: sum\n", [AC; 5], "AC 15"),
        ("grader_flags: ignore_sample\n", "grader_flags: sum\n", [WA, AC, AC, AC, AC], "AC 15"),
        ("", "grader_flags: sum\n", [AC; 5], "AC 16"),
        ("grader_flags: ignore_sample\n", "grader_flags: sum\n", [AC, AC, AC, AC, WA], "PA 12.5"),
        ("grader_flags: ignore_sample\n", "grader_flags: sum\n", [AC, WA, SK, WA, WA], "WA 0"),
        ("grader_flags: ignore_sample\n", "grader_flags: max\n", [AC, AC, AC, AC, WA], "PA 10"),
        ("grader_flags: ignore_sample\n", "grader_flags: min first_error\n", [AC, TLE, SK, AC, WA], "TLE 0"),
        ("grader_flags: ignore_sample always_accept\n", "", [AC, TLE, SK, WA, WA], "AC 0"),
        ("grader_flags: ignore_sample\n", "grader_flags: sum accept_if_any_accepted\n", [AC, WA, SK, AC, AC], "AC 5"),
        // `a` and `b/x` have flags of their own, so one case that passes does not make them pass.
        ("grader_flags: ignore_sample\n", "grader_flags: first_error accept_if_any_accepted\n", [AC, AC, WA, AC, WA], "PA 2.5"),
        ("grader_flags: ignore_sample\n", "grader_flags: first_error accept_if_any_accepted\n", [AC, AC, AC, WA, WA], "AC 10"),
        ("grader_flags: ignore_sample\nrange: 0 20\n", "range: 0 20\n", [AC; 5], "PA 15"),
        ("grader_flags: ignore_sample\nrange: 0 15\n", "range: 0 15\n", [AC; 5], "AC 15"),
        ("grader_flags: ignore_sample\n", "range: 0 14\n", [AC; 5], "JE -"),
        ("grader_flags: ignore_sample\n", "range: 5 15\n", [AC; 5], "AC 15"),
        ("grader_flags: ignore_sample\n", "range: 6 15\n", [AC; 5], "JE -"),
    ];
    for (root, secret, cases, want) in rows {
        let (_dir, problem) = legacy(root, secret);
        let scored = fold(&Scorer::new(&problem).unwrap(), &plain(cases));
        assert_eq!(words(&scored)[0], *want, "{root:?} {secret:?} {cases:?}: {:?}", words(&scored));
    }
}

#[test]
fn a_pass_fail_problem_without_a_deciding_grader_has_no_scorer() {
    let pass_fail = NEW.replace("type: scoring\n", "");
    let (_dir, problem) = package(&pass_fail, &[("data/secret/1.in", "")]);
    assert!(Scorer::new(&problem).is_none());
    // Each of these alone has a say.
    for (file, text) in [
        ("data/testdata.yaml", "grader_flags: ignore_sample\n"),
        ("data/testdata.yaml", "grader_flags: always_accept\n"),
        ("data/secret/testdata.yaml", "grader_flags: always_accept\n"),
        ("data/secret/testdata.yaml", "grader_flags: accept_if_any_accepted\n"),
        ("data/secret/testdata.yaml", "grading: custom\n"),
    ] {
        let files = [("data/secret/1.in", ""), ("graders/g.py", ""), (file, text)];
        let (_dir, problem) = package("name: S\n", &files);
        let scorer = Scorer::new(&problem).unwrap_or_else(|| panic!("{file}: {text}"));
        assert_eq!((scorer.len(), scorer.is_empty(), scorer.max()), (1, false, None), "{text}");
    }
    let (_dir, problem) = package(
        "name: S\n",
        &[
            ("data/secret/1.in", ""),
            ("data/secret/2.in", ""),
            ("data/secret/testdata.yaml", "on_reject: continue\n"),
        ],
    );
    assert!(Scorer::new(&problem).is_none());
    let flags = "grader_flags: accept_if_any_accepted\non_reject: continue\n";
    let (_dir, problem) = package(
        "name: S\n",
        &[("data/secret/1.in", ""), ("data/secret/2.in", ""), ("data/secret/testdata.yaml", flags)],
    );
    let scored = fold(&Scorer::new(&problem).unwrap(), &plain(&[WA, AC]));
    assert_eq!((scored.verdict, scored.score), (AC, None));
}

#[test]
fn a_static_validation_counts_as_one_more_case_of_its_group() {
    let (_dir, problem) = package(
        NEW,
        &[
            ("static_validator/v.py", ""),
            ("data/secret/a/1.in", ""),
            ("data/secret/a/2.in", ""),
            (
                "data/secret/a/test_group.yaml",
                "max_score: 70\nscore_aggregation: sum\nstatic_validation_score: 30\n",
            ),
            ("data/secret/b/1.in", ""),
            ("data/secret/b/test_group.yaml", "max_score: 30\nstatic_validation_score: pass-fail\n"),
        ],
    );
    let scorer = Scorer::new(&problem).unwrap();
    assert_eq!(scorer.len(), 5, "three cases and two static validations");
    assert_eq!(scorer.max_of(0), Some(score("20")), "the rest is shared");
    assert_eq!(scorer.max_of(3), Some(score("30")));
    for (cases, want) in [
        ([AC, AC, AC, AC, AC], "AC 100"),
        ([AC, AC, AC, WA, AC], "PA 70"),
        ([AC, WA, AC, AC, AC], "PA 80"),
        ([AC, AC, AC, AC, WA], "PA 70"),
        ([AC, AC, AC, AC, JE], "JE -"),
    ] {
        assert_eq!(words(&fold(&scorer, &plain(&cases)))[0], want, "{cases:?}");
    }
    let part = Decided { verdict: AC, given: Given::Multiplier(score("0.5")) };
    assert_eq!(scorer.case(3, part), Ok(Some(score("15"))));
    assert!(scorer.case(4, part).unwrap_err().contains("`pass-fail` group"));
    assert!(scorer.together(3, 0) && scorer.together(4, 2) && !scorer.together(3, 4));
    assert_eq!(scorer.stops(4, WA), Stops::Group);
}

#[test]
fn a_static_validation_in_an_unbounded_group_must_say_its_score() {
    let (_dir, problem) = package(
        NEW,
        &[
            ("static_validator/v.py", ""),
            ("data/secret/1.in", ""),
            ("data/secret/test_group.yaml", "max_score: unbounded\nstatic_validation_score: 5\n"),
        ],
    );
    let scorer = Scorer::new(&problem).unwrap();
    let given = |given| Decided { verdict: AC, given };
    assert!(scorer.case(1, given(Given::Nothing)).unwrap_err().contains("no score.txt"));
    assert_eq!(scorer.case(1, given(Given::Score(score("4")))), Ok(Some(score("4"))));
    assert!(scorer.case(1, given(Given::Score(score("6")))).unwrap_err().contains("at most 5"));
}

#[test]
fn a_grader_of_the_packages_own_is_asked_group_by_group_from_within() {
    let grading = "grading: custom\non_reject: continue\n";
    let (_dir, problem) = package(
        "name: S\ntype: scoring\n",
        &[
            ("graders/g.py", ""),
            ("data/testdata.yaml", "grader_flags: ignore_sample\n"),
            ("data/secret/testdata.yaml", &format!("{grading}grader_flags: top\nrange: 0 50\n")),
            ("data/secret/a/1.in", ""),
            ("data/secret/a/2.in", ""),
            ("data/secret/a/testdata.yaml", "accept_score: 7\ngrader_flags: half\n"),
        ],
    );
    let scorer = Scorer::new(&problem).unwrap();
    let cases = plain(&[AC, WA]);
    let mut grades = Grades::new();
    let first = scorer.fold(&cases, &grades).unwrap_err();
    assert_eq!((first.flags[0].as_str(), first.input.as_str()), ("half", "AC 7\nWA 0\n"));
    grades.insert(first.clone(), Ok((AC, score("9"))));
    let second = scorer.fold(&cases, &grades).unwrap_err();
    assert_eq!((second.flags[0].as_str(), second.input.as_str()), ("top", "AC 9\n"));
    for (said, want) in [
        (Ok((AC, score("40"))), "AC 40"),
        (Ok((WA, score("40"))), "WA 0"),
        (Ok((AC, score("51"))), "JE -"),
        (Err("grader g.py: exit status 1".to_owned()), "JE -"),
    ] {
        grades.insert(second.clone(), said);
        assert_eq!(words(&scorer.fold(&cases, &grades).unwrap())[0], want);
    }
    assert!(scorer.fold(&plain(&[JE, SK]), &Grades::new()).is_ok(), "a fault needs no grade");
    assert_eq!(fold(&scorer, &plain(&[SK, SK])).verdict, SK, "nothing was run, nothing is asked");
}
