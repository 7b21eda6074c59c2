//! What was wrong with something a harness wrote: each finding names its place.

use serde::{Deserialize, Serialize};

/// Most findings kept of one submission: a file of ten thousand errors says no more than its first hundred.
const FINDINGS_MAX: usize = 100;
/// Longest message.
const MESSAGE_MAX: usize = 300;

/// One thing that is not as it should be. For the course's staff, never for students: it may quote tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// File and place in it, such as `results.json: tests[3].score`.
    pub place: String,
    /// What is wrong, and what was done about it.
    pub message: String,
}

/// A bounded list of them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    more: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, place: impl Into<String>, message: impl AsRef<str>) {
        if self.list.len() == FINDINGS_MAX {
            self.more += 1;
            return;
        }
        let place = cut(&place.into(), MESSAGE_MAX);
        self.list.push(Finding { place, message: cut(message.as_ref(), MESSAGE_MAX) });
    }

    pub(crate) fn into_list(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let message = format!("{} more findings are left out", self.more);
            self.list.push(Finding { place: "all files".into(), message });
        }
        self.list
    }
}

/// At most `most` characters, without control characters.
pub fn cut(text: &str, most: usize) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_findings_are_told_and_the_rest_is_counted() {
        let told = |count: usize| {
            let mut findings = Findings::default();
            (0..count).for_each(|at| findings.add(format!("test {at}"), "is wrong"));
            let list = findings.into_list();
            (list.len(), list.last().map(|last| (last.place.clone(), last.message.clone())))
        };
        let last = |place: &str, message: &str| Some((place.to_owned(), message.to_owned()));
        assert_eq!(told(0), (0, None));
        assert_eq!(
            told(FINDINGS_MAX),
            (FINDINGS_MAX, last(&format!("test {}", FINDINGS_MAX - 1), "is wrong"))
        );
        assert_eq!(
            told(FINDINGS_MAX + 3),
            (FINDINGS_MAX + 1, last("all files", "3 more findings are left out"))
        );
    }

    #[test]
    fn a_text_is_cut_by_characters_and_says_so() {
        for (text, most, want) in
            [("abc", 3, "abc"), ("abcd", 3, "abc…"), ("", 0, ""), ("äöü", 2, "äö…"), ("a\nb\0", 9, "a b ")]
        {
            assert_eq!(cut(text, most), want);
        }
    }
}
