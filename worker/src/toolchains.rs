//! From a language's id to everything its runs need: its commands and the tree they run in.
//!
//! The data comes from `language`, the trees from `images` through a function given at start, so tests
//! need neither. A tree found is remembered for a few seconds: an image built while `serve` runs is
//! noticed without a restart.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use images::ImageError;
use images::rootfs::Rootfs;
use language::Language;
use proto::language::LanguageInfo;
use proto::report::{NoRoom, Stored};
use proto::units::Bytes;
use sandbox::spec::{Profile, RootBind, RootSpec, UnknownProfile};

use crate::error::{JudgeError, Rejected};

/// How long a found tree is used before the store is asked again.
const REMEMBER: Duration = Duration::from_secs(5);

/// Finds the tree of a language.
pub type FindRootfs = dyn Fn(&Language) -> Result<Rootfs, NoRootfs> + Send + Sync;

/// Why there is no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRootfs {
    /// The text says what is missing and how to get it.
    #[error("{0}")]
    Missing(String),
    /// The image is there and cannot be unpacked.
    #[error("{why}")]
    Room {
        /// What does not fit, and where.
        why: String,
        /// The bytes on disk that would do.
        bytes: u64,
    },
}

impl NoRootfs {
    /// What `images` said, in the words `why`.
    pub fn new(error: &ImageError, why: String) -> Self {
        match error {
            ImageError::NoRoom { bytes, .. } => NoRootfs::Room { why, bytes: *bytes },
            _ => NoRootfs::Missing(why),
        }
    }

    /// The same, for a job that needs this language.
    fn of(self, language: &str) -> JudgeError {
        let cause = format!("language `{language}` cannot run here: {self}");
        match self {
            NoRootfs::Missing(_) => JudgeError::failed(cause),
            NoRootfs::Room { bytes, .. } => {
                JudgeError::NoRoom { cause, lacking: NoRoom { what: Stored::Image, bytes } }
            }
        }
    }
}

/// A language and the tree it runs in.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The language.
    pub language: Arc<Language>,
    /// Its tree.
    pub rootfs: Arc<Rootfs>,
}

impl Toolchain {
    /// Which system calls its programs may make.
    ///
    /// # Errors
    /// A name that the sandbox of this build does not know; `language.toml` is checked for that when it is read.
    pub fn profile(&self) -> Result<Profile, UnknownProfile> {
        self.language.profile.parse()
    }

    /// The tree as a box wants it.
    pub fn root(&self) -> RootSpec {
        RootSpec {
            lower: self.rootfs.layers.clone(),
            binds: self
                .rootfs
                .binds
                .iter()
                .map(|(source, target)| RootBind { source: source.clone(), target: target.clone() })
                .collect(),
        }
    }

    /// The image's environment with the language's own on top, for [`env_under`] to fill in.
    pub fn env(&self) -> Vec<(String, String)> {
        let own = &self.language.env;
        let mut env: Vec<_> = self.rootfs.env.iter().filter(|(k, _)| !own.contains_key(k)).cloned().collect();
        env.extend(own.iter().map(|(k, v)| (k.clone(), self.language.mark_memory(v))));
        env
    }
}

/// An environment under this memory limit.
pub(crate) fn env_under(env: &[(String, String)], memory: Bytes) -> Vec<(String, String)> {
    env.iter().map(|(name, value)| (name.clone(), language::fill_memory(value, memory))).collect()
}

/// Every known language, and where its tree is found.
pub struct Toolchains {
    languages: Vec<Arc<Language>>,
    find: Box<FindRootfs>,
    found: Mutex<HashMap<String, (Instant, Arc<Rootfs>)>>,
}

impl fmt::Debug for Toolchains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Toolchains").field("languages", &self.ids()).finish_non_exhaustive()
    }
}

impl Toolchains {
    /// Knows `languages` and looks for their trees with `find`.
    pub fn new(languages: impl IntoIterator<Item = Language>, find: Box<FindRootfs>) -> Self {
        Self {
            languages: languages.into_iter().map(Arc::new).collect(),
            find,
            found: Mutex::new(HashMap::new()),
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.languages.iter().map(|l| l.id.as_str()).collect()
    }

    /// Every language.
    pub fn languages(&self) -> &[Arc<Language>] {
        &self.languages
    }

    /// The language with this id.
    ///
    /// # Errors
    /// [`Rejected::UnknownLanguage`] with the ids there are.
    pub fn language(&self, id: &str) -> Result<Arc<Language>, Rejected> {
        self.languages.iter().find(|l| l.id == id).cloned().ok_or_else(|| Rejected::UnknownLanguage {
            language: id.to_owned(),
            known: self.ids().join(", "),
        })
    }

    /// The language and its tree. Blocks on the disk.
    ///
    /// # Errors
    /// `Rejected` for an unknown language, `Failed` when its image is missing.
    pub fn get(&self, id: &str) -> Result<Toolchain, JudgeError> {
        let language = self.language(id)?;
        let rootfs = self.rootfs(&language).map_err(|e| e.of(id))?;
        Ok(Toolchain { language, rootfs })
    }

    fn rootfs(&self, language: &Language) -> Result<Arc<Rootfs>, NoRootfs> {
        let remembered = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&language.id).cloned();
        if let Some((at, rootfs)) = remembered
            && at.elapsed() < REMEMBER
        {
            return Ok(rootfs);
        }
        let rootfs = Arc::new((self.find)(language)?);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(language.id.clone(), (Instant::now(), Arc::clone(&rootfs)));
        Ok(rootfs)
    }

    /// What this worker can say of `language` without running anything. Blocks on the disk.
    pub fn describe(&self, language: &Language) -> LanguageInfo {
        let rootfs = self.rootfs(language);
        LanguageInfo {
            id: language.id.clone(),
            name: language.name.clone(),
            version: None,
            extensions: language.extensions.clone(),
            variant_of: language.variant_of.clone(),
            image: rootfs.as_ref().ok().map(|r| r.digest.clone()),
            image_kind: rootfs.as_ref().ok().map(|r| r.kind.name().to_owned()),
            compile: language.compile.clone(),
            run: language.run.clone(),
            usable: rootfs.is_ok(),
            reason: rootfs.err().map(|why| why.of(&language.id).to_string()),
            note: None,
        }
    }
}
