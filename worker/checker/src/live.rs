//! Outputs compared while they are produced: read once, in the order in which they come.
//!
//! The same words as the functions that have all bytes at hand, to the letter. `exact` and the default validator
//! take constant memory, `lines` that of one line. `sorted` and `unordered` are not here: to name the part that is
//! too many they need the whole output.

use std::io::{self, BufRead, BufReader, Read, Seek};

use crate::default_validator::{Comparison, DifferenceKind, Flags, Place, compare_as_it_comes, equal_prefix};
use crate::excerpt::{QUOTED, quote, quote_head};
use crate::simple::{ACCEPTED, differs, ends_cut};

/// Bytes read at once of each side.
const BUFFER: usize = 256 << 10;

/// A comparison that needs no output whole.
#[derive(Debug, Clone)]
pub enum Live {
    /// The default validator under these flags.
    Tokens(Flags),
    /// [`simple`](crate::simple)'s `exact`.
    Exact,
    /// Its `lines`.
    Lines,
}

impl Live {
    /// The checker of this name, where it is one of these.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Live::Tokens(Flags::default())),
            "exact" => Some(Live::Exact),
            "lines" => Some(Live::Lines),
            _ => None,
        }
    }

    /// Reads `output` until its end or the first difference.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn compare(&self, answer: &mut (impl Read + Seek), output: &mut impl Read) -> io::Result<Comparison> {
        if let Live::Tokens(flags) = self {
            return compare_as_it_comes(answer, output, flags);
        }
        answer.rewind()?;
        let (mut a, mut o) =
            (BufReader::with_capacity(BUFFER, answer), BufReader::with_capacity(BUFFER, output));
        if matches!(self, Live::Exact) { exact(&mut a, &mut o) } else { lines(&mut a, &mut o) }
    }
}

fn exact(answer: &mut impl BufRead, output: &mut impl BufRead) -> io::Result<Comparison> {
    let mut place = Place::START;
    let kind = loop {
        let (a, o) = (filled(answer)?, filled(output)?);
        let kind = match (a.is_empty(), o.is_empty()) {
            (true, true) => return Ok(ACCEPTED),
            (true, false) => break DifferenceKind::Trailing,
            (false, true) => break DifferenceKind::Missing,
            (false, false) => DifferenceKind::Token,
        };
        let shorter = a.len().min(o.len());
        let same = equal_prefix(&a[..shorter], &o[..shorter]);
        place.pass(&o[..same]);
        answer.consume(same);
        output.consume(same);
        if same < shorter {
            break kind;
        }
    };
    let (expected, got) = (rest_of_line(answer)?, rest_of_line(output)?);
    Ok(differs(kind, (place.line, place.column), place.line, expected, got))
}

/// What is left of this line, its end included; `None` where nothing is.
fn rest_of_line(text: &mut impl BufRead) -> io::Result<Option<String>> {
    let (mut head, mut total) = (Vec::new(), 0);
    loop {
        let part = filled(text)?;
        let end = part.iter().position(|b| *b == b'\n').map(|at| at + 1);
        let len = end.unwrap_or(part.len());
        head.extend_from_slice(&part[..len.min(QUOTED.saturating_sub(head.len()))]);
        total += len;
        let over = end.is_some() || len == 0;
        text.consume(len);
        if over {
            return Ok((total > 0).then(|| quote_head(&head, total)));
        }
    }
}

/// `fill_buf` that goes on after a signal.
fn filled(text: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(e) = text.fill_buf() {
        if e.kind() != io::ErrorKind::Interrupted {
            return Err(e);
        }
    }
    text.fill_buf()
}

