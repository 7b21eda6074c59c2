//! `tribunal grade`: a course's autograder over many submissions, each in a box of its own.
//!
//! One student's submission never stops the others: whatever is wrong with it is in its report. Only what every
//! submission would meet ends the command early.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use course::{Bundle, Caps, ImageCommand, Report, SHARED_BOX, Stage, Status, Tree};
use futures::stream::{self, StreamExt as _};
use harness::{OnHeard, RunError, SetupError};
use images::ImageError;
use indicatif::{ProgressBar, ProgressStyle};
use proto::event::GradedPlace;
use proto::id::Digest;
use proto::limits::{Limits, LimitsRequest};
use proto::report::TestReport;
use sandbox::BoxServer;
use serde_json::{Value, json};
use worker::floor::Floor;
use worker::harnesses::{Ready, Task};

use crate::args::GradeArgs;
use crate::context::{Settings, runtime};
use crate::grade_list::{self, Entry};
use crate::grade_records::{Record, Records, csv_line, file_name};
use crate::host::{self, Gate};
use crate::output::{Failure, chain, note, print_json, print_line};
use crate::report;

/// Everything that is the same for all submissions.
struct Course {
    ready: Arc<Ready>,
    /// Over harness, image and limits.
    key: String,
    boxes: BoxServer,
    /// Every box has a place on it, as on a worker.
    floor: Floor,
    gate: Gate,
    /// How fast a core is beside the reference.
    speed: Option<f64>,
    records: Option<Records>,
    /// Whether only what a student may see is told meanwhile.
    student: bool,
}

/// Shortest time between two lines about one submission that is being graded, where there is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// One submission, done.
struct Done {
    record: Record,
    /// Whether an earlier run had graded it.
    resumed: bool,
}

pub(crate) fn main(args: &GradeArgs, settings: &Settings) -> Result<u8, Failure> {
    let begun = Instant::now();
    let bundle = Bundle::read(&args.harness).map_err(Failure::usage)?;
    let entries = grade_list::list(&args.submissions)?;
    let limits = limits(args, &bundle, &settings.config.maxima)?;
    let boxes = Settings::boxes(0)?;
    let records = args.out.as_deref().map(|out| Records::open(out, args.resume)).transpose()?;
    for said in &bundle.notes {
        note(said);
    }
    if !bundle.separate {
        note(
            "the harness shares its box with the submission, which could write results.json itself: each result is \
             marked `shared_box`; see `separate` in worker/harness/README.md",
        );
    }
    let (course, done) = runtime()?.block_on(async {
        let course = prepare(args, settings, bundle, limits, boxes, records).await?;
        let done = grade_all(&course, &entries, args.jobs as usize).await?;
        Ok::<_, Failure>((course, done))
    })?;

    let stage = (args.view == "student").then_some(args.stage);
    let document = document(args, &course, &done, stage);
    if let Some(records) = &course.records {
        write_results(records, &done, &document, stage)?;
    }
    if args.json {
        print_json(&document)?;
    } else {
        print_line(&table(&done, stage))?;
    }
    note(&format!("{}; {:.1} s", summary_words(&done), begun.elapsed().as_secs_f64()));
    Ok(if count(&done, Status::Error) > 0 { 3 } else { 0 })
}

/// `--time` is wall-clock time, as graders count it.
fn limits(args: &GradeArgs, bundle: &Bundle, maxima: &Limits) -> Result<Limits, Failure> {
    let asked = LimitsRequest { wall_time: args.time, memory: args.memory, ..LimitsRequest::default() };
    bundle.limits(&asked, maxima).map_err(Failure::usage)
}

/// Looks at the host first, as a worker does: setting up runs in a box, too.
async fn prepare(
    args: &GradeArgs,
    settings: &Settings,
    bundle: Bundle,
    limits: Limits,
    boxes: BoxServer,
    records: Option<Records>,
) -> Result<Course, Failure> {
    let store = settings.store()?;
    let name = args.image.as_deref().or(bundle.image.as_deref()).unwrap_or(proto::language::HOST);
    let failed = |e: ImageError| match e {
        ImageError::UnknownImage { .. } => {
            Failure::usage(format!("{}; name one that is here with --image", chain(&e)))
        }
        other => Failure::ours(chain(&other)),
    };
    let rootfs = store.rootfs(name).map_err(failed)?;
    let config = store.run_config(name).map_err(failed)?;
    let command = ImageCommand { argv: config.argv, work_dir: config.working_dir };
    let host = host::look(settings, &boxes, &store).await?;
    let gate = Gate::open(host.fitness).await?;
    let floor = Floor::default();
    let place = floor.shared().await;
    let (cache, hands, installed) = (settings.data.join("harness"), boxes.clone(), args.installed);
    let making = move || Ready::make(bundle, rootfs, command, limits, (&hands, &cache), installed);
    let made = tokio::task::spawn_blocking(making).await.map_err(Failure::ours)?;
    drop(place);
    let ready = made.map_err(|e| match e {
        SetupError::Refused(_) | SetupError::Run(RunError::Harness(_)) => Failure::usage(e),
        other => Failure::ours(other),
    })?;
    for said in &ready.notes {
        note(said);
    }
    let key = format!(
        "{} {} {} {} {}",
        course::REPORT_VERSION,
        ready.bundle.digest,
        ready.ground.files.digest(),
        ready.image,
        serde_json::to_string(&ready.ground.limits).unwrap_or_default(),
    );
    let student = args.view == "student";
    Ok(Course { ready: Arc::new(ready), key, boxes, floor, gate, speed: host.speed, records, student })
}

