//! One table from the codes of others to our ids: the problem package format's and Judge0's.
//!
//! The rows are `images/languages/codes.toml`. What others call by a name or number that nothing of ours
//! matches is in it as well, with an empty id, so that a refusal can say what was meant.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::files;

/// A language of Judge0, by its number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge0 {
    /// Judge0's number, such as 54.
    pub number: u32,
    /// Judge0's name for it, such as `C++ (GCC 9.2.0)`.
    pub name: String,
    /// Our id; empty when there is none.
    pub language: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    package: BTreeMap<String, String>,
    judge0: Vec<Judge0>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let bytes = files::read("codes.toml").unwrap_or_default();
    match toml::from_str(&String::from_utf8_lossy(&bytes)) {
        Ok(table) => table,
        Err(error) => panic!("the table of language codes in this executable is broken: {error}"),
    }
});

/// Codes of the problem package format with our ids; codes nothing of ours matches are left out.
pub fn package() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = TABLE.package.iter().map(|(code, language)| (code.as_str(), language.as_str()));
    rows.filter(|(_, language)| !language.is_empty())
}

/// All languages of Judge0, by number.
pub fn judge0() -> &'static [Judge0] {
    &TABLE.judge0
}
