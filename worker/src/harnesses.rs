//! Courses' autograders on a worker: fetched by digest, made ready once for each image, and asked in boxes on the
//! engine's floor.
//!
//! A harness is untrusted and content-addressed, as problem packages are. What `setup.sh` leaves is kept on disk by
//! `harness` under the harness's and the image's digest; what is ready in memory is bounded in number. Dropping
//! the future of a grading kills its boxes.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use course::{Bundle, ImageCommand, Layer, Tree};
use harness::{Ground, Run, RunError, SetupError};
use images::rootfs::Rootfs;
use proto::id::Digest;
use proto::job::Job;
use proto::limits::{Limits, LimitsRequest};
use proto::report::Judgement;
use proto::units::round_ms;
use queue::Coordinator;
use sandbox::spec::{RootBind, RootSpec};
use sandbox::{BoxServer, Cancel};
use tokio::sync::OnceCell;

use crate::boxes::CancelOnDrop;
use crate::engine::{OnProgress, Progress, blocking};
use crate::error::{JudgeError, Rejected};
use crate::floor::Floor;

/// Most harnesses that are ready at once; each holds its files in memory, at most 256 MiB of them.
const READY_MAX: usize = 8;

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

/// A harness over the image it runs in.
struct Ready {
    bundle: Bundle,
    /// Without the limits of one submission.
    ground: Ground,
    image: Digest,
    image_kind: &'static str,
    /// Keep the trees where they are.
    _rootfs: Rootfs,
    _layer: tempfile::TempDir,
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
        on_progress(Progress::Started { tests_total: ready.bundle.planned() });
        let limits = ready.bundle.limits(&job.limits, &self.maxima).map_err(Rejected::from)?;
        let id = job.submission_id;
        let submission = Tree::of_sources(&job.files);
        let (boxes, harness, bounds) = (self.boxes.clone(), Arc::clone(&ready), limits.clone());
        let guard = CancelOnDrop(Cancel::new());
        let cancel = guard.0.clone();
        let span = tracing::error_span!("grade", harness = pinned.name);
        let _place = floor.shared().await;
        let graded = blocking(move || {
            let _entered = span.enter();
            let ground = Ground { limits: bounds, ..harness.ground.clone() };
            let run = Run {
                bundle: &harness.bundle,
                ground: &ground,
                submission: &submission,
                id: &id.to_string(),
                created_at: &id.created_at(),
                cancel: &cancel,
            };
            run.grade_with_facts(&boxes)
        });
        let (report, ended) = graded.await?.map_err(|e| run_error(pinned.name, e))?;
        drop(guard);
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
    let name = &place.name;
    let ours =
        |e: std::io::Error| JudgeError::failed(format!("could not make the layer of harness {name}: {e}"));
    let folder = tempfile::Builder::new().prefix("tribunal-harness-").tempdir().map_err(ours)?;
    let layer = Layer::make(&bundle, &folder.path().join("layer")).map_err(ours)?;
    let mut lower = vec![layer.0];
    lower.extend(rootfs.layers.iter().cloned());
    let binds = rootfs.binds.iter();
    let root = RootSpec {
        lower,
        binds: binds
            .map(|(source, target)| RootBind { source: source.clone(), target: target.clone() })
            .collect(),
    };
    let limits = bundle.limits(&LimitsRequest::default(), &place.maxima).map_err(Rejected::from)?;
    let mut ground = Ground { root, env: rootfs.env.clone(), command, limits, files: Tree::default() };
    let prepared = harness::prepare(&bundle, &ground, &rootfs.digest, &place.boxes, &place.cache, false);
    let prepared = prepared.map_err(|e| match e {
        SetupError::Refused(why) => JudgeError::hopeless(format!("harness {name}: {why}")),
        SetupError::Run(e) => run_error(name, e),
        SetupError::Cache(e) => JudgeError::failed(format!("harness {name}: {e}")),
    })?;
    ground.files = prepared.files;
    let (image, image_kind) = (rootfs.digest.clone(), rootfs.kind.name());
    Ok(Ready { bundle, ground, image, image_kind, _rootfs: rootfs, _layer: folder })
}

fn run_error(name: &str, error: RunError) -> JudgeError {
    match error {
        RunError::Harness(why) => JudgeError::hopeless(format!("harness {name}: {why}")),
        RunError::Ours(why) => JudgeError::failed(why),
    }
}
