//! An output compared, or kept for a custom validator, while the program writes it.
//!
//! Outputs up to [`KEPT`] are kept and compared afterwards: they are those that a cache or a report wants, and a
//! thread would cost more than it saves. A longer one goes chunk by chunk to a thread that compares it; the box's
//! watcher never waits for that thread, so a slow comparison changes no fact of the run. What the thread has not
//! read yet is at most the output limit. The word is asked for only when the facts have decided nothing.
//!
//! Where the order of an output does not count, what follows the first byte in which it is not the answer goes to a
//! file without a name, which is read again when the word is no. A custom validator is not asked meanwhile: its box
//! would run beside the program's and move its times, and it would be asked about programs whose facts decide. What
//! it is to be asked about goes whole to such a file, and from there into its box: none of it stays in our memory, and
//! it is gone with the descriptor. An output that cannot be kept, because the disk is full, has no word.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use checker::{Comparison, Flags, live};
use sandbox::spec::{Content, Overflow, RunSpec};

use super::case::RunWith;
use super::outputs::{Aside, IN_MEMORY};
use super::plan::{Check, Data};
use crate::error::JudgeError;

/// Bytes of stdout that are kept before a comparison begins meanwhile.
pub(super) const KEPT: usize = IN_MEMORY as usize;

/// Bytes of the output's end that are kept: a runtime that runs out of memory says so last.
const TAIL: usize = 64 << 10;

/// One comparison, or one output that is kept.
#[derive(Debug)]
pub(super) struct Live {
    how: How,
    aside: Aside,
    state: Mutex<State>,
}

/// What becomes of the output.
#[derive(Debug, Clone)]
enum How {
    Compare(Data, live::Live),
    Keep,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Ended {
    /// The word on it.
    Compared(Comparison),
    /// All of it, in a file without a name.
    Kept(Content),
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    tail: Vec<u8>,
}

/// The thread and the way to it. Dropping it ends the comparison without a word.
#[derive(Debug)]
struct Running {
    /// `None` once nobody reads any more.
    to: Option<Sender<Vec<u8>>>,
    abandoned: Arc<AtomicBool>,
    word: Option<io::Result<JoinHandle<io::Result<Ended>>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

impl Live {
    /// Puts a comparison into `spec`, where the case is decided by one that can be made meanwhile.
    pub(super) fn put(on: RunWith<'_>, spec: &mut RunSpec) -> Option<Arc<Self>> {
        if on.plan.sidecar.output_file.is_some() {
            return None;
        }
        let how = match &on.case.check {
            // Flags that mean nothing are told where the whole is compared.
            Check::Default { answer, flags } => {
                How::Compare(answer.clone(), live::Live::Tokens(Flags::parse(flags).ok()?))
            }
            Check::Named { answer, name } => How::Compare(answer.clone(), live::Live::by_name(name)?),
            Check::Custom { .. } => How::Keep,
            Check::Nothing => return None,
        };
        let live = Arc::new(Self { how, aside: on.aside.clone(), state: Mutex::default() });
        spec.keep_stdout = spec.keep_stdout.min(KEPT.max(on.plan.show));
        spec.overflow = Some(Arc::clone(&live) as _);
        Some(live)
    }

    /// The end of the last run's output, when it was more than is kept.
    pub(super) fn tail(&self) -> Vec<u8> {
        self.lock().tail.clone()
    }

