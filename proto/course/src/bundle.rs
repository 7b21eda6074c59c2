//! A harness as its author hands it over: which files go where in the box, what is run, where results appear.
//!
//! Three forms are told apart by what lies at the top: `run_autograder` (Gradescope), `info.json` (a PrairieLearn
//! question), `harness.toml` (ours, alone or to add to the others). `image:NAME` is a harness that is all in its
//! image.

use std::path::Path;
use std::time::Duration;

use proto::graded::Visibility;
use proto::id::Digest;
use proto::limits::{LimitError, Limits, LimitsRequest};
use proto::units::Bytes;

use crate::layout::{check_place, collapse};
use crate::lines::Planned;
use crate::manifest::{GradingOptions, Manifest, Schema};
use crate::tree::{Caps, Tree, TreeError};

const MANIFEST: &str = "harness.toml";
const RUN: &str = "run_autograder";
const SETUP: &str = "setup.sh";

/// Why a harness was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Its files.
    #[error(transparent)]
    Files(#[from] TreeError),
    /// What its description says.
    #[error("{file}: {what}")]
    Description {
        /// Which file of it.
        file: &'static str,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// It is none.
    #[error(
        "{0}: there is neither run_autograder (a Gradescope autograder), nor info.json (a PrairieLearn \
         question), nor harness.toml at the top of it"
    )]
    Unknown(String),
}

/// What an image's configuration says about running it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageCommand {
    /// Entrypoint and Cmd, joined.
    pub argv: Vec<String>,
    /// WorkingDir; empty for none.
    pub work_dir: String,
}

/// A harness, read.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// `gradescope`, `prairielearn` or `command`.
    pub format: &'static str,
    /// Image it asks for.
    pub image: Option<String>,
    /// Time it asks for.
    pub time: Option<Duration>,
    /// Memory it asks for.
    pub memory: Option<Bytes>,
    /// What its author should know.
    pub notes: Vec<String>,
    /// Over everything that decides what it does.
    pub digest: Digest,
    /// Whether the submission runs in boxes of its own.
    pub separate: bool,
    /// Whether its author says that the image has what `setup.sh` would install.
    pub installed: bool,
    /// How its results are written.
    pub schema: Schema,
    /// What is run; `None` means the image's own.
    pub command: Option<Vec<String>>,
    /// Where it works; `None` means the image's own.
    pub work_dir: Option<String>,
    /// Variables it sets; a `None` takes the variable away.
    pub env: Vec<(String, Option<String>)>,
    /// By absolute path in the box, without the first slash.
    pub files: Tree,
    /// Where the submission goes: an absolute path in the box.
    pub submission: String,
    /// Where the results appear: an absolute path in the box.
    pub results: String,
    /// Where to write what Gradescope tells a harness about a submission.
    pub metadata: Option<String>,
    /// Where to write what PrairieLearn does.
    pub data: Option<String>,
    /// `setup.sh` of a Gradescope autograder: an absolute path in the box.
    pub setup: Option<String>,
    /// Directories (or files) of the box that are writable and come from [`files`](Self::files).
    pub(crate) places: Vec<String>,
    /// The tests there are to be, by its own description; `None` when it names none.
    pub plan: Option<Vec<Planned>>,
}

