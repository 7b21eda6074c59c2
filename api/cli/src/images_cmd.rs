//! `tribunal images`: list, build, pull, push, import, export, remove, gc, verify.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use images::registry::{PullOptions, RegistryOptions};
use images::store::garbage::Freed;
use images::{AdoptOptions, Adopted, BuildOptions, ImageError, ImportOptions, Progress, Store};
use indicatif::{ProgressBar, ProgressStyle};
use proto::units::Bytes;
use serde_json::json;

use crate::args::{AdoptArgs, ImagesArgs, ImagesCommand, RegistryArgs};
use crate::context::Settings;
use crate::image_steps::StepBoxes;
use crate::output::{Failure, chain, note, print_json, print_line};
use crate::{registry_auth, report};

pub(crate) fn main(args: ImagesArgs, settings: &Settings) -> Result<u8, Failure> {
    let store = settings.store()?;
    match args.command {
        ImagesCommand::List(args) => list(&store, args.json),
        ImagesCommand::Build { ids, refresh_base, json } => {
            let steps = StepBoxes::new(Settings::boxes(0));
            let registries = registries(&ids, &settings.config.mirrors)?;
            let options = BuildOptions { refresh_base, registries, ..BuildOptions::default() };
            build(&store, &ids, &options, &steps, json)
        }
        ImagesCommand::Pull { reference, mirrors, registry, adopt } => {
            let mirrors = if mirrors.is_empty() { settings.config.mirrors.clone() } else { mirrors };
            let registry = registry_auth::options(&registry, &reference, mirrors)?;
            pull(&store, &reference, registry, adopt)
        }
        ImagesCommand::Push { image, reference, registry, json } => {
            let registry = registry_auth::options(&registry, &reference, Vec::new())?;
            push(&store, &image, &reference, &registry, json)
        }
        ImagesCommand::Import { path, tag, adopt } => import(&store, &path, tag, adopt),
        ImagesCommand::Export { image, path, json } => export(&store, &image, &path, json),
        ImagesCommand::Remove { images, json } => remove(&store, &images, json),
        ImagesCommand::Gc { cap, json } => gc(&store, cap.or(settings.config.images_cap), json),
        ImagesCommand::Verify(args) => verify(&store, args.json),
    }
}

fn failure(error: &ImageError) -> Failure {
    match error {
        ImageError::UnknownImage { .. }
        | ImageError::UnknownLanguage { .. }
        | ImageError::MissingTool { .. }
        | ImageError::BadArchive { .. }
        | ImageError::BadRequest(_)
        | ImageError::HostileLayer { .. }
        | ImageError::BrokenLayer { .. }
        | ImageError::DigestMismatch { .. }
        | ImageError::Unsupported { .. } => Failure::usage(chain(error)),
        _ => Failure::ours(chain(error)),
    }
}