    /// What became of the last run's output; `None` when all of it is in the outcome. Blocks until the rest is compared
    /// or written.
    pub(super) fn finish(&self) -> Option<Result<Ended, JudgeError>> {
        let mut running = self.lock().running.take()?;
        running.to = None;
        let word = match running.word.take()? {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(io::Error::other("its thread died"))),
            Err(e) => Err(e),
        };
        let done = match self.how {
            How::Compare(..) => "compare an output",
            How::Keep => "keep an output for its validator",
        };
        Some(word.map_err(|e| JudgeError::failed(format!("could not {done}: {e}"))))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Running {
        let (to, from) = channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let (how, aside) = (self.how.clone(), self.aside.clone());
        let mut feed = Feed { from, chunk: Vec::new(), at: 0, abandoned: Arc::clone(&abandoned) };
        let work = move || match how {
            How::Compare(answer, how) => compare(&answer, &how, &mut feed, &aside).map(Ended::Compared),
            How::Keep => keep(&mut feed, &aside).map(Ended::Kept),
        };
        let word = std::thread::Builder::new().name("output".to_owned()).spawn(work);
        Running { to: Some(to), abandoned, word: Some(word) }
    }
}

fn compare(answer: &Data, how: &live::Live, feed: &mut Feed, aside: &Aside) -> io::Result<Comparison> {
    match answer {
        Data::Bytes(bytes) => how.compare(&mut Cursor::new(&bytes[..]), feed, || aside.file()),
        Data::File(path) => how.compare(&mut File::open(path)?, feed, || aside.file()),
    }
}

fn keep(feed: &mut Feed, aside: &Aside) -> io::Result<Content> {
    let mut file = aside.file()?;
    io::copy(feed, &mut file)?;
    file.into_content()
}

impl Overflow for Live {
    fn begin(&self) {
        *self.lock() = State::default();
    }

    fn take(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let last = &bytes[bytes.len() - bytes.len().min(TAIL)..];
        // Both are at most TAIL, so what goes is never more than there is.
        let old = (state.tail.len() + last.len()).saturating_sub(TAIL);
        state.tail.drain(..old);
        state.tail.extend_from_slice(last);
        let running = state.running.get_or_insert_with(|| self.start());
        // A comparison that has its word reads no more: the rest is counted and nothing else.
        if running.to.as_ref().is_some_and(|to| to.send(bytes.to_vec()).is_err()) {
            running.to = None;
        }
    }
}

/// The reading end.
struct Feed {
    from: Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    abandoned: Arc<AtomicBool>,
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            let next = self.from.recv();
            if self.abandoned.load(Ordering::Relaxed) {
                return Err(io::Error::other("nobody waits for the word"));
            }
            // The writer is gone: the output has ended.
            let Ok(chunk) = next else { return Ok(0) };
            (self.chunk, self.at) = (chunk, 0);
        }
        let n = into.len().min(self.chunk.len() - self.at);
        into[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aside() -> Aside {
        Aside::below(&std::env::temp_dir())
    }

    fn live(answer: Data) -> Live {
        Live { how: How::Compare(answer, live::Live::Exact), aside: aside(), state: Mutex::default() }
    }

    #[test]
    fn an_output_in_chunks_gets_the_word_of_the_whole_and_a_new_run_forgets() {
        let live = live(Data::Bytes(b"one two three".as_slice().into()));
        assert!(live.finish().is_none(), "nothing flowed over");
        for (parts, accepted) in [(["one", " two", " three"], true), (["one", " too", " three"], false)] {
            live.begin();
            live.take(b"what a broken box left");
            live.begin();
            for part in parts {
                live.take(part.as_bytes());
            }
            assert_eq!(live.tail(), parts.concat().as_bytes());
            let Ended::Compared(word) = live.finish().unwrap().unwrap() else { panic!("it was kept") };
            assert_eq!(word.accepted, accepted);
        }
    }

    #[test]
    fn an_output_for_a_validator_is_kept_whole_in_a_file_and_a_new_run_forgets() {
        let live = Live { how: How::Keep, aside: aside(), state: Mutex::default() };
        for text in ["what a broken box left", "one two three"] {
            live.begin();
            text.as_bytes().chunks(4).for_each(|part| live.take(part));
        }
        let Ended::Kept(output) = live.finish().unwrap().unwrap() else { panic!("it was compared") };
        assert!(matches!(output, Content::File(_)));
        assert_eq!(crate::testing::bytes_of(&output), b"one two three");
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_our_failure_and_never_accepted() {
        let live = live(Data::File("/no/such/answer".into()));
        live.begin();
        for _ in 0..100 {
            live.take(b"text");
        }
        assert!(live.finish().unwrap().is_err());
    }

    #[test]
    fn the_tail_is_the_end_and_no_more() {
        let live = live(Data::Bytes(b"".as_slice().into()));
        live.begin();
        let text: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        text.chunks(50_001).for_each(|part| live.take(part));
        assert_eq!(live.tail(), text[text.len() - TAIL..]);
    }
}
