//! Regular expressions, matched at the next byte of an input that is still being read.
//!
//! An automaton eats byte after byte until no longer match is possible, so only as much is looked at as decides. Its
//! states are made as they are needed and thrown away when they fill their room; each such time is charged for, so
//! that an expression made to have very many states meets the bound on steps.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;
use std::sync::Arc;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

use super::input::Input;

/// Most bytes of one expression's own states.
const STATES_MAX: usize = 16 << 20;

/// Room for the states that are made meanwhile.
const MADE_MAX: usize = 8 << 20;

/// Expressions kept; a specification that makes more of them makes them again.
const KEPT: usize = 32;

/// Bytes that a match, or the search for a longer one, may look at.
const AHEAD_MAX: usize = 64 << 20;

/// What throwing the made states away stands for, in steps: about the time it took to make them.
const MADE_AGAIN: u64 = 5_000_000;

/// What making an expression costs, for each of its states.
const STATE: u64 = 20;

/// The expressions in use.
#[derive(Default)]
pub(super) struct Matchers {
    kept: HashMap<Arc<[u8]>, (DFA, Cache)>,
}

/// Why there is no match.
pub(super) enum NoMatch {
    /// There is none.
    Here,
    /// The expression is none, or is beyond a bound.
    Wrong(String),
    Read(std::io::Error),
}

impl Matchers {
    /// How many of the next bytes match, by the first alternative that does, each repetition as long as it can be.
    /// `charge` is told of the work and may end it.
    pub(super) fn find(
        &mut self,
        expression: &Arc<[u8]>,
        input: &mut Input<impl Read>,
        mut charge: impl FnMut(u64) -> Result<(), String>,
    ) -> Result<usize, NoMatch> {
        if self.kept.len() >= KEPT && !self.kept.contains_key(expression) {
            self.kept.clear();
        }
        let (dfa, cache) = match self.kept.entry(Arc::clone(expression)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let dfa = build(expression).map_err(NoMatch::Wrong)?;
                charge(dfa.get_nfa().states().len() as u64 * STATE).map_err(NoMatch::Wrong)?;
                let cache = dfa.create_cache();
                entry.insert((dfa, cache))
            }
        };
        let beyond = |_| NoMatch::Wrong("this regular expression has too many states".to_owned());
        let mut thrown = cache.clear_count();
        let anchored = start::Config::new().anchored(Anchored::Yes);
        let start = dfa.start_state(cache, &anchored);
        let mut state =
            start.map_err(|_| NoMatch::Wrong("this regular expression cannot be used".to_owned()))?;
        let mut found = None;
        for ahead in 0..AHEAD_MAX {
            let byte = input.peek(ahead).map_err(NoMatch::Read)?;
            let Some(byte) = byte else {
                let last = dfa.next_eoi_state(cache, state).map_err(beyond)?;
                return if last.is_match() { Ok(ahead) } else { found.ok_or(NoMatch::Here) };
            };
            state = dfa.next_state(cache, state, byte).map_err(beyond)?;
            // A match is told of one byte late.
            if state.is_match() {
                found = Some(ahead);
            } else if state.is_dead() {
                return found.ok_or(NoMatch::Here);
            }
            let again = (cache.clear_count() - thrown) as u64;
            thrown = cache.clear_count();
            charge(1 + again * MADE_AGAIN).map_err(NoMatch::Wrong)?;
        }
        Err(NoMatch::Wrong(format!("this regular expression looks at more than {AHEAD_MAX} bytes")))
    }
}

fn build(expression: &[u8]) -> Result<DFA, String> {
    let config = DFA::config().match_kind(MatchKind::LeftmostFirst).cache_capacity(MADE_MAX);
    DFA::builder()
        .configure(config)
        .syntax(syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true).nest_limit(50))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(STATES_MAX)))
        .build(&ours(expression))
        .map_err(|e| {
            // The cause says more than the fact.
            let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            let why: String = why.lines().last().unwrap_or_default().chars().take(200).collect();
            format!("this is no regular expression of the language: {}", why.trim())
        })
}

