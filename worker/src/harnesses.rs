//! Courses' autograders on a worker: fetched by digest, made ready once for each image, and asked in boxes on the
//! engine's floor. `tribunal grade` takes the same way with one that lies before it.
//!
//! A harness is untrusted and content-addressed, as problem packages are. What `setup.sh` leaves is kept on disk by
//! `harness` under the harness's and the image's digest; what is ready in memory is bounded in number. Dropping
//! the future of a grading kills its boxes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use checker::Classified;
use course::{Bundle, Heard, ImageCommand, Layer, Report, Tree};
use harness::{Ground, OnHeard, Run, RunError, SetupError};
use images::rootfs::Rootfs;
use proto::id::Digest;
use proto::job::Job;
use proto::limits::{Limits, LimitsRequest};
use proto::report::Judgement;
use proto::units::round_ms;
use queue::Coordinator;
use sandbox::spec::{RootBind, RootSpec};
use sandbox::{BoxServer, Cancel};
use tokio::sync::{OnceCell, mpsc};

use crate::boxes::CancelOnDrop;
use crate::engine::{OnProgress, Progress, blocking};
use crate::error::{JudgeError, Rejected};
use crate::floor::Floor;

/// Most harnesses that are ready at once; each holds its files in memory, at most 256 MiB of them.
const READY_MAX: usize = 8;
/// Most tests that were reported and not yet told: what one look into a box may bring is told at once.
const HEARD_MAX: usize = 4096;

/// Finds an image's tree and command by a language's id or the image's name; the error says what is missing.
pub type FindImage = dyn Fn(&str) -> Result<(Rootfs, ImageCommand), String> + Send + Sync;

/// Which harness a job pins.
#[derive(Debug, Clone, Copy)]
pub struct Pinned<'a> {
    /// Its short name.
    pub name: &'a str,
    /// Its revision.
    pub digest: &'a Digest,
    /// The blob that holds its zip.
    pub blob: &'a Digest,
}

/// A harness over the image it runs in: what every submission to it stands on.
#[derive(Debug)]
pub struct Ready {
    /// The harness.
    pub bundle: Bundle,
    /// Where it runs; the limits are those of a submission that names none.
    pub ground: Ground,
    /// Digest of the image.
    pub image: Digest,
    /// `oci` or `host`.
    pub image_kind: &'static str,
    /// What making it ready had to say to its author.
    pub notes: Vec<String>,
    /// Keep the trees where they are.
    _rootfs: Rootfs,
    _layer: tempfile::TempDir,
}

/// One submission to be graded.
#[derive(Debug)]
pub struct Task {
    /// What the student handed in.
    pub submission: Tree,
    /// Whose it is.
    pub id: String,
    /// When it was handed in, RFC 3339.
    pub created_at: String,
    /// Its limits.
    pub limits: Limits,
}

impl Ready {
    /// Makes `bundle` ready over the image `rootfs`, whose own command is `command`: its layer, and what `setup.sh`
    /// makes in `boxes` or left in `cache` earlier. With `installed`, what that would install is taken to be in the
    /// image. Blocks.
    ///
    /// # Errors
    /// What its author has to change, and our own failures.
    pub fn make(
        bundle: Bundle,
        rootfs: Rootfs,
        command: ImageCommand,
        limits: Limits,
        (boxes, cache): (&BoxServer, &Path),
        installed: bool,
    ) -> Result<Self, SetupError> {
        let prefix = "tribunal-harness-";
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().map_err(SetupError::Layer)?;
        let layer = Layer::make(&bundle, &folder.path().join("layer")).map_err(SetupError::Layer)?;
        let mut lower = vec![layer.0];
        lower.extend(rootfs.layers.iter().cloned());
        let binds = rootfs.binds.iter();
        let root = RootSpec {
            lower,
            binds: binds
                .map(|(source, target)| RootBind { source: source.clone(), target: target.clone() })
                .collect(),
        };
        let mut ground = Ground { root, env: rootfs.env.clone(), command, limits, files: Tree::default() };
        let prepared = harness::prepare(&bundle, &ground, &rootfs.digest, boxes, cache, installed)?;
        ground.files = prepared.files;
        let (image, image_kind) = (rootfs.digest.clone(), rootfs.kind.name());
        Ok(Self { bundle, ground, image, image_kind, notes: prepared.notes, _rootfs: rootfs, _layer: folder })
    }