/// In the order of the list, up to `jobs` at once.
///
/// # Errors
/// The first one that ends all; what is being graded then is ended, too.
async fn grade_all(course: &Course, entries: &[Entry], jobs: usize) -> Result<Vec<Done>, Failure> {
    let bar = ProgressBar::new(entries.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    // Out of order, so that one that takes long holds up nobody.
    let mut grading = stream::iter(entries.iter().enumerate())
        .map(async |(place, entry)| grade_one(course, entry, &bar).await.map(|one| (place, one)))
        .buffer_unordered(jobs);
    let mut done = Vec::with_capacity(entries.len());
    while let Some(one) = grading.next().await {
        let (place, one) = one.inspect_err(|_| bar.finish_and_clear())?;
        tell(&bar, &one);
        done.push((place, one));
    }
    bar.finish_and_clear();
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, one)| one).collect())
}

fn tell(bar: &ProgressBar, one: &Done) {
    let said = format!("{}: {}", one.record.id, one.record.report.status.name());
    if bar.is_hidden() && !one.resumed {
        note(&said);
    }
    bar.set_message(said);
    bar.inc(1);
}

/// Tells of the tests of a submission as its harness reports them.
fn hearing(bar: &ProgressBar, id: &str, student: bool) -> OnHeard {
    let (bar, id, last) = (bar.clone(), id.to_owned(), Mutex::new(None::<Instant>));
    OnHeard::new(move |heard| {
        let place = if student { heard.contestants } else { Some(heard.judges) };
        let Some(place) = place else { return };
        let said = said_of(&id, place, &heard.test);
        if !bar.is_hidden() {
            return bar.set_message(said);
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *last = Some(Instant::now());
            note(&said);
        }
    })
}

fn said_of(id: &str, place: GradedPlace, test: &TestReport) -> String {
    let points = match (&test.score, &test.max_score) {
        (Some(score), Some(most)) => format!(" {score} of {most}"),
        (Some(score), None) => format!(" {score}"),
        (None, _) => String::new(),
    };
    let of = if place.total > place.nth + 1 { format!(" of {}", place.total) } else { String::new() };
    format!("{id}: {}{of} tests reported: {}{points}", place.nth + 1, course::cut(&test.name, 80))
}

/// # Errors
/// Only what every other submission would meet, too, and records that cannot be written.
async fn grade_one(course: &Course, entry: &Entry, bar: &ProgressBar) -> Result<Done, Failure> {
    let path = entry.path.display().to_string();
    let record = |key: &str, report: Report| Record {
        id: entry.id.clone(),
        path: path.clone(),
        key: Digest::of(format!("{} {key}", course.key).as_bytes()),
        report,
    };
    let submission = match read(&entry.path).await? {
        Ok(tree) => tree,
        Err(why) => {
            let said = format!("the submission cannot be read: {why}");
            let report = Report::empty(Status::Failed, said.clone(), said);
            return Ok(Done { record: record("unread", report), resumed: false });
        }
    };
    let digest = submission.digest();
    let key = Digest::of(format!("{} {digest}", course.key).as_bytes());
    if let Some(record) = course.records.as_ref().and_then(|records| records.find(&entry.id, &key)) {
        return Ok(Done { record, resumed: true });
    }
    course.gate.pass().await?;
    let task = Task {
        submission,
        id: entry.id.clone(),
        created_at: created_at(&entry.path),
        limits: course.ready.ground.limits.clone(),
    };
    let heard = hearing(bar, &entry.id, course.student);
    let graded =
        course.ready.grade(&course.boxes, &course.floor, task, heard).await.map_err(Failure::ours)?;
    match graded {
        Ok((report, _)) => {
            let done = Done { record: record(digest.as_str(), report), resumed: false };
            if let Some(records) = &course.records {
                records.keep(&done.record)?;
            }
            Ok(done)
        }
        Err(RunError::Harness(why)) => Err(Failure::usage(why)),
        // Not kept: the next run tries again.
        Err(RunError::Ours(why)) => {
            let report =
                Report::empty(Status::Error, why, "the grading failed; it is not the submission's fault");
            Ok(Done { record: record(digest.as_str(), report), resumed: false })
        }
    }
}

/// What was handed in, or why it cannot be read.
async fn read(path: &Path) -> Result<Result<Tree, String>, Failure> {
    if path.is_symlink() {
        return Ok(Err("it is a symbolic link".to_owned()));
    }
    let path = path.to_owned();
    let reading = move || Tree::read(&path, Caps::SUBMISSION).map_err(|e| e.to_string());
    tokio::task::spawn_blocking(reading).await.map_err(Failure::ours)
}

