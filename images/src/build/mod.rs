//! From the data of languages to images: one base layer per Debian suite, or the layers of a registry's image, and on it
//! what each language adds.
//!
//! ```text
//! base of the suite <- packages of `on` <- steps of `on` <- own packages <- own steps
//! ```
//!
//! Packages are installed by the bootstrap program into a tree that starts as what lies below, and the layer
//! is what the tree has beyond that. Steps are commands run in a box over the layers so far; the layer is
//! what they leave in their work directory. Nothing here starts a box: the caller brings a [`RunStep`].
//!
//! Every layer has a key made of its recipe and of the layers below, so what was built before is taken again
//! and a changed recipe costs only what comes after the change. Equal packages give equal digests: times are
//! clamped to one date, documents are written with sorted keys.

mod debian;
mod document;
mod fetch;
mod outdated;
mod pulled;
mod recipe;
mod trees;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use language::{Base, Language};
use proto::id::Digest;

use crate::error::{Doing, ImageError, Result};
use crate::index::Named;
use crate::layer::write::{self, Made, PackedLayer};
use crate::progress::{OnProgress, Progress};
use crate::registry::RegistryOptions;
use crate::rootfs::Rootfs;
use crate::store::Store;

use document::{LayerKind, MadeLayer};
pub use outdated::Outdated;
use trees::Trees;

/// Date given to files that a build makes: 2026-01-01. Files of packages older than it keep theirs.
const EPOCH_DEFAULT: u64 = 1_767_225_600;

/// Start of the names of work directories.
pub(crate) const WORK: &str = ".build-";

/// How to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Lines for `sources.list` instead of the host's own Debian sources or, where the host is another
    /// system, Debian's default mirror.
    pub sources: Vec<String>,
    /// Latest time any file of an image has, in seconds since 1970. Equal values and an equal mirror give
    /// equal digests.
    pub source_date_epoch: u64,
    /// Whether everything is built anew although the store has it, so that newer packages come in.
    pub refresh_base: bool,
    /// How many trees are bootstrapped side by side.
    pub parallel: usize,
    /// How to talk to registries, by the reference a recipe names; what is not here is asked for without a login.
    pub registries: HashMap<String, RegistryOptions>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            source_date_epoch: EPOCH_DEFAULT,
            refresh_base: false,
            parallel: 2,
            registries: HashMap::new(),
        }
    }
}

/// Runs one step of a recipe in a box without network.
pub trait RunStep: Sync {
    /// Runs `argv` over `root` with `files` in its work directory, and gives all regular files it leaves
    /// there, those of `files` among them.
    ///
    /// # Errors
    /// What went wrong, in words: the command failed, or there is no box.
    fn run(
        &self,
        root: &Rootfs,
        argv: &[String],
        files: &[StepFile],
    ) -> std::result::Result<Vec<StepFile>, String>;
}

/// A file of a step's work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFile {
    /// Path below the work directory.
    pub path: Vec<u8>,
    /// Whether it is executable.
    pub executable: bool,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// An image that was just built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// Its name, the language's id.
    pub name: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Packed size of the layers that are its own.
    pub own_bytes: u64,
    /// Packed size of the layers it shares.
    pub shared_bytes: u64,
    /// How many of its layers had to be made.
    pub layers_made: usize,
    /// From the start of the whole build until this image was ready.
    pub took: Duration,
}

/// The name of a suite's base image.
fn base_name(suite: &str) -> String {
    format!("base-{suite}")
}

impl Store {
    /// Builds and names the images of these languages and of those they are built on, and unpacks them for
    /// use. An image that exists is replaced; one that cannot be built leaves the old one in place.
    ///
    /// # Errors
    /// [`ImageError::UnknownLanguage`] before anything is changed; [`ImageError::MissingTool`] and
    /// [`ImageError::BuildFailed`], with the images named that were ready by then.
    pub fn build(
        &self,
        ids: &[String],
        options: &BuildOptions,
        steps: &dyn RunStep,
        progress: OnProgress<'_>,
    ) -> Result<Vec<BuiltImage>> {
        let start = Instant::now();
        let levels = recipe::levels(ids)?;
        let _one_build = self.lock_build()?;
        let work = tempfile::Builder::new()
            .prefix(WORK)
            .tempdir_in(self.path())
            .doing("create a directory in", self.path())?;
        let known = if options.refresh_base { HashMap::new() } else { self.known_layers()? };
        let mut build = Build {
            store: self,
            options,
            steps,
            progress,
            start,
            known,
            trees: Trees::new(self, options, work.path(), progress),
            layers: HashMap::new(),
            shared: HashMap::new(),
            env: HashMap::new(),
            made: HashMap::new(),
        };
        let mut built = Vec::new();
        for (depth, level) in levels.iter().enumerate() {
            let later = levels.get(depth + 1..).unwrap_or_default().concat();
            for some in level.chunks(options.parallel.max(1)) {
                build.packages(some, &later)?;
                for language in some {
                    built.push(build.finish(language)?);
                }
            }
        }
        Ok(built)
    }
}

