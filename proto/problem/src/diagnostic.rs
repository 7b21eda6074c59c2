//! What is wrong with a package: file, line, and what would be right.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a package can be judged in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The package is refused.
    Error,
    /// The package is judged; somebody should look.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// File or folder below the package, `/` between components; `.` is the package itself.
    pub path: String,
    /// Line in that file, from 1, when it is known.
    pub line: Option<u32>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        match self.line {
            Some(line) => write!(f, "{severity}: {}:{line}: {}", self.path, self.message),
            None => write!(f, "{severity}: {}: {}", self.path, self.message),
        }
    }
}

/// A package that cannot be judged. Its text lists every error, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageError {
    /// Name of the package, for messages.
    pub package: String,
    /// Every finding, warnings included; at least one is an error.
    pub diagnostics: Vec<Diagnostic>,
}

impl PackageError {
    /// A package refused for one reason.
    pub fn single(package: &str, path: &str, message: impl Into<String>) -> Self {
        let mut findings = Findings::default();
        findings.error(path, None, message);
        Self { package: package.to_owned(), diagnostics: findings.list }
    }

    /// The findings that refuse the package.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error)
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "problem package `{}` cannot be used", self.package)?;
        for d in self.errors() {
            write!(f, "\n{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PackageError {}

/// Findings kept of one package. More say nothing new and would let a hostile package fill memory.
const MAX_FINDINGS: usize = 200;

/// The findings so far.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was found, in the order it was found in.
    pub list: Vec<Diagnostic>,
    failed: bool,
}

impl Findings {
    /// Records something that refuses the package.
    pub fn error(&mut self, path: &str, line: Option<u32>, message: impl Into<String>) {
        self.failed = true;
        self.push(Severity::Error, path, line, message.into());
    }

    /// Records something worth a look.
    pub fn warning(&mut self, path: &str, line: Option<u32>, message: impl Into<String>) {
        self.push(Severity::Warning, path, line, message.into());
    }

    fn push(&mut self, severity: Severity, path: &str, line: Option<u32>, message: String) {
        // An error always finds room: a refused package without a reason helps nobody.
        let first_error =
            severity == Severity::Error && !self.list.iter().any(|d| d.severity == Severity::Error);
        if self.list.len() < MAX_FINDINGS || first_error {
            self.list.push(Diagnostic { severity, path: path.to_owned(), line, message });
        }
    }

    /// Whether the package is refused.
    pub fn failed(&self) -> bool {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_finds_room_among_any_number_of_warnings() {
        let mut findings = Findings::default();
        for at in 0..=MAX_FINDINGS {
            findings.warning("a", Some(at as u32), "look");
        }
        assert_eq!((findings.list.len(), findings.failed()), (MAX_FINDINGS, false));
        findings.error("b", None, "wrong");
        findings.error("c", None, "wrong, too");
        findings.warning("d", None, "look");
        assert_eq!((findings.list.len(), findings.failed()), (MAX_FINDINGS + 1, true));
        assert_eq!(findings.list.last().map(|found| found.path.as_str()), Some("b"));

        let mut findings = Findings::default();
        for _ in 0..=MAX_FINDINGS {
            findings.error("a", None, "wrong");
        }
        assert_eq!(findings.list.len(), MAX_FINDINGS);
    }
}
