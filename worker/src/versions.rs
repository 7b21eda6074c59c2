//! What the languages of this worker are worth: each one's version command, run in a box of its own.
//!
//! A language whose image is there but whose compiler does not start is not usable, and the worker says so
//! when it registers instead of failing the first submission.

use std::sync::Arc;

use futures::FutureExt as _;
use language::Language;
use proto::facts::Exit;
use proto::language::LanguageInfo;
use proto::limits::Limits;
use sandbox::spec::{Profile, RunSpec, Stdin};

use crate::engine::{Engine, blocking};
use crate::runner::run_twice;
use crate::toolchains::env_under;

/// Bytes of a version line kept.
const LINE_MAX: usize = 256;

/// Every language as this worker can tell it: tree found, version asked.
pub async fn describe_all(engine: &Engine) -> Vec<LanguageInfo> {
    let mut asked = Vec::new();
    for language in engine.toolchains().languages() {
        asked.push(describe(engine, language).boxed());
    }
    futures::future::join_all(asked).await
}

/// The same when no box can be had: nothing is usable, and `why` says so.
pub fn describe_without_boxes(why: &str, languages: &[Language]) -> Vec<LanguageInfo> {
    languages
        .iter()
        .map(|language| LanguageInfo {
            id: language.id.clone(),
            name: language.name.clone(),
            version: None,
            extensions: language.extensions.clone(),
            variant_of: language.variant_of.clone(),
            image: None,
            image_kind: None,
            compile: language.compile.clone(),
            run: language.run.clone(),
            usable: false,
            reason: Some(why.to_owned()),
            note: None,
        })
        .collect()
}

async fn describe(engine: &Engine, language: &Arc<Language>) -> LanguageInfo {
    let (toolchains, looked_up) = (Arc::clone(engine.toolchains()), Arc::clone(language));
    let told = blocking(move || (toolchains.describe(&looked_up), toolchains.get(&looked_up.id))).await;
    let (mut info, toolchain) = match told {
        Ok((info, Ok(toolchain))) => (info, toolchain),
        Ok((info, Err(_))) => return info,
        Err(error) => return unusable(engine, language, &error.to_string()),
    };
    let limits = Limits::compile_defaults();
    let spec = RunSpec {
        root: toolchain.root(),
        argv: language.version.clone(),
        env: env_under(&toolchain.env(), limits.memory),
        files: Vec::new(),
        stdin: Stdin::Empty,
        keep_stdout: LINE_MAX,
        overflow: None,
        keep_stderr: LINE_MAX,
        limits,
        profile: Profile::Default,
        writable: true,
        collect: Vec::new(),
    };
    match run_twice(&**engine.runner(), spec).await {
        Ok(outcome) if outcome.facts.exit == Some(Exit::Code(0)) => {
            info.version = first_line(&outcome.stdout.bytes).or_else(|| first_line(&outcome.stderr.bytes));
            info
        }
        Ok(outcome) => {
            let said = first_line(&outcome.stderr.bytes).unwrap_or_default();
            give_up(info, &format!("`{}` failed in a box: {said}", language.version.join(" ")))
        }
        Err(error) => give_up(info, &error.to_string()),
    }
}

fn unusable(engine: &Engine, language: &Language, why: &str) -> LanguageInfo {
    give_up(engine.toolchains().describe(language), why)
}

fn give_up(mut info: LanguageInfo, why: &str) -> LanguageInfo {
    info.usable = false;
    info.reason = Some(why.to_owned());
    info
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
