//! A table after the specification, and what the slow reference says.

use proptest::prelude::*;

use super::reference::Rules;
use super::*;

fn flags(line: &str) -> Flags {
    Flags::parse_line(line).unwrap()
}

fn reason(answer: &str, output: &str, line: &str) -> String {
    compare(answer.as_bytes(), output.as_bytes(), &flags(line)).difference.unwrap().to_string()
}

#[test]
fn the_specification_holds_row_by_row() {
    #[rustfmt::skip]
    let rows: &[(&str, &[u8], &[u8], bool)] = &[
        ("", b"", b"", true),
        ("", b"", b" \n\n", true),
        ("", b"1 2\n", b"  1\r\n\t2", true),
        ("", b"1\x0b2\x0c3", b"1 2 3", true),
        ("", b"1\xc2\xa02", b"1 2", false),
        ("", b"Yes", b"yES", true),
        ("", b"\xc3\x84", b"\xc3\xa4", false),
        ("case_sensitive", b"Yes", b"yes", false),
        ("", b"1 2", b"1", false),
        ("", b"1", b"1 2", false),
        ("", b"1", b"", false),
        ("", b"", b"x", false),
        ("", b"a", b"a\0a", false),
        ("", b"a\0a", b"a\0b", false),
        ("", b"1.0", b"1", false),
        ("", b"12", b"1 2", false),
        ("space_change_sensitive", b"1 2\n", b"1 2\n", true),
        ("space_change_sensitive", b"1 2\n", b"1  2\n", false),
        ("space_change_sensitive", b"1 2\n", b"1 2", false),
        ("space_change_sensitive", b"1 2", b"1 2\n", false),
        ("space_change_sensitive", b"1 2", b" 1 2", false),
        ("space_change_sensitive", b"1 2", b"1\t2", false),
        ("space_change_sensitive", b"A b", b"a B", true),
        ("space_change_sensitive case_sensitive", b"A b", b"a B", false),
        ("float_tolerance 0.1", b"1.0", b"1.1", true),
        ("float_absolute_tolerance 0.1", b"1.0", b"1.1", true),
        ("float_absolute_tolerance 0.1", b"1.0", b"1.10000000000000000000001", false),
        ("float_relative_tolerance 1e-6", b"1000000", b"1000001", true),
        ("float_relative_tolerance 1e-6", b"1000000", b"1000001.0000000001", false),
        ("float_relative_tolerance 1e-6", b"0", b"1e-300", false),
        ("float_relative_tolerance 1e-6", b"0", b"-0.0", true),
        ("float_absolute_tolerance 1e-6", b"0", b"1e-300", true),
        ("float_relative_tolerance 1e-6 float_absolute_tolerance 5", b"100", b"95", true),
        ("float_tolerance 0", b"0", b"1e-20000", false),
        ("float_tolerance 0", b"1e2", b"100.000", true),
        ("float_tolerance 1e-6", b"1e400", b"1e400", true),
        ("float_tolerance 1e-6", b"1e400", b"10e399", true),
        ("float_tolerance 1e-6", b"1e400", b"1.1e400", false),
        ("float_tolerance 1e-6", b"1e400", b"1e-400", false),
        ("float_tolerance 1e-6", b"1", b"0x1", false),
        ("float_tolerance 1e-6", b"0", b"0e-", false),
        ("float_tolerance 1e-6", b"100", b"100e", false),
        ("float_tolerance 1e-6", b"inf", b"infinity", false),
        ("float_tolerance 1e-6", b"nan", b"-nan", false),
        ("float_tolerance 1e-6", b"nan", b"NaN", true),
        ("float_tolerance 1e-6", b"1", b"one", false),
        ("float_tolerance 1e-6", b"one", b"1", false),
        ("float_tolerance 1e-6", b"0x10", b"0X10", true),
        ("float_tolerance 1e-6", b"1", b"+1.", true),
        ("float_tolerance 1e-6", b".5", b"5e-1", true),
        ("float_tolerance 1e-40", b"123456789012345678901234567890", b"123456789012345678901234567890.0", true),
        ("float_tolerance 1e-40", b"123456789012345678901234567890", b"123456789012345678901234567891", true),
        ("float_tolerance 0", b"100", b"100.00000000000000000000000000000000000000000001", true),
        ("float_tolerance 0", b"100", b"100.00000000000002", false),
        ("float_tolerance 0", b"1e-310", b"1.00000000000000000000001e-310", false),
        ("float_absolute_tolerance 1", b"123456789012345678901234567890", b"123456789012345678901234567891", true),
        ("float_tolerance 1e-6", b"3.14", b"3.14\0", false),
        // Doubles alone would say 4, and more than the bound: whole numbers beyond 2^53, and a product that is rounded.
        ("float_absolute_tolerance 3", b"9007199254740993", b"9007199254740995", true),
        ("float_relative_tolerance 65.8", b"3", b"200.4", true),
    ];
    for (line, answer, output, accepted) in rows {
        let got = compare(answer, output, &flags(line));
        assert_eq!(got.accepted, *accepted, "{line}: {answer:?} {output:?}: {got:?}");
        assert_eq!(got.difference.is_none(), *accepted);
    }
}

