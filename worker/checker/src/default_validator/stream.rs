//! Both sides as streams, through two windows of fixed size: memory stays the same for a gigabyte.
//!
//! What is equal in both windows, white space aside, `quick` skips at the speed of memory; what it does not
//! understand is taken token by token. Where white space counts, whole windows are compared while they are
//! equal, and after a difference tokens, until enough of them in a row were equal to the byte. Lines are
//! counted only when there is a difference to report, by reading the stream once more up to it.

use std::io::{self, Read, Seek, SeekFrom};

use super::DifferenceKind::{Missing, Number, Space, Token, Trailing};
use super::quick::{self, boundary, equal_prefix};
use super::{Comparison, Difference, DifferenceKind, Flags, is_number, is_space, near};
use crate::excerpt::{quote, quote_cut};

/// Bytes of each window. A token that does not fit into one is compared as text, even under a tolerance:
/// a number of a quarter of a million digits says nothing that a shorter one could not.
pub(super) const WINDOW: usize = 256 << 10;
/// Tokens equal to the byte, their white space included, after which whole windows are compared again.
const RESYNC: u32 = 16;

/// One side: a window over a stream.
struct Side<'a, R> {
    from: &'a mut R,
    buffer: Vec<u8>,
    /// The unread part of `buffer`.
    start: usize,
    end: usize,
    /// Offset in the stream of `buffer[0]`.
    base: u64,
    ended: bool,
    /// Where `buffer[0]` stands, kept only where the stream cannot be read once more.
    place: Option<Place>,
}

/// Line and byte column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// Where it is `text` later.
    pub(crate) fn pass(&mut self, text: &[u8]) {
        self.line += text.iter().map(|b| usize::from(*b == b'\n')).sum::<usize>();
        match text.iter().rposition(|b| *b == b'\n') {
            Some(last) => self.column = text.len() - last,
            None => self.column += text.len(),
        }
    }
}

