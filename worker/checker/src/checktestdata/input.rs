//! The input, read once from its beginning, with a look ahead.

use std::io::{self, Read};

use super::Place;
use crate::excerpt::quote;

/// Bytes asked for at once.
const CHUNK: usize = 64 << 10;

/// Bytes of the input that a message shows.
const SHOWN: usize = 20;

/// An input. What was stepped over is forgotten.
pub(super) struct Input<R> {
    from: R,
    buffer: Vec<u8>,
    /// The next byte in `buffer`.
    at: usize,
    ended: bool,
    place: Place,
}

impl<R: Read> Input<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: Vec::new(), at: 0, ended: false, place: Place { line: 1, column: 1 } }
    }

    /// Where the next byte is.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The byte `ahead` of the next one; `None` past the end. The caller bounds how far it looks.
    pub(super) fn peek(&mut self, ahead: usize) -> io::Result<Option<u8>> {
        while self.at + ahead >= self.buffer.len() && !self.ended {
            self.fill()?;
        }
        Ok(self.buffer.get(self.at + ahead).copied())
    }

    /// The next `n` bytes, all of which were peeked at.
    pub(super) fn next(&self, n: usize) -> &[u8] {
        &self.buffer[self.at..(self.at + n).min(self.buffer.len())]
    }

    /// Over the next `n` bytes, all of which were peeked at.
    pub(super) fn step(&mut self, n: usize) {
        let end = (self.at + n).min(self.buffer.len());
        for b in &self.buffer[self.at..end] {
            if *b == b'\n' {
                self.place = Place { line: self.place.line.saturating_add(1), column: 1 };
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        self.at = end;
    }

    /// What is there, for a message.
    pub(super) fn told(&mut self) -> io::Result<String> {
        let mut n = 0;
        while n < SHOWN && self.peek(n)?.is_some_and(|b| b != b'\n') {
            n += 1;
        }
        Ok(match (n, self.peek(0)?) {
            (_, None) => "the input ends here".to_owned(),
            (0, _) => "the line ends here".to_owned(),
            (n, _) => format!("here is {}", quote(self.next(n))),
        })
    }

    fn fill(&mut self) -> io::Result<()> {
        // What is behind goes before there is more, so the buffer holds what is looked at and a chunk.
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + CHUNK, 0);
        let read = loop {
            match self.from.read(&mut self.buffer[kept..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(kept + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(())
    }
}