impl Bundle {
    /// Reads a harness: a folder, a zip, or `image:NAME`.
    ///
    /// # Errors
    /// What is missing or wrong in it.
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        if let Some(name) = path.to_str().and_then(|p| p.strip_prefix("image:")) {
            return command(Manifest::of_image(name), Tree::default()).map(Self::sealed);
        }
        Self::of_tree(Tree::read(path, Caps::HARNESS)?, &path.display().to_string(), Some(path))
    }

    /// Reads a harness out of the bytes of a zip, which messages call `name`. Nothing beside it is looked at.
    ///
    /// # Errors
    /// What is missing or wrong in it, or why it is no zip that may be unpacked.
    pub fn read_zip(bytes: &[u8], name: &str) -> Result<Self, BundleError> {
        Self::of_tree(Tree::unzip(bytes, name, Caps::HARNESS)?, name, None)
    }

    /// What a revision of it is known by where harnesses are kept: what decides what it does, and its image's name.
    pub fn revision(&self) -> Digest {
        Digest::of(format!("{} {:?}", self.digest, self.image).as_bytes())
    }

    /// Limits of one submission: what is asked for, else what the harness asks for, else
    /// [`Bundle::default_limits`]; none above `maxima`. Graders count wall-clock time, and twice as much processor
    /// time lets a build use two cores.
    ///
    /// # Errors
    /// The first limit that is absurd or above its maximum.
    pub fn limits(&self, asked: &LimitsRequest, maxima: &Limits) -> Result<Limits, LimitError> {
        let defaults = Self::default_limits();
        let wall_time = asked.wall_time.or(self.time).unwrap_or(defaults.wall_time);
        let cpu_time = asked.cpu_time.unwrap_or(wall_time.saturating_mul(2).min(maxima.cpu_time));
        let request = LimitsRequest {
            cpu_time: Some(cpu_time),
            wall_time: Some(wall_time),
            memory: asked.memory.or(self.memory),
            ..asked.clone()
        };
        request.resolve(&defaults, maxima)
    }

    /// Bounds of one submission where nobody said otherwise: room for a build and a test suite.
    pub fn default_limits() -> Limits {
        Limits {
            cpu_time: Duration::from_mins(4),
            wall_time: Duration::from_mins(2),
            memory: Bytes::gib(1),
            output: Bytes::mib(8),
            output_and_files: None,
            file_size: Bytes::mib(256),
            processes: 256,
            open_files: 1024,
            disk: Bytes::mib(512),
            inodes: 65_536,
        }
    }

    /// The tests it names ahead of running; empty when it names none.
    pub fn plan(&self) -> &[Planned] {
        self.plan.as_deref().unwrap_or_default()
    }

    /// How many of them everybody may see at once.
    pub fn planned_in_sight(&self) -> u32 {
        self.plan().iter().filter(|test| test.visibility == Visibility::Visible).count() as u32
    }

    fn of_tree(mut tree: Tree, name: &str, path: Option<&Path>) -> Result<Self, BundleError> {
        // What version control and archivers add is no part of a harness.
        tree.files.retain(|path, _| !path.starts_with(".git/") && !path.starts_with("__MACOSX/"));
        let mut notes = Vec::new();
        let known =
            |tree: &Tree| [MANIFEST, RUN, "info.json"].iter().any(|name| tree.files.contains_key(*name));
        if let Some(folder) = tree.only_folder().filter(|_| !known(&tree)) {
            tree = tree.below(&folder);
            notes.push(format!("everything lies in the folder `{folder}`: pack the files, not their folder"));
        }
        let manifest = match tree.files.remove(MANIFEST) {
            Some(entry) => Some(
                Manifest::parse(&String::from_utf8_lossy(&entry.content)).map_err(|e| wrong(MANIFEST, e))?,
            ),
            None => None,
        };
        let mut bundle = if tree.files.contains_key(RUN) {
            gradescope(manifest.unwrap_or_default(), tree)?
        } else if tree.files.contains_key("info.json") {
            prairielearn(manifest.unwrap_or_default(), &tree, path)?
        } else if let Some(manifest) = manifest {
            command(manifest, tree)?
        } else {
            return Err(BundleError::Unknown(name.to_owned()));
        };
        notes.append(&mut bundle.notes);
        bundle.notes = notes;
        Ok(bundle.sealed())
    }

    fn sealed(mut self) -> Self {
        let description = format!(
            "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {} {:?} {:?} {:?} {}",
            self.format,
            self.schema,
            self.command,
            self.work_dir,
            self.env,
            self.places,
            self.setup,
            self.time,
            self.memory,
            self.separate,
            self.installed,
            self.submission,
            self.results,
            self.plan,
            self.files.digest(),
        );
        self.digest = Digest::of(description.as_bytes());
        self
    }

    fn new(
        format: &'static str,
        manifest: &Manifest,
        submission: &str,
        results: &str,
    ) -> Result<Self, BundleError> {
        let say = |e| wrong(MANIFEST, e);
        Ok(Self {
            format,
            image: manifest.image.clone(),
            time: manifest.time().map_err(say)?,
            memory: manifest.memory().map_err(say)?,
            notes: Vec::new(),
            digest: Digest::of(b""),
            separate: manifest.separate,
            installed: manifest.installed,
            schema: manifest.results_format.unwrap_or_default(),
            command: manifest.command.clone().filter(|c| !c.is_empty()),
            work_dir: manifest.work_dir.clone(),
            env: manifest.env.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect(),
            files: Tree::default(),
            submission: manifest.submission.clone().unwrap_or_else(|| submission.to_owned()),
            results: manifest.results.clone().unwrap_or_else(|| results.to_owned()),
            metadata: None,
            data: None,
            setup: None,
            places: Vec::new(),
            plan: manifest.plan().map_err(say)?,
        })
    }

    fn place(&mut self, at: &str, files: &Tree) {
        let at = at.trim_matches('/');
        for (path, entry) in &files.files {
            self.files.files.insert(format!("{at}/{path}"), entry.clone());
        }
    }

    /// Makes sure that everything the harness needs can be written.
    fn with_places(mut self, mut places: Vec<String>) -> Result<Self, BundleError> {
        places.push(self.submission.clone());
        places.push(match self.results.rsplit_once('/') {
            Some(("", _)) => "/".to_owned(),
            Some((folder, _)) => folder.to_owned(),
            None => self.results.clone(),
        });
        places.extend(self.metadata.clone());
        for place in &places {
            check_place(place).map_err(|e| wrong(MANIFEST, e))?;
        }
        self.places = collapse(places);
        Ok(self)
    }
}

