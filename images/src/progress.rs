//! What a long operation tells while it works.

/// One step of a build, a pull, a push or an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Debian packages are being fetched and installed into a fresh tree.
    Bootstrap {
        /// Name of the image.
        image: String,
    },
    /// A line the bootstrap program wrote.
    Line {
        /// Name of the image.
        image: String,
        /// The line.
        text: String,
    },
    /// The tree is being compared and packed into a layer.
    Pack {
        /// Name of the image.
        image: String,
    },
    /// The image's layers are being unpacked for use.
    Unpack {
        /// Name of the image.
        image: String,
    },
    /// Bytes are being fetched, sent, copied or unpacked. Told often.
    Bytes {
        /// Name of the image.
        image: String,
        /// What is done with what, such as `fetching layer 2 of 3`.
        doing: String,
        /// Bytes so far.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The image is ready.
    Done {
        /// Name of the image.
        image: String,
    },
}

/// Called from several threads; should return at once.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);
