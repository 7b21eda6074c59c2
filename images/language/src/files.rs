//! The language folders: as they were when this crate was built, and those added when the process started.
//!
//! Embedded, so that one executable is all an operator has to copy.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rust_embed::RustEmbed;

/// `images/languages/`, with paths such as `cpp/language.toml`.
#[derive(RustEmbed)]
#[folder = "../languages"]
#[exclude = "*.md"]
struct Folders;

/// Folders that are not built in.
pub(crate) struct Added {
    /// Where they were read, for messages.
    pub(crate) place: String,
    /// Their files, by paths such as `cpp/language.toml`.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Added {
    fn ids(&self) -> impl Iterator<Item = &str> {
        self.files.keys().filter_map(|path| path.split_once('/').map(|(id, _)| id))
    }
}

static ADDED: OnceLock<Added> = OnceLock::new();

/// Adds folders; `false` when some were added before.
pub(crate) fn add(added: Added) -> bool {
    ADDED.set(added).is_ok()
}

/// Folder names in alphabetical order.
pub(crate) fn ids() -> BTreeSet<String> {
    let built_in = Folders::iter().filter_map(|path| path.split_once('/').map(|(id, _)| id.to_owned()));
    built_in.chain(ADDED.get().into_iter().flat_map(Added::ids).map(str::to_owned)).collect()
}

/// Where the folder of `id` stands, for messages.
pub(crate) fn place(id: &str) -> &'static str {
    added(id).map_or("images/languages", |added| &added.place)
}

/// One file. An added folder stands whole in the place of one built in.
pub(crate) fn read(path: &str) -> Option<Cow<'static, [u8]>> {
    match path.split_once('/').and_then(|(id, _)| added(id)) {
        Some(added) => added.files.get(path).map(|bytes| Cow::Borrowed(bytes.as_slice())),
        None => Folders::get(path).map(|file| file.data),
    }
}

fn added(id: &str) -> Option<&'static Added> {
    ADDED.get().filter(|added| added.ids().any(|known| known == id))
}