fn wrong(file: &'static str, what: impl Into<String>) -> BundleError {
    BundleError::Description { file, what: what.into() }
}

fn gradescope(manifest: Manifest, mut tree: Tree) -> Result<Bundle, BundleError> {
    let mut bundle =
        Bundle::new("gradescope", &manifest, "/autograder/submission", "/autograder/results/results.json")?;
    for script in [RUN, SETUP] {
        if make_runnable(&mut tree, script) {
            bundle.notes.push(format!("{script} has the line ends of Windows; they are turned"));
        }
    }
    if let Some(setup) = tree.text(SETUP) {
        if !bundle.installed && setup.lines().any(installs) {
            bundle.notes.push(format!(
                "{SETUP} installs packages, which a box cannot: name an image that has them, and say so \
                 (`image` and `installed = true` in {MANIFEST})"
            ));
        }
        bundle.setup = Some(format!("/autograder/source/{SETUP}"));
    }
    let run = tree.files.get(RUN).cloned();
    bundle.place("/autograder/source", &tree);
    bundle.files.files.extend(run.map(|entry| (format!("autograder/{RUN}"), entry)));
    bundle.command = bundle.command.or_else(|| Some(vec![format!("/autograder/{RUN}")]));
    bundle.work_dir = bundle.work_dir.or_else(|| Some("/autograder".to_owned()));
    bundle.metadata = Some("/autograder/submission_metadata.json".to_owned());
    bundle.with_places(vec!["/autograder".to_owned()])
}

/// Whether a line of `setup.sh` looks as if it asked a package manager. A guess, for a note: running it tells.
fn installs(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with('#') && line.split_whitespace().any(|word| matches!(word, "install" | "add"))
}

/// Sets the executable bit, and turns line ends that would end up in the interpreter's name. Returns whether
/// it did the latter.
fn make_runnable(tree: &mut Tree, path: &str) -> bool {
    let Some(entry) = tree.files.get_mut(path) else { return false };
    entry.executable = true;
    let turn = entry.content.starts_with(b"#!") && entry.content.windows(2).any(|w| w == b"\r\n");
    if turn {
        let mut content = entry.content.to_vec();
        let bytes = entry.content.clone();
        let mut n = 0;
        content.retain(|b| {
            n += 1;
            !(*b == b'\r' && bytes.get(n) == Some(&b'\n'))
        });
        entry.content = content.into();
    }
    turn
}

