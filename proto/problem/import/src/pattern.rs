//! Python's patterns, as the sources write them: matched at the start, of a bounded size.

use regex::{Regex, RegexBuilder};

/// Compiled size of a pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// What a pattern has to be, in words.
pub(crate) const USABLE: &str =
    "Python's patterns without look-around and back-references are carried over, of a reasonable size";

/// The pattern as Python's `re.match` takes it: at the start of the text. `None` when it cannot be used.
pub(crate) fn python(text: &str, any_case: bool) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?:{text})")).case_insensitive(any_case).size_limit(MAX_PATTERN).build().ok()
}
