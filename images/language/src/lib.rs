//! Language data: the folders under `images/languages/`, parsed. One folder, one language.
//!
//! Pure: the files are embedded at build time; nothing here touches a disk or starts a process.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use proto::units::Bytes;

/// One language.
#[derive(Debug, Clone, PartialEq)]
pub struct Language {
    /// Its folder's name, such as `cpp`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Command whose first output line tells the version.
    pub version: Vec<String>,
    /// File name extensions without the dot; the first is used for pasted code.
    pub extensions: Vec<String>,
    /// Codes of the problem package format that mean this language, such as `cpp` or `python3`.
    pub package_codes: Vec<String>,
    /// Name of the entry file when several are sent and none else is named, such as `__main__.py`.
    pub entry: Option<String>,
    /// Compile command; `None` when nothing is compiled. Placeholders: `{sources}` becomes one argument per
    /// source file of the language, `{entry}` the entry file, `{output}` the artifact's name.
    pub compile: Option<Vec<String>>,
    /// What the compile run leaves that the run needs, relative to the work directory; `.` is all of it.
    pub artifact: Option<String>,
    /// Run command, same placeholders; the test's arguments follow.
    pub run: Vec<String>,
    /// Environment beside the image's own.
    pub env: BTreeMap<String, String>,
    /// Added to the memory limit of each run: what the runtime needs before the program has anything.
    pub memory_overhead: Option<Bytes>,
    /// Seccomp profile by name.
    pub profile: String,
    /// Debian suite the image is built from.
    pub suite: String,
    /// Packages on top of the shared base.
    pub packages: Vec<String>,
    /// Absolute paths that must exist on the host for the `host` image to serve this language.
    pub host_needs: Vec<String>,
}