#[test]
fn doubles_decide_what_is_not_close_to_the_bound_and_nothing_else() {
    #[rustfmt::skip]
    let rows: &[(&str, f64, f64, Clear)] = &[
        ("float_absolute_tolerance 0.1", 1.0, 1.05, Clear::Near),
        ("float_absolute_tolerance 0.1", 1.0, 0.95, Clear::Near),
        ("float_absolute_tolerance 0.1", 1.0, 1.1, Clear::Unsure),
        ("float_absolute_tolerance 0.1", 1.0, 1.2, Clear::Far),
        ("float_absolute_tolerance 0.1", -1.0, 1.0, Clear::Far),
        ("float_relative_tolerance 1e-6", 1e9, 1e9 + 500.0, Clear::Near),
        ("float_relative_tolerance 1e-6", 1e9, 1e9 + 1500.0, Clear::Far),
        ("float_relative_tolerance 1e-6", -1e9, -1e9 - 500.0, Clear::Near),
        ("float_relative_tolerance 0.2", 1e300, 1.1e300, Clear::Near),
        ("float_tolerance 1e-6", 1e-9, 1e-7, Clear::Near),
        ("float_relative_tolerance 1e-6 float_absolute_tolerance 1", 1e9, 1e9 + 500.0, Clear::Near),
        ("float_relative_tolerance 1e-6 float_absolute_tolerance 1", 1e9, 1e9 + 1500.0, Clear::Far),
        // What is equal to the bit is near, but for doubles that stand for many numbers.
        ("float_tolerance 0", 1.0, 1.0, Clear::Near),
        ("float_tolerance 0", 0.0, 0.0, Clear::Unsure),
        ("float_tolerance 0", 1e-310, 1e-310, Clear::Unsure),
        ("float_tolerance 0", f64::INFINITY, f64::INFINITY, Clear::Unsure),
        ("float_tolerance 1", -1.7e308, 1.7e308, Clear::Unsure),
    ];
    for (line, answer, output, want) in rows {
        assert_eq!(by_doubles(*answer, *output, &flags(line)), *want, "{line}: {answer:e} {output:e}");
    }
}

#[test]
fn the_reason_names_line_column_and_both_sides() {
    assert_eq!(
        reason("1\n2\na b 12\n", "1\n2\na b 13\n", ""),
        r#"line 3, column 5: expected "12", got "13""#
    );
    assert_eq!(reason("1\n2\n3\n", "1\n2\n", ""), r#"line 3, column 1: expected "3", got end of output"#);
    assert_eq!(reason("1\n", "1\n\n2", ""), r#"line 3, column 1: expected end of output, got "2""#);
    let spaces = reason("a b\n", "a  b\n", "space_change_sensitive");
    assert_eq!(spaces, r#"line 1, column 3: expected white space "", got " ""#);
    let number = reason("1.5", "1.6", "float_tolerance 1e-3");
    assert_eq!(number, r#"line 1, column 1: expected "1.5", got "1.6" (not within the tolerance)"#);
}

#[test]
fn hostile_output_is_quoted_short_and_printable() {
    let mut output = b"\x1b[2J\0\xff".to_vec();
    output.resize(1 << 20, b'x');
    let text = compare(b"1", &output, &Flags::default()).difference.unwrap().to_string();
    assert!(text.len() < 200 && text.chars().all(|c| !c.is_control()), "{text}");
}

#[test]
fn tokens_and_white_space_longer_than_the_window_are_compared_to_their_end() {
    let long = |c: &str, n: usize, end: &str| format!("1 {}{end} 2\n", c.repeat(n)).into_bytes();
    for n in [15, 16, 17, 31, 32, 33, 100] {
        let answer = long("a", n, "");
        for (output, line, accepted) in [
            (long("a", n, ""), "case_sensitive", true),
            (long("A", n, ""), "", true),
            (long("A", n, ""), "case_sensitive", false),
            (long("a", n, "b"), "", false),
            (long("a", n - 1, ""), "", false),
            (long("a", n - 1, "b"), "", false),
        ] {
            let got = compare_in_windows(&answer, &output, &flags(line), 16);
            assert_eq!(got.accepted, accepted, "{n} {line}: {got:?}");
        }
        let (spaced, wider) = (long(" ", n, ""), long(" ", n + 1, ""));
        let sensitive = flags("space_change_sensitive");
        assert!(compare_in_windows(&spaced, &wider, &flags(""), 16).accepted);
        assert!(compare_in_windows(&spaced, &spaced, &sensitive, 16).accepted);
        assert!(!compare_in_windows(&spaced, &wider, &sensitive, 16).accepted, "{n}");
        assert!(!compare_in_windows(&wider, &spaced, &sensitive, 16).accepted, "{n}");
        let blank = vec![b' '; n];
        assert!(!compare_in_windows(&blank, &blank[1..], &sensitive, 16).accepted, "{n}");
        assert!(compare_in_windows(&blank, b"", &flags(""), 16).accepted);
    }
}

#[test]
fn a_token_longer_than_the_window_is_told_from_its_start_and_as_a_part() {
    let long = "3".repeat(40);
    for (answer, output, told) in [
        (
            "1 3",
            format!("1 {long}"),
            "line 1, column 3: expected \"3\", got \"3333333333333333\" (16 bytes or more)",
        ),
        (
            &format!("1 {long}"),
            "1 3".to_owned(),
            "line 1, column 3: expected \"3333333333333333\" (16 bytes or more), got \"3\"",
        ),
        (
            &format!("1 {long}"),
            "1".to_owned(),
            "line 1, column 2: expected \"3333333333333333\" (16 bytes or more), got end of output",
        ),
        (&long, format!("{long}3"), "line 1, column 33: expected \"33333333\", got \"333333333\""),
    ] {
        let got = compare_in_windows(answer.as_bytes(), output.as_bytes(), &flags(""), 16);
        assert_eq!(got.difference.unwrap().to_string(), told);
    }
}

#[test]
fn positions_beyond_the_common_start_are_those_of_the_whole_output() {
    let mut answer = b"12345678\n".repeat(5000);
    let mut output = answer.clone();
    answer.extend_from_slice(b"x y\n");
    output.extend_from_slice(b"x z\n");
    let got = compare(&answer, &output, &Flags::default()).difference.unwrap();
    assert_eq!((got.line, got.column, got.answer_line), (5001, 3, 5001));
}

fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{1,2}",
        "[AB]{1,2}",
        "[0-3]{1,2}",
        "-?[0-2]{1,2}\\.[0-9]{1,3}",
        Just(".".to_owned()),
        Just("1.".to_owned()),
        Just("\0".to_owned()),
    ]
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(" ".to_owned()), 2 => Just("\n".to_owned()), 1 => "[ \t\r\n\x0b\x0c]{1,3}"]
}

fn text() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((token(), space()), 0..12)
}

