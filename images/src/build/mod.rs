//! From the data of languages to images: one base layer per Debian suite, one layer per language on top.
//!
//! Each tree is bootstrapped whole, the base and the languages side by side, and a language's layer is what
//! its tree has beyond the base's. So no chroot is entered, and a language costs only itself. Equal packages
//! give equal digests: times are clamped to one date, documents are written with sorted keys.

mod debian;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use language::Language;
use oci_spec::image::{
    ConfigBuilder, HistoryBuilder, ImageConfigurationBuilder, ImageManifest, ImageManifestBuilder, MediaType,
    RootFsBuilder,
};
use proto::id::Digest;

use crate::blobs::Written;
use crate::error::{Doing, ImageError, Result};
use crate::index::{Named, descriptor};
use crate::layer::write::{self, Listing, PackedLayer};
use crate::progress::{OnProgress, Progress};
use crate::rootfs::PATH;
use crate::store::Store;

use debian::Bootstrap;

/// Date given to files that a build makes: 2026-01-01. Files of packages older than it keep theirs.
const EPOCH_DEFAULT: u64 = 1_767_225_600;

/// Start of the names of work directories.
const WORK: &str = ".build-";

/// How to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Lines for `sources.list` instead of the host's own Debian sources or, where the host is another
    /// system, Debian's default mirror.
    pub sources: Vec<String>,
    /// Latest time any file of an image has, in seconds since 1970. Equal values and an equal mirror give
    /// equal digests.
    pub source_date_epoch: u64,
    /// Whether the base is built anew although the store has one.
    pub refresh_base: bool,
    /// How many trees are bootstrapped side by side.
    pub parallel: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { sources: Vec::new(), source_date_epoch: EPOCH_DEFAULT, refresh_base: false, parallel: 2 }
    }
}

/// An image that was just built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// Its name, the language's id.
    pub name: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Packed size of its own layer.
    pub own_bytes: u64,
    /// Packed size of the base layer it shares.
    pub shared_bytes: u64,
    /// From the start of the whole build until this image was ready.
    pub took: Duration,
}

/// The name of a suite's base image.
fn base_name(suite: &str) -> String {
    format!("base-{suite}")
}

impl Store {
    /// Builds and names the images of these languages, and unpacks them for use. An image that exists is
    /// replaced; one that cannot be built leaves the old one in place.
    ///
    /// # Errors
    /// [`ImageError::UnknownLanguage`], [`ImageError::MissingTool`] and [`ImageError::BuildFailed`] before
    /// anything is changed.
    pub fn build(
        &self,
        ids: &[String],
        options: &BuildOptions,
        progress: OnProgress<'_>,
    ) -> Result<Vec<BuiltImage>> {
        let start = Instant::now();
        let languages = ids.iter().map(|id| language_of(id)).collect::<Result<Vec<_>>>()?;
        let _one_build = self.lock_build()?;
        self.sweep()?;
        let work = tempfile::Builder::new()
            .prefix(WORK)
            .tempdir_in(self.path())
            .doing("create a directory in", self.path())?;
        let mut suites: BTreeMap<&str, Vec<&Language>> = BTreeMap::new();
        for language in languages {
            let members = suites.entry(&language.suite).or_default();
            if !members.iter().any(|other| other.id == language.id) {
                members.push(language);
            }
        }
        let mut built = Vec::new();
        for (suite, members) in suites {
            built.extend(self.build_suite(suite, &members, options, work.path(), progress, start)?);
        }
        Ok(built)
    }

    /// Removes what builds left that were killed. The caller holds the build lock.
    fn sweep(&self) -> Result<()> {
        for (folder, prefix) in [(self.path(), WORK)] {
            for entry in std::fs::read_dir(folder).doing("list", folder)? {
                let entry = entry.doing("list", folder)?;
                if !entry.file_name().to_string_lossy().starts_with(prefix) {
                    continue;
                }
                let path = entry.path();
                let removed =
                    if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
                removed.doing("remove", path)?;
            }
        }
        Ok(())
    }

