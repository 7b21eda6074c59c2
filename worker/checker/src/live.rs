//! Outputs compared while they are produced: read once, in the order in which they come.
//!
//! The same words as the functions that have all bytes at hand, to the letter. `exact`, `lines` and the default
//! validator take constant memory, `sorted` and `unordered` that of one part as long as they accept: to name the part
//! that is too many they look at the output again, from the first difference on. Of one that comes only once that was
//! put aside.

use std::io::{self, BufRead, BufReader, Read, Seek, Write};

use crate::default_validator::{
    Comparison, DifferenceKind, Flags, Place, compare, compare_as_it_comes, compare_streams, equal_prefix,
};
use crate::excerpt::{QUOTED, quote_head};
use crate::simple::{self, ACCEPTED, differs};

mod lines;
mod multiset;

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
    /// Its `sorted`.
    Sorted,
    /// Its `unordered`.
    Unordered,
}

impl Live {
    /// The checker of this name, where it is one of these.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Live::Tokens(Flags::default())),
            "exact" => Some(Live::Exact),
            "lines" => Some(Live::Lines),
            "sorted" => Some(Live::Sorted),
            "unordered" => Some(Live::Unordered),
            _ => None,
        }
    }

    /// The same word on bytes that are all at hand.
    pub fn compare_whole(&self, answer: &[u8], output: &[u8]) -> Comparison {
        match self {
            Live::Tokens(flags) => compare(answer, output, flags),
            Live::Exact => simple::exact(answer, output),
            Live::Lines => simple::lines(answer, output),
            Live::Sorted => simple::sorted(answer, output),
            Live::Unordered => simple::unordered(answer, output),
        }
    }

    /// Reads `output` until its end or, where the order counts, the first difference. `aside` makes an empty place,
    /// and is only asked for one by those for which the order does not count.
    ///
    /// # Errors
    /// When one of them cannot be read, or the place aside not be used.
    pub fn compare<S: Read + Write + Seek>(
        &self,
        answer: &mut (impl Read + Seek),
        output: &mut impl Read,
        aside: impl FnOnce() -> io::Result<S>,
    ) -> io::Result<Comparison> {
        answer.rewind()?;
        match self {
            Live::Tokens(flags) => compare_as_it_comes(answer, output, flags),
            Live::Sorted => multiset::compare(simple::newline, answer, output, aside),
            Live::Unordered => multiset::compare(simple::blank, answer, output, aside),
            Live::Exact => exact(&mut buffered(answer), &mut buffered(output)),
            Live::Lines => lines::compare(&mut buffered(answer), &mut buffered(output)),
        }
    }

    /// The same from the starts of two texts that can be read again, whatever their length: nothing is put aside.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn compare_streams(
        &self,
        answer: &mut (impl Read + Seek),
        output: &mut (impl Read + Seek),
    ) -> io::Result<Comparison> {
        answer.rewind()?;
        output.rewind()?;
        match self {
            Live::Tokens(flags) => compare_streams(answer, output, flags),
            Live::Sorted => multiset::compare_streams(simple::newline, answer, output),
            Live::Unordered => multiset::compare_streams(simple::blank, answer, output),
            Live::Exact => exact(&mut buffered(answer), &mut buffered(output)),
            Live::Lines => lines::compare(&mut buffered(answer), &mut buffered(output)),
        }
    }
}

