//! Layers: reading their tar archives, unpacking them, and writing our own.
//!
//! A layer is a stranger's archive. [`entries`] turns the tar format's many ways of saying a name into one
//! plain entry or a refusal; [`tree`] touches the disk only beneath one directory descriptor; [`unpack`] joins
//! the two under caps and checks both digests; [`digest`] says what a tree is; [`write`] makes layers of our own images.

pub(crate) mod digest;
pub(crate) mod entries;
pub(crate) mod tree;
pub(crate) mod unpack;
pub(crate) mod write;

#[cfg(test)]
mod tests;
