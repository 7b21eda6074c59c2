//! Outputs too long for our memory: where they lie, and how one that is there whole is held against its answer.
//!
//! What is longer than [`IN_MEMORY`] is read piece by piece or copied inside the kernel, be it an input, an answer or
//! an output; a judging takes the same memory however long they are. A file of ours has no name: nothing of it is left
//! when its descriptor is closed, whoever closes it. What the disk under it does not take is our failure, told with the
//! folder and the system's own words, and never a word on half an output.

use std::fs::{DirBuilder, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use checker::{Comparison, live::Live};
use proto::verdict::Verdict;
use sandbox::spec::{Content, OpenFile};

use super::decide::Word;
use super::plan::Data;
use super::{blocking, decide};
use crate::error::JudgeError;

/// Bytes of an input, an answer or an output up to which it is read whole: it is quicker, and a cache or a report
/// wants it.
pub(super) const IN_MEMORY: u64 = 1 << 20;

/// Folder of the files below the data directory.
const FOLDER: &str = "outputs";

/// Where the files lie.
#[derive(Debug, Clone)]
pub struct Aside(Arc<Path>);

impl Aside {
    /// A folder of its own below `data`, made when it is first wanted.
    pub fn below(data: &Path) -> Self {
        Self(data.join(FOLDER).into())
    }

    /// An empty file.
    ///
    /// # Errors
    /// As every other operation on it: with the folder's name.
    pub(super) fn file(&self) -> io::Result<Unnamed> {
        let made = tempfile::tempfile_in(&self.0).or_else(|e| {
            if e.kind() != io::ErrorKind::NotFound {
                return Err(e);
            }
            // What submissions write is nobody else's business.
            DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            tempfile::tempfile_in(&self.0)
        });
        let file = made.map_err(|e| in_folder(&self.0, &e))?;
        Ok(Unnamed { file, folder: Arc::clone(&self.0) })
    }
}

/// A file without a name.
#[derive(Debug)]
pub(super) struct Unnamed {
    file: File,
    folder: Arc<Path>,
}

impl Unnamed {
    /// The same as something that a box is given.
    pub(super) fn into_content(self) -> io::Result<Content> {
        let file = OpenFile::try_from(self.file);
        file.map(Content::File).map_err(|e| in_folder(&self.folder, &e))
    }
}

impl Read for Unnamed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into).map_err(|e| in_folder(&self.folder, &e))
    }
}

impl Write for Unnamed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|e| in_folder(&self.folder, &e))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|e| in_folder(&self.folder, &e))
    }
}

impl Seek for Unnamed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to).map_err(|e| in_folder(&self.folder, &e))
    }
}

fn in_folder(folder: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("a file in `{}`: {error}", folder.display()))
}

/// [`content`] for who may not block.
pub(super) async fn opened(data: &Data) -> Result<Content, JudgeError> {
    let data = data.clone();
    blocking(move || content(&data)).await?
}

/// A case's bytes as a box or a comparison is given them: at hand up to [`IN_MEMORY`]. Blocks.
pub(super) fn content(data: &Data) -> Result<Content, JudgeError> {
    let path = match data {
        Data::Bytes(bytes) => return Ok(Content::Bytes(Arc::clone(bytes))),
        Data::File(path) => path,
    };
    OpenFile::open(path).and_then(short_at_hand).map_err(|e| unreadable(path, &e))
}

/// What an open file holds: at hand up to [`IN_MEMORY`]. Blocks.
pub(super) fn short_at_hand(file: OpenFile) -> io::Result<Content> {
    if file.len() > IN_MEMORY {
        return Ok(Content::File(file));
    }
    let mut bytes = Vec::with_capacity(file.len() as usize);
    file.reader()?.read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Names only the last component: where a worker keeps its packages is nobody's business.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> JudgeError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    JudgeError::failed(format!("could not read `{name}` of the package: {error}"))
}

/// An output that lies in the directory of a dead box, for a program of the package to be asked about: in a file of ours,
/// because the box keeps the memory of all that its program wrote as long as one of its files is open.
pub(super) async fn put_aside(output: Content, aside: &Aside) -> Result<Content, JudgeError> {
    let Content::File(file) = output else { return Ok(output) };
    let (aside, waiting) = (aside.clone(), Waiting::default());
    let waited_for = Arc::clone(&waiting.0);
    blocking(move || {
        let copy = || -> io::Result<Content> {
            let mut into = aside.file()?;
            io::copy(&mut WhileWaitedFor { from: file.reader()?, waited_for }, &mut into)?;
            into.into_content()
        };
        copy().map_err(|e| JudgeError::failed(format!("could not keep an output for its validator: {e}")))
    })
    .await?
}

/// The word of the judge's own checker, the one of this `name` or else the default validator under `flags`, on `output`.
/// A name or flags that mean nothing are the package's fault.
pub(super) async fn own_word(
    name: Option<&str>,
    flags: &[String],
    answer: Content,
    output: Content,
) -> Result<Word, JudgeError> {
    match decide::own_checker(name, flags) {
        Ok(how) => Ok(decide::compared(compare(answer, output, how).await?)),
        Err(why) => Ok(Word::plain(Verdict::JE, Some(why), None)),
    }
}

/// Holds `output` against `answer`: where both are short at once, otherwise piece by piece. Dropping the future ends it.
async fn compare(answer: Content, output: Content, how: Live) -> Result<Comparison, JudgeError> {
    let waiting = Waiting::default();
    let waited_for = Arc::clone(&waiting.0);
    blocking(move || {
        if let (Content::Bytes(answer), Content::Bytes(output)) = (&answer, &output)
            && answer.len() as u64 <= IN_MEMORY
        {
            return Ok(how.compare_whole(answer, output));
        }
        let both = Side::of("the answer", &answer).and_then(|a| Ok((a, Side::of("the output", &output)?)));
        let compared = both.and_then(|(mut answer, output)| {
            how.compare_streams(&mut answer, &mut WhileWaitedFor { from: output, waited_for })
        });
        compared.map_err(|e| JudgeError::failed(format!("could not compare an output: {e}")))
    })
    .await?
}

/// One side of a comparison, which its errors name.
struct Side<'a> {
    name: &'static str,
    from: Box<dyn Bytes + 'a>,
}

trait Bytes: Read + Seek {}
impl<R: Read + Seek> Bytes for R {}

impl<'a> Side<'a> {
    fn of(name: &'static str, content: &'a Content) -> io::Result<Self> {
        let from: Box<dyn Bytes> = match content {
            Content::Bytes(bytes) => Box::new(Cursor::new(&bytes[..])),
            Content::File(file) => Box::new(file.reader()?),
        };
        Ok(Self { name, from })
    }
}

impl Read for Side<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.from.read(into).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", self.name)))
    }
}

impl Seek for Side<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.from.seek(to)
    }
}

/// True until it is dropped.
#[derive(Debug)]
struct Waiting(Arc<AtomicBool>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Reads while somebody waits for what comes of it. A thread cannot be ended from outside, and the memory of a dead box
/// is kept until this one lets go of its file.
struct WhileWaitedFor<R> {
    from: R,
    waited_for: Arc<AtomicBool>,
}

impl<R: Read> Read for WhileWaitedFor<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.waited_for.load(Ordering::Relaxed) {
            return Err(io::Error::other("nobody waits for the word"));
        }
        self.from.read(into)
    }
}

impl<R: Seek> Seek for WhileWaitedFor<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.from.seek(to)
    }
}

#[cfg(test)]
mod tests;