fn buffered(text: &mut impl Read) -> impl BufRead {
    BufReader::with_capacity(BUFFER, text)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Drops;
    use proptest::prelude::*;
    use std::io::Cursor;

    const ASIDE: fn() -> io::Result<Cursor<Vec<u8>>> = || Ok(Cursor::new(Vec::new()));

    fn agree(answer: &[u8], output: &[u8], drop: usize) {
        agree_by(&simple::NAMED, answer, output, drop);
    }

    fn agree_by(checkers: &[simple::Named], answer: &[u8], output: &[u8], drop: usize) {
        for named in checkers {
            let (name, whole) = (named.name, (named.compare)(answer, output));
            let live = Live::by_name(name).unwrap();
            let got = live.compare(&mut Cursor::new(answer), &mut Drops(output, drop), ASIDE).unwrap();
            assert_eq!(got, whole, "{name}");
            assert_eq!(live.compare_whole(answer, output), whole, "{name}");
            let mut output = Cursor::new(output);
            output.set_position(1);
            let again = live.compare_streams(&mut Cursor::new(answer), &mut output).unwrap();
            assert_eq!(again, whole, "{name}, read again");
        }
        for flags in ["space_change_sensitive", "float_tolerance 1e-6"] {
            let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
            let flags = Flags::parse(&flags).unwrap();
            let whole = crate::compare(answer, output, &flags);
            let live = Live::Tokens(flags);
            let got = live.compare(&mut Cursor::new(answer), &mut Drops(output, drop), ASIDE).unwrap();
            assert_eq!(got, whole);
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

        #[test]
        fn empty_lines_count_where_something_follows_and_nowhere_else(
            answer in blank(), output in blank(), drop in 1usize..9,
        ) {
            agree_by(&simple::NAMED[2..3], &answer, &output, drop);
        }
    }

    /// Mostly nothing that shows.
    fn blank() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(b"a \t\r\n\n\n".to_vec()), 0..12)
    }

    #[test]
    fn places_and_lengths_are_right_beyond_every_window() {
        let line = |n: usize| format!("{n} some text of a line\n");
        let in_order = &simple::NAMED[..3];
        // Sorting in an unoptimised build takes its time; one window and a half is enough for what is read to its end.
        for (lines, checkers) in [(60_000, in_order), (16_000, &simple::NAMED[3..])] {
            let answer: String = (0..lines).map(line).collect();
            for at in [0, answer.len() / 2, answer.len() - 3] {
                for with in ["#", "", "# \n #", "\n"] {
                    let mut output = answer.clone();
                    output.replace_range(at..=at, with);
                    agree_by(checkers, answer.as_bytes(), output.as_bytes(), 65_536);
                }
            }
        }
        let long = vec![b'x'; 1 << 20];
        let longer = [&long[..], b"y"].concat();
        agree(&long, &longer, 65_536);
        agree(&longer, &long, 65_536);
        agree(&long, &[b'\n'; 1 << 20], 65_536);
        let spaces = vec![b' '; 1 << 20];
        agree(&[&long[..], b"\ny"].concat(), &[&long[..], &spaces, b"\ny"].concat(), 65_536);
        agree(&[&long[..], b"\ny"].concat(), &[&long[..], &spaces, b"y\ny"].concat(), 65_536);
    }

    #[test]
    fn an_output_that_cannot_be_read_is_an_error_and_never_accepted() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        for named in simple::NAMED {
            let live = Live::by_name(named.name).unwrap();
            assert!(live.compare(&mut Cursor::new(b""), &mut Broken, ASIDE).is_err());
        }
    }

    #[test]
    fn only_what_may_come_in_another_order_is_put_aside_and_only_from_the_first_other_byte_on() {
        use std::cell::RefCell;
        struct Aside<'a>(&'a RefCell<Cursor<Vec<u8>>>);
        impl Read for Aside<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0.borrow_mut().read(into)
            }
        }
        impl Write for Aside<'_> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.borrow_mut().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Seek for Aside<'_> {
            fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
                self.0.borrow_mut().seek(to)
            }
        }
        let (answer, swapped) = ("one\ntwo\nthree\n", "one\nthree\ntwo\n");
        for named in simple::NAMED {
            let live = Live::by_name(named.name).unwrap();
            for (output, aside) in [(answer, None), (swapped, Some("hree\ntwo\n"))] {
                let (place, asked) = (RefCell::default(), RefCell::new(false));
                let make = || {
                    *asked.borrow_mut() = true;
                    Ok(Aside(&place))
                };
                let mut answer = Cursor::new(answer);
                let got = live.compare(&mut answer, &mut Drops(output.as_bytes(), 6), make).unwrap();
                let any_order = matches!(live, Live::Sorted | Live::Unordered);
                assert_eq!(got.accepted, any_order || aside.is_none(), "{}", named.name);
                let wanted = aside.filter(|_| any_order);
                assert_eq!(asked.into_inner(), wanted.is_some(), "{}", named.name);
                assert_eq!(place.into_inner().into_inner(), wanted.unwrap_or_default().as_bytes());
            }
        }
        let full = || Err::<Cursor<Vec<u8>>, _>(io::Error::other("no room"));
        let word = Live::Sorted.compare(&mut Cursor::new(answer), &mut swapped.as_bytes(), full);
        assert!(word.is_err(), "never a word on half an output");
    }
}
