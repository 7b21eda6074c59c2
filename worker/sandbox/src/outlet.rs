//! The way from one program's standard output to another's standard input, and what is remembered of it.
//!
//! Bytes are copied by us and not by the programs' own pipe: so every byte is counted, and neither program learns of
//! the other's end before we saw it. A reader that does not read stops its writer after two pipes and one buffer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use crate::pump::CHUNK;
use crate::spec::{Line, Side, Transcript};

/// Most lines kept of the begin and of the end of a talk.
const LINES_MAX: usize = 32;

/// Most bytes kept of one line.
const LINE_MAX: usize = 256;

/// What is remembered of a talk: its begin and its end. Shared by both ways.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    keep: usize,
    head: Vec<Line>,
    head_bytes: usize,
    tail: VecDeque<Line>,
    tail_bytes: usize,
    omitted: u64,
}

impl Recorder {
    /// Keeps `keep` bytes of the begin and as many of the end.
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            started: Instant::now(),
            keep,
            head: Vec::new(),
            head_bytes: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            omitted: 0,
        }
    }

    fn note(&mut self, from: Side, bytes: &[u8]) {
        let shown = &bytes[..bytes.len().min(LINE_MAX)];
        let line =
            Line { from, at: self.started.elapsed(), bytes: shown.to_vec(), total: bytes.len() as u64 };
        if self.tail.is_empty() && self.head_bytes + shown.len() <= self.keep && self.head.len() < LINES_MAX {
            self.head_bytes += shown.len();
            self.head.push(line);
            return;
        }
        self.tail_bytes += shown.len();
        self.tail.push_back(line);
        while self.tail_bytes > self.keep || self.tail.len() > LINES_MAX {
            let Some(old) = self.tail.pop_front() else { break };
            self.tail_bytes -= old.bytes.len();
            self.omitted += 1;
        }
    }

    pub(crate) fn finish(&mut self) -> Transcript {
        Transcript {
            head: std::mem::take(&mut self.head),
            omitted: self.omitted,
            tail: std::mem::take(&mut self.tail).into(),
        }
    }
}

/// One way.
#[derive(Debug)]
pub(crate) struct Outlet {
    from: Side,
    recorder: Rc<RefCell<Recorder>>,
    /// The other program's input; `None` when it is closed, or nobody reads there any more.
    to: Option<File>,
    buffer: Vec<u8>,
    /// Read and not yet taken.
    backlog: Vec<u8>,
    /// How much of the backlog is gone.
    sent: usize,
    /// Since when the stream is known to be over, until that is passed on.
    silent: Option<Instant>,
    ending: bool,
}

impl Outlet {
    /// To the non-blocking `to`. The end of the stream goes on by [`end`](Self::end) only.
    pub(crate) fn new(from: Side, to: OwnedFd, recorder: Rc<RefCell<Recorder>>) -> Self {
        let (backlog, buffer) = (Vec::new(), vec![0; CHUNK]);
        Self { from, recorder, to: Some(to.into()), buffer, backlog, sent: 0, silent: None, ending: false }
    }

    /// Since when the stream is known to be over, where nobody was told so yet.
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        self.silent
    }

    /// Whether something waits for room: nothing more is to be read until it is gone.
    pub(crate) fn is_full(&self) -> bool {
        self.sent < self.backlog.len()
    }

    /// Whether the other program has not read all that it was given.
    pub(crate) fn has_unread(&self) -> bool {
        self.is_full()
            || self.to.as_ref().is_some_and(|to| rustix::io::ioctl_fionread(to).is_ok_and(|n| n > 0))
    }

    /// To wait for room on.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.to.as_ref().map(AsFd::as_fd)
    }

    /// Reads once from `file`, `most` bytes, and hands on as many as `room` allows. Returns how many were read.
    pub(crate) fn take_from(&mut self, file: &mut File, most: usize, room: usize) -> io::Result<usize> {
        let n = file.read(&mut self.buffer[..most])?;
        if n == 0 {
            self.silent = Some(Instant::now());
            return Ok(0);
        }
        let shown = n.min(room);
        self.recorder.borrow_mut().note(self.from, &self.buffer[..shown]);
        if self.to.is_none() {
            return Ok(n);
        }
        let mut gone = 0;
        if !self.is_full() {
            gone = self.write(Pending::Fresh(shown))?;
        }
        if self.to.is_some() {
            self.backlog.extend_from_slice(&self.buffer[gone..shown]);
        }
        Ok(n)
    }

    /// Hands on what waits; closes the other program's input when all is gone and the end was told.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.is_full() {
            self.sent += self.write(Pending::Backlog)?;
        }
        if !self.is_full() {
            self.backlog.clear();
            self.sent = 0;
            if self.ending {
                self.to = None;
            }
        }
        Ok(())
    }

    /// The stream is over: the other program reads its end after the last byte.
    ///
    /// # Errors
    /// When the pipe fails in a way no reader can cause.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.silent = None;
        self.ending = true;
        self.flush()
    }

    /// Nobody reads any more: what waits and what still comes goes nowhere.
    pub(crate) fn discard(&mut self) {
        self.to = None;
        self.backlog.clear();
        self.sent = 0;
    }

    /// How many bytes the pipe took. A reader that is gone takes everything.
    fn write(&mut self, what: Pending) -> io::Result<usize> {
        let bytes = match what {
            Pending::Fresh(n) => &self.buffer[..n],
            Pending::Backlog => &self.backlog[self.sent..],
        };
        let Some(to) = &mut self.to else { return Ok(bytes.len()) };
        match to.write(bytes) {
            Ok(n) => Ok(n),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                let all = bytes.len();
                self.to = None;
                Ok(all)
            }
            Err(e) => Err(e),
        }
    }
}