fn prairielearn(manifest: Manifest, tree: &Tree, path: Option<&Path>) -> Result<Bundle, BundleError> {
    let text = tree.text("info.json").unwrap_or_default();
    let options = GradingOptions::parse(&text).map_err(|e| wrong("info.json", e))?;
    let mut bundle = Bundle::new("prairielearn", &manifest, "/grade/student", "/grade/results/results.json")?;
    bundle.schema = manifest.results_format.unwrap_or(Schema::PrairieLearn);
    bundle.image = bundle.image.or(options.image);
    bundle.time = bundle.time.or(Some(options.timeout));
    bundle.notes = options.notes;
    bundle.env = [options.env, bundle.env].concat();
    bundle.data = Some("/grade/data/data.json".to_owned());
    bundle.place("/grade/tests", &tree.below("tests"));
    let course = server_files(tree, path)?;
    for wanted in &options.server_files {
        let wanted = wanted.trim_matches('/');
        let inside = format!("{wanted}/");
        let taken: Vec<_> = course
            .files
            .iter()
            .filter(|(path, _)| *path == wanted || path.starts_with(&inside) || wanted.is_empty())
            .map(|(path, entry)| (format!("grade/serverFilesCourse/{path}"), entry.clone()))
            .collect();
        if taken.is_empty() {
            let what =
                format!("serverFilesCourse names `{wanted}`, which the course's serverFilesCourse has not");
            return Err(wrong("info.json", what));
        }
        bundle.files.files.extend(taken);
    }
    if bundle.command.is_none() {
        bundle.command = options.entrypoint;
    }
    if let Some(program) = bundle.command.as_ref().and_then(|c| c.first()) {
        // As PrairieLearn does, for what lies in /grade.
        let program = program.trim_start_matches('/').to_owned();
        make_runnable(&mut bundle.files, &program);
    }
    bundle.with_places(vec!["/grade".to_owned()])
}

/// The course's shared files: beside the question in a zip, or in a folder above it.
fn server_files(tree: &Tree, path: Option<&Path>) -> Result<Tree, BundleError> {
    const NAME: &str = "serverFilesCourse";
    let inside = tree.below(NAME);
    if !inside.is_empty() {
        return Ok(inside);
    }
    let Some(path) = path else { return Ok(Tree::default()) };
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // questions/ may have folders of its own; nobody nests them this deep.
    let above = real.ancestors().skip(1).take(8).map(|folder| folder.join(NAME)).find(|f| f.is_dir());
    match above {
        Some(folder) => Ok(Tree::read(&folder, Caps::HARNESS)?),
        None => Ok(Tree::default()),
    }
}

