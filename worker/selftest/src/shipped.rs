//! The part of the corpus that travels in the executable, and running it on an operator's host.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proto::facts::Exit;
use proto::limits::Limits;
use proto::units::Bytes;
use rust_embed::RustEmbed;
use sandbox::spec::{BoxFile, Collect, RootSpec, RunSpec};
use sandbox::{BoxServer, Cancel};
use serde::Serialize;

use crate::boxes::{chain, spec};
use crate::case::{ATTACK_C, Case, Headers, PEER_C};
use crate::catalogue;
use crate::expect::Mode;
use crate::ground::{Ground, Programs};
use crate::honest::HELLO_C;

/// `tests/hostile/`, with paths such as `fork_bomb/attack.c`.
#[derive(RustEmbed)]
#[folder = "../../tests/hostile"]
#[include = "*/*"]
#[include = "*.h"]
struct Folders;

/// One line of what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Number in the catalogue.
    pub id: String,
    /// The case's name.
    pub name: String,
    /// What the program tries.
    pub tries: &'static str,
    /// What must happen.
    pub must: String,
    /// The verdicts that say so: any of these.
    pub expected: Vec<String>,
    /// The verdict it got; absent when it failed or did not run.
    pub verdict: Option<String>,
    /// What happened.
    pub happened: String,
    /// Whether that is what must happen; absent when it did not run here.
    pub ok: Option<bool>,
}

/// Why nothing could be tested.
#[derive(Debug, thiserror::Error)]
pub enum Unable {
    /// No C compiler with a static C library works in a box over the image.
    #[error("no static C program can be compiled in a box: {0}")]
    NoCompiler(String),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// The shipped cases, in the order of the catalogue.
///
/// # Panics
/// Never in a build whose tests passed: they read every folder.
pub fn cases() -> Vec<Case> {
    let mut folders: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    let mut headers = BTreeMap::new();
    for path in Folders::iter() {
        let Some(content) = Folders::get(&path).map(|file| file.data.into_owned()) else { continue };
        match path.split_once('/') {
            Some((folder, file)) => {
                folders.entry(folder.to_owned()).or_default().insert(file.to_owned(), content);
            }
            None => {
                headers.insert(path.into_owned(), content);
            }
        }
    }
    let headers = Arc::new(headers);
    let read = |(name, sources): (String, _)| {
        Case::new(&name, sources, &headers).expect("a test reads every folder")
    };
    let mut cases: Vec<Case> = folders.into_iter().map(read).filter(|case| case.expect.shipped).collect();
    let place = |case: &Case| catalogue::CATALOGUE.iter().position(|(id, _)| *id == case.expect.id);
    cases.sort_by_key(|case| (place(case), case.name.clone()));
    cases
}

/// Runs `cases` one by one, the programs compiled in boxes over `image`, files of ours below `dir`. Each row is also
/// told as it comes.
///
/// # Errors
/// Why nothing could be tested.
pub fn run(
    server: &BoxServer,
    image: &RootSpec,
    dir: &Path,
    cases: &[Case],
    mut told: impl FnMut(&Row),
) -> Result<(Mode, Vec<Row>), Unable> {
    let hello = compile(server, image, HELLO_C.as_bytes(), &[], &Headers::default());
    let hello = hello.map_err(Unable::NoCompiler)?;
    let ground = Ground::prepare(server.clone(), image.clone(), hello, dir).map_err(Unable::Other)?;
    ground.oracle_sees_a_living_box().map_err(Unable::Other)?;
    let mut rows = Vec::new();
    for case in cases {
        let row = one(&ground, server, image, case);
        told(&row);
        rows.push(row);
    }
    Ok((ground.mode(), rows))
}

fn one(ground: &Ground, server: &BoxServer, image: &RootSpec, case: &Case) -> Row {
    let expect = &case.expect;
    let mut row = Row {
        id: expect.id.clone(),
        name: case.name.clone(),
        tries: catalogue::title(&expect.id).unwrap_or_default(),
        must: expect.why.clone(),
        expected: expect.verdict.iter().map(ToString::to_string).collect(),
        verdict: None,
        happened: String::new(),
        ok: None,
    };
    if let Some(why) = expect.left_out(ground.mode()) {
        row.happened = format!("not run: does not apply in mode {}: {why}", ground.mode().name());
        return row;
    }
    let programs = match programs(server, image, case) {
        Ok(programs) => programs,
        Err(e) => {
            return Row { happened: format!("its program does not compile: {e}"), ok: Some(false), ..row };
        }
    };
    match ground.attack(case, &programs, true) {
        Ok(happened) => Row {
            verdict: Some(happened.verdict.to_string()),
            happened: format!("{}: {}", happened.verdict, happened.how),
            ok: Some(true),
            ..row
        },
        Err(e) => Row { happened: e, ok: Some(false), ..row },
    }
}

fn programs(server: &BoxServer, image: &RootSpec, case: &Case) -> Result<Programs, String> {
    let build = |file: &str| {
        let text = case.sources.get(file);
        text.map(|text| compile(server, image, text, &case.expect.cflags, &case.headers)).transpose()
    };
    Ok(Programs { attack: build(ATTACK_C)?.unwrap_or_default(), peer: build(PEER_C)? })
}

/// Compiles one static program in a box.
fn compile(
    server: &BoxServer,
    image: &RootSpec,
    text: &[u8],
    flags: &[String],
    headers: &Headers,
) -> Result<Vec<u8>, String> {
    let limits =
        Limits { memory: Bytes::mib(512), cpu_time: Duration::from_secs(20), ..Limits::compile_defaults() };
    let file = |path: &str, content: &[u8]| BoxFile {
        path: path.to_owned(),
        content: content.into(),
        executable: false,
    };
    // A folder below the headers, as in the corpus.
    let source = format!("case/{ATTACK_C}");
    let argv = ["/usr/bin/gcc", "-static", "-O1", "-pthread", "-w", "-o", "a.out", &source];
    let compile = RunSpec {
        argv: argv.iter().map(ToString::to_string).chain(flags.iter().cloned()).collect(),
        files: std::iter::once(file(&source, text))
            .chain(headers.iter().map(|(name, text)| file(name, text)))
            .collect(),
        collect: vec![Collect::read("a.out", limits.file_size.get())],
        ..spec(image, &[], limits)
    };
    let mut outcome = server.run(&compile, &Cancel::new()).map_err(|e| chain(&e))?;
    match outcome.files.pop() {
        Some(program) if outcome.facts.exit == Some(Exit::Code(0)) => Ok(program.bytes),
        _ => Err(String::from_utf8_lossy(&outcome.stderr.bytes).trim().escape_debug().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_whole_and_asks_for_nothing_of_the_suite() {
        let cases = cases();
        assert!(cases.len() >= 20, "{} cases are shipped", cases.len());
        for case in &cases {
            let expect = &case.expect;
            let texts = expect.args.iter().chain(expect.env.values()).chain(expect.files.values());
            let asks = ["{tcp}", "{udp}", "{vsock}", "{unix}", "{abstract}"];
            assert!(
                texts.clone().all(|text| !asks.iter().any(|name| text.contains(name))),
                "{}: canaries have no names outside of the suite",
                case.name
            );
            assert!(expect.repeat <= 2, "{}: an operator waits for it", case.name);
        }
    }
}