/// When it was last changed, which is as near as a file system comes to when it was handed in.
fn created_at(path: &Path) -> String {
    let changed = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let since = changed.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    api::time::rfc3339(since.map_or(0, |d| d.as_millis() as i64))
}

fn seen(report: &Report, stage: Option<Stage>) -> Report {
    stage.map_or_else(|| report.clone(), |stage| course::as_student(report, stage))
}

/// Where the submission lies is the staff's business.
fn path_for(done: &Done, stage: Option<Stage>) -> &str {
    if stage.is_some() { "" } else { &done.record.path }
}

fn one_document(done: &Done, stage: Option<Stage>) -> Value {
    let mut value = json!({ "id": done.record.id, "path": path_for(done, stage), "resumed": done.resumed });
    if let (Value::Object(to), Ok(Value::Object(from))) =
        (&mut value, serde_json::to_value(seen(&done.record.report, stage)))
    {
        to.extend(from);
    }
    value
}

fn document(args: &GradeArgs, course: &Course, done: &[Done], stage: Option<Stage>) -> Value {
    let count = |status| count(done, status);
    let Ready { bundle, ground, image, .. } = &*course.ready;
    json!({
        "harness": {
            "path": args.harness.display().to_string(), "format": bundle.format,
            "digest": bundle.digest, "separate": bundle.separate,
        },
        "image": image,
        "limits": ground.limits,
        "host": { "speed": course.speed, "accounting": course.boxes.accounting() },
        "view": args.view,
        "summary": {
            "submissions": done.len(), "graded": count(Status::Graded), "partial": count(Status::Partial),
            "failed": count(Status::Failed), "ungradable": count(Status::Ungradable),
            "error": count(Status::Error), "resumed": done.iter().filter(|d| d.resumed).count(),
        },
        "submissions": done.iter().map(|d| one_document(d, stage)).collect::<Vec<_>>(),
    })
}

fn count(done: &[Done], status: Status) -> usize {
    done.iter().filter(|d| d.record.report.status == status).count()
}

fn summary_words(done: &[Done]) -> String {
    let statuses = [Status::Graded, Status::Partial, Status::Failed, Status::Ungradable, Status::Error];
    let parts = statuses.into_iter().map(|s| (count(done, s), s.name())).filter(|(n, _)| *n > 0);
    let parts: Vec<String> = parts.map(|(n, name)| format!("{n} {name}")).collect();
    let resumed = done.iter().filter(|d| d.resumed).count();
    let before = if resumed > 0 { format!(" ({resumed} from before)") } else { String::new() };
    format!("{} submissions: {}{before}", done.len(), parts.join(", "))
}

const HEADS: [&str; 11] = [
    "id",
    "path",
    "status",
    "score",
    "max_score",
    "tests",
    "passed",
    "not_reported",
    "wall_time_ms",
    "reason",
    "shared_box",
];

fn cells(done: &Done, stage: Option<Stage>) -> [String; 11] {
    let report = seen(&done.record.report, stage);
    let number = |n: usize| n.to_string();
    let points = |score: Option<problem::score::Score>| score.map_or_else(String::new, |s| s.to_string());
    [
        done.record.id.clone(),
        path_for(done, stage).to_owned(),
        report.status.name().to_owned(),
        points(report.score),
        points(report.max_score),
        number(report.tests.len()),
        number(report.tests.iter().filter(|t| t.status.as_deref() == Some("passed")).count()),
        number(report.tests.iter().filter(|t| t.not_reported.is_some()).count()),
        report.wall_time_ms.map_or_else(String::new, |ms| ms.to_string()),
        report.reason.unwrap_or_default(),
        report.shared_box.to_string(),
    ]
}

fn write_results(
    records: &Records,
    done: &[Done],
    document: &Value,
    stage: Option<Stage>,
) -> Result<(), Failure> {
    let mut csv = csv_line(&HEADS.map(str::to_owned));
    for one in done {
        csv.push_str(&csv_line(&cells(one, stage)));
    }
    // One that a student may have must not lie where the staff's is looked for.
    let folder = if stage.is_some() { "student" } else { "" };
    records.write(folder, "results.csv", csv.as_bytes())?;
    records.write(folder, "results.json", format!("{document}\n").as_bytes())?;
    if stage.is_some() {
        for one in done {
            let text = format!("{}\n", one_document(one, stage));
            records.write("student/reports", &file_name(&one.record.id), text.as_bytes())?;
        }
    }
    Ok(())
}

fn table(done: &[Done], stage: Option<Stage>) -> String {
    let mut table = report::table(["id", "status", "score", "of", "tests", "why"]);
    for one in done {
        let [id, _, status, score, most, tests, _, _, _, mut why, shared] = cells(one, stage);
        if shared == "true" {
            why.push_str(if why.is_empty() { "" } else { " " });
            why.push_str(&format!("[{SHARED_BOX}]"));
        }
        table.add_row([id, status, score, most, tests, why]);
    }
    table.to_string()
}
