//! `language.toml` as text to [`Language`]: unknown keys, missing keys and nonsense stop here, with the file
//! and the key in the message.

use std::collections::BTreeMap;

use proto::units::Bytes;
use serde::Deserialize;

use crate::{Archive, Base, Language, OutOfMemory, Step};

/// Calls that the probe `recursion` nests where a language names no other number.
const RECURSION_DEPTH: u32 = 100_000;
/// A factor beyond this is a mistake, not a slow language.
const FACTOR_MAX: f64 = 20.0;
/// Threads a runtime may need beside those of the program.
const PROCESSES_OVERHEAD_MAX: u32 = 256;

/// What is wrong with a `language.toml`.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// Not TOML, an unknown or missing key, or a value of the wrong type; the cause shows the place.
    #[error("{file}: could not be read as a language description")]
    Syntax {
        /// The file.
        file: String,
        /// Line, column and what was expected.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value that parses but cannot be right.
    #[error("{file}: `{key}` {problem}")]
    Value {
        /// The file.
        file: String,
        /// The key.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    version: Vec<String>,
    extensions: Vec<String>,
    #[serde(default)]
    package_codes: Vec<String>,
    variant_of: Option<String>,
    entry: Option<String>,
    memory_overhead: Option<String>,
    #[serde(default)]
    processes_overhead: u32,
    cpu_time_factor: Option<f64>,
    out_of_memory: Option<RawOutOfMemory>,
    seccomp: Option<RawSeccomp>,
    compile: Option<RawCompile>,
    run: RawRun,
    #[serde(default)]
    env: BTreeMap<String, String>,
    image: RawImage,
    host: Option<RawHost>,
    #[serde(default)]
    selftest: RawSelfTest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutOfMemory {
    exit_code: Option<i32>,
    signal: Option<i32>,
    said: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawSelfTest {
    recursion_depth: Option<u32>,
    #[serde(default)]
    without: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeccomp {
    profile: String,
    why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCompile {
    argv: Vec<String>,
    artifact: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRun {
    argv: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawImage {
    suite: Option<String>,
    from: Option<String>,
    on: Option<String>,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    steps: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    argv: Vec<String>,
    to: String,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    archives: Vec<RawArchive>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArchive {
    name: String,
    npm: String,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHost {
    needs: Vec<String>,
}

/// Reads one description.
///
/// # Errors
/// [`LanguageError`], naming `file` and the key.
pub fn parse(id: &str, file: &str, text: &str) -> Result<Language, LanguageError> {
    let raw: Raw = toml::from_str(text)
        .map_err(|source| LanguageError::Syntax { file: file.to_owned(), source: Box::new(source) })?;
    check(id, &raw).map_err(|(key, problem)| LanguageError::Value {
        file: file.to_owned(),
        key: key.to_owned(),
        problem,
    })?;
    let memory_overhead =
        raw.memory_overhead.as_deref().map(str::parse::<Bytes>).transpose().map_err(|error| {
            LanguageError::Value {
                file: file.to_owned(),
                key: "memory_overhead".to_owned(),
                problem: error.to_string(),
            }
        })?;
    let (compile, artifact) = match raw.compile {
        Some(compile) => (Some(compile.argv), compile.artifact),
        None => (None, None),
    };
    let out_of_memory = raw.out_of_memory.map(|rule| OutOfMemory {
        exit_code: rule.exit_code,
        signal: rule.signal,
        said: rule.said,
    });
    // `check` has seen that one of the two is there.
    let base = match raw.image.from {
        Some(reference) => Base::Image(reference),
        None => Base::Suite(raw.image.suite.unwrap_or_default()),
    };
    let steps = raw.image.steps.into_iter();
    Ok(Language {
        id: id.to_owned(),
        name: raw.name,
        version: raw.version,
        extensions: raw.extensions,
        package_codes: raw.package_codes,
        variant_of: raw.variant_of,
        entry: raw.entry,
        class: None,
        compile,
        artifact,
        run: raw.run.argv,
        env: raw.env,
        memory_overhead,
        processes_overhead: raw.processes_overhead,
        cpu_time_factor: raw.cpu_time_factor.unwrap_or(1.0),
        out_of_memory,
        profile: raw.seccomp.map_or_else(|| "default".to_owned(), |seccomp| seccomp.profile),
        base,
        on: raw.image.on,
        packages: raw.image.packages,
        steps: steps.map(RawStep::taken).collect(),
        host_needs: raw.host.map(|host| host.needs).unwrap_or_default(),
        recursion_depth: raw.selftest.recursion_depth.unwrap_or(RECURSION_DEPTH),
        without: raw.selftest.without,
    })
}

impl RawStep {
    fn taken(self) -> Step {
        let archive = |RawArchive { name, npm, sha256 }| Archive { name, npm, sha256 };
        let archives = self.archives.into_iter().map(archive).collect();
        Step { argv: self.argv, to: self.to, files: self.files, archives }
    }
}

type Finding = (&'static str, String);

fn check(id: &str, raw: &Raw) -> Result<(), Finding> {
    let word = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
    };
    if !word(id) {
        return Err(("(folder name)", format!("`{id}` must be lower-case letters, digits, `+`, `-` or `.`")));
    }
    if raw.name.trim().is_empty() {
        return Err(("name", "is empty; give the name people know it by".to_owned()));
    }
    if raw.extensions.is_empty() || !raw.extensions.iter().all(|e| word(e) && !e.starts_with('.')) {
        return Err((
            "extensions",
            "needs at least one extension, lower case and without its dot".to_owned(),
        ));
    }
    if !raw.package_codes.iter().all(|code| word(code)) {
        return Err(("package_codes", "must be codes in lower case".to_owned()));
    }
    check_limits(raw)?;
    check_argv("version", &raw.version, true, false)?;
    let artifact = raw.compile.as_ref().and_then(|compile| compile.artifact.as_deref());
    if let Some(compile) = &raw.compile {
        check_argv("compile.argv", &compile.argv, true, artifact.is_some())?;
    }
    check_argv("run.argv", &raw.run.argv, false, artifact.is_some())?;
    if let Some(artifact) = artifact
        && artifact != "."
        && !plain_path(artifact)
    {
        return Err(("compile.artifact", "must be `.` or a path below the work directory".to_owned()));
    }
    if let Some(entry) = raw.entry.as_deref()
        && !plain_path(entry)
    {
        return Err(("entry", "must be a file name, relative and without `..`".to_owned()));
    }
    if raw.variant_of.as_deref() == Some(id) {
        return Err(("variant_of", "names the language itself; it must be another one".to_owned()));
    }
    if let Some(key) = raw.env.keys().find(|key| key.is_empty() || key.contains(['=', '\0'])) {
        return Err(("env", format!("has the name `{key}`, which cannot be an environment variable")));
    }
    if let Some(name) = raw.env.values().find_map(|value| unknown_placeholder(value, &["memory_mib"])) {
        return Err(("env", format!("uses {{{name}}}; the only placeholder there is {{memory_mib}}")));
    }
    if let Some(seccomp) = &raw.seccomp {
        check_seccomp(seccomp)?;
    }
    match (&raw.image.suite, &raw.image.from) {
        (Some(suite), None) if word(suite) => {}
        (_, Some(reference)) => check_from(reference, &raw.image)?,
        (_, None) => {
            return Err(("image.suite", "must be a Debian suite, such as `bookworm`".to_owned()));
        }
    }
    if !raw.image.packages.iter().all(|package| word(package) && !package.starts_with('-')) {
        return Err(("image.packages", "must be Debian package names".to_owned()));
    }
    check_image(id, &raw.image)?;
    check_selftest(&raw.selftest)?;
    let needs = raw.host.as_ref().map_or(&[][..], |host| &host.needs);
    if !needs.iter().all(|path| path.starts_with("/usr/") && plain_path(&path[1..])) {
        return Err((
            "host.needs",
            "must be absolute paths below /usr, the only tree the host image shows".to_owned(),
        ));
    }
    Ok(())
}

fn check_limits(raw: &Raw) -> Result<(), Finding> {
    if raw.cpu_time_factor.is_some_and(|factor| !(1.0..=FACTOR_MAX).contains(&factor)) {
        return Err(("cpu_time_factor", format!("must be between 1.0 and {FACTOR_MAX}")));
    }
    if raw.processes_overhead > PROCESSES_OVERHEAD_MAX {
        return Err(("processes_overhead", format!("must be at most {PROCESSES_OVERHEAD_MAX}")));
    }
    let Some(rule) = &raw.out_of_memory else { return Ok(()) };
    if rule.exit_code.is_some() == rule.signal.is_some() {
        return Err(("out_of_memory", "needs either `exit_code` or `signal`".to_owned()));
    }
    if rule.said.trim().is_empty() {
        return Err(("out_of_memory.said", "must be what the runtime writes when it gives up".to_owned()));
    }
    Ok(())
}

fn check_image(id: &str, image: &RawImage) -> Result<(), Finding> {
    if image.on.as_deref() == Some(id) {
        return Err(("image.on", "names the language itself; it must be another one".to_owned()));
    }
    for step in &image.steps {
        check_argv("image.steps.argv", &step.argv, true, false)?;
        if !step.to.starts_with('/') || !plain_path(&step.to[1..]) {
            return Err(("image.steps.to", "must be an absolute path of a folder in the image".to_owned()));
        }
        if !step.files.iter().all(|name| plain_path(name)) {
            return Err(("image.steps.files", "must be names of files of the folder `image`".to_owned()));
        }
        step.archives.iter().try_for_each(check_archive)?;
    }
    Ok(())
}

/// One version, and one content: equal recipes give equal images.
fn check_archive(archive: &RawArchive) -> Result<(), Finding> {
    if !plain_path(&archive.name) || archive.name.contains('/') {
        return Err(("image.steps.archives.name", "must be a file name".to_owned()));
    }
    let npm = |c: char| c.is_ascii_alphanumeric() || "-._@/+".contains(c);
    let exact = archive.npm.rsplit_once('@').is_some_and(|(name, version)| {
        !name.is_empty() && !name.starts_with('-') && version.starts_with(|c: char| c.is_ascii_digit())
    });
    if !exact || !archive.npm.chars().all(npm) {
        return Err((
            "image.steps.archives.npm",
            "must be a package and its one version, such as `x@1.0.0`".to_owned(),
        ));
    }
    if archive.sha256.len() != 64
        || !archive.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return Err((
            "image.steps.archives.sha256",
            "must be the archive's SHA-256 in 64 lower-case digits".to_owned(),
        ));
    }
    Ok(())
}

/// Stands alone, and means the same image for ever.
fn check_from(reference: &str, image: &RawImage) -> Result<(), Finding> {
    let pinned = reference.split_once("@sha256:").is_some_and(|(name, hex)| {
        !name.is_empty()
            && !name.contains(|c: char| c.is_whitespace() || c.is_control())
            && hex.len() == 64
            && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    if !pinned {
        return Err((
            "image.from",
            format!(
                "is `{}`, which may be another image tomorrow, and equal recipes have to give equal images; \
                 name the digest as well: REF@sha256:<64 hexadecimal digits>",
                reference.chars().take(200).flat_map(char::escape_debug).collect::<String>()
            ),
        ));
    }
    let beside = [
        ("suite", image.suite.is_some()),
        ("on", image.on.is_some()),
        ("packages", !image.packages.is_empty()),
    ];
    match beside.into_iter().find(|(_, there)| *there) {
        Some((key, _)) => Err((
            "image.from",
            format!(
                "and `image.{key}` exclude each other; what a registry's image lacks, `image.steps` may add"
            ),
        )),
        None => Ok(()),
    }
}

fn check_selftest(selftest: &RawSelfTest) -> Result<(), Finding> {
    for (name, why) in &selftest.without {
        if !crate::PROBES.contains(&name.as_str()) {
            return Err((
                "selftest.without",
                format!("names `{name}`; probes are {}", crate::PROBES.join(", ")),
            ));
        }
        if why.trim().is_empty() {
            return Err(("selftest.without", format!("gives no reason for `{name}`")));
        }
    }
    if selftest.recursion_depth == Some(0) {
        return Err(("selftest.recursion_depth", "must be at least 1".to_owned()));
    }
    Ok(())
}

/// Profiles by name, tightest first, and whether one is looser than `default`.
const PROFILES: [(&str, bool); 3] = [("strict", false), ("default", false), ("loopback", true)];

/// A looser profile needs a reason.
fn check_seccomp(seccomp: &RawSeccomp) -> Result<(), Finding> {
    let Some((name, looser)) = PROFILES.into_iter().find(|(name, _)| *name == seccomp.profile) else {
        let names = PROFILES.map(|(name, _)| name).join(", ");
        return Err(("seccomp.profile", format!("is `{}`; it must be one of {names}", seccomp.profile)));
    };
    if looser && seccomp.why.as_deref().is_none_or(|why| why.trim().is_empty()) {
        return Err((
            "seccomp.why",
            format!("is missing; `{name}` opens more than `default`, so say what of the runtime needs it"),
        ));
    }
    Ok(())
}

/// The program is absolute, or `./{output}` for what was compiled; placeholders are known ones.
fn check_argv(key: &'static str, argv: &[String], absolute: bool, output: bool) -> Result<(), Finding> {
    let Some(program) = argv.first() else {
        return Err((key, "is empty; the first word is the program".to_owned()));
    };
    if !program.starts_with('/') && (absolute || !program.starts_with("./")) {
        return Err((key, format!("starts with `{program}`; the program must be an absolute path")));
    }
    for word in argv {
        if word.contains("{output}") && !output {
            return Err((key, "uses {output}, but compile.artifact is not given".to_owned()));
        }
        if let Some(name) = unknown_placeholder(word, &PLACEHOLDERS) {
            return Err((
                key,
                format!("uses {{{name}}}; placeholders are {{{}}}", PLACEHOLDERS.join("}, {")),
            ));
        }
        if word.contains("{sources}") && word != "{sources}" {
            return Err((
                key,
                "has {sources} inside a word; it must stand alone, it becomes many words".to_owned(),
            ));
        }
    }
    Ok(())
}

/// What stands in braces in commands.
const PLACEHOLDERS: [&str; 5] = ["sources", "entry", "class", "output", "memory_mib"];

/// The first name in braces that is not one of `known`. A word with white space is a program of its own, and what
/// it has in braces means something there; so does what follows a `$`.
fn unknown_placeholder<'a>(word: &'a str, known: &[&str]) -> Option<&'a str> {
    if word.contains(char::is_whitespace) {
        return None;
    }
    let opened = word.match_indices('{').filter(|(at, _)| !word[..*at].ends_with('$'));
    let mut names = opened.filter_map(|(at, _)| word[at + 1..].split_once('}')).map(|(name, _)| name);
    names.find(|name| {
        let written = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        written && !known.contains(name)
    })
}

fn plain_path(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\0')
}
