//! `tribunal bench`: measurements anybody can repeat.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use proto::job::{InlineTest, SourceFile};
use proto::limits::LimitsRequest;
use proto::report::Timing;
use proto::verdict::Verdict;
use serde_json::json;
use worker::engine::Engine;
use worker::{Against, Submission};

use crate::args::{BenchArgs, BenchCommand};
use crate::bench_check;
use crate::context::{Settings, runtime, scratch, tell_host_image};
use crate::output::{Failure, chain, print_json, print_line};

pub(crate) fn main(args: &BenchArgs, settings: &Settings) -> Result<u8, Failure> {
    match &args.command {
        BenchCommand::Box { rounds, json } => bench_box(*rounds, *json),
        BenchCommand::Check { megabytes, rounds, beside, json } => {
            bench_check::main(*megabytes, *rounds, beside.as_deref(), *json)
        }
        BenchCommand::Judge { rounds, jobs, language, json } => {
            bench_judge(settings, *rounds, *jobs, language, *json)
        }
    }
}

fn bench_box(rounds: u32, json: bool) -> Result<u8, Failure> {
    let boxes = Settings::boxes(0)?;
    let scratch = scratch()?;
    let failed = |e: sandbox::SandboxError| Failure::ours(chain(&e));
    let (root, program) = sandbox::bench::noop(scratch.path()).map_err(failed)?;
    let bench = sandbox::bench::box_bench(&boxes, &root, &program, rounds as usize).map_err(failed)?;
    if json {
        return print_json(&bench).map(|()| 0);
    }
    for (name, series) in [("fresh", &bench.fresh), ("warm", &bench.warm), ("bare", &bench.bare)] {
        print_line(&format!(
            "{name:<6} p50 {:>9.1} us  p99 {:>9.1} us  {:>8.1} per second",
            series.p50_us, series.p99_us, series.per_second
        ))?;
    }
    print_line(&format!(
        "ratio  fresh/bare {:.2}  warm/bare {:.2}  ({} rounds)",
        bench.ratio_p50, bench.warm_ratio_p50, bench.rounds
    ))?;
    for sustained in bench.sustained {
        print_line(&format!(
            "{} at once  {:>8.1} fresh boxes per second  {:>8.1} us of processor time each",
            sustained.loops, sustained.per_second, sustained.cpu_us
        ))?;
    }
    Ok(0)
}

fn bench_judge(settings: &Settings, rounds: u32, jobs: u32, id: &str, json: bool) -> Result<u8, Failure> {
    let language = language::by_id(id).ok_or_else(|| Failure::usage(format!("unknown language `{id}`")))?;
    let program = language
        .self_tests()
        .into_iter()
        .find(|test| test.verdict == "accepted")
        .ok_or_else(|| Failure::usage(format!("language `{id}` has no accepted self-test")))?;
    let boxes = Settings::boxes(jobs as usize)?;
    let store = settings.store()?;
    tell_host_image(&store, language);
    // What is measured is judging, not remembering.
    let engine = settings.without_cache(true).engine(boxes, &store);
    let submission = Submission {
        language: id.to_owned(),
        files: vec![SourceFile { name: program.name, content: program.source.into_owned() }],
        all: false,
        only: Vec::new(),
    };
    let test = |a: i64, b: i64| InlineTest {
        stdin: format!("{a} {b}\n").into_bytes(),
        expected_output: Some(format!("{}\n", a + b).into_bytes()),
        args: Vec::new(),
    };
    let against = Against::Tests {
        tests: vec![test(1, 2), test(-5, 5), test(40, 2)],
        limits: LimitsRequest::default(),
    };
    let (took, timings) = runtime()?.block_on(measure(&engine, &submission, &against, rounds, jobs))?;

    let mean = |part: fn(&Timing) -> f64| timings.iter().map(part).sum::<f64>() / timings.len() as f64;
    let per_second = f64::from(rounds) / took.as_secs_f64();
    let (compile, run, check, total) =
        (mean(|t| t.compile_ms), mean(|t| t.run_ms), mean(|t| t.check_ms), mean(|t| t.total_ms));
    if json {
        return print_json(&json!({
            "language": id, "submissions": rounds, "at_once": jobs, "tests_each": 3,
            "per_second": per_second,
            "mean_ms": { "compile": compile, "run": run, "check": check, "total": total },
        }))
        .map(|()| 0);
    }
    print_line(&format!(
        "{per_second:.2} submissions per second ({rounds} of {id}, 3 tests each, {jobs} at once)\n\
         mean ms: compile {compile:.1}, run {run:.1}, check {check:.1}, total {total:.1}"
    ))
    .map(|()| 0)
}

async fn measure(
    engine: &Engine,
    submission: &Submission,
    against: &Against,
    rounds: u32,
    jobs: u32,
) -> Result<(Duration, Vec<Timing>), Failure> {
    let started = Instant::now();
    let timings: Vec<_> = stream::iter(0..rounds)
        .map(|_| async move {
            let judgement = engine.judge(submission, against, &mut |_| {}).await.map_err(Failure::ours)?;
            if judgement.verdict != Verdict::AC {
                return Err(Failure::ours(format!("the self-test got {}", judgement.verdict)));
            }
            Ok(judgement.timing)
        })
        .buffer_unordered(jobs as usize)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    Ok((started.elapsed(), timings))
}
