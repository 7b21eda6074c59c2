//! The trees of a build: archives of whole root file systems in its work directory.
//!
//! A tree is made when a language needs packages over it, from the layers in the store or by the bootstrap
//! program, and goes as soon as nothing grows on it any more.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use language::Language;

use super::debian::{self, Bootstrap, Start};
use super::document::{LayerKind, MadeLayer, plain_env};
use super::{BuildOptions, archive_of, base_name, read, recipe};
use crate::error::{Doing, Result};
use crate::index::Named;
use crate::layer::unpack::Packing;
use crate::layer::write::{self, Listing, PackedLayer};
use crate::progress::{OnProgress, Progress};
use crate::store::Store;

/// Most bytes copied at once.
const BUFFER: usize = 1 << 17;

pub(super) struct Trees<'a> {
    store: &'a Store,
    options: &'a BuildOptions,
    work: &'a Path,
    progress: OnProgress<'a>,
    bases: HashMap<String, MadeLayer>,
    /// Archives that are there, with the lists of packages in them: by language, or by name of the base.
    grown: HashMap<String, PathBuf>,
    /// What lies below a language's tree, by language.
    below: HashMap<String, PathBuf>,
}

impl<'a> Trees<'a> {
    pub(super) fn new(
        store: &'a Store,
        options: &'a BuildOptions,
        work: &'a Path,
        progress: OnProgress<'a>,
    ) -> Self {
        let (bases, grown, below) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { store, options, work, progress, bases, grown, below }
    }

    /// The base layer of a suite: the store's, or made now.
    pub(super) fn base(&mut self, suite: &str) -> Result<MadeLayer> {
        if let Some(known) = self.bases.get(suite) {
            return Ok(known.clone());
        }
        let known = if self.options.refresh_base { None } else { self.known_base(suite)? };
        let packed = match known {
            Some(packed) => packed,
            None => self.make_base(suite)?,
        };
        let key = recipe::base_key(suite, self.options.source_date_epoch);
        let made = MadeLayer { made_by: base_name(suite), key, kind: LayerKind::Tree, packed };
        self.bases.insert(suite.to_owned(), made.clone());
        Ok(made)
    }

    /// The base of the image called so, if it is whole: languages are compared with whatever is in it.
    fn known_base(&self, suite: &str) -> Result<Option<PackedLayer>> {
        let key = recipe::base_key(suite, self.options.source_date_epoch);
        let known = self.store.known_layers()?.remove(&key);
        Ok(known.filter(|packed| self.store.blobs.verify(&packed.blob.digest).is_ok()))
    }

    fn make_base(&mut self, suite: &str) -> Result<PackedLayer> {
        let name = base_name(suite);
        let plan = Bootstrap::new(&name, suite, &[], Start::Nothing, self.work, self.options);
        debian::run_all(std::slice::from_ref(&plan), 1, self.progress)?;
        (self.progress)(Progress::Pack { image: name.clone() });
        let epoch = self.options.source_date_epoch;
        let blob = self.store.blobs.writer()?;
        let packed = write::pack(read(&plan.archive)?, |_| true, &BTreeSet::new(), epoch, blob)?;
        let key = recipe::base_key(suite, epoch);
        let layer = MadeLayer { made_by: name.clone(), key, kind: LayerKind::Tree, packed: packed.clone() };
        let manifest = self.store.write_image(&[layer], &HashMap::new(), &plain_env(), epoch)?;
        let _lock = self.store.lock()?;
        self.store.index.put(Named {
            name: name.clone(),
            digest: manifest.digest,
            size: manifest.size,
            languages: Vec::new(),
            built: true,
        })?;
        self.grown.insert(name, plan.archive);
        Ok(packed)
    }

    /// Installs the packages of these languages, each over what it is built on.
    pub(super) fn grow(
        &mut self,
        languages: &[&'static Language],
        layers: &HashMap<String, Vec<MadeLayer>>,
    ) -> Result<()> {
        let mut plans = Vec::new();
        for language in languages {
            // What is pulled from a registry has no packages.
            let Some(suite) = language.base.suite() else { continue };
            let below = match &language.on {
                Some(on) => self.tree(on, suite, &layers[on.as_str()])?,
                None => self.tree(&base_name(suite), suite, &layers[&language.id])?,
            };
            self.below.insert(language.id.clone(), below.clone());
            let (packages, start) = (&language.packages, Start::TreeWithLists(below));
            plans.push(Bootstrap::new(&language.id, suite, packages, start, self.work, self.options));
        }
        debian::run_all(&plans, self.options.parallel, self.progress)?;
        let built = languages.iter().filter(|language| language.base.suite().is_some());
        for (language, plan) in built.zip(plans) {
            self.grown.insert(language.id.clone(), plan.archive);
        }
        Ok(())
    }

    /// The archive of the tree that these layers make, without what steps made, with lists of packages.
    fn tree(&mut self, name: &str, suite: &str, layers: &[MadeLayer]) -> Result<PathBuf> {
        if let Some(there) = self.grown.get(name) {
            return Ok(there.clone());
        }
        let bare = archive_of(self.work, &format!("{name}.layers"));
        let file = File::create(&bare).doing("create", &bare)?;
        let trees: Vec<&MadeLayer> = layers.iter().filter(|layer| layer.kind == LayerKind::Tree).collect();
        let open = |at: usize| unpacked(self.store, &trees[at].packed);
        write::flatten(trees.len(), open, BufWriter::with_capacity(BUFFER, file))?;
        let plan = Bootstrap::new(name, suite, &[], Start::Tree(bare.clone()), self.work, self.options);
        debian::run_all(std::slice::from_ref(&plan), 1, self.progress)?;
        std::fs::remove_file(&bare).doing("remove", &bare)?;
        self.grown.insert(name.to_owned(), plan.archive.clone());
        Ok(plan.archive)
    }

    /// The layer of a language's tree: what it has beyond what lies below.
    pub(super) fn pack(&self, language: &Language) -> Result<PackedLayer> {
        let archive = &self.grown[&language.id];
        let below = write::list(read(&self.below[&language.id])?)?;
        let change = write::difference(&below, &write::list(read(archive)?)?);
        write::pack(
            read(archive)?,
            |path| change.written.contains(path),
            &change.whiteouts,
            self.options.source_date_epoch,
            self.store.blobs.writer()?,
        )
    }

    /// Removes the tree of a language that nothing grows on any more.
    pub(super) fn forget(&mut self, language: &Language) -> Result<()> {
        match self.grown.remove(&language.id) {
            Some(archive) => std::fs::remove_file(&archive).doing("remove", archive),
            None => Ok(()),
        }
    }

    /// All that is in these layers; of several that have a path, the topmost.
    pub(super) fn listing_of(&self, layers: &[MadeLayer]) -> Result<Listing> {
        let mut listing = Listing::new();
        for layer in layers {
            listing.extend(write::list(unpacked(self.store, &layer.packed)?)?);
        }
        Ok(listing)
    }
}

/// The plain archive of a layer.
fn unpacked(store: &Store, layer: &PackedLayer) -> Result<Box<dyn Read>> {
    let digest = &layer.blob.digest;
    let packed = store.blobs.file(digest)?;
    Ok(match layer.packing {
        Packing::Plain => Box::new(BufReader::with_capacity(BUFFER, packed)),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(packed))),
        Packing::Zstd => {
            Box::new(zstd::stream::read::Decoder::new(packed).doing("read", store.blobs.path(digest))?)
        }
    })
}