fn joined(parts: &[(String, String)], lead: bool) -> Vec<u8> {
    let body: String = parts.iter().flat_map(|(t, s)| [t.as_str(), s.as_str()]).collect();
    if lead { format!(" {body}").into_bytes() } else { body.into_bytes() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn agrees_with_the_reference(
        base in text(),
        edits in prop::collection::vec((0usize..12, token(), space()), 0..4),
        cut in 0usize..8,
        lead in prop::bool::weighted(0.1),
        case_sensitive: bool,
        space_change_sensitive in prop::bool::weighted(0.3),
        eps in prop::option::of((0i128..300_000, 0i128..300_000)),
    ) {
        let mut other = base.clone();
        for (i, t, s) in edits {
            if let Some(slot) = other.get_mut(i) {
                *slot = (t, s);
            }
        }
        if cut == 0 {
            other.pop();
        }
        let eps = eps.map(|(absolute, relative)| (format!("{absolute}e-6"), format!("{relative}e-6")));
        let (absolute, relative) = eps.as_ref().map(|(a, r)| (a.as_str(), r.as_str())).unzip();
        let rules = Rules { case_sensitive, space_change_sensitive, absolute, relative };
        let words = rules.words();
        let flags = Flags::parse(&words).unwrap();
        let (answer, output) = (joined(&base, false), joined(&other, lead));
        let got = compare(&answer, &output, &flags);
        let want = reference::accepts(&answer, &output, &rules).unwrap();
        prop_assert_eq!(got.accepted, want, "{:?} {:?} {:?}", answer, output, words);
        // Windows that hold two tokens or three, so that every boundary is met somewhere.
        for window in [16, 23] {
            let small = compare_in_windows(&answer, &output, &flags, window);
            prop_assert_eq!(small.accepted, want, "window {}: {:?} {:?} {:?}", window, answer, output, words);
            let place = |c: &Comparison| c.difference.as_ref().map(|d| (d.kind, d.line, d.column, d.answer_line));
            prop_assert_eq!(place(&small), place(&got), "window {}: {:?} {:?} {:?}", window, answer, output, words);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_equal_bytes_are_accepted(
        answer in prop::collection::vec(any::<u8>(), 0..80),
        output in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        for line in ["", "space_change_sensitive", "float_tolerance 1e-6"] {
            let flags = flags(line);
            prop_assert!(compare(&answer, &answer, &flags).accepted);
            let got = compare(&answer, &output, &flags);
            prop_assert_eq!(got.accepted, got.difference.is_none());
        }
    }
}
