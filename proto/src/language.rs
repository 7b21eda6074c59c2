//! What a worker tells of a language, and what `GET /api/v1/languages` and `tribunal languages` show.

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// The image that is the worker's own machine. It is no language, and every worker has it.
pub const HOST: &str = "host";

/// A language as registered by a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LanguageInfo {
    /// Short id: the name of its folder, such as `cpp` or `python3`.
    pub id: String,
    /// Name for people, such as `C++ (g++)`.
    pub name: String,
    /// What the compiler or interpreter said of its version; `None` before anyone asked it.
    pub version: Option<String>,
    /// File name extensions without the dot; the first is used for pasted code.
    pub extensions: Vec<String>,
    /// The language this is another compiler or version of. It is never guessed from a file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<String>,
    /// Digest of the image's manifest; `None` when there is no image yet.
    pub image: Option<Digest>,
    /// Where the root file system comes from: `oci` or `host` (the stand-in made of the host's own /usr).
    pub image_kind: Option<String>,
    /// Compile command with its placeholders; `None` for languages that are not compiled.
    pub compile: Option<Vec<String>>,
    /// Run command with its placeholders.
    pub run: Vec<String>,
    /// Whether this worker can run it now.
    pub usable: bool,
    /// When it is not usable: why, and what to do about it.
    pub reason: Option<String>,
    /// What somebody should know of it all the same, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