    fn build_suite(
        &self,
        suite: &str,
        languages: &[&Language],
        options: &BuildOptions,
        work: &Path,
        progress: OnProgress<'_>,
        start: Instant,
    ) -> Result<Vec<BuiltImage>> {
        let known_base = if options.refresh_base { None } else { self.base_layer(suite)? };
        let mut plans = Vec::new();
        if known_base.is_none() {
            plans.push(Bootstrap::new(&base_name(suite), suite, &[], work, options));
        }
        for language in languages {
            plans.push(Bootstrap::new(&language.id, suite, &language.packages, work, options));
        }
        debian::run_all(&plans, options.parallel, progress)?;

        let base = match known_base {
            Some(layer) => layer,
            None => self.pack_base(suite, &plans[0].archive, options, progress)?,
        };
        let unpacked = zstd::stream::read::Decoder::new(self.blobs.file(&base.blob.digest)?)
            .doing("read", self.blobs.path(&base.blob.digest))?;
        let listing = write::list(unpacked)?;
        let mut built = Vec::new();
        for language in languages {
            let archive = archive_of(work, &language.id);
            built.push(self.build_language(language, &base, &listing, &archive, options, progress, start)?);
        }
        Ok(built)
    }

    /// The base layer of a suite, when the store has it whole.
    fn base_layer(&self, suite: &str) -> Result<Option<PackedLayer>> {
        let Some(named) = self.index.read()?.into_iter().find(|image| image.name == base_name(suite)) else {
            return Ok(None);
        };
        let manifest: ImageManifest = self.blobs.read_json(&named.digest)?;
        let config: Digest =
            manifest.config().digest().to_string().parse().map_err(|error| not_a_digest(&error))?;
        let config: oci_spec::image::ImageConfiguration = self.blobs.read_json(&config)?;
        let ([layer], [diff_id]) = (&manifest.layers()[..], &config.rootfs().diff_ids()[..]) else {
            return Ok(None);
        };
        let digest: Digest = layer.digest().to_string().parse().map_err(|error| not_a_digest(&error))?;
        let diff_id = diff_id.parse().map_err(|error| not_a_digest(&error))?;
        // Languages would be compared with whatever is in it, so a damaged one is built again.
        let whole = self.blobs.verify(&digest).is_ok();
        Ok(whole.then(|| PackedLayer { blob: Written { digest, size: layer.size() }, diff_id }))
    }

    fn pack_base(
        &self,
        suite: &str,
        archive: &Path,
        options: &BuildOptions,
        progress: OnProgress<'_>,
    ) -> Result<PackedLayer> {
        let name = base_name(suite);
        progress(Progress::Pack { image: name.clone() });
        let none = std::collections::BTreeSet::new();
        let epoch = options.source_date_epoch;
        let layer = write::pack(read(archive)?, |_| true, &none, epoch, self.blobs.writer()?)?;
        let manifest = self.write_image(&[("debian", &layer)], &HashMap::new(), epoch)?;
        let _lock = self.lock()?;
        self.index.put(Named {
            name,
            digest: manifest.digest,
            size: manifest.size,
            languages: Vec::new(),
        })?;
        Ok(layer)
    }

    #[allow(clippy::too_many_arguments)] // one story with one caller; a struct would only rename them
    fn build_language(
        &self,
        language: &Language,
        base: &PackedLayer,
        listing: &Listing,
        archive: &Path,
        options: &BuildOptions,
        progress: OnProgress<'_>,
        start: Instant,
    ) -> Result<BuiltImage> {
        let name = language.id.clone();
        progress(Progress::Pack { image: name.clone() });
        let change = write::difference(listing, &write::list(read(archive)?)?);
        let epoch = options.source_date_epoch;
        let own = write::pack(
            read(archive)?,
            |path| change.written.contains(path),
            &change.whiteouts,
            epoch,
            self.blobs.writer()?,
        )?;
        let labels = HashMap::from([
            ("org.tribunal.language".to_owned(), name.clone()),
            ("org.tribunal.suite".to_owned(), language.suite.clone()),
            ("org.tribunal.packages".to_owned(), language.packages.join(" ")),
            ("org.opencontainers.image.title".to_owned(), language.name.clone()),
        ]);
        let manifest = self.write_image(&[("debian", base), (&name, &own)], &labels, epoch)?;
        progress(Progress::Unpack { image: name.clone() });
        // Unpacked before it gets its name: a name always means an image that works.
        self.rootfs_of(&manifest.digest, &name)?;
        {
            let _lock = self.lock()?;
            self.index.put(Named {
                name: name.clone(),
                digest: manifest.digest.clone(),
                size: manifest.size,
                languages: vec![name.clone()],
            })?;
        }
        progress(Progress::Done { image: name.clone() });
        Ok(BuiltImage {
            name,
            digest: manifest.digest,
            own_bytes: own.blob.size,
            shared_bytes: base.blob.size,
            took: start.elapsed(),
        })
    }

