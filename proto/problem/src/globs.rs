//! The format's globs: `*` stays within a path component, `{a,b}` chooses, nothing else is special.

/// Most alternatives one glob may write out.
const CHOICES: usize = 64;

/// Whether the glob matches the path or a folder above it.
pub(crate) fn matches(glob: &str, path: &str) -> bool {
    let alternatives = expand(glob);
    let parents = path.match_indices('/').map(|(i, _)| &path[..i]).chain([path]);
    parents.into_iter().any(|p| alternatives.iter().any(|g| star(g.as_bytes(), p.as_bytes())))
}

/// Every choice of `{a,b}` written out, [`CHOICES`] at most.
fn expand(glob: &str) -> Vec<String> {
    let (mut open, mut done) = (vec![glob.to_owned()], Vec::new());
    while let Some(g) = open.pop() {
        let braces = g.find('{').and_then(|a| Some((a, a + g[a..].find('}')?)));
        match braces {
            Some((a, b)) if done.len() + open.len() < CHOICES => {
                open.extend(
                    g[a + 1..b].split(',').map(|choice| format!("{}{choice}{}", &g[..a], &g[b + 1..])),
                );
            }
            _ => done.push(g),
        }
    }
    done
}

/// Greedy match with one point to come back to, so time is at most the product of the lengths.
fn star(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if g < glob.len() && glob[g] == b'*' {
            back = Some((g, t));
            g += 1;
        } else if g < glob.len() && glob[g] == text[t] {
            g += 1;
            t += 1;
        } else if let Some((bg, bt)) = back
            && text[bt] != b'/'
        {
            back = Some((bg, bt + 1));
            g = bg + 1;
            t = bt + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_the_format_says() {
        for (glob, path, want) in [
            ("accepted", "accepted/a.py", true),
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
        ] {
            assert_eq!(matches(glob, path), want, "{glob} {path}");
        }
    }
}
