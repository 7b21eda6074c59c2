//! What commands share: the data directory, the image store, boxes, the engine, the runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use course::ImageCommand;
use images::{Outdated, Rootfs, RootfsKind, Store};
use proto::language::{HOST, LanguageInfo};
use proto::units::Bytes;
use sandbox::spec::{RootBind, RootSpec};
use sandbox::{BoxServer, ServerConfig};
use tokio::runtime::Runtime;
use worker::boxes::BoxRunner;
use worker::cache::CachedRunner;
use worker::engine::{Aside, Engine};
use worker::harnesses::Harnesses;
use worker::runner::Runner;
use worker::toolchains::{NoRootfs, Toolchains};

use crate::config::Config;
use crate::output::{Failure, chain, note};

/// Where everything is and what the operator set.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The data directory; made when first needed.
    pub(crate) data: PathBuf,
    pub(crate) config: Config,
}

impl Settings {
    pub(crate) fn new(data: Option<PathBuf>, config: Config) -> Result<Self, Failure> {
        let data = match data.or_else(|| config.data.clone()) {
            Some(data) => data,
            None => default_data()?,
        };
        Ok(Self { data, config })
    }

    /// Opens the image store.
    pub(crate) fn store(&self) -> Result<Arc<Store>, Failure> {
        Store::open(&self.data)
            .map(|store| Arc::new(store.with_cap(self.config.images_cap.map(Bytes::get))))
            .map_err(|e| Failure::usage(format!("{} (choose another data directory with --data)", chain(&e))))
    }

    /// Starts the box server. Must come before anything that makes a thread. `warm` boxes of each kind are
    /// kept ready; a single run has no use for any.
    pub(crate) fn boxes(warm: usize) -> Result<BoxServer, Failure> {
        BoxServer::spawn(ServerConfig { warm, ..ServerConfig::default() }).map_err(|e| {
            Failure::ours(format!("boxes cannot run here: {}; `tribunal doctor` tells more", chain(&e)))
        })
    }

    /// The engine over real boxes and the images of the store.
    pub(crate) fn engine(&self, boxes: BoxServer, store: &Arc<Store>) -> Engine {
        self.engine_over(BoxRunner::new(boxes), store)
    }

    /// The engine over this way into boxes and the images of the store.
    pub(crate) fn engine_over(&self, boxes: BoxRunner, store: &Arc<Store>) -> Engine {
        let store = Arc::clone(store);
        let find = move |language: &language::Language| {
            store.rootfs_for_language(language).map_err(|e| NoRootfs::new(&e, chain(&e)))
        };
        let toolchains = Toolchains::new(language::all().iter().cloned(), Box::new(find));
        let runner = self.remembering(Arc::new(boxes));
        Engine::new(runner, Arc::new(toolchains), Aside::below(&self.data))
            .with_maxima(self.config.maxima.clone())
    }

    /// What grades against courses' autograders, over the images of the store.
    pub(crate) fn harnesses(&self, boxes: BoxServer, store: &Arc<Store>) -> Harnesses {
        let store = Arc::clone(store);
        let find = move |name: &str| {
            let rootfs = match language::by_id(name) {
                Some(language) => store.rootfs_for_language(language),
                None => store.rootfs(name),
            };
            let rootfs = rootfs.map_err(|e| chain(&e))?;
            let named = match rootfs.kind {
                RootfsKind::Host => HOST,
                RootfsKind::Oci => rootfs.digest.as_str(),
            };
            let config = store.run_config(named).map_err(|e| chain(&e))?;
            let command = ImageCommand { argv: config.argv, work_dir: config.working_dir };
            Ok((rootfs, command))
        };
        Harnesses::new(boxes, Box::new(find), self.config.maxima.clone(), self.data.join("harness"))
    }

    /// The same runner with a memory in the data directory, unless there is to be none.
    fn remembering(&self, runner: Arc<dyn Runner>) -> Arc<dyn Runner> {
        let Some(most) = self.config.cache else { return runner };
        match worker::cache::Store::open(&self.data.join("cache/runs"), most) {
            Ok(store) => Arc::new(CachedRunner::new(runner, Arc::new(store))),
            Err(e) => {
                note(&format!("runs are not kept for later: {e}"));
                runner
            }
        }
    }

    /// These settings without a cache of runs.
    #[must_use]
    pub(crate) fn without_cache(&self, off: bool) -> Self {
        let mut config = self.config.clone();
        config.cache = config.cache.filter(|_| !off);
        Self { data: self.data.clone(), config }
    }
}

/// An image's tree as boxes take it.
pub(crate) fn root_spec(rootfs: &Rootfs) -> RootSpec {
    let binds = rootfs.binds.iter();
    RootSpec {
        lower: rootfs.layers.clone(),
        binds: binds
            .map(|(source, target)| RootBind { source: source.clone(), target: target.clone() })
            .collect(),
    }
}

/// Says so when a language has no image of its own and the machine stands in.
pub(crate) fn tell_host_image(store: &Store, language: &language::Language) {
    if let Ok((_, RootfsKind::Host)) = store.digest_for_language(language) {
        let id = &language.id;
        note(&format!(
            "there is no image for `{id}`; judging with this machine's own compilers (`tribunal images build {id}` makes one)"
        ));
    }
}

/// Notes with each language whose image is of another recipe, and gives the notes.
pub(crate) fn tell_outdated(store: &Store, languages: &mut [LanguageInfo]) -> Vec<String> {
    let outdated = store.outdated().unwrap_or_else(|error| {
        note(&format!("recipes of images could not be looked at: {}", chain(&error)));
        Vec::new()
    });
    let mut told = Vec::new();
    for language in languages {
        let found = outdated.iter().find(|o| language.image.as_ref() == Some(&o.digest));
        language.note = found.map(Outdated::in_words);
        told.extend(language.note.clone());
    }
    told.dedup();
    told
}

/// The runtime; only after the box server was started.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::ours(format!("could not start threads: {e}")))
}

fn default_data() -> Result<PathBuf, Failure> {
    if is_root() {
        return Ok(PathBuf::from("/var/lib/tribunal"));
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("tribunal"))
        .ok_or_else(|| {
            Failure::usage("neither XDG_DATA_HOME nor HOME is set; name a data directory with --data")
        })
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The machine's name, for people.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Reads a problem package; a zip is unpacked into `scratch`.
pub(crate) fn open_problem(path: &Path, scratch: &Path) -> Result<problem::Loaded, Failure> {
    let loaded = problem::open(path, scratch).map_err(Failure::usage)?;
    for diagnostic in &loaded.diagnostics {
        note(&diagnostic.to_string());
    }
    Ok(loaded)
}

/// A folder for what this command unpacks; gone when it ends.
pub(crate) fn scratch() -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("tribunal-")
        .tempdir()
        .map_err(|e| Failure::ours(format!("could not make a temporary folder: {e}")))
}

/// One slot per CPU this process may use.
pub(crate) fn default_slots() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}
