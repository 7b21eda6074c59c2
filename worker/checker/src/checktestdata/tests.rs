//! What specifications accept and refuse, construct by construct, and that nothing makes a check run away.

use std::io::Cursor;

use proptest::prelude::*;

use super::run::Bounds;
use super::*;

/// `ok`, `input L:C` where the input is refused, `specification L:C` where the specification is.
fn outcome(specification: &str, input: &str) -> String {
    let parsed = match Specification::parse(specification.as_bytes()) {
        Ok(parsed) => parsed,
        Err(malformed) => return format!("malformed {malformed}"),
    };
    match parsed.check(input.as_bytes()) {
        Ok(()) => "ok".to_owned(),
        Err(Refusal::Input { input, message, .. }) => format!("input {input} {message}"),
        Err(Refusal::Specification { at, message, .. }) => format!("specification {at} {message}"),
        Err(Refusal::Read(error)) => error.to_string(),
    }
}

/// A specification, inputs it accepts, and inputs it refuses with the place where it does.
type Row<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)]);

fn table(rows: &[Row<'_>]) {
    for (specification, accepted, refused) in rows {
        for input in *accepted {
            assert_eq!(outcome(specification, input), "ok", "{specification} on {input:?}");
        }
        for (input, place) in *refused {
            let got = outcome(specification, input);
            assert!(got.starts_with(&format!("input {place} ")), "{specification} on {input:?}: {got}");
        }
    }
}

#[test]
fn white_space_strings_and_the_end_are_matched_byte_by_byte() {
    table(&[
        ("", &[""], &[("x", "1:1"), ("\n", "1:1")]),
        ("SPACE NEWLINE", &[" \n"], &[("  \n", "1:2"), ("\t\n", "1:1"), (" ", "1:2"), (" \r\n", "1:2")]),
        ("NEWLINE EOF", &["\n"], &[("\n\n", "2:1")]),
        (r#"STRING("a\n\"b\101\\") EOF"#, &["a\n\"bA\\"], &[("a\n\"bB\\", "2:3"), ("a", "1:2")]),
        ("STRING(\"a\\\nb\\x\")", &["ab\\x"], &[("a\nb\\x", "1:2")]),
        // Comments end with their line, wherever they begin.
        ("# INT(\nNEWLINE # and on\nSPACE", &["\n "], &[("\n", "2:1")]),
    ]);
}

#[test]
fn integers_are_strict_and_of_any_size() {
    table(&[
        ("INT(-5,17)", &["0", "-5", "17", "9"], &[("18", "1:1"), ("-6", "1:1"), ("", "1:1"), ("x", "1:1")]),
        ("INT(-5,17)", &[], &[("-0", "1:1"), ("007", "1:1"), ("00", "1:1"), ("-", "1:1"), ("+1", "1:1")]),
        ("INT(-5,17)", &[], &[("-05", "1:1"), ("1.0", "1:2"), ("1 ", "1:2"), ("1e1", "1:2")]),
        (
            "INT(1,10^30,n) ASSERT(n == 2^90 || n < 10)",
            &["1237940039285380274899124224", "7"],
            &[("10", "1:3"), ("1000000000000000000000000000001", "1:1"), ("9999999999999999999", "1:20")],
        ),
        ("INT(0,9223372036854775807+1)", &["9223372036854775808"], &[("9223372036854775809", "1:1")]),
    ]);
    let huge = "9".repeat(30_000);
    assert!(outcome("INT(0,10^18)", &huge).starts_with("input 1:1 an integer of so many digits"));
}

#[test]
fn floats_have_the_notation_and_the_places_that_are_asked_for() {
    table(&[
        ("FLOAT(0,1)", &["0", "1", "0.5", "1e0", "10E-1", "00.5", "1e-400", "-0"], &[("1.1", "1:1")]),
        ("FLOAT(0,1)", &[], &[(".5", "1:1"), ("1.", "1:2"), ("-0.1", "1:1"), ("nan", "1:1"), ("1e", "1:2")]),
        ("FLOAT(0,1e100,x,FIXED)", &["0.5", "100"], &[("1e2", "1:2"), ("x", "1:1")]),
        ("FLOAT(0,1e100,x,SCIENTIFIC)", &["1e2", "0.5E+7"], &[("100", "1:1"), ("0.5", "1:1")]),
        // Exactly on the edge, where a double would not tell.
        ("FLOAT(0,0.1)", &["0.1", "0.10000000000000000000"], &[("0.10000000000000000000000001", "1:1")]),
        ("FLOAT(-1,1,x) ASSERT(x*3 == 1 - 0.1)", &["0.3"], &[("0.30000000000000001", "1:20")]),
        (
            "FLOATP(0,10,1,3)",
            &["0.5", "1.234", "1.50e0"],
            &[("1", "1:1"), ("1.2345", "1:1"), ("11.0", "1:1")],
        ),
        (
            "FLOATP(0,10,0,2,x,FIXED) SPACE INT(0,1)",
            &["1 0", "1.25 1"],
            &[("1.255 0", "1:1"), ("1e0 0", "1:2")],
        ),
    ]);
}

#[test]
fn regular_expressions_match_and_are_kept() {
    table(&[
        (
            r#"REGEX("[a-z]{1,3}", s) NEWLINE ASSERT(STRLEN(s) > 1)"#,
            &["ab\n"],
            &[("a\n", "2:1"), ("abcd\n", "1:4")],
        ),
        (
            r#"REGEX("[0-9]+( [0-9]+)*\n") INT(0,9)"#,
            &["1 22 3\n4"],
            &[("1  2\n4", "1:1"), ("1 2\n44", "2:1")],
        ),
        (r#"SET(r = "a|b") REP(2) REGEX(r) END"#, &["ab"], &[("ac", "1:2")]),
        (r#"REGEX("[^\n]*", line) NEWLINE STRING(line)"#, &["x y\nx y"], &[("x y\nx z", "2:3")]),
        ("REGEX(\"\u{e9}\") REGEX(\"[^a]\")", &["\u{e9}b"], &[("\u{e9}a", "1:3")]),
    ]);
}

#[test]
fn expressions_have_the_usual_precedence() {
    for (test, holds) in [
        ("1 + 2 * 3 == 7", true),
        ("(1 + 2) * 3 == 9", true),
        ("-2^2 == -4", true),
        ("2^3^2 == 64", true),
        ("2*-3 == -6", true),
        ("10 - 3 - 2 == 5", true),
        ("-7 / 2 == -3 && -7 % 2 == -1", true),
        ("7 / 2 == 3 && 7 / 2.0 == 3.5", true),
        ("1/3.0*3 < 1 && 1/3.0*3 > 0.9999999", true),
        ("2.5^3 == 15.625 && 0.1 + 0.2 == 0.3", true),
        ("1e30 + 1e-30 > 1e30 && 1e300 + 1e-300 == 1e300", true),
        ("1 - 0.5 == 0.5 && 0.5 - 1 == -0.5 && 0 * -0.5 == 0", true),
        (
            "2/3.0 == 0.6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666667",
            true,
        ),
        ("1 < 2 || 1 == 2 && 1 == 3", true),
        ("!1 == 2 && 1 == 1", true),
        ("!(1 == 1)", false),
        ("\"abc\" < \"abd\" && \"b\" >= \"abc\" && \"a\" != \"b\"", true),
        ("10^20 > 10^19 && -10^20 < 5 && 5 < 10^20 && 5 > -10^20", true),
        ("10^20 / 10^18 == 100 && 10^20 % 7 == 2 && 10^20 - 10^20 == 0", true),
        ("0 - 9223372036854775807 - 1 == -9223372036854775808", true),
        ("STRLEN(\"ab\\n\") == 3", true),
        ("(1 == 1) == (2 == 2)", true),
        ("1/2. == 0.5 && (-9223372036854775808*-1)*-1 == -9223372036854775808", true),
    ] {
        let got = outcome(&format!("ASSERT({test})"), "");
        assert_eq!(got == "ok", holds, "{test}: {got}");
        assert!(!got.starts_with("malformed") && !got.starts_with("specification"), "{test}: {got}");
    }
}

#[test]
fn blocks_repeat_and_branch() {
    table(&[
        (
            "INT(0,9,n) NEWLINE REP(n, SPACE) INT(0,9) END NEWLINE",
            &["3\n1 2 3\n", "0\n\n"],
            &[("2\n1\n", "2:2")],
        ),
        ("REPI(i, 3, NEWLINE) INT(i,i) END ASSERT(i == 3)", &["0\n1\n2"], &[("0\n2\n1", "2:1")]),
        ("WHILE(!ISEOF) INT(1,9) NEWLINE END", &["1\n2\n", ""], &[("1\n2", "2:2")]),
        (
            "WHILEI(i, MATCH(\"0123456789\"), SPACE) INT(0,9,a[i]) END ASSERT(i == 3)",
            // The condition is asked before the separator is read.
            &[],
            &[("1 2 3", "1:2")],
        ),
        (
            "WHILEI(i, i < 2, SPACE) INT(0,9,a[i]) END ASSERT(a[0] < a[1] && i == 2)",
            &["1 2"],
            &[("2 1", "1:4")],
        ),
        (
            "INT(0,1,k) NEWLINE IF(k == 0) STRING(\"zero\") ELSE STRING(\"one\") END NEWLINE",
            &["0\nzero\n", "1\none\n"],
            &[("0\none\n", "2:1"), ("1\nzero\n", "2:1")],
        ),
        (
            "IF(ISEOF) ELSE IF(MATCH(\"a\")) STRING(\"ab\") END END",
            &["", "ab"],
            &[("ac", "1:2"), ("b", "1:1")],
        ),
        ("REP(2, STRING(\", \")) INT(0,9) END", &["1, 2"], &[("1 ,2", "1:2")]),
        ("REP(2, IF(ISEOF) SPACE ELSE NEWLINE END) INT(0,9) END", &["1\n2"], &[("1 2", "1:2")]),
    ]);
}

#[test]
fn arrays_are_unique_searched_and_unset() {
    let points =
        "INT(0,9,n) NEWLINE REPI(i,n) INT(0,9,x[i]) SPACE INT(0,9,y[i]) NEWLINE END ASSERT(UNIQUE(x,y))";
    table(&[
        ("REPI(i,3,SPACE) INT(0,9,a[i]) END ASSERT(UNIQUE(a))", &["1 2 3"], &[("1 2 1", "1:6")]),
        (points, &["2\n1 2\n2 1\n", "0\n"], &[("2\n1 2\n1 2\n", "4:1")]),
        ("SET(a[0] = 1, b[1] = 1) ASSERT(UNIQUE(a,b))", &[], &[("", "1:1")]),
        ("SET(a[0] = 1, b[0] = 1, b[1] = 1) ASSERT(UNIQUE(a,b))", &[], &[("", "1:1")]),
        ("SET(a[0] = 1, a[1] = 1.0) ASSERT(!UNIQUE(a))", &[""], &[]),
        (
            "REPI(i,3,SPACE) INT(0,9,a[i]) END SPACE INT(0,9,v) ASSERT(INARRAY(v,a))",
            &["1 2 3 2"],
            &[("1 2 3 4", "1:8")],
        ),
        (
            "REP(2) REPI(i,2,SPACE) INT(0,9,a[i]) END ASSERT(UNIQUE(a)) UNSET(a,i) NEWLINE END",
            &["1 2\n2 1\n"],
            &[("1 2\n1 1\n", "2:4")],
        ),
        ("SET(m[1,2] = 3, m[2,1] = 4) INT(m[1,2],m[2,1])", &["3", "4"], &[("5", "1:1")]),
        ("INT(0,9,n) REPI(i,n) INT(0,9,a[i]) END ASSERT(UNIQUE(a))", &["0"], &[]),
    ]);
}

#[test]
fn what_is_not_of_the_language_is_told_with_its_place() {
    let deep = format!("ASSERT({}1{} == 1)", "(".repeat(70), ")".repeat(70));
    let long = format!("ASSERT(1{} == 1)", "+1".repeat(300));
    let blocks = format!("{}{}", "IF(ISEOF) ".repeat(70), "END ".repeat(70));
    for (specification, want) in [
        ("NEWLINE\n  BOGUS", "2:3: a command is needed here, not \"BOGUS\""),
        ("INT(1)", "1:6: `,` is needed here, not `)`"),
        ("INT(1,2", "1:8: `)` is needed here, not the end"),
        ("INT(1,2,3)", "1:9: a variable is needed here"),
        ("FLOAT(1,2,x,LOOSE)", "1:13: FIXED or SCIENTIFIC"),
        ("REP(3) INT(1,2)", "1:16: a command or END"),
        ("END", "1:1: a command is needed here"),
        ("IF(ISEOF) ELSE ELSE END", "1:16: a command or END"),
        ("STRING(\"abc)", "1:8: this string has no end"),
        ("STRING(\"\\400\")", "1:9: \\400 is no byte"),
        ("INT(01,2)", "1:5: an integer has no leading zeros"),
        ("INT(0,1.5e)", "1:7: this is no number"),
        ("INT(0,m)", "1:7: `m` is used here and given a value nowhere"),
        ("SET(a = b) SET(b = c)", "1:20: `c` is used"),
        ("ASSERT(1 < 2 < 3)", "1:14: `)` is needed"),
        ("ASSERT(BOGUS(1))", "1:8: a value or a test is needed"),
        ("INT(0,\u{a7})", "1:7: \"\\xc2\" is not of the language"),
        (&deep, "nested deeper than 64"),
        (&long, "deeper than 256 operators"),
        (&blocks, "nested deeper than 64"),
    ] {
        let got = outcome(specification, "");
        assert!(got.starts_with("malformed") && got.contains(want), "{specification}: {got}");
    }
}

#[test]
fn a_fault_of_the_specification_is_no_word_on_the_input() {
    for (specification, want) in [
        ("IF(1 == 2) SET(a = 1) END INT(0,a)", "1:33 `a` has no value"),
        ("SET(a[0] = 1) INT(0,a[1])", "1:21 `a[1]` has no value"),
        ("ASSERT(1)", "1:8 a test is needed"),
        ("SET(a = 1 == 2)", "1:1 a variable holds"),
        ("INT(0,1.5)", "1:7 an integer is needed"),
        ("STRING(5)", "1:8 a string is needed"),
        ("ASSERT(\"a\" + 1 == 2)", "1:12 a number is needed"),
        ("ASSERT(\"a\" < 1)", "1:12 a string cannot be compared with an integer"),
        ("FLOATP(0,1,3,2)", "1:12 3 is more than 2"),
        ("ASSERT(1 / 0 == 1)", "1:10 a division by zero"),
        ("ASSERT(1 % 0 == 1)", "1:10 a division by zero"),
        ("ASSERT(1 / 0.0 == 1)", "1:10 a division by zero"),
        ("ASSERT(1.5 % 2 == 1)", "1:12 `%` is of integers"),
        ("ASSERT(2 ^ -1 == 1)", "1:10 an exponent is not negative"),
        ("ASSERT(2 ^ 1.5 == 1)", "1:10 an integer is needed"),
        ("ASSERT(10 ^ 100000 > 1)", "1:11 a number with more than"),
        ("ASSERT(10 ^ (10 ^ 30) > 1)", "a number with more than"),
        ("REP(-1) END", "1:5 a count is from 0"),
        ("REP(2^40) END", "1:6 a count is from 0"),
        ("REGEX(\"(\")", "1:1 this is no regular expression"),
        ("WHILE(1 == 1) END", "more steps than"),
        ("REPI(i, 4294967295) SET(a[i] = i) END", "its variables take more than 1 MiB"),
        ("SET(s = 2) REP(60) SET(s = s * s) END", "more steps than"),
    ] {
        let parsed = Specification::parse(specification.as_bytes()).unwrap();
        let got = parsed.check_within(&b""[..], &SMALL).unwrap_err();
        assert!(matches!(got, Refusal::Specification { .. }), "{specification}: {got}");
        assert!(got.to_string().replace(": ", " ").contains(want), "{specification}: {got}");
    }
}

/// Bounds that a test reaches at once.
const SMALL: Bounds = Bounds { steps: 1_000_000, memory: 1 << 20 };

#[test]
fn an_expression_with_very_many_states_meets_the_bound() {
    let parsed = Specification::parse(br#"REGEX("(.*a.{18}b)+c")"#).unwrap();
    let mut bits = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if bits >> 31 == 0 { b'a' } else { b'b' }
    })
    .take(1 << 20)
    .collect();
    let got = parsed.check_within(&noise[..], &Bounds { steps: 8_000_000, ..SMALL }).unwrap_err();
    assert!(matches!(&got, Refusal::Specification { message, .. } if message.contains("steps")), "{got}");
}

#[test]
fn an_input_is_read_in_pieces_and_its_faults_are_told() {
    /// Gives its bytes one at a time.
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(into.len()).min(1);
            into[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }
    let parsed = Specification::parse(b"INT(0,99,n) NEWLINE REGEX(\"[a-z]+\") SPACE FLOAT(0,1)").unwrap();
    parsed.check(Slow(b"42\nabc 0.25")).unwrap();
    let told = parsed.check(Slow(b"42\nabc 1.25")).unwrap_err().to_string();
    assert_eq!(
        told,
        "line 2, column 5: 125e-2 is out of range; a number from 0 to 1 is asked for (specification 1:43)"
    );
    let broken = Slow(b"4").chain(Broken);
    assert!(matches!(parsed.check(broken), Err(Refusal::Read(_))));

    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    // More than one chunk, and nothing of it is kept.
    let long = "1\n".repeat(200_000);
    Specification::parse(b"WHILE(!ISEOF) INT(1,1) NEWLINE END").unwrap().check(Cursor::new(&long)).unwrap();
}

/// Words of the language and of nothing, in any order.
fn any_text() -> impl Strategy<Value = String> {
    const WORDS: [&str; 56] = [
        "SPACE",
        "NEWLINE",
        "EOF",
        "INT(",
        "FLOAT(",
        "FLOATP(",
        "STRING(",
        "REGEX(",
        "ASSERT(",
        "SET(",
        "UNSET(",
        "REP(",
        "REPI(",
        "WHILE(",
        "WHILEI(",
        "IF(",
        "ELSE",
        "END",
        "ISEOF",
        "MATCH(",
        "UNIQUE(",
        "INARRAY(",
        "STRLEN(",
        "FIXED",
        "SCIENTIFIC",
        ",",
        ")",
        "(",
        "[",
        "]",
        "a",
        "b[",
        "i",
        "0",
        "1",
        "-3",
        "10^18",
        "1e9",
        "2.5",
        "\"a\"",
        "\"[ab]*\"",
        "\"(a|b){2,9}\"",
        "\"\\n\"",
        "==",
        "<",
        "&&",
        "||",
        "!",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "=",
        "#",
    ];
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..40).prop_map(|words| words.join(" "))
}

/// A specification that is understood, of commands that go on whatever comes.
fn any_sound() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("0".to_owned()),
        Just("a".to_owned()),
        Just("b[a]".to_owned()),
        Just("10^9".to_owned()),
        Just("a*a-7".to_owned()),
        Just("2^a".to_owned()),
        Just("1.5/a".to_owned()),
        Just("\"ab\"".to_owned()),
    ];
    let pair = (value.clone(), value);
    let leaf = (0..12usize, pair).prop_map(|(kind, (x, y))| match kind {
        0 => "SPACE".to_owned(),
        1 => "NEWLINE".to_owned(),
        2 => format!("INT({x},{y},a)"),
        3 => format!("FLOAT({x},{y},b[a])"),
        4 => format!("FLOATP({x},{y},0,a,a,FIXED)"),
        5 => format!("REGEX({x},a)"),
        6 => format!("STRING({y})"),
        7 => format!("SET(a={x},b[a]={y})"),
        8 => "UNSET(b)".to_owned(),
        9 => format!("ASSERT({x}<={y}||UNIQUE(a,b)||INARRAY({x},b))"),
        10 => format!("ASSERT(MATCH({y})&&STRLEN({x})>0)"),
        _ => format!("SET(b[{x},{y}]=a+{y})"),
    });
    leaf.prop_recursive(4, 40, 6, |inner| {
        let block = proptest::collection::vec(inner, 0..6).prop_map(|all| all.join(" "));
        prop_oneof![
            block.clone().prop_map(|body| format!("REPI(a,1000000) {body} END")),
            block.clone().prop_map(|body| format!("WHILEI(b[0],!ISEOF||a<5,SPACE) {body} END")),
            block.clone().prop_map(|body| format!("IF(MATCH(\"1 \")) {body} ELSE SET(a=1) END")),
            block.prop_map(|body| format!("SET(a=3) {body}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_pair_of_texts_panics_or_runs_past_its_bounds(
        specification in prop_oneof![any_text(), any_sound().prop_map(|s| format!("SET(a=1,b[1]=2) {s}"))],
        input in "[0-9ab .e\n-]{0,60}",
    ) {
        if let Ok(parsed) = Specification::parse(specification.as_bytes()) {
            // That it comes back is the claim.
            let _ = parsed.check_within(input.as_bytes(), &Bounds { steps: 100_000, memory: 1 << 16 });
        }
    }

    #[test]
    fn any_bytes_are_understood_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Specification::parse(&text);
    }
}