fn lines(answer: &mut impl BufRead, output: &mut impl BufRead) -> io::Result<Comparison> {
    let (mut a, mut o) = (Lines::of(answer), Lines::of(output));
    for number in 1.. {
        let (x, y) = (a.next()?, o.next()?);
        let kind = match (x, y) {
            (None, None) => break,
            (Some(x), Some(y)) if x == y => continue,
            (Some(_), Some(_)) => DifferenceKind::Token,
            (Some(_), None) => DifferenceKind::Missing,
            (None, Some(_)) => DifferenceKind::Trailing,
        };
        let both = x.unwrap_or_default().iter().zip(y.unwrap_or_default());
        let column = both.take_while(|(a, b)| a == b).count() + 1;
        return Ok(differs(kind, (number, column), number, x.map(quote), y.map(quote)));
    }
    Ok(ACCEPTED)
}

/// The lines of a text without the white space at their ends, and without empty ones at the text's end. A text of
/// nothing else is one empty line.
struct Lines<'a, R> {
    from: &'a mut R,
    /// The line that comes after `empty` empty ones.
    line: Vec<u8>,
    empty: usize,
    waits: bool,
    first: bool,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn of(from: &'a mut R) -> Self {
        Self { from, line: Vec::new(), empty: 0, waits: false, first: true }
    }

    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let first = std::mem::replace(&mut self.first, false);
        while !self.waits {
            self.line.clear();
            if self.from.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(first.then_some(&[]));
            }
            self.line.truncate(ends_cut(&self.line).len());
            self.waits = !self.line.is_empty();
            self.empty += usize::from(!self.waits);
        }
        if self.empty > 0 {
            self.empty -= 1;
            return Ok(Some(&[]));
        }
        self.waits = false;
        Ok(Some(&self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simple::by_name;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// Gives at most so many bytes at once, as a pipe does.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(into.len()).min(self.0.len());
            into[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn agree(answer: &[u8], output: &[u8], drop: usize) {
        for name in ["default", "exact", "lines"] {
            let whole = (by_name(name).unwrap().compare)(answer, output);
            let live = Live::by_name(name).unwrap();
            let got = live.compare(&mut Cursor::new(answer), &mut Drops(output, drop)).unwrap();
            assert_eq!(got, whole, "{name}");
        }
        for flags in ["space_change_sensitive", "float_tolerance 1e-6"] {
            let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
            let flags = Flags::parse(&flags).unwrap();
            let whole = crate::compare(answer, output, &flags);
            let live = Live::Tokens(flags);
            assert_eq!(live.compare(&mut Cursor::new(answer), &mut Drops(output, drop)).unwrap(), whole);
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(b"ab1. \r\n".to_vec()), 0..40)
    }

    proptest! {
        #[test]
        fn what_comes_in_drops_is_judged_as_the_whole_is(
            answer in text(), output in text(), drop in 1usize..9,
        ) {
            agree(&answer, &output, drop);
        }

        #[test]
        fn a_change_anywhere_is_told_as_of_the_whole(
            answer in text(), at in 0usize..40, with in text(), drop in 1usize..9,
        ) {
            let mut output = answer.clone();
            let at = at.min(output.len());
            output.splice(at..(at + 1).min(answer.len()), with.into_iter().take(2));
            agree(&answer, &output, drop);
        }
    }

    #[test]
    fn places_and_lengths_are_right_beyond_every_window() {
        let line = |n: usize| format!("{n} some text of a line\n");
        let answer: String = (0..60_000).map(line).collect();
        for at in [0, answer.len() / 2, answer.len() - 3] {
            for with in ["#", "", "# \n #", "\n"] {
                let mut output = answer.clone();
                output.replace_range(at..=at, with);
                agree(answer.as_bytes(), output.as_bytes(), 65_536);
            }
        }
        let long = vec![b'x'; 1 << 20];
        let longer = [&long[..], b"y"].concat();
        agree(&long, &longer, 65_536);
        agree(&longer, &long, 65_536);
        agree(&long, &[b'\n'; 1 << 20], 65_536);
    }

    #[test]
    fn an_output_that_cannot_be_read_is_an_error_and_never_accepted() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        for name in ["default", "exact", "lines"] {
            assert!(Live::by_name(name).unwrap().compare(&mut Cursor::new(b""), &mut Broken).is_err());
        }
        assert!(Live::by_name("sorted").is_none() && Live::by_name("unordered").is_none());
    }
}
