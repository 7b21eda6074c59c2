//! The format's globs: `*` stays within a path component, `{a,b}` chooses, nothing else is special.
//!
//! Blanks around a choice are no part of it, and a slash at the end of the whole says nothing: other tools read
//! both so, and no name of a package has either. Braces do not nest; one that opens nothing is a letter.

/// A part of a glob.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    /// Bytes as they are.
    Text(&'a str),
    /// Any bytes but a slash.
    Star,
    /// One of these, each without choices of its own.
    Choice(Vec<Vec<Part<'a>>>),
}

/// Whether the glob matches the path or a folder above it.
pub(crate) fn matches(glob: &str, path: &str) -> bool {
    let ends = ends(glob, path);
    let bytes = path.as_bytes();
    (1..=bytes.len()).any(|at| ends[at] && (at == bytes.len() || bytes[at] == b'/'))
}

/// Whether the glob matches the whole path, not only a folder above it.
pub(crate) fn names(glob: &str, path: &str) -> bool {
    ends(glob, path)[path.len()]
}

/// What of the glob the format has no meaning for, so that it stands for itself and most likely matches nothing.
pub(crate) fn oddity(glob: &str) -> Option<&'static str> {
    if glob.contains("**") {
        Some("`**` is as `*`, which stays within a folder")
    } else if glob.contains(['[', ']', '?']) {
        Some("`[`, `]` and `?` have no meaning and no name has them")
    } else if glob.matches('{').count() != glob.matches('}').count() {
        Some("a brace has no partner")
    } else {
        None
    }
}

/// At which places of `path` the glob can have ended, the place before the first byte being 0. Takes time in the
/// product of the lengths, however many choices there are.
fn ends(glob: &str, path: &str) -> Vec<bool> {
    let glob = glob.strip_suffix('/').unwrap_or(glob);
    let mut start = vec![false; path.len() + 1];
    start[0] = true;
    after(&parts(glob), start, path.as_bytes())
}

fn parts(glob: &str) -> Vec<Part<'_>> {
    let mut all = Vec::new();
    let mut rest = glob;
    while let Some(close) = rest.find('}') {
        let (before, behind) = (&rest[..close], &rest[close + 1..]);
        if let Some(open) = before.rfind('{') {
            all.extend(plain(&before[..open]));
            let choices = before[open + 1..].split(',').map(|choice| plain(choice.trim_matches(' ')));
            all.push(Part::Choice(choices.collect()));
        } else {
            all.extend(plain(&rest[..=close]));
        }
        rest = behind;
    }
    all.extend(plain(rest));
    all
}

/// The parts of a text without choices.
fn plain(text: &str) -> Vec<Part<'_>> {
    let mut all = Vec::new();
    for (i, piece) in text.split('*').enumerate() {
        if i > 0 && all.last() != Some(&Part::Star) {
            all.push(Part::Star);
        }
        if !piece.is_empty() {
            all.push(Part::Text(piece));
        }
    }
    all
}

/// The places reached from `places` through all of `parts`.
fn after(parts: &[Part<'_>], mut places: Vec<bool>, path: &[u8]) -> Vec<bool> {
    for part in parts {
        match part {
            Part::Text(text) => {
                let mut next = vec![false; places.len()];
                let text = text.as_bytes();
                for at in (0..places.len()).filter(|at| places[*at] && path[*at..].starts_with(text)) {
                    next[at + text.len()] = true;
                }
                places = next;
            }
            Part::Star => {
                for at in 1..places.len() {
                    places[at] |= places[at - 1] && path[at - 1] != b'/';
                }
            }
            Part::Choice(choices) => {
                let mut next = vec![false; places.len()];
                for choice in choices {
                    let reached = after(choice, places.clone(), path);
                    next.iter_mut().zip(reached).for_each(|(all, one)| *all |= one);
                }
                places = next;
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_the_format_says() {
        for (glob, path, want) in [
            ("accepted", "accepted/a.py", true),
            ("accepted/", "accepted/a.py", true),
            ("accepted/*", "accepted/a.py", true),
            ("*/a.py", "accepted/a.py", true),
            ("*", "accepted/a.py", true),
            ("*.py", "accepted/a.py", false),
            ("*/*.{py,cpp}", "x/a.cpp", true),
            ("{accepted,x}/a*", "x/ab.cpp", true),
            ("{accepted,x}/a*", "y/ab.cpp", false),
            ("a*c*e", "abcde", true),
            ("a*c*f", "abcde", false),
            ("wrong", "wrong_answer/a.py", false),
            ("*{,0,1}{0,2}", "secret/10", false),
            ("secret/*{,0,1}{0,2}", "secret/10", true),
            ("secret/*{ 4 }{ 2 ,3}", "secret/42", true),
            ("secret/*{ 4 }{ 2 ,3}", "secret/44", false),
            ("x/{a*,b}.py", "x/abc.py", true),
            ("x/a}b{", "x/a}b{", true),
            ("x/{a,{b,c}}", "x/{a,b}", true),
            ("", "a", false),
            ("/", "a", false),
            ("a b", "a b", true),
        ] {
            assert_eq!(matches(glob, path), want, "{glob} {path}");
        }
        assert!(names("secret/{a,b}", "secret/a") && !names("secret/{a,b}", "secret/a/1"));
    }

    /// Written out there would be far more alternatives than anybody waits for.
    #[test]
    fn as_many_choices_as_a_glob_has_are_tried() {
        let glob = format!("secret/{}", "{1,2,3,4}{ 5,6,7,8}*".repeat(200));
        let path = format!("secret/{}", "48".repeat(200));
        assert!(matches(&glob, &path) && !matches(&glob, &path[..path.len() - 1]));
    }

    #[test]
    fn what_globs_do_not_know_is_told() {
        for odd in ["a/**/b", "[ab].py", "a?.py", "a{b", "b}"] {
            assert!(oddity(odd).is_some(), "{odd}");
        }
        for right in ["*/*.{py,cpp}", "a_b-c.d", "{a,b}/{c}"] {
            assert_eq!(oddity(right), None, "{right}");
        }
    }
}
