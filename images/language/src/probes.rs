//! The probes of a language: small programs that show that it is judged rightly.
//!
//! Each is a file `selftest/<probe>.<ext>` of the language's folder (`hello` lies beside `language.toml`), or
//! is declared missing with its reason. What each has to do, and with which verdict, is told in
//! `images/languages/README.md` and held by `tribunal languages test`.

use std::borrow::Cow;

use crate::{Language, files};

/// Names of all probes, in the order of the table.
pub const PROBES: [&str; 9] =
    ["hello", "echo", "sum", "compile_error", "run_time_error", "cpu", "memory", "recursion", "lines"];

/// One probe of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// One of [`PROBES`].
    pub name: &'static str,
    /// Name the program is sent under: the language's entry name, or its own.
    pub file: String,
    /// The program.
    pub source: Cow<'static, [u8]>,
}

impl Language {
    /// The probes this language has, in the order of [`PROBES`].
    pub fn probes(&self) -> Vec<Probe> {
        PROBES.into_iter().filter_map(|name| self.probe(name)).collect()
    }

    /// One probe by name; `None` when the language has it not.
    pub fn probe(&self, name: &str) -> Option<Probe> {
        let name = PROBES.into_iter().find(|known| *known == name)?;
        let folder = if name == "hello" { String::new() } else { "selftest/".to_owned() };
        let own = format!("{name}.{}", self.extensions[0]);
        let source = files::read(&format!("{}/{folder}{own}", self.id))?;
        Some(Probe { name, file: self.entry.clone().unwrap_or(own), source })
    }
}