    /// Grades one submission, and tells how the harness's box ended; `heard` hears of tests that are reported meanwhile.
    /// Takes a place on `floor` for all boxes of it; dropping the future kills them.
    ///
    /// # Errors
    /// The outer one when our own thread failed; the inner one as [`Run::grade_with_facts`] says.
    pub async fn grade(
        self: &Arc<Self>,
        boxes: &BoxServer,
        floor: &Floor,
        task: Task,
        heard: OnHeard,
    ) -> Result<Result<(Report, Option<Classified>), RunError>, JudgeError> {
        let (boxes, harness) = (boxes.clone(), Arc::clone(self));
        let guard = CancelOnDrop(Cancel::new());
        let cancel = guard.0.clone();
        let span = tracing::error_span!("grade", format = self.bundle.format);
        let _place = floor.shared().await;
        let graded = blocking(move || {
            let _entered = span.enter();
            let ground = Ground { limits: task.limits, ..harness.ground.clone() };
            let run = Run {
                bundle: &harness.bundle,
                ground: &ground,
                submission: &task.submission,
                id: &task.id,
                created_at: &task.created_at,
                cancel: &cancel,
                heard: Some(&heard),
            };
            run.grade_with_facts(&boxes)
        });
        let graded = graded.await;
        drop(guard);
        graded
    }
}

type Cell = Arc<OnceCell<Arc<Ready>>>;

/// The harnesses of one worker.
pub struct Harnesses {
    boxes: BoxServer,
    find: Arc<FindImage>,
    maxima: Limits,
    cache: PathBuf,
    /// By revision and image, the longest unused first.
    shelf: Mutex<Vec<((Digest, Digest), Cell)>>,
}