/// The expression as the library reads it: in a set only `^`, `-`, `]` and classes such as `[:digit:]` are special,
/// and bytes beyond ASCII are named by their number.
fn ours(expression: &[u8]) -> String {
    let mut out = String::with_capacity(expression.len() + 8);
    let byte = |out: &mut String, b: u8| match b {
        0x20..0x7f => out.push(char::from(b)),
        _ => out.push_str(&format!("\\x{b:02x}")),
    };
    let mut at = 0;
    // Where the set began in which we are: what stands there is no end of it.
    let mut set: Option<usize> = None;
    while let Some(b) = expression.get(at).copied() {
        let rest = &expression[at..];
        match (b, set) {
            (b'\\', _) => {
                out.push('\\');
                at += 1;
                match expression.get(at).copied() {
                    Some(next @ 0x21..0x7f) => out.push(char::from(next)),
                    // An escape of what has no special meaning is what it escapes.
                    Some(next) => {
                        out.pop();
                        byte(&mut out, next);
                    }
                    None => {}
                }
            }
            (b'[', None) => {
                out.push('[');
                if rest.get(1) == Some(&b'^') {
                    out.push('^');
                    at += 1;
                }
                set = Some(at + 1);
            }
            (b'[', Some(_)) if rest.starts_with(b"[:") && class(rest).is_some() => {
                let end = class(rest).unwrap_or_default();
                out.extend(rest[..end].iter().map(|b| char::from(*b)));
                at += end - 1;
            }
            (b']', Some(from)) if from != at => {
                out.push(']');
                set = None;
            }
            (b'[' | b']' | b'&' | b'~', Some(_)) => {
                out.push('\\');
                out.push(char::from(b));
            }
            // Two of them would take one set from another; here the second is the end of a range.
            (b'-', Some(_)) if rest.starts_with(b"--") => {
                out.push_str("-\\-");
                at += 1;
            }
            _ => byte(&mut out, b),
        }
        at += 1;
    }
    out
}

/// The length of `[:name:]`.
fn class(text: &[u8]) -> Option<usize> {
    let name = text[2..].iter().take_while(|b| b.is_ascii_lowercase()).count();
    text[2 + name..].starts_with(b":]").then_some(name + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(expression: &str, input: &str) -> Result<usize, String> {
        let mut input = Input::new(input.as_bytes());
        let found = Matchers::default().find(&Arc::from(expression.as_bytes()), &mut input, |_| Ok(()));
        found.map_err(|why| match why {
            NoMatch::Here => "none".to_owned(),
            NoMatch::Wrong(why) => why,
            NoMatch::Read(error) => error.to_string(),
        })
    }

    #[test]
    fn expressions_match_at_the_next_byte_and_as_far_as_the_first_alternative_goes() {
        for (expression, input, length) in [
            ("a*", "aab", 2),
            ("a*", "b", 0),
            ("p|ps", "ps", 1),
            ("ps|p", "pt", 1),
            ("a(.*z)?", "abc\nz", 5),
            ("a([^\n]*z)?", "abc\nz", 1),
            ("a(.*z)?", "abczd\n", 4),
            ("[^\n]*", "to the end of the line\nnext", 22),
            (".*", "to the\nend", 10),
            ("[^a]*", "x\nya", 3),
            ("[a-c]{2,3}", "abcabc", 3),
            ("[]x]+", "]x]y", 3),
            ("[][,0-9]+", "[1,[23]]x", 8),
            ("[.-}]", "0", 1),
            ("[a[b]+", "[ab]", 3),
            ("[a&&b]+", "&a&b-", 4),
            ("[+--]+", "+,-.", 3),
            ("[[:digit:]x]+", "1x2:", 3),
            ("[[:digit]+", "[:di1", 4),
            (r"\.", ".x", 1),
            (r"[\-a]+", "-a-b", 3),
            ("\u{e9}", "\u{e9}x", 2),
            ("^a$", "a", 1),
            ("(0|1)+", "0102", 3),
        ] {
            assert_eq!(matched(expression, input), Ok(length), "{expression} on {input}");
        }
        for (expression, input) in [("b", "ab"), ("[^a]", "a"), ("a$", "ab"), ("a", "")] {
            assert_eq!(matched(expression, input), Err("none".to_owned()), "{expression} on {input}");
        }
    }

    #[test]
    fn what_is_no_expression_or_too_large_is_told() {
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        for expression in ["(", "[a", "a{3,2}", "*", "[b-a]", r"\y", "a{1000}{1000}{1000}", "(?=a)", &deep] {
            let why = matched(expression, "aaa").unwrap_err();
            assert!(why.starts_with("this is no regular expression"), "{expression}: {why}");
        }
    }
}