fn command(manifest: Manifest, mut tree: Tree) -> Result<Bundle, BundleError> {
    let (submission, results) = match manifest.results_format.unwrap_or_default() {
        Schema::Gradescope => ("/autograder/submission", "/autograder/results/results.json"),
        Schema::PrairieLearn => ("/grade/student", "/grade/results/results.json"),
    };
    let mut bundle = Bundle::new("command", &manifest, submission, results)?;
    if bundle.submission == "/autograder/submission" {
        bundle.metadata = Some("/autograder/submission_metadata.json".to_owned());
    }
    let mut places = Vec::new();
    if !tree.is_empty() {
        let at = manifest.files.clone().unwrap_or_else(|| "/harness".to_owned());
        if let Some(inside) = bundle.command.as_ref().and_then(|c| c[0].strip_prefix(&format!("{at}/"))) {
            make_runnable(&mut tree, inside);
        }
        bundle.place(&at, &tree);
        places.push(at);
    }
    bundle.with_places(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn read(files: &[(&str, &str)]) -> Result<Bundle, BundleError> {
        Bundle::read(folder(files).path())
    }

    #[test]
    fn a_gradescope_autograder_goes_where_gradescope_puts_it() {
        let bundle =
            read(&[("run_autograder", "#!/bin/sh\r\necho\r\n"), ("setup.sh", ""), ("t/a.py", "1")]).unwrap();
        let paths: Vec<_> = bundle.files.files.keys().map(String::as_str).collect();
        let source =
            ["autograder/source/run_autograder", "autograder/source/setup.sh", "autograder/source/t/a.py"];
        assert_eq!(paths, [&["autograder/run_autograder"][..], &source].concat());
        assert!(bundle.files.files["autograder/run_autograder"].executable, "whatever the zip said");
        assert_eq!(bundle.files.text("autograder/run_autograder").unwrap(), "#!/bin/sh\necho\n");
        assert_eq!(
            (bundle.format, bundle.places.as_slice()),
            ("gradescope", &["/autograder".to_owned()][..])
        );
        assert_eq!(bundle.setup.as_deref(), Some("/autograder/source/setup.sh"));
        let wrapped = read(&[("hw1/run_autograder", "#!/bin/sh\n"), ("__MACOSX/hw1/._x", "")]).unwrap();
        assert!(
            wrapped.notes[0].contains("`hw1`")
                && wrapped.files.files.contains_key("autograder/run_autograder")
        );
    }

    #[test]
    fn line_ends_of_windows_are_turned_in_scripts_and_nowhere_else() {
        let turned = |script: &str| {
            let bundle = read(&[("run_autograder", script)]).unwrap();
            let told = bundle.notes.iter().any(|note| note.contains("the line ends of Windows"));
            (bundle.files.text("autograder/run_autograder").unwrap(), told)
        };
        for (script, text, told) in [
            ("#!/bin/sh\necho\n", "#!/bin/sh\necho\n", false),
            ("#!/bin/sh\r\necho\r\n", "#!/bin/sh\necho\n", true),
            ("#!/bin/sh\r\nprintf 'a\rb'\n\r", "#!/bin/sh\nprintf 'a\rb'\n\r", true),
            ("#!/bin/sh\nprintf 'a\rb'\n", "#!/bin/sh\nprintf 'a\rb'\n", false),
            ("\x7fELF\r\n", "\x7fELF\r\n", false),
        ] {
            assert_eq!(turned(script), (text.to_owned(), told), "{script:?}");
        }
    }

    #[test]
    fn who_brings_a_setup_that_installs_is_told_before_anybody_is_graded() {
        let told = |setup: &str, toml: &str| {
            let files = [("run_autograder", "#!/bin/sh\n"), ("setup.sh", setup), ("harness.toml", toml)];
            read(&files).unwrap().notes.iter().any(|note| note.contains("`image` and `installed = true`"))
        };
        assert!(told("#!/bin/bash\napt-get install -y python3\n", ""));
        assert!(told("pip3 install -r x\n", "image = \"python3\"\n"));
        assert!(!told("apt-get install -y python3\n", "installed = true\n"));
        assert!(!told("#!/bin/sh\n# apt-get install gcc\ncp -r source/data .\n", ""));
    }

    #[test]
    fn a_prairielearn_question_gets_its_tests_and_its_courses_files() {
        let info = r#"{"externalGradingOptions": {"entrypoint": "/grade/serverFilesCourse/lib/run.sh",
                       "serverFilesCourse": ["lib/"]}}"#;
        let course = folder(&[
            ("questions/add/info.json", info),
            ("questions/add/tests/t.py", "1"),
            ("questions/add/server.py", "not for graders"),
            ("serverFilesCourse/lib/run.sh", "#!/bin/sh\n"),
            ("serverFilesCourse/other/x", "1"),
        ]);
        let bundle = Bundle::read(&course.path().join("questions/add")).unwrap();
        let paths: Vec<_> = bundle.files.files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["grade/serverFilesCourse/lib/run.sh", "grade/tests/t.py"]);
        assert!(bundle.files.files["grade/serverFilesCourse/lib/run.sh"].executable);
        assert_eq!(bundle.schema, Schema::PrairieLearn);
        let missing = info.replace("[\"lib/\"]", "[\"gone/\"]");
        assert!(read(&[("info.json", &missing)]).unwrap_err().to_string().contains("`gone`"));
    }

    #[test]
    fn what_is_planned_in_sight_leaves_out_what_is_hidden() {
        let plan = "[[tests]]\nname = \"a\"\n[[tests]]\nname = \"b\"\nvisibility = \"hidden\"\n\
                    [[tests]]\nname = \"c\"\nvisibility = \"after_due_date\"\n";
        let bundle = read(&[("run_autograder", "1"), ("harness.toml", plan)]).unwrap();
        assert_eq!((bundle.plan().len(), bundle.planned_in_sight()), (3, 1));
        assert_eq!(read(&[("run_autograder", "1")]).unwrap().planned_in_sight(), 0);
    }

    #[test]
    fn our_own_description_says_where_everything_is() {
        let toml = "command = [\"/harness/go\"]\nsubmission = \"/data/in\"\nresults = \"/data/out/r.json\"\n";
        let bundle = read(&[("harness.toml", toml), ("go", "#!/bin/sh\n")]).unwrap();
        assert_eq!(bundle.places, ["/data/in", "/data/out", "/harness"]);
        assert!(bundle.files.files["harness/go"].executable);
        let image = Bundle::read(Path::new("image:grader")).unwrap();
        assert_eq!((image.image.as_deref(), image.command.is_none()), (Some("grader"), true));
        for (bad, why) in [
            ("submission = \"/usr/lib\"", "/usr"),
            ("submission = \"relative\"", "absolute"),
            ("results = \"/results.json\"", "a folder other than /"),
            ("results = \"results.json\"", "absolute"),
            ("submission = \"/a/../b\"", ".."),
        ] {
            assert!(read(&[("harness.toml", bad)]).unwrap_err().to_string().contains(why), "{bad}");
        }
    }

    #[test]
    fn what_is_asked_for_wins_over_the_harness_and_that_over_the_defaults() {
        let toml = "time = \"10s\"\nmemory = \"512MiB\"\n";
        let own = read(&[("run_autograder", "1"), ("harness.toml", toml)]).unwrap();
        let plain = read(&[("run_autograder", "1")]).unwrap();
        let (s, mib) = (Duration::from_secs, Bytes::mib);
        let none = LimitsRequest::default;
        for (bundle, asked, (wall, cpu, memory)) in [
            (&plain, none(), (s(120), s(240), mib(1024))),
            (&own, none(), (s(10), s(20), mib(512))),
            (&own, LimitsRequest { wall_time: Some(s(5)), ..none() }, (s(5), s(10), mib(512))),
            (&own, LimitsRequest { cpu_time: Some(s(3)), ..none() }, (s(10), s(3), mib(512))),
            (&own, LimitsRequest { memory: Some(mib(64)), ..none() }, (s(10), s(20), mib(64))),
            (&plain, LimitsRequest { memory: Some(mib(64)), ..none() }, (s(120), s(240), mib(64))),
        ] {
            let got = bundle.limits(&asked, &Bundle::default_limits()).unwrap();
            assert_eq!((got.wall_time, got.cpu_time, got.memory), (wall, cpu, memory), "{asked:?}");
        }
        // Twice as much processor time as wall-clock time, where that much may be had.
        let maxima = Limits { cpu_time: s(15), ..Bundle::default_limits() };
        assert_eq!(own.limits(&none(), &maxima).unwrap().cpu_time, s(15));
        let asked = LimitsRequest { cpu_time: Some(s(16)), ..none() };
        assert!(own.limits(&asked, &maxima).is_err());
        let asked = LimitsRequest { processes: Some(7), ..none() };
        assert_eq!(own.limits(&asked, &maxima).unwrap().processes, 7);
    }

    #[test]
    fn what_version_control_and_archivers_add_is_no_part_of_a_harness() {
        let clean = read(&[("run_autograder", "1")]).unwrap();
        for added in [".git/HEAD", "__MACOSX/._run_autograder"] {
            let bundle = read(&[("run_autograder", "1"), (added, "x")]).unwrap();
            assert_eq!(bundle.digest, clean.digest, "{added}");
        }
        assert_ne!(read(&[("run_autograder", "1"), (".gitignore", "x")]).unwrap().digest, clean.digest);
    }

    #[test]
    fn what_is_no_harness_says_what_would_be_one_and_any_change_changes_the_digest() {
        let error = read(&[("main.py", "1")]).unwrap_err().to_string();
        assert!(error.contains("run_autograder") && error.contains("harness.toml"), "{error}");
        let digest = |files: &[(&str, &str)]| read(files).unwrap().digest;
        let one = digest(&[("run_autograder", "1")]);
        assert_eq!(one, digest(&[("run_autograder", "1")]));
        assert_ne!(one, digest(&[("run_autograder", "2")]));
        assert_ne!(one, digest(&[("run_autograder", "1"), ("harness.toml", "time = \"1s\"")]));
    }
}
