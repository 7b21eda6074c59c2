//! `tribunal languages test`: every probe of a language, judged like a submission.

use std::time::Duration;

use base64::Engine as _;
use futures::stream::{self, StreamExt as _};
use language::{Language, PROBES, Probe};
use proto::job::{InlineTest, SourceFile};
use proto::limits::LimitsRequest;
use proto::report::{Judgement, TestReport};
use proto::units::Bytes;
use proto::verdict::Verdict;
use serde_json::json;
use worker::engine::Engine;
use worker::{Against, Submission};

use crate::context::{Settings, runtime, tell_host_image};
use crate::output::{Failure, print_json, print_line};
use crate::report;

/// Lines that the probe `lines` has to write.
const LINES: u32 = 1_000_000;
/// Bytes that the probe `echo` has to give back: all that a report shows of a stream, less a few.
const ECHO_BYTES: usize = 65_000;
/// CPU time of a probe that has to end by itself.
const CPU_TIME: Duration = Duration::from_secs(10);
/// CPU time of the probe that never does.
const CPU_TIME_SHORT: Duration = Duration::from_secs(1);
/// Memory of every probe, beside the language's own overhead.
const MEMORY: Bytes = Bytes::mib(256);

/// What came of one probe of one language.
struct Outcome {
    language: &'static str,
    probe: &'static str,
    /// What is wrong, or that it is right, or that it cannot be.
    result: Result<Right, String>,
    verdict: Option<Verdict>,
    image: Option<String>,
    cpu_time_ms: Option<f64>,
    memory_bytes: Option<u64>,
    compile_ms: Option<f64>,
}

enum Right {
    Passed,
    Without(&'static str),
}

pub(crate) fn main(
    ids: Option<&[String]>,
    only: &[String],
    jobs: u32,
    json: bool,
    settings: &Settings,
) -> Result<u8, Failure> {
    let languages = match ids {
        None => language::all().iter().collect(),
        Some(ids) => ids.iter().map(|id| known(id)).collect::<Result<Vec<_>, _>>()?,
    };
    if let Some(name) = only.iter().find(|name| !PROBES.contains(&name.as_str())) {
        return Err(Failure::usage(format!("there is no probe `{name}`; there are {}", PROBES.join(", "))));
    }
    let probes: Vec<&'static str> =
        PROBES.into_iter().filter(|name| only.is_empty() || only.iter().any(|o| o == name)).collect();
    let boxes = Settings::boxes(jobs as usize)?;
    let store = settings.store()?;
    for language in &languages {
        tell_host_image(&store, language);
    }
    // What is tested is what runs now, not what is remembered.
    let engine = settings.without_cache(true).engine(boxes, &store);
    let pairs: Vec<_> =
        languages.iter().flat_map(|language| probes.iter().map(move |probe| (*language, *probe))).collect();
    let outcomes: Vec<Outcome> = runtime()?.block_on(
        stream::iter(pairs)
            .map(|(language, probe)| judge(&engine, language, probe))
            .buffered(jobs as usize)
            .collect(),
    );
    let ok = outcomes.iter().all(|outcome| outcome.result.is_ok());
    if json {
        print_json(&as_json(&languages, &outcomes, ok))?;
    } else {
        print_line(&as_table(&languages, &probes, &outcomes))?;
    }
    Ok(u8::from(!ok))
}

fn known(id: &str) -> Result<&'static Language, Failure> {
    language::by_id(id).ok_or_else(|| {
        Failure::usage(format!("there is no language `{id}`; `tribunal languages` lists them"))
    })
}

async fn judge(engine: &Engine, language: &'static Language, name: &'static str) -> Outcome {
    let mut outcome = Outcome {
        language: &language.id,
        probe: name,
        result: Ok(Right::Passed),
        verdict: None,
        image: None,
        cpu_time_ms: None,
        memory_bytes: None,
        compile_ms: None,
    };
    let probe = match (language.probe(name), language.without.get(name)) {
        (_, Some(why)) => {
            outcome.result = Ok(Right::Without(why));
            return outcome;
        }
        (None, None) => {
            let wanted = if name == "hello" { name.to_owned() } else { format!("selftest/{name}") };
            outcome.result = Err(format!(
                "images/languages/{}/{wanted}.{} is missing, and selftest.without gives no reason",
                language.id, language.extensions[0]
            ));
            return outcome;
        }
        (Some(probe), None) => probe,
    };
    let submission = Submission {
        language: language.id.clone(),
        files: vec![SourceFile { name: probe.file.clone(), content: probe.source.to_vec() }],
        all: true,
        only: Vec::new(),
    };
    match engine.judge(&submission, &against(language, &probe), &mut |_| {}).await {
        Ok(judgement) => {
            let test = judgement.tests.first();
            outcome.verdict = Some(judgement.verdict);
            outcome.image = judgement.image.as_ref().map(ToString::to_string);
            outcome.cpu_time_ms = test.and_then(|test| test.cpu_time_ms);
            outcome.memory_bytes = test.and_then(|test| test.memory_bytes);
            outcome.compile_ms = judgement.compile.as_ref().map(|c| c.cpu_time.as_secs_f64() * 1000.0);
            outcome.result = decide(&probe, &judgement).map(|()| Right::Passed);
        }
        Err(error) => outcome.result = Err(error.to_string()),
    }
    outcome
}

/// Every byte value beside every other, NUL, line ends and broken UTF-8 among them.
fn echo_input() -> Vec<u8> {
    (0..ECHO_BYTES).map(|at| (at * 7 + at / 256) as u8).collect()
}

