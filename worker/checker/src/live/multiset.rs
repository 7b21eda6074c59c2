//! `sorted` and `unordered` while the output is produced.
//!
//! As long as the output is the answer nothing but the place is remembered. From the first other byte on both are
//! read to their ends, in sums that do not depend on the order of the parts; what comes of an output that cannot be read
//! again is put aside. Equal sums accept, in the memory of the longest part. Different ones do not decide: then what
//! both have from the first difference on is looked at whole, which also says which part is too many and which is missing.

use std::hash::RandomState;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use super::{BUFFER, filled};
use crate::default_validator::{Comparison, Place, equal_prefix};
use crate::simple::{ACCEPTED, Digest, ends_cut, in_any_order};

/// Where the first part begins that is not the same on both sides, and what both have of it.
struct From {
    offset: u64,
    place: Place,
    begun: Vec<u8>,
}

/// Reads `output` to its end unless it is the answer's; parts end before bytes that `ends` names. `aside` makes an
/// empty place for what of the output has to be looked at again.
pub(super) fn compare<S: Read + Write + Seek>(
    ends: fn(&u8) -> bool,
    answer: &mut (impl Read + Seek),
    output: &mut impl Read,
    aside: impl FnOnce() -> io::Result<S>,
) -> io::Result<Comparison> {
    let (mut aside, mut rest) = (Some(aside), None);
    let sums = by_sums(ends, answer, output, |chunk| {
        if let Some(aside) = aside.take() {
            rest = Some(aside()?);
        }
        rest.as_mut().map_or(Ok(()), |rest| rest.write_all(chunk))
    });
    let Some(from) = sums? else { return Ok(ACCEPTED) };
    let mut written = from.begun.clone();
    if let Some(mut rest) = rest {
        rest.rewind()?;
        rest.read_to_end(&mut written)?;
    }
    by_parts(ends, answer, &written, &from)
}

/// The same with an output that is read again in the place of anything put aside.
pub(super) fn compare_streams(
    ends: fn(&u8) -> bool,
    answer: &mut (impl Read + Seek),
    output: &mut (impl Read + Seek),
) -> io::Result<Comparison> {
    output.rewind()?;
    let Some(from) = by_sums(ends, answer, output, |_| Ok(()))? else { return Ok(ACCEPTED) };
    let mut written = Vec::new();
    output.seek(SeekFrom::Start(from.offset))?;
    output.read_to_end(&mut written)?;
    by_parts(ends, answer, &written, &from)
}

/// `None` when the sums say that the parts are the same; `seen` is given what comes of the output from the first other
/// byte on.
fn by_sums(
    ends: fn(&u8) -> bool,
    answer: &mut (impl Read + Seek),
    output: &mut impl Read,
    seen: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Option<From>> {
    answer.rewind()?;
    let mut theirs = BufReader::with_capacity(BUFFER, output);
    let mut right = BufReader::with_capacity(BUFFER, answer);
    let (mut offset, mut place, mut begun) = (0, Place::START, Vec::new());
    loop {
        let (wanted, got) = (filled(&mut right)?, filled(&mut theirs)?);
        if wanted.is_empty() && got.is_empty() {
            return Ok(None);
        }
        let shorter = wanted.len().min(got.len());
        let same = equal_prefix(&wanted[..shorter], &got[..shorter]);
        let whole = wanted[..same].iter().rposition(ends).map_or(0, |at| at + 1);
        if whole > 0 {
            offset += (begun.len() + whole) as u64;
            place.pass(&begun);
            place.pass(&wanted[..whole]);
            begun.clear();
        }
        begun.extend_from_slice(&wanted[whole..same]);
        right.consume(same);
        theirs.consume(same);
        if same < shorter || shorter == 0 {
            break;
        }
    }
    let keys = [RandomState::new(), RandomState::new()];
    let of_output = digest(ends, &mut theirs, begun.clone(), &keys, seen)?;
    let same = of_output == digest(ends, &mut right, begun.clone(), &keys, |_| Ok(()))?;
    Ok((!same).then_some(From { offset, place, begun }))
}

/// The word on what is left of both.
fn by_parts(
    ends: fn(&u8) -> bool,
    answer: &mut (impl Read + Seek),
    written: &[u8],
    from: &From,
) -> io::Result<Comparison> {
    let mut wanted = Vec::new();
    answer.seek(SeekFrom::Start(from.offset))?;
    answer.read_to_end(&mut wanted)?;
    Ok(in_any_order(&wanted, written, ends, (from.place.line, from.place.column)))
}

/// Over the parts of what is left of `text`, the first of which has `begun`.
fn digest(
    ends: fn(&u8) -> bool,
    text: &mut impl BufRead,
    mut begun: Vec<u8>,
    keys: &[RandomState; 2],
    mut seen: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Digest> {
    let mut digest = Digest::default();
    loop {
        let chunk = filled(text)?;
        if chunk.is_empty() {
            digest.add(ends_cut(&begun), keys);
            return Ok(digest);
        }
        seen(chunk)?;
        let mut rest = chunk;
        while let Some(at) = rest.iter().position(ends) {
            if begun.is_empty() {
                digest.add(ends_cut(&rest[..at]), keys);
            } else {
                begun.extend_from_slice(&rest[..at]);
                digest.add(ends_cut(&begun), keys);
                begun.clear();
            }
            rest = &rest[at + 1..];
        }
        begun.extend_from_slice(rest);
        let n = chunk.len();
        text.consume(n);
    }
}