impl<'a, R: Read> Side<'a, R> {
    fn new(from: &'a mut R, window: usize) -> Self {
        Self { from, buffer: vec![0; window], start: 0, end: 0, base: 0, ended: false, place: None }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Fills the window when little is left in it: moving the rest for every token would cost more than all else.
    fn refill(&mut self) -> io::Result<()> {
        if self.end - self.start < self.buffer.len() / 4 { self.fill() } else { Ok(()) }
    }

    fn at(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Moves what is unread to the front and reads until the window is full or the stream has ended.
    fn fill(&mut self) -> io::Result<()> {
        if self.ended || (self.start == 0 && self.end == self.buffer.len()) {
            return Ok(());
        }
        if let Some(place) = &mut self.place {
            place.pass(&self.buffer[..self.start]);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < self.buffer.len() {
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Whether nothing is left; fills the window when it is empty.
    fn is_over(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            self.fill()?;
        }
        Ok(self.start == self.end)
    }

    fn skip_space(&mut self) -> io::Result<()> {
        while !self.is_over()? {
            let rest = self.rest();
            let len = rest.iter().position(|b| !is_space(*b)).unwrap_or(rest.len());
            let more = len == rest.len();
            self.start += len;
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// Length of the token that starts here, and whether all of it is in the window.
    fn token(&mut self) -> io::Result<(usize, bool)> {
        let mut seen = 0;
        loop {
            let rest = self.rest();
            if let Some(len) = rest[seen..].iter().position(|b| is_space(*b)) {
                return Ok((seen + len, true));
            }
            seen = rest.len();
            let full = self.start == 0 && self.end == self.buffer.len();
            if self.ended || full {
                return Ok((seen, self.ended));
            }
            self.fill()?;
        }
    }
}

/// Where and what a walk ended with: offsets in both streams, and what stands there.
struct Found {
    kind: DifferenceKind,
    answer_at: u64,
    output_at: u64,
    expected: Vec<u8>,
    got: Vec<u8>,
    /// Whether the token went on beyond what is given of it.
    cut: Cut,
}

/// Of both sides, whether more than a window holds is there.
#[derive(Debug, Clone, Copy, Default)]
struct Cut {
    expected: bool,
    got: bool,
}

/// Compares two streams from their starts.
pub(super) fn compare<A: Read + Seek, O: Read + Seek>(
    answer: &mut A,
    output: &mut O,
    flags: &Flags,
    window: usize,
) -> io::Result<Comparison> {
    answer.rewind()?;
    output.rewind()?;
    let mut walk = Walk { answer: Side::new(answer, window), output: Side::new(output, window), flags };
    let Some(found) = walk.run()? else {
        return Ok(Comparison { accepted: true, difference: None });
    };
    let at = position(output, found.output_at)?;
    told(found, at, answer)
}

/// The same with an output that is read once, as it comes.
pub(super) fn compare_live<A: Read + Seek, O: Read>(
    answer: &mut A,
    output: &mut O,
    flags: &Flags,
    window: usize,
) -> io::Result<Comparison> {
    answer.rewind()?;
    let mut walk = Walk { answer: Side::new(answer, window), output: Side::new(output, window), flags };
    walk.output.place = Some(Place::START);
    let Some(found) = walk.run()? else {
        return Ok(Comparison { accepted: true, difference: None });
    };
    // The difference is where the walk stands, and never before the window.
    let mut at = walk.output.place.unwrap_or(Place::START);
    at.pass(&walk.output.buffer[..walk.output.start]);
    told(found, at, answer)
}

fn told<A: Read + Seek>(found: Found, at: Place, answer: &mut A) -> io::Result<Comparison> {
    let Place { line, column } = at;
    let answer_line = position(answer, found.answer_at)?.line;
    let side = |bytes: &[u8], cut: bool| {
        (found.kind == Space || !bytes.is_empty()).then(|| if cut { quote_cut(bytes) } else { quote(bytes) })
    };
    let difference = Difference {
        kind: found.kind,
        line,
        column,
        answer_line,
        expected: side(&found.expected, found.cut.expected),
        got: side(&found.got, found.cut.got),
    };
    Ok(Comparison { accepted: false, difference: Some(difference) })
}

struct Walk<'a, 'f, A, O> {
    answer: Side<'a, A>,
    output: Side<'a, O>,
    flags: &'f Flags,
}

impl<A: Read, O: Read> Walk<'_, '_, A, O> {
    fn run(&mut self) -> io::Result<Option<Found>> {
        if self.flags.space_change_sensitive { self.run_spaced() } else { self.run_tokens() }
    }

    /// White space only separates.
    fn run_tokens(&mut self) -> io::Result<Option<Found>> {
        loop {
            self.answer.refill()?;
            self.output.refill()?;
            let (a, o) = quick::skip(self.answer.rest(), self.output.rest(), self.flags);
            self.answer.start += a;
            self.output.start += o;
            // One step at least, so that the walk goes on whatever was skipped.
            match self.step()? {
                Step::Over => return Ok(None),
                Step::Differs(found) => return Ok(Some(found)),
                Step::Same | Step::Alike => {}
            }
        }
    }

    /// White space counts.
    fn run_spaced(&mut self) -> io::Result<Option<Found>> {
        loop {
            if self.equal_windows()? {
                return Ok(None);
            }
            let mut equal = 0;
            while equal < RESYNC {
                match self.step()? {
                    Step::Over => return Ok(None),
                    Step::Differs(found) => return Ok(Some(found)),
                    Step::Same => equal += 1,
                    Step::Alike => equal = 0,
                }
            }
        }
    }

    /// Goes on while whole windows are equal, and stops before the white space of the first token that
    /// differs. True when both sides ended equal.
    fn equal_windows(&mut self) -> io::Result<bool> {
        loop {
            self.answer.fill()?;
            self.output.fill()?;
            let (a, o) = (self.answer.rest(), self.output.rest());
            let shorter = a.len().min(o.len());
            let same = equal_prefix(&a[..shorter], &o[..shorter]);
            let whole = same == a.len() && same == o.len();
            if whole && self.answer.ended && self.output.ended {
                return Ok(true);
            }
            let keep = boundary(&a[..same]);
            self.answer.start += keep;
            self.output.start += keep;
            // Nothing moved: one token fills the window, or the difference is here.
            if same < shorter || keep == 0 || (!whole && (self.answer.ended || self.output.ended)) {
                return Ok(false);
            }
        }
    }

    /// One run of white space and one token on both sides.
    fn step(&mut self) -> io::Result<Step> {
        let before = (self.answer.at(), self.output.at());
        if self.flags.space_change_sensitive {
            if let Some(found) = self.space()? {
                return Ok(Step::Differs(found));
            }
        } else {
            self.answer.skip_space()?;
            self.output.skip_space()?;
        }
        let spaces = (self.answer.at() - before.0) == (self.output.at() - before.1);
        let (a_len, a_whole) = self.answer.token()?;
        let (o_len, o_whole) = self.output.token()?;
        if !a_whole || !o_whole {
            return self.long_token();
        }
        let (a, o) = (&self.answer.rest()[..a_len], &self.output.rest()[..o_len]);
        let kind = if a.is_empty() && o.is_empty() {
            return Ok(Step::Over);
        } else if o.is_empty() {
            Missing
        } else if a.is_empty() {
            Trailing
        } else {
            let same = a == o;
            if same || self.alike(a, o) {
                self.answer.start += a_len;
                self.output.start += o_len;
                return Ok(if same && spaces { Step::Same } else { Step::Alike });
            }
            if self.flags.numeric() && is_number(a) { Number } else { Token }
        };
        let (expected, got) = (a.to_vec(), o.to_vec());
        Ok(Step::Differs(self.found(kind, expected, got)))
    }

    fn alike(&self, answer: &[u8], output: &[u8]) -> bool {
        if self.flags.numeric() && is_number(answer) {
            return near(answer, output, self.flags);
        }
        !self.flags.case_sensitive && answer.eq_ignore_ascii_case(output)
    }

    /// A token longer than the window on one side at least: compared as text, a window at a time.
    fn long_token(&mut self) -> io::Result<Step> {
        loop {
            let (a_len, a_whole) = self.answer.token()?;
            let (o_len, o_whole) = self.output.token()?;
            let (a, o) = (&self.answer.rest()[..a_len], &self.output.rest()[..o_len]);
            let len = a_len.min(o_len);
            let (x, y) = (&a[..len], &o[..len]);
            let alike = x == y || (!self.flags.case_sensitive && x.eq_ignore_ascii_case(y));
            // One of them ends here and the other goes on: told where it begins, like of short ones.
            let longer = (a_whole && o_len > a_len) || (o_whole && a_len > o_len);
            if !alike || longer {
                let (expected, got) = (a.to_vec(), o.to_vec());
                let cut = Cut { expected: !a_whole, got: !o_whole };
                return Ok(Step::Differs(Found { cut, ..self.found(Token, expected, got) }));
            }
            self.answer.start += len;
            self.output.start += len;
            if a_whole && o_whole && a_len == o_len {
                return Ok(Step::Alike);
            }
        }
    }

    /// White space that must be equal to the byte.
    fn space(&mut self) -> io::Result<Option<Found>> {
        loop {
            // Windows are filled here, unless their stream is over.
            self.answer.is_over()?;
            self.output.is_over()?;
            let (a, o) = (space_run(self.answer.rest()), space_run(self.output.rest()));
            let shorter = a.min(o);
            let same = equal_prefix(&self.answer.rest()[..shorter], &self.output.rest()[..shorter]);
            self.answer.start += same;
            self.output.start += same;
            let (a_left, o_left) = (a - same, o - same);
            if a_left == 0 && o_left == 0 {
                if same == 0 {
                    return Ok(None);
                }
                continue;
            }
            // A run that reached the end of its window may go on in the next one.
            let a_known = a_left > 0 || !self.answer.rest().is_empty() || self.answer.is_over()?;
            let o_known = o_left > 0 || !self.output.rest().is_empty() || self.output.is_over()?;
            if a_known && o_known {
                let expected = self.answer.rest()[..a_left].to_vec();
                let got = self.output.rest()[..o_left].to_vec();
                return Ok(Some(self.found(Space, expected, got)));
            }
        }
    }

    fn found(&self, kind: DifferenceKind, expected: Vec<u8>, got: Vec<u8>) -> Found {
        let (answer_at, output_at) = (self.answer.at(), self.output.at());
        Found { kind, answer_at, output_at, expected, got, cut: Cut::default() }
    }
}

enum Step {
    /// Both sides ended.
    Over,
    /// Equal to the byte, white space by its length.
    Same,
    /// Equal as far as the flags ask.
    Alike,
    Differs(Found),
}

fn space_run(text: &[u8]) -> usize {
    text.iter().position(|b| !is_space(*b)).unwrap_or(text.len())
}

/// The place of an offset in a stream.
fn position(stream: &mut (impl Read + Seek), offset: u64) -> io::Result<Place> {
    stream.seek(SeekFrom::Start(0))?;
    let (mut left, mut place) = (stream.take(offset), Place::START);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match left.read(&mut buffer) {
            Ok(0) => return Ok(place),
            Ok(n) => place.pass(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
