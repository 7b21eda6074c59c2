//! The language folders as they were when this crate was built.
//!
//! Embedded, so that one executable is all an operator has to copy.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rust_embed::RustEmbed;

/// `images/languages/`, with paths such as `cpp/language.toml`.
#[derive(RustEmbed)]
#[folder = "../languages"]
#[exclude = "*.md"]
struct Folders;

/// Folder names in alphabetical order.
pub(crate) fn ids() -> BTreeSet<String> {
    Folders::iter().filter_map(|path| path.split_once('/').map(|(id, _)| id.to_owned())).collect()
}

/// One embedded file.
pub(crate) fn read(path: &str) -> Option<Cow<'static, [u8]>> {
    Folders::get(path).map(|file| file.data)
}
