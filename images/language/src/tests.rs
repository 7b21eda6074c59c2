use super::*;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

const MINIMAL: &str = r#"
name = "X"
version = ["/usr/bin/x", "--version"]
extensions = ["x"]
package_codes = ["x"]
[run]
argv = ["/usr/bin/x", "{entry}"]
[image]
suite = "bookworm"
packages = ["x"]
"#;

fn complaint(text: &str) -> String {
    let error = parse("x", "images/languages/x/language.toml", text).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

#[test]
fn every_embedded_language_parses_and_has_its_programs() {
    let languages = read_all().unwrap_or_else(|error| panic!("{error:?}"));
    assert!(languages.len() >= 2);
    for language in &languages {
        assert!(!language.hello().1.is_empty(), "{} has no hello program", language.id);
        let verdicts: Vec<String> = language.self_tests().into_iter().map(|test| test.verdict).collect();
        for verdict in ["accepted", "wrong_answer", "time_limit_exceeded", "run_time_error"] {
            assert!(verdicts.iter().any(|v| v == verdict), "{}: no {verdict} self-test", language.id);
        }
    }
}

#[test]
fn no_two_languages_share_a_package_code() {
    let mut seen = std::collections::BTreeSet::new();
    for language in all() {
        for code in &language.package_codes {
            assert!(seen.insert(code), "{code} is taken twice");
            assert_eq!(by_package_code(code).map(|l| &l.id), Some(&language.id));
        }
    }
}

#[test]
fn a_language_is_found_by_id_extension_and_file_name() {
    assert_eq!(by_id("cpp").unwrap().id, "cpp");
    assert!(by_id("CPP").is_none() && by_id("").is_none());
    assert_eq!(by_extension("py")[0].id, "python3");
    assert_eq!(by_extension(".CC")[0].id, "cpp");
    assert_eq!(by_file_name("dir.py/sol.cpp")[0].id, "cpp");
    assert!(by_file_name("dir.py/sol").is_empty() && by_file_name(".py").is_empty());
}

#[test]
fn headers_are_not_passed_to_the_compiler() {
    let cpp = by_id("cpp").unwrap();
    let argv = cpp.compile_argv(&names(&["a.cpp", "lib.h", "lib.cc", "data.txt"])).unwrap();
    assert_eq!(argv[argv.len() - 2..], names(&["a.cpp", "lib.cc"]));
    assert_eq!(argv[argv.len() - 4..argv.len() - 2], names(&["-o", "a.out"]));
    assert_eq!(cpp.run_argv(&names(&["a.cpp"]), &names(&["7"])), names(&["./a.out", "7"]));
}

#[test]
fn a_file_of_unknown_extension_is_a_source_when_it_is_all_there_is() {
    let cpp = by_id("cpp").unwrap();
    assert_eq!(cpp.compile_argv(&names(&["solution"])).unwrap().last().unwrap(), "solution");
}

#[test]
fn a_file_name_never_becomes_an_option() {
    let cpp = by_id("cpp").unwrap();
    let argv = cpp.compile_argv(&names(&["-o.cpp", "@args.cpp"])).unwrap();
    assert_eq!(argv[argv.len() - 2..], names(&["./-o.cpp", "./@args.cpp"]));
    let python = by_id("python3").unwrap();
    assert_eq!(python.run_argv(&names(&["-c.py"]), &[])[1], "./-c.py");
}

#[test]
fn the_entry_file_is_the_only_one_or_the_named_one() {
    let python = by_id("python3").unwrap();
    let entry = |list: &[&str]| python.entry_of(&names(list));
    assert_eq!(entry(&["a.py"]).unwrap(), "a.py");
    assert_eq!(entry(&["a.py", "__main__.py"]).unwrap(), "__main__.py");
    assert_eq!(entry(&["sol.py", "lib/a.py", "lib/b.py"]).unwrap(), "sol.py");
    assert_eq!(
        entry(&["a.py", "b.py"]),
        Err(EntryError::Ambiguous { count: 2, wanted: "__main__.py".to_owned() })
    );
    assert_eq!(entry(&[]), Err(EntryError::NoSource { extension: "py".to_owned() }));
    assert_eq!(by_id("cpp").unwrap().entry_of(&names(&["b.cpp", "a.cpp"])).unwrap(), "b.cpp");
}

#[test]
fn an_unknown_key_is_named_with_its_file() {
    let text = complaint(&MINIMAL.replace("[run]", "memry = 1\n[run]"));
    assert!(text.contains("images/languages/x/language.toml") && text.contains("memry"), "{text}");
    assert!(complaint(&MINIMAL.replace("argv", "args")).contains("args"));
    assert!(complaint(&MINIMAL.replace("name = \"X\"", "")).contains("name"));
}

#[test]
fn values_that_cannot_be_right_are_refused_with_their_key() {
    let cases = [
        ("extensions = [\"x\"]", "extensions = [\".x\"]", "extensions"),
        ("package_codes = [\"x\"]", "package_codes = []", "package_codes"),
        ("[\"/usr/bin/x\", \"{entry}\"]", "[\"x\"]", "run.argv"),
        ("[\"/usr/bin/x\", \"{entry}\"]", "[\"/usr/bin/x\", \"{output}\"]", "run.argv"),
        ("[\"/usr/bin/x\", \"{entry}\"]", "[\"/usr/bin/x\", \"-f{sources}\"]", "run.argv"),
        ("[run]", "memory_overhead = \"12\"\n[run]", "memory_overhead"),
        ("[run]", "seccomp = { profile = \"open\", why = \"w\" }\n[run]", "seccomp.profile"),
        ("[run]", "seccomp = { profile = \"loopback\" }\n[run]", "seccomp.why"),
        ("[run]", "seccomp = { profile = \"loopback\", why = \" \" }\n[run]", "seccomp.why"),
        ("[run]", "profile = \"strict\"\n[run]", "profile"),
        ("[run]", "entry = \"../x\"\n[run]", "entry"),
        ("packages = [\"x\"]", "packages = [\"-o=evil\"]", "image.packages"),
        ("packages = [\"x\"]", "packages = [\"x\"]\n[host]\nneeds = [\"/etc/shadow\"]", "host.needs"),
        ("[run]", "[compile]\nargv = [\"/usr/bin/x\"]\nartifact = \"/etc\"\n[run]", "compile.artifact"),
    ];
    assert!(parse("x", "f", MINIMAL).is_ok());
    for (from, to, key) in cases {
        let text = complaint(&MINIMAL.replace(from, to));
        assert!(text.contains(&format!("`{key}`")), "{key}: {text}");
    }
}

#[test]
fn a_looser_profile_is_taken_with_its_reason_and_a_tighter_one_without() {
    let profile =
        |line: &str| parse("x", "x", &MINIMAL.replace("[run]", &format!("{line}\n[run]"))).unwrap().profile;
    assert_eq!(profile(""), "default");
    assert_eq!(profile("seccomp = { profile = \"strict\" }"), "strict");
    assert_eq!(profile("seccomp = { profile = \"loopback\", why = \"remote calls to itself\" }"), "loopback");
}