    /// Writes configuration and manifest; layers bottom first, each with what made it.
    fn write_image(
        &self,
        layers: &[(&str, &PackedLayer)],
        labels: &HashMap<String, String>,
        epoch: u64,
    ) -> Result<Written> {
        let invalid = |error: oci_spec::OciSpecError| ImageError::Unsupported {
            image: layers.last().map_or("", |(name, _)| name).to_owned(),
            problem: format!("its description cannot be written: {error}"),
        };
        let created = rfc3339(epoch);
        let settings = ConfigBuilder::default()
            .env(vec![format!("PATH={PATH}")])
            .working_dir("/w")
            .user("1000:1000")
            .labels(labels.clone())
            .build()
            .map_err(invalid)?;
        let history = layers
            .iter()
            .map(|(name, _)| {
                HistoryBuilder::default()
                    .created(created.clone())
                    .created_by(format!("tribunal images build: {name}"))
                    .build()
            })
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(invalid)?;
        let diff_ids: Vec<String> = layers.iter().map(|(_, layer)| layer.diff_id.to_string()).collect();
        let config = ImageConfigurationBuilder::default()
            .created(created)
            .architecture(oci_spec::image::Arch::default())
            .os(oci_spec::image::Os::Linux)
            .config(settings)
            .rootfs(RootFsBuilder::default().typ("layers").diff_ids(diff_ids).build().map_err(invalid)?)
            .history(history)
            .build()
            .map_err(invalid)?;
        let config = self.blobs.write_json(&config)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageManifest)
            .config(descriptor(MediaType::ImageConfig, &config.digest, config.size))
            .layers(
                layers
                    .iter()
                    .map(|(_, layer)| {
                        descriptor(MediaType::ImageLayerZstd, &layer.blob.digest, layer.blob.size)
                    })
                    .collect::<Vec<_>>(),
            )
            .build()
            .map_err(invalid)?;
        self.blobs.write_json(&manifest)
    }
}

fn language_of(id: &str) -> Result<&'static Language> {
    language::by_id(id).ok_or_else(|| ImageError::UnknownLanguage {
        wanted: id.chars().take(100).collect(),
        known: language::all().iter().map(|language| language.id.as_str()).collect::<Vec<_>>().join(", "),
    })
}

fn not_a_digest(error: &proto::id::DigestError) -> ImageError {
    ImageError::Damaged { what: "a base image".to_owned(), problem: error.to_string() }
}

fn archive_of(work: &Path, image: &str) -> PathBuf {
    work.join(format!("{image}.tar"))
}

fn read(archive: &Path) -> Result<impl Read + use<>> {
    Ok(BufReader::with_capacity(1 << 17, File::open(archive).doing("open", archive)?))
}

/// Seconds since 1970 as RFC 3339 in UTC (days to civil date: H. Hinnant, "chrono-compatible low-level date
/// algorithms", the shifted-era method).
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_images_want_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (EPOCH_DEFAULT, "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
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
        store.build(&[], &BuildOptions::default(), &|_| ()).unwrap();
        assert!(!store.path().join(".build-killed").exists());
        assert_eq!(std::fs::read_dir(store.blobs.folder()).unwrap().count(), 1);
        store.blobs.verify(&kept.digest).unwrap();
    }

    #[test]
    fn an_unknown_language_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = store.build(&["cobol".to_owned()], &BuildOptions::default(), &|_| ()).unwrap_err();
        assert!(error.to_string().contains("`cobol`") && error.to_string().contains("python3"), "{error}");
        assert!(store.list().unwrap().is_empty());
    }
}
