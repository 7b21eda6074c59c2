//! `tribunal images`: list, build, remove, verify.

use images::{BuildOptions, ImageError, Progress, Store};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::args::{ImagesArgs, ImagesCommand};
use crate::context::Settings;
use crate::image_steps::StepBoxes;
use crate::output::{Failure, chain, print_json, print_line};
use crate::report;

pub(crate) fn main(args: ImagesArgs, settings: &Settings) -> Result<u8, Failure> {
    let store = settings.store()?;
    match args.command {
        ImagesCommand::List(args) => list(&store, args.json),
        ImagesCommand::Build { ids, refresh_base, json } => {
            let steps = StepBoxes::new(Settings::boxes(0));
            build(&store, &ids, refresh_base, &steps, json)
        }
        ImagesCommand::Remove { image } => store.remove(&image).map(|()| 0).map_err(|e| failure(&e)),
        ImagesCommand::Verify(args) => verify(&store, args.json),
    }
}

fn failure(error: &ImageError) -> Failure {
    match error {
        ImageError::UnknownImage { .. }
        | ImageError::UnknownLanguage { .. }
        | ImageError::MissingTool { .. } => Failure::usage(chain(error)),
        _ => Failure::ours(chain(error)),
    }
}

fn list(store: &Store, json: bool) -> Result<u8, Failure> {
    let images = store.list().map_err(|e| failure(&e))?;
    if json {
        let list: Vec<_> = images
            .iter()
            .map(|i| {
                json!({
                    "name": i.name, "digest": i.digest, "size_bytes": i.size_bytes,
                    "languages": i.languages, "created": i.created,
                })
            })
            .collect();
        return print_json(&list).map(|()| 0);
    }
    if images.is_empty() {
        print_line(
            "no images; `tribunal images build ID` makes one (until then this machine's own compilers serve)",
        )?;
        return Ok(0);
    }
    let mut table = report::table(["name", "digest", "MiB", "languages", "created"]);
    for image in images {
        table.add_row([
            image.name,
            format!("sha256:{}…", image.digest.short()),
            (image.size_bytes >> 20).to_string(),
            image.languages.join(" "),
            image.created.unwrap_or_default(),
        ]);
    }
    print_line(&table.to_string()).map(|()| 0)
}

fn build(
    store: &Store,
    ids: &[String],
    refresh_base: bool,
    steps: &StepBoxes,
    json: bool,
) -> Result<u8, Failure> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let options = BuildOptions { refresh_base, ..BuildOptions::default() };
    let built = store.build(ids, &options, steps, &|step| tell(&bar, step));
    bar.finish_and_clear();
    let built = built.map_err(|e| failure(&e))?;
    if json {
        let list: Vec<_> = built
            .iter()
            .map(|i| {
                json!({
                    "name": i.name, "digest": i.digest, "own_bytes": i.own_bytes,
                    "shared_bytes": i.shared_bytes, "layers_made": i.layers_made, "took_ms": i.took.as_millis() as u64,
                })
            })
            .collect();
        return print_json(&list).map(|()| 0);
    }
    for image in built {
        print_line(&format!(
            "{} {} ({} MiB and {} MiB shared, {:.1} s)",
            image.name,
            image.digest,
            image.own_bytes >> 20,
            image.shared_bytes >> 20,
            image.took.as_secs_f64()
        ))?;
    }
    Ok(0)
}

/// Progress for people: a moving line on a terminal, one line per step in a log.
fn tell(bar: &ProgressBar, step: Progress) {
    let (step, detail) = match step {
        Progress::Bootstrap { image } => (format!("{image}: fetching and installing packages"), false),
        Progress::Line { image, text } => (format!("{image}: {text}"), true),
        Progress::Pack { image } => (format!("{image}: packing"), false),
        Progress::Step { image, number } => (format!("{image}: step {number} of its recipe"), false),
        Progress::Unpack { image } => (format!("{image}: unpacking"), false),
        Progress::Done { image } => (format!("{image}: done"), false),
    };
    if !bar.is_hidden() {
        bar.set_message(step);
    } else if !detail {
        crate::output::note(&step);
    }
}

fn verify(store: &Store, json: bool) -> Result<u8, Failure> {
    let verified = store.verify().map_err(|e| failure(&e))?;
    let ok = verified.iter().all(|v| v.problem.is_none());
    if json {
        let list: Vec<_> = verified
            .iter()
            .map(|v| {
                json!({
                    "name": v.name, "digest": v.digest, "ok": v.problem.is_none(),
                    "problem": v.problem.as_ref().map(|p| chain(p)),
                })
            })
            .collect();
        print_json(&json!({ "ok": ok, "images": list }))?;
    } else {
        for v in &verified {
            let said = v.problem.as_ref().map_or_else(|| "ok".to_owned(), |p| chain(p));
            print_line(&format!("{} {}: {said}", v.name, v.digest))?;
        }
    }
    Ok(u8::from(!ok))
}