fn against(language: &Language, probe: &Probe) -> Against {
    let test = |stdin: &[u8], answer: Option<String>| InlineTest {
        stdin: stdin.to_vec(),
        expected_output: answer.map(String::into_bytes),
        args: Vec::new(),
    };
    let sum = |a: i64, b: i64| test(format!("{a} {b}\n").as_bytes(), Some(format!("{}\n", a + b)));
    let tests = match probe.name {
        "echo" => vec![test(&echo_input(), None)],
        "sum" => vec![sum(2, 3), sum(-1_000_000, 1), sum(0, 0)],
        "recursion" => {
            let depth = format!("{}\n", language.recursion_depth);
            vec![test(depth.as_bytes(), Some(depth.clone()))]
        }
        "lines" => {
            let lines: Vec<String> = (1..=LINES).map(|n| n.to_string()).collect();
            vec![test(b"", Some(lines.join("\n") + "\n"))]
        }
        _ => vec![test(b"", None)],
    };
    let cpu_time = if probe.name == "cpu" { CPU_TIME_SHORT } else { CPU_TIME };
    let limits = LimitsRequest { cpu_time: Some(cpu_time), memory: Some(MEMORY), ..LimitsRequest::default() };
    Against::Tests { tests, limits }
}

/// Whether the judgement is what this probe has to get.
fn decide(probe: &Probe, judgement: &Judgement) -> Result<(), String> {
    let wanted = match probe.name {
        "hello" | "echo" => Verdict::OK,
        "compile_error" => Verdict::CE,
        "run_time_error" => Verdict::RTE,
        "cpu" => Verdict::TLE,
        "memory" => Verdict::MLE,
        _ => Verdict::AC,
    };
    let test = judgement.tests.iter().find(|test| test.verdict == judgement.verdict);
    if judgement.verdict != wanted {
        let compiler = judgement.compile.as_ref().map_or("", |compile| compile.log.as_str());
        let why = test.and_then(|test| test.reason.clone()).unwrap_or_default();
        return Err(format!("{} instead of {wanted}: {why} {compiler}", judgement.verdict));
    }
    let written = test.map(written).unwrap_or_default();
    match probe.name {
        "hello" if written != b"Hello, world!\n" => {
            Err(format!("wrote {:?}", String::from_utf8_lossy(&written)))
        }
        "echo" => same(&written, &echo_input()),
        _ => Ok(()),
    }
}

fn written(test: &TestReport) -> Vec<u8> {
    let exact =
        test.stdout_base64.as_deref().map(|text| base64::engine::general_purpose::STANDARD.decode(text));
    match exact {
        Some(Ok(bytes)) => bytes,
        Some(Err(_)) | None => test.stdout.clone().unwrap_or_default().into_bytes(),
    }
}

fn same(written: &[u8], wanted: &[u8]) -> Result<(), String> {
    if written == wanted {
        return Ok(());
    }
    let at = written.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(written.len().min(wanted.len()));
    Err(format!(
        "gave back {} bytes of {}; the first that differs is number {at}: {:?} instead of {:?}",
        written.len(),
        wanted.len(),
        written.get(at),
        wanted.get(at)
    ))
}

fn as_json(languages: &[&'static Language], outcomes: &[Outcome], ok: bool) -> serde_json::Value {
    let list: Vec<_> = languages
        .iter()
        .map(|language| {
            let own = || outcomes.iter().filter(|outcome| outcome.language == language.id);
            let probes: Vec<_> = own()
                .map(|outcome| {
                    json!({
                        "name": outcome.probe,
                        "ok": outcome.result.is_ok(),
                        "without": match &outcome.result { Ok(Right::Without(why)) => Some(why), _ => None },
                        "reason": outcome.result.as_ref().err(),
                        "verdict": outcome.verdict,
                        "cpu_time_ms": outcome.cpu_time_ms,
                        "memory_bytes": outcome.memory_bytes,
                        "compile_cpu_time_ms": outcome.compile_ms,
                    })
                })
                .collect();
            json!({
                "id": language.id,
                "image": own().find_map(|outcome| outcome.image.clone()),
                "ok": own().all(|outcome| outcome.result.is_ok()),
                "probes": probes,
            })
        })
        .collect();
    json!({ "ok": ok, "languages": list })
}

/// Language by probe: the CPU milliseconds of those that are right, `-` for those that cannot be; below it
/// what is wrong.
fn as_table(languages: &[&'static Language], probes: &[&'static str], outcomes: &[Outcome]) -> String {
    let mut table = report::table::<0>([]);
    table.set_header(std::iter::once("language").chain(probes.iter().copied()));
    for language in languages {
        let cell = |probe: &&'static str| {
            let found = outcomes.iter().find(|o| o.language == language.id && o.probe == *probe);
            match found.map(|outcome| (&outcome.result, outcome.cpu_time_ms.or(outcome.compile_ms))) {
                Some((Ok(Right::Passed), Some(ms))) => format!("ok {ms:.0}"),
                Some((Ok(Right::Passed), None)) => "ok".to_owned(),
                Some((Ok(Right::Without(_)), _)) => "-".to_owned(),
                Some((Err(_), _)) | None => "WRONG".to_owned(),
            }
        };
        table.add_row(std::iter::once(language.id.clone()).chain(probes.iter().map(cell)));
    }
    let mut text = table.to_string();
    for outcome in outcomes {
        if let Err(why) = &outcome.result {
            text += &format!("\n{} {}: {}", outcome.language, outcome.probe, why.trim());
        }
    }
    let right = outcomes.iter().filter(|outcome| outcome.result.is_ok()).count();
    text + &format!("\n{right} of {} right", outcomes.len())
}