impl fmt::Debug for Harnesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harnesses").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Harnesses {
    /// Runs them in `boxes` over images that `find` finds, under the operator's `maxima`; `cache` is the folder that
    /// keeps what setting up made.
    pub fn new(boxes: BoxServer, find: Box<FindImage>, maxima: Limits, cache: PathBuf) -> Self {
        Self { boxes, find: find.into(), maxima, cache, shelf: Mutex::default() }
    }

    /// Grades one submission. Takes a place on `floor` for all its boxes.
    ///
    /// # Errors
    /// `Failed`: with a retry when harness, image or box could not be had, without when the harness is not what the
    /// job says it is; `Rejected` when its limits are above this worker's. Whatever the submission does is in the
    /// judgement.
    pub async fn grade(
        &self,
        coordinator: &dyn Coordinator,
        floor: &Floor,
        job: &Job,
        pinned: &Pinned<'_>,
        on_progress: OnProgress<'_>,
    ) -> Result<Judgement, JudgeError> {
        let started = Instant::now();
        let ready = self.ready(coordinator, floor, &job.language, pinned).await?;
        // Everybody who watches hears it.
        on_progress(Progress::Started { tests_total: ready.bundle.planned_in_sight() });
        let limits = ready.bundle.limits(&job.limits, &self.maxima).map_err(Rejected::from)?;
        let task = Task {
            submission: Tree::of_sources(&job.files),
            id: job.submission_id.to_string(),
            created_at: job.submission_id.created_at(),
            limits: limits.clone(),
        };
        let (tell, mut told) = mpsc::channel(HEARD_MAX);
        // Of a flood those who watch miss some; the judgement has all.
        let heard = OnHeard::new(move |heard| drop(tell.try_send(heard)));
        let mut grading = pin!(ready.grade(&self.boxes, floor, task, heard));
        let graded = loop {
            tokio::select! {
                biased;
                Some(Heard { judges, contestants, test }) = told.recv() => {
                    on_progress(Progress::Graded { judges, contestants, test: Box::new(test) });
                }
                graded = &mut grading => break graded?,
            }
        };
        let (report, ended) = graded.map_err(|e| run_error(pinned.name, e))?;
        let image = (ready.image.clone(), ready.image_kind);
        let mut judgement = course::judgement(&ready.bundle, &report, ended.as_ref(), &limits, Some(image));
        judgement.language.clone_from(&job.language);
        judgement.timing.total_ms = round_ms(started.elapsed());
        Ok(judgement)
    }

    async fn ready(
        &self,
        coordinator: &dyn Coordinator,
        floor: &Floor,
        image: &str,
        pinned: &Pinned<'_>,
    ) -> Result<Arc<Ready>, JudgeError> {
        let (find, wanted) = (Arc::clone(&self.find), image.to_owned());
        let found = blocking(move || find(&wanted)).await?;
        let (rootfs, command) = found.map_err(|why| {
            JudgeError::failed(format!("harness {} needs image `{image}`: {why}", pinned.name))
        })?;
        let cell = self.cell(pinned.digest, &rootfs.digest);
        let make = || self.make(coordinator, floor, pinned, rootfs, command);
        cell.get_or_try_init(make).await.cloned()
    }

    fn cell(&self, harness: &Digest, image: &Digest) -> Cell {
        let key = (harness.clone(), image.clone());
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let at = shelf.iter().position(|(there, _)| *there == key);
        let entry = at.map_or_else(|| (key, Cell::default()), |at| shelf.remove(at));
        let cell = Arc::clone(&entry.1);
        shelf.push(entry);
        if shelf.len() > READY_MAX {
            shelf.remove(0);
        }
        cell
    }

    async fn make(
        &self,
        coordinator: &dyn Coordinator,
        floor: &Floor,
        pinned: &Pinned<'_>,
        rootfs: Rootfs,
        command: ImageCommand,
    ) -> Result<Arc<Ready>, JudgeError> {
        let name = pinned.name.to_owned();
        let zip = coordinator
            .blob(pinned.blob)
            .await
            .map_err(|e| JudgeError::failed(format!("could not fetch harness {name}: {e}")))?;
        let arrived = Digest::of(&zip);
        if arrived != *pinned.blob {
            let cause = format!("harness {name} arrived as {arrived} instead of {}", pinned.blob);
            return Err(JudgeError::failed(cause));
        }
        let (boxes, cache, maxima) = (self.boxes.clone(), self.cache.clone(), self.maxima.clone());
        let digest = pinned.digest.clone();
        // `setup.sh` runs in a box, too.
        let _place = floor.shared().await;
        let made = blocking(move || {
            let bundle = Bundle::read_zip(&zip, &name)
                .map_err(|e| JudgeError::hopeless(format!("harness {name} cannot be read: {e}")))?;
            let revision = bundle.revision();
            if revision != digest {
                return Err(JudgeError::hopeless(format!(
                    "harness {name} reads as {revision} here, but the job pins {digest}; do API and worker have one \
                     version?"
                )));
            }
            set_up(bundle, rootfs, command, &Place { name, boxes, cache, maxima })
        });
        made.await?.map(Arc::new)
    }
}

/// Where and for whom a harness is made ready.
struct Place {
    name: String,
    boxes: BoxServer,
    cache: PathBuf,
    maxima: Limits,
}

fn set_up(bundle: Bundle, rootfs: Rootfs, command: ImageCommand, place: &Place) -> Result<Ready, JudgeError> {
    let Place { name, boxes, cache, maxima } = place;
    let limits = bundle.limits(&LimitsRequest::default(), maxima).map_err(Rejected::from)?;
    Ready::make(bundle, rootfs, command, limits, (boxes, cache), false).map_err(|e| match e {
        SetupError::Refused(why) => JudgeError::hopeless(format!("harness {name}: {why}")),
        SetupError::Run(e) => run_error(name, e),
        SetupError::Layer(_) | SetupError::Cache(_) => JudgeError::failed(format!("harness {name}: {e}")),
    })
}

fn run_error(name: &str, error: RunError) -> JudgeError {
    match error {
        RunError::Harness(why) => JudgeError::hopeless(format!("harness {name}: {why}")),
        RunError::Ours(why) => JudgeError::failed(why),
    }
}
