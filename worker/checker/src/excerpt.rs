//! Short, printable quotations of hostile bytes.

use std::fmt::Write as _;

/// Bytes quoted at most; enough to recognise a number, too few to fill a page.
pub(crate) const QUOTED: usize = 60;

/// `"12"`, `"a\x00b"`, `"aaaa…" (300 bytes)`: printable ASCII as it is, everything else escaped.
pub(crate) fn quote(bytes: &[u8]) -> String {
    quote_head(bytes, bytes.len())
}

/// The same of the first bytes of something longer, whose length nobody knows yet.
pub(crate) fn quote_cut(bytes: &[u8]) -> String {
    let shown = quote(&bytes[..bytes.len().min(QUOTED)]);
    let more = if bytes.len() > QUOTED { "…" } else { "" };
    format!("{}{more}\" ({} bytes or more)", shown.strip_suffix('"').unwrap_or(&shown), bytes.len())
}

/// The same of `total` bytes that begin with `bytes`; of more than [`QUOTED`], these many are enough.
pub(crate) fn quote_head(bytes: &[u8], total: usize) -> String {
    let mut out = String::from("\"");
    for b in &bytes[..bytes.len().min(QUOTED)] {
        match b {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*b));
            }
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x20..=0x7e => out.push(char::from(*b)),
            _ => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    if total > QUOTED {
        let _ = write!(out, "…\" ({total} bytes)");
    } else {
        out.push('"');
    }
    out
}

/// At most `max` bytes of a program's message as text: invalid UTF-8 replaced, control characters other
/// than line feed and tab dropped, trailing white space cut. `None` when nothing is left.
pub fn message(bytes: &[u8], max: usize) -> Option<String> {
    let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(max)])
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let text = text.trim_end();
    if text.is_empty() {
        return None;
    }
    Some(if bytes.len() > max { format!("{text}… (cut at {max} bytes)") } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_printable_ascii_and_short() {
        assert_eq!(quote(b"a\x00\"\\\n\r\t\xff~\x7f "), r#""a\x00\"\\\n\r\t\xff~\x7f ""#);
        let most = [b'a'; QUOTED];
        assert_eq!(quote(&most), format!("\"{}\"", "a".repeat(QUOTED)), "as many are quoted whole");
        let long = quote(&[b'a'; 300]);
        assert!(long.ends_with("…\" (300 bytes)") && long.len() < 100);
    }

    #[test]
    fn a_quotation_of_a_part_says_so() {
        assert!(quote_cut(&[b'a'; 300]).ends_with("aa…\" (300 bytes or more)"));
        let most = quote_cut(&[b'a'; QUOTED]);
        assert_eq!(most, format!("\"{}\" ({QUOTED} bytes or more)", "a".repeat(QUOTED)));
        assert_eq!(quote_cut(b"ab\""), "\"ab\\\"\" (3 bytes or more)");
    }

    #[test]
    fn messages_are_cut_and_cleaned() {
        assert_eq!(message(b"no\x1b[31m\xff\n\n", 100).unwrap(), "no[31m\u{fffd}");
        assert_eq!(message(b" \n", 100), None);
        assert_eq!(message(b"abc", 3).unwrap(), "abc");
        assert_eq!(message(b"abcdef", 3).unwrap(), "abc… (cut at 3 bytes)");
    }
}