/// One build under way.
struct Build<'a> {
    store: &'a Store,
    options: &'a BuildOptions,
    steps: &'a dyn RunStep,
    progress: OnProgress<'a>,
    start: Instant,
    /// Layers that need not be made, by key.
    known: HashMap<Digest, PackedLayer>,
    trees: Trees<'a>,
    /// Layers of the languages done so far, bottom first.
    layers: HashMap<String, Vec<MadeLayer>>,
    /// How many of them are not the language's own.
    shared: HashMap<String, usize>,
    /// Environments of languages that start from an image with one of its own.
    env: HashMap<String, Vec<String>>,
    /// How many of them were made now.
    made: HashMap<String, usize>,
}

impl Build<'_> {
    /// Makes the package layers of some languages of one level, side by side.
    fn packages(&mut self, languages: &[&'static Language], later: &[&'static Language]) -> Result<()> {
        let mut wanted: Vec<(&'static Language, Digest)> = Vec::new();
        for language in languages {
            let layers = match (&language.on, &language.base) {
                (Some(on), _) => self.layers[on.as_str()].clone(),
                (None, Base::Suite(suite)) => vec![self.trees.base(suite)?],
                (None, Base::Image(reference)) => self.pulled(language, reference)?,
            };
            self.shared.insert(language.id.clone(), layers.len());
            if !language.packages.is_empty() {
                let key = recipe::packages_key(language, &layers, self.options.source_date_epoch);
                wanted.push((language, key));
            }
            self.layers.insert(language.id.clone(), layers);
        }
        let mut missing: Vec<(&'static Language, Digest)> = Vec::new();
        for (language, key) in &wanted {
            if self.usable(key).is_none() && !missing.iter().any(|(_, other)| other == key) {
                missing.push((language, key.clone()));
            }
        }
        let grown: Vec<_> = missing.iter().map(|(language, _)| *language).collect();
        self.trees.grow(&grown, &self.layers)?;
        for (language, key) in missing {
            (self.progress)(Progress::Pack { image: language.id.clone() });
            let packed = self.trees.pack(language)?;
            self.known.insert(key, packed);
            *self.made.entry(language.id.clone()).or_default() += 1;
            if !later.iter().any(|other| other.on.as_deref() == Some(&language.id)) {
                self.trees.forget(language)?;
            }
        }
        for (language, key) in wanted {
            if let Some(packed) = self.known.get(&key).cloned() {
                let (made_by, kind) = (recipe::packages_words(language), LayerKind::Tree);
                let layer = MadeLayer { made_by, key, kind, packed };
                self.layers.entry(language.id.clone()).or_default().push(layer);
            }
        }
        Ok(())
    }

    /// The layer of this key, when it is here and whole.
    fn usable(&self, key: &Digest) -> Option<PackedLayer> {
        let packed = self.known.get(key)?;
        self.store.blobs.verify(&packed.blob.digest).is_ok().then(|| packed.clone())
    }

    /// Runs the steps of a language and gives its image its name.
    fn finish(&mut self, language: &'static Language) -> Result<BuiltImage> {
        let name = language.id.clone();
        for (number, step) in language.steps.iter().enumerate() {
            let layers = &self.layers[&name];
            let files = step_files(language, step)?;
            let key = recipe::step_key(step, &files, layers, self.options.source_date_epoch);
            let packed = if let Some(packed) = self.usable(&key) {
                packed
            } else {
                (self.progress)(Progress::Step { image: name.clone(), number: number + 1 });
                *self.made.entry(name.clone()).or_default() += 1;
                self.run(language, step, &files)?
            };
            self.known.insert(key.clone(), packed.clone());
            let layer = MadeLayer { made_by: step.argv.join(" "), key, kind: LayerKind::Step, packed };
            self.layers.entry(name.clone()).or_default().push(layer);
        }
        let (layers, shared) = (&self.layers[&name], self.shared[&name]);
        let mut labels = HashMap::from([
            ("org.tribunal.language".to_owned(), name.clone()),
            ("org.opencontainers.image.title".to_owned(), language.name.clone()),
        ]);
        labels.extend(match &language.base {
            Base::Suite(suite) => vec![
                ("org.tribunal.suite".to_owned(), suite.clone()),
                ("org.tribunal.packages".to_owned(), language.packages.join(" ")),
            ],
            Base::Image(reference) => {
                vec![("org.opencontainers.image.base.name".to_owned(), reference.clone())]
            }
        });
        let (env, epoch) = (self.env_for(language), self.options.source_date_epoch);
        let manifest = self.store.write_image(layers, &labels, &env, epoch)?;
        (self.progress)(Progress::Unpack { image: name.clone() });
        // Unpacked before it gets its name: a name always means an image that works.
        self.store.rootfs_of(&manifest.digest, &name)?;
        {
            let _lock = self.store.lock()?;
            self.store.index.put(Named {
                name: name.clone(),
                digest: manifest.digest.clone(),
                size: manifest.size,
                languages: vec![name.clone()],
                built: true,
            })?;
        }
        (self.progress)(Progress::Done { image: name.clone() });
        let size = |some: &[MadeLayer]| some.iter().map(|layer| layer.packed.blob.size).sum();
        Ok(BuiltImage {
            digest: manifest.digest,
            own_bytes: size(&layers[shared.min(layers.len())..]),
            shared_bytes: size(&layers[..shared.min(layers.len())]),
            layers_made: self.made.get(&name).copied().unwrap_or_default(),
            took: self.start.elapsed(),
            name,
        })
    }

    fn env_for(&self, language: &Language) -> Vec<String> {
        self.env.get(&language.id).cloned().unwrap_or_else(document::plain_env)
    }

    /// Runs one step over the layers so far and packs what it left.
    fn run(&mut self, language: &Language, step: &language::Step, files: &[StepFile]) -> Result<PackedLayer> {
        let failed = |log: String| ImageError::BuildFailed {
            image: language.id.clone(),
            status: format!(
                "the step `{}` failed",
                step.argv.join(" ").chars().take(100).collect::<String>()
            ),
            log,
        };
        let layers = &self.layers[&language.id];
        let (env, epoch) = (self.env_for(language), self.options.source_date_epoch);
        let so_far = self.store.write_image(layers, &HashMap::new(), &env, epoch)?;
        let root = self.store.rootfs_of(&so_far.digest, &language.id)?;
        let mut files = files.to_vec();
        for archive in &step.archives {
            let bytes = fetch::fetch(archive).map_err(&failed)?;
            files.push(StepFile { path: archive.name.clone().into_bytes(), executable: false, bytes });
        }
        let left = self.steps.run(&root, &step.argv, &files).map_err(&failed)?;
        let made: Vec<Made> = left
            .into_iter()
            .filter(|file| !files.iter().any(|given| given.path == file.path))
            .map(|StepFile { path, executable, bytes }| Made { path, executable, bytes })
            .collect();
        if made.is_empty() {
            return Err(failed("it left no file in its work directory".to_owned()));
        }
        let there = self.trees.listing_of(layers)?;
        let blob = self.store.blobs.writer()?;
        write::pack_files(&step.to, &made, &there, self.options.source_date_epoch, blob)
    }
}

fn step_files(language: &Language, step: &language::Step) -> Result<Vec<StepFile>> {
    let read = |name: &String| {
        let bytes = language.image_file(name).ok_or_else(|| ImageError::BuildFailed {
            image: language.id.clone(),
            status: "its recipe is wrong".to_owned(),
            log: format!(
                "image.steps names `{name}`, which is neither in the folder images/languages/{}/image nor in that of `on`",
                language.id
            ),
        })?;
        Ok(StepFile { path: name.clone().into_bytes(), executable: false, bytes: bytes.into_owned() })
    };
    step.files.iter().map(read).collect()
}

fn archive_of(work: &Path, image: &str) -> PathBuf {
    work.join(format!("{image}.tar"))
}

fn read(archive: &Path) -> Result<impl Read + use<>> {
    Ok(BufReader::with_capacity(1 << 17, File::open(archive).doing("open", archive)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For recipes that get no further.
    struct NoBoxes;

    impl RunStep for NoBoxes {
        fn run(
            &self,
            _: &Rootfs,
            _: &[String],
            _: &[StepFile],
        ) -> std::result::Result<Vec<StepFile>, String> {
            Err("there are no boxes in this test".to_owned())
        }
    }

    #[test]
    fn what_a_killed_build_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        std::fs::create_dir(store.path().join(".build-killed")).unwrap();
        std::fs::write(store.path().join(".build-killed/cpp.tar"), "half").unwrap();
        std::fs::write(store.blobs.folder().join(".tmp-killed"), "half").unwrap();
        let kept = store.blobs.write_json(&1).unwrap();
        store.build(&[], &BuildOptions::default(), &NoBoxes, &|_| ()).unwrap();
        assert!(!store.path().join(".build-killed").exists());
        assert_eq!(std::fs::read_dir(store.blobs.folder()).unwrap().count(), 1);
        store.blobs.verify(&kept.digest).unwrap();
    }

    #[test]
    fn an_unknown_language_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let ids = ["klingon".to_owned()];
        let error = store.build(&ids, &BuildOptions::default(), &NoBoxes, &|_| ()).unwrap_err();
        assert!(error.to_string().contains("`klingon`") && error.to_string().contains("python3"), "{error}");
        assert!(store.list().unwrap().is_empty());
    }
}