/// What to write.
#[derive(Debug, Clone, Copy)]
enum Pending {
    /// So many bytes of what was just read.
    Fresh(usize),
    /// What was read before.
    Backlog,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> (File, File, Outlet, File, Rc<RefCell<Recorder>>) {
        let recorder = Rc::new(RefCell::new(Recorder::new(100)));
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_NONBLOCK).unwrap();
        let (theirs, ours) = nix::unistd::pipe2(nix::fcntl::OFlag::O_NONBLOCK).unwrap();
        let outlet = Outlet::new(Side::Program, ours, Rc::clone(&recorder));
        (write.into(), read.into(), outlet, theirs.into(), recorder)
    }

    #[test]
    fn what_is_not_taken_waits_and_comes_in_order() {
        let (mut from, mut source, mut outlet, mut to, _) = way();
        let mut sent = Vec::new();
        for round in 0..3u8 {
            from.write_all(&vec![round; 60_000]).unwrap();
            sent.extend(vec![round; 60_000]);
            assert_eq!(outlet.take_from(&mut source, CHUNK, CHUNK).unwrap(), 60_000);
        }
        assert!(outlet.is_full() && outlet.has_unread());
        let (mut got, mut part) = (Vec::new(), [0; 10_000]);
        while got.len() < sent.len() {
            let n = to.read(&mut part).unwrap();
            got.extend_from_slice(&part[..n]);
            outlet.flush().unwrap();
        }
        assert!(got == sent && !outlet.is_full() && !outlet.has_unread());
    }

    #[test]
    fn the_end_of_a_stream_waits_to_be_told() {
        let (mut from, mut source, mut outlet, mut to, _) = way();
        from.write_all(b"last").unwrap();
        drop(from);
        outlet.take_from(&mut source, CHUNK, CHUNK).unwrap();
        assert!(outlet.silent_since().is_none());
        assert_eq!(outlet.take_from(&mut source, CHUNK, CHUNK).unwrap(), 0);
        assert!(outlet.silent_since().is_some());
        let mut text = [0; 10];
        assert_eq!(to.read(&mut text).unwrap(), 4);
        assert!(to.read(&mut text).is_err(), "there may be more to come");
        outlet.end().unwrap();
        assert_eq!(to.read(&mut text).unwrap(), 0);
        assert!(outlet.silent_since().is_none());
    }

    #[test]
    fn a_reader_that_left_takes_everything() {
        let (mut from, mut source, mut outlet, to, _) = way();
        drop(to);
        for _ in 0..3 {
            from.write_all(&[0; 60_000]).unwrap();
            assert_eq!(outlet.take_from(&mut source, CHUNK, CHUNK).unwrap(), 60_000);
            assert!(!outlet.is_full());
        }
    }

    #[test]
    fn what_is_discarded_makes_nobody_wait() {
        let (mut from, mut source, mut outlet, to, _) = way();
        for _ in 0..3 {
            from.write_all(&[0; 60_000]).unwrap();
            outlet.take_from(&mut source, CHUNK, CHUNK).unwrap();
        }
        assert!(outlet.is_full());
        // The other end stays open, as it does while something of a dead program's box still holds it.
        outlet.discard();
        from.write_all(&[0; 60_000]).unwrap();
        assert_eq!(outlet.take_from(&mut source, CHUNK, CHUNK).unwrap(), 60_000);
        assert!(!outlet.is_full() && !outlet.has_unread());
        drop(to);
    }

    #[test]
    fn a_transcript_has_the_begin_and_the_end_and_no_more() {
        let mut recorder = Recorder::new(100);
        for n in 0..1000u32 {
            recorder.note(Side::Partner, format!("{n:03}\n").as_bytes());
        }
        recorder.note(Side::Program, &[b'x'; 5000]);
        let Transcript { head, omitted, tail } = recorder.finish();
        assert_eq!((head.len(), head[0].bytes.as_slice()), (25, &b"000\n"[..]));
        assert!(tail.is_empty(), "a line longer than all that is kept leaves nothing beside it");
        assert_eq!(omitted, 976);
    }
}
