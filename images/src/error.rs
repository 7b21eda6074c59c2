//! The one error of this crate. Every message says what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use proto::id::Digest;
use proto::units::Bytes;

/// Why an image could not be built, stored or used. All of these are the operator's or our own fault, never
/// the fault of somebody whose program is judged.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The operating system refused something.
    #[error("could not {doing} {}: check that the data directory is writable and has space", path.display())]
    Io {
        /// What was tried, such as `write`.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An image that is there cannot be unpacked: the disk is full.
    #[error("there is no room to unpack image {image}, which needs {} more on disk at least", Bytes(*bytes).in_mib())]
    NoRoom {
        /// Name or digest.
        image: String,
        /// Bytes of its layers as they are packed; they need more.
        bytes: u64,
        /// What did not fit.
        #[source]
        source: Box<ImageError>,
    },
    /// Nothing of that name or digest is in the store.
    #[error("there is no image `{wanted}`; there are {known}. `tribunal images build ID` makes one")]
    UnknownImage {
        /// As asked for.
        wanted: String,
        /// What there is, for the message.
        known: String,
    },
    /// No language folder has that id.
    #[error("there is no language `{wanted}`; there are {known}")]
    UnknownLanguage {
        /// As asked for.
        wanted: String,
        /// What there is, for the message.
        known: String,
    },
    /// Neither an OCI image nor the host can serve a language.
    #[error(
        "there is no image for `{language}`, and the host cannot stand in for it: {reason}. \
         Build it with `tribunal images build {language}`"
    )]
    NoImage {
        /// The language.
        language: String,
        /// Why not the host.
        reason: String,
    },
    /// A file of the store is not what it was when it was written.
    #[error("the image store is damaged: {what} {problem}. Remove the image and build or pull it again")]
    Damaged {
        /// The file or object.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Content does not have the digest it is known by.
    #[error("{what} has the digest {found} where {expected} was expected; do not use it, fetch it again")]
    DigestMismatch {
        /// The blob, the compressed or the uncompressed layer.
        what: &'static str,
        /// As promised.
        expected: Digest,
        /// As computed.
        found: Digest,
    },
    /// A layer holds an entry that no honest image has, or goes beyond a cap.
    #[error("layer refused at entry `{entry}`: {problem}. Use an image whose origin you trust")]
    HostileLayer {
        /// Its path in the archive, made printable.
        entry: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The archive or its compression cannot be read.
    #[error("layer refused: it cannot be read as a tar archive. Fetch or build the image again")]
    BrokenLayer {
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// A manifest or configuration asks for something this store does not do.
    #[error("image {image} cannot be used: {problem}")]
    Unsupported {
        /// Name or digest.
        image: String,
        /// What it wants and what would do.
        problem: String,
    },
    /// An archive or layout that was to be imported is not one, or lacks something.
    #[error("{}: {entry}: {problem}", file.display())]
    BadArchive {
        /// The archive or directory.
        file: PathBuf,
        /// Its entry, made printable, or a part of its description.
        entry: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// What was asked for cannot be: a name that is none, a choice that is ambiguous.
    #[error("{0}")]
    BadRequest(String),
    /// A registry refused, or could not be reached.
    #[error("{reference}: could not {doing}: {problem}")]
    Registry {
        /// The image as it was asked for.
        reference: String,
        /// What was tried, such as `fetch the manifest`.
        doing: String,
        /// What came back, and what may help.
        problem: String,
    },
    /// The process that unpacks could not be shut in, or ended without an answer.
    #[error("layers cannot be unpacked here: {problem}")]
    Helper {
        /// What failed, and what would help.
        problem: String,
    },
    /// The file system below the store keeps no `user.*` attributes, which whiteouts need.
    #[error(
        "{} is on a file system without user extended attributes; move the data directory to ext4, xfs, \
         btrfs, or tmpfs of Linux 6.6 or newer",
        path.display()
    )]
    NoXattr {
        /// Where it was tried.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program this operation runs is not installed.
    #[error("{tool} is not installed; install it with `{install}`")]
    MissingTool {
        /// The program.
        tool: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// The bootstrap of a root file system failed.
    #[error(
        "building the file system of `{image}` failed ({status}); check network and Debian mirror:\n{log}"
    )]
    BuildFailed {
        /// Which image.
        image: String,
        /// How the tool ended.
        status: String,
        /// The last lines it wrote.
        log: String,
    },
    /// The host cannot lend its file system.
    #[error("the `host` image cannot be made: {problem}. Build images with `tribunal images build`")]
    HostUnusable {
        /// Why.
        problem: String,
    },
}

impl ImageError {
    /// Whether the disk, and nothing else, is at fault.
    pub(crate) fn is_full_disk(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// What every function of this crate returns.
pub type Result<T, E = ImageError> = std::result::Result<T, E>;

/// Turns a system error into [`ImageError::Io`] with its operand.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| ImageError::Io {
            doing,
            path: path.as_ref().to_path_buf(),
            source: source.into(),
        })
    }
}