fn list(store: &Store, json: bool) -> Result<u8, Failure> {
    let images = store.list().map_err(|e| failure(&e))?;
    let outdated = store.outdated().map_err(|e| failure(&e))?;
    if json {
        let since = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let list: Vec<_> = images
            .iter()
            .map(|i| {
                json!({
                    "name": i.name, "digest": i.digest, "size_bytes": i.size_bytes,
                    "shared_bytes": i.shared_bytes, "unpacked_bytes": i.unpacked_bytes,
                    "last_used_unix": i.last_used.map(since), "origin": i.origin,
                    "languages": i.languages, "created": i.created,
                    "other_recipe": outdated.iter().any(|o| o.language == i.name),
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
    let headers = ["name", "digest", "MiB", "shared", "unpacked", "last used", "languages", "created"];
    let mut table = report::table(headers);
    for image in images {
        table.add_row([
            image.name,
            format!("sha256:{}…", image.digest.short()),
            mib(image.size_bytes),
            mib(image.shared_bytes),
            mib(image.unpacked_bytes),
            image.last_used.map_or_else(|| "never".to_owned(), ago),
            image.languages.join(" "),
            image.created.unwrap_or_default(),
        ]);
    }
    print_line(&table.to_string())?;
    for image in &outdated {
        print_line(&image.in_words())?;
    }
    let usage = store.usage().map_err(|e| failure(&e))?;
    print_line(&format!("{} MiB in all, packed and unpacked", mib(usage))).map(|()| 0)
}

fn mib(bytes: u64) -> String {
    (bytes >> 20).to_string()
}

fn ago(at: SystemTime) -> String {
    let seconds = at.elapsed().map_or(0, |d| d.as_secs());
    match seconds {
        0..60 => "now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

fn adopt_options(args: &AdoptArgs) -> AdoptOptions {
    AdoptOptions {
        name: args.name.clone(),
        platform: args.platform.clone(),
        languages: args.languages.clone(),
    }
}

fn pull(store: &Store, reference: &str, registry: RegistryOptions, args: AdoptArgs) -> Result<u8, Failure> {
    let options = PullOptions { registry, adopt: adopt_options(&args) };
    let bar = Bar::new();
    let done = store.pull(reference, &options, &|step| bar.tell(step));
    bar.clear();
    tell_adopted(&[done.map_err(|e| failure(&e))?], args.json)
}

fn import(store: &Store, path: &Path, tag: Option<String>, args: AdoptArgs) -> Result<u8, Failure> {
    let options = ImportOptions { tag, adopt: adopt_options(&args) };
    let bar = Bar::new();
    let done = store.import(path, &options, &|step| bar.tell(step));
    bar.clear();
    tell_adopted(&done.map_err(|e| failure(&e))?, args.json)
}

fn tell_adopted(images: &[Adopted], json: bool) -> Result<u8, Failure> {
    for image in images {
        if let Some(id) = &image.says_language {
            note(&format!(
                "{} says it was made for `{id}`; with `--language {id}` it judges that language here",
                image.name
            ));
        }
    }
    if json {
        let list: Vec<_> = images
            .iter()
            .map(|i| {
                json!({
                    "name": i.name, "digest": i.digest, "size_bytes": i.size_bytes,
                    "had_bytes": i.had_bytes, "unpacked_bytes": i.unpacked_bytes,
                    "unpack_ms": i.unpack_time.as_secs_f64() * 1e3,
                })
            })
            .collect();
        return print_json(&list).map(|()| 0);
    }
    for image in images {
        let (size, had) = (mib(image.size_bytes), mib(image.had_bytes));
        print_line(&format!("{} {} ({size} MiB, {had} of them were here)", image.name, image.digest))?;
    }
    Ok(0)
}

fn push(
    store: &Store,
    image: &str,
    reference: &str,
    registry: &RegistryOptions,
    json: bool,
) -> Result<u8, Failure> {
    let bar = Bar::new();
    let done = store.push(image, reference, registry, &|step| bar.tell(step));
    bar.clear();
    let digest = done.map_err(|e| failure(&e))?;
    if json {
        return print_json(&json!({ "reference": reference, "digest": digest })).map(|()| 0);
    }
    print_line(&format!("{reference} {digest}")).map(|()| 0)
}

fn export(store: &Store, image: &str, path: &Path, json: bool) -> Result<u8, Failure> {
    let bar = Bar::new();
    let done = store.export(image, path, &|step| bar.tell(step));
    bar.clear();
    let digest = done.map_err(|e| failure(&e))?;
    if json {
        return print_json(&json!({ "path": path, "digest": digest })).map(|()| 0);
    }
    print_line(&format!("{} {digest}", path.display())).map(|()| 0)
}

fn remove(store: &Store, images: &[String], json: bool) -> Result<u8, Failure> {
    let mut all = Freed::default();
    for image in images {
        let freed = store.remove(image).map_err(|e| failure(&e))?;
        all.bytes += freed.bytes;
        all = Freed { bytes: all.bytes, images: all.images, ..freed };
    }
    tell_freed(&all, None, json)
}

fn gc(store: &Store, cap: Option<Bytes>, json: bool) -> Result<u8, Failure> {
    let freed = match cap {
        Some(cap) => store.shrink(cap.get(), None),
        None => store.gc(),
    };
    tell_freed(&freed.map_err(|e| failure(&e))?, cap, json)
}

fn tell_freed(freed: &Freed, cap: Option<Bytes>, json: bool) -> Result<u8, Failure> {
    if json {
        let document = json!({
            "freed_bytes": freed.bytes, "left_bytes": freed.left_bytes,
            "layers_in_use": freed.in_use, "images_removed": freed.images,
        });
        return print_json(&document).map(|()| 0);
    }
    print_line(&format!("{} MiB given back, {} MiB left", mib(freed.bytes), mib(freed.left_bytes)))?;
    for image in &freed.images {
        print_line(&format!("{image} was not used for longest and is gone; pull it again to use it"))?;
    }
    if freed.in_use > 0 {
        print_line(&format!(
            "{} layers are in use by something that runs; they go with a later `tribunal images gc`",
            freed.in_use
        ))?;
    }
    if let Some(cap) = cap
        && freed.left_bytes > cap.get()
    {
        print_line(
            "that is still more than the cap: the rest is in use, or was built or imported here and is nowhere else",
        )?;
    }
    Ok(0)
}

/// How to talk to the registries these recipes name.
fn registries(ids: &[String], mirrors: &[String]) -> Result<HashMap<String, RegistryOptions>, Failure> {
    let references = ids.iter().filter_map(|id| language::by_id(id)?.base.image());
    let options = |reference: &str| {
        let found = registry_auth::options(&RegistryArgs::default(), reference, mirrors.to_vec())?;
        Ok((reference.to_owned(), found))
    };
    references.map(options).collect()
}

fn build(
    store: &Store,
    ids: &[String],
    options: &BuildOptions,
    steps: &StepBoxes,
    json: bool,
) -> Result<u8, Failure> {
    let bar = Bar::new();
    let built = store.build(ids, options, steps, &|step| bar.tell(step));
    bar.clear();
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
struct Bar {
    bar: ProgressBar,
    /// The step that was last told in the log.
    last: Mutex<String>,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(plain_style());
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Self { bar, last: Mutex::new(String::new()) }
    }

    fn tell(&self, step: Progress) {
        if let Progress::Bytes { image, doing, done, total } = step {
            self.bytes(format!("{image}: {doing}"), done, total);
            return;
        }
        let (step, detail) = match step {
            Progress::Bootstrap { image } => (format!("{image}: fetching and installing packages"), false),
            Progress::Line { image, text } => (format!("{image}: {text}"), true),
            Progress::Pack { image } => (format!("{image}: packing"), false),
            Progress::Step { image, number } => (format!("{image}: step {number} of its recipe"), false),
            Progress::Unpack { image } => (format!("{image}: unpacking"), false),
            Progress::Done { image } => (format!("{image}: done"), false),
            Progress::Bytes { .. } => return,
        };
        if !self.bar.is_hidden() {
            self.bar.set_style(plain_style());
            self.bar.set_message(step);
        } else if !detail {
            note(&step);
        }
    }

    fn bytes(&self, step: String, done: u64, total: u64) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.bar.is_hidden() {
            if *last != step {
                note(&format!("{step} ({} MiB)", mib(total)));
                *last = step;
            }
            return;
        }
        if *last != step {
            self.bar.set_style(bytes_style());
            self.bar.set_message(step.clone());
            *last = step;
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn plain_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bytes_style() -> ProgressStyle {
    let template = "{spinner} {elapsed} {msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}";
    ProgressStyle::with_template(template)
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
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
