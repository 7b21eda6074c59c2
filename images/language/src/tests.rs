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
        for name in PROBES {
            let (there, without) = (language.probe(name).is_some(), language.without.contains_key(name));
            assert!(there != without, "{}: the probe {name} is there, or has its reason", language.id);
        }
        for file in language.steps.iter().flat_map(|step| &step.files) {
            assert!(language.image_file(file).is_some(), "{}: image/{file} is missing", language.id);
        }
        for other in language.on.iter().chain(&language.variant_of) {
            assert!(languages.iter().any(|l| l.id == *other), "{}: no language {other}", language.id);
        }
    }
}

#[test]
fn every_code_of_others_means_a_language_that_exists() {
    let known = |id: &str| id.is_empty() || by_id(id).is_some();
    let mut package = 0;
    for (code, id) in codes::package() {
        assert!(known(id), "package code {code} means {id}, which is no folder here");
        assert_eq!(by_package_code(code).map(|language| language.id.as_str()), Some(id), "{code}");
        package += 1;
    }
    assert!(package >= 2);
    let mut numbers = std::collections::BTreeSet::new();
    for row in codes::judge0() {
        assert!(known(&row.language), "Judge0's {} means {}", row.number, row.language);
        assert!(numbers.insert(row.number), "{} is there twice", row.number);
        assert!(!row.name.is_empty());
    }
    assert!(numbers.len() >= 40);
}

#[test]
fn memory_is_filled_in_as_the_limit_less_the_overhead_and_never_into_a_file_name() {
    let text = MINIMAL
        .replace("[run]", "memory_overhead = \"100MiB\"\n[run]")
        .replace("\"{entry}\"]", "\"-m{memory_mib}m\", \"{entry}\"]");
    let language = parse("x", "f", &text).unwrap();
    let argv = language.run_argv(&names(&["{memory_mib}.x"]), &[]);
    let filled = |mib| argv.iter().map(|word| fill_memory(word, Bytes::mib(mib))).collect::<Vec<_>>();
    assert_eq!(filled(356)[1..], names(&["-m256m", "{memory_mib}.x"]));
    assert_eq!(filled(50)[1], "-m1m");
}

#[test]
fn a_full_heap_is_told_by_how_the_run_ended_and_what_it_said() {
    let rule = OutOfMemory { exit_code: Some(3), signal: None, said: "OutOfMemory".to_owned() };
    assert!(rule.matches(Some(3), None, [b"", b"java.lang.OutOfMemoryError"]));
    assert!(!rule.matches(Some(1), None, [b"", b"java.lang.OutOfMemoryError"]));
    assert!(!rule.matches(Some(3), None, [b"", b"something else"]));
    assert!(!rule.matches(None, None, [b"OutOfMemory", b""]));
}

#[test]
fn a_variant_may_stand_in_for_its_language_and_is_never_guessed() {
    for variant in all().iter().filter(|language| language.variant_of.is_some()) {
        let main = by_id(variant.variant_of.as_deref().unwrap()).unwrap();
        assert_eq!(variant.package_codes, main.package_codes, "{}", variant.id);
        assert!(!by_extension(&variant.extensions[0]).contains(&variant), "{}", variant.id);
    }
}

#[test]
fn no_two_languages_share_a_package_code() {
    let mut seen = std::collections::BTreeSet::new();
    for language in all().iter().filter(|language| language.variant_of.is_none()) {
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
    assert_eq!(entry(&["a.py", "main.py"]).unwrap(), "main.py");
    assert_eq!(entry(&["main.py", "__main__.py"]).unwrap(), "__main__.py");
    assert_eq!(
        entry(&["a.py", "b.py"]),
        Err(EntryError::Ambiguous { count: 2, wanted: "__main__.py".to_owned() })
    );
    assert_eq!(entry(&[]), Err(EntryError::NoSource { extension: "py".to_owned() }));
    assert_eq!(by_id("cpp").unwrap().entry_of(&names(&["b.cpp", "a.cpp"])).unwrap(), "b.cpp");
}

#[test]
fn a_package_may_name_another_place_to_start() {
    let python = by_id("python3").unwrap();
    let files = names(&["a.py", "__main__.py", "lib/b.py"]);
    let other = python.starting_at("lib/b.py", &files).unwrap();
    assert_eq!(other.run_argv(&files, &[]).last().unwrap(), "lib/b.py");
    assert_eq!(python.run_argv(&files, &[]).last().unwrap(), "__main__.py");
    let java = by_id("java").unwrap();
    let files = names(&["A.java"]);
    // What the script is called by is the class.
    let class = |language: &Language| language.compile_argv(&files).unwrap()[3].clone();
    assert_eq!(class(java), "");
    assert_eq!(class(&java.starting_at("deep.Solution", &files).unwrap()), "deep.Solution");
    for (language, wanted) in [
        ("python3", "c.py"),
        ("python3", ""),
        ("java", "a b"),
        ("java", "-x"),
        ("java", ".."),
        ("cpp", "main"),
    ] {
        let refused = by_id(language).unwrap().starting_at(wanted, &names(&["a.py", "A.java", "a.cpp"]));
        assert!(matches!(refused, Err(EntryError::Unknown { .. })), "{language} {wanted}");
    }
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
        ("package_codes = [\"x\"]", "package_codes = [\"X y\"]", "package_codes"),
        ("[run]", "cpu_time_factor = 0.5\n[run]", "cpu_time_factor"),
        ("[run]", "processes_overhead = 1000\n[run]", "processes_overhead"),
        ("[run]", "out_of_memory = { said = \"full\" }\n[run]", "out_of_memory"),
        ("[run]", "out_of_memory = { exit_code = 3, said = \"\" }\n[run]", "out_of_memory.said"),
        ("packages = [\"x\"]", "on = \"x\"", "image.on"),
        ("suite = \"bookworm\"", "", "image.suite"),
        ("suite = \"bookworm\"", "suite = \"b w\"", "image.suite"),
        ("suite = \"bookworm\"", "from = \"debian:12\"", "image.from"),
        ("packages = [\"x\"]", "steps = [{ argv = [\"/a\"], to = \"b\" }]", "image.steps.to"),
        ("packages = [\"x\"]", "steps = [{ argv = [\"a\"], to = \"/b\" }]", "image.steps.argv"),
        ("packages = [\"x\"]", "[selftest]\nwithout = { jump = \"why\" }", "selftest.without"),
        ("packages = [\"x\"]", "[selftest]\nwithout = { echo = \"\" }", "selftest.without"),
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
    let step = |keys: &str| format!("steps = [{{ argv = [\"/a\"], to = \"/b\", {keys} }}]");
    let archive = |name: &str, npm: &str, sha256: &str| {
        step(&format!("archives = [{{ name = \"{name}\", npm = \"{npm}\", sha256 = \"{sha256}\" }}]"))
    };
    let sha256 = "0a".repeat(32);
    let more = [
        ("name = \"X\"", "name = \" \"".to_owned(), "name"),
        ("[\"/usr/bin/x\", \"--version\"]", "[]".to_owned(), "version"),
        ("[\"/usr/bin/x\", \"--version\"]", "[\"x\"]".to_owned(), "version"),
        ("extensions = [\"x\"]", "extensions = []".to_owned(), "extensions"),
        ("[run]", "variant_of = \"x\"\n[run]".to_owned(), "variant_of"),
        ("[run]", "cpu_time_factor = 21.0\n[run]".to_owned(), "cpu_time_factor"),
        (
            "[run]",
            "out_of_memory = { exit_code = 3, signal = 6, said = \"full\" }\n[run]".to_owned(),
            "out_of_memory",
        ),
        ("[run]", "[compile]\nargv = []\n[run]".to_owned(), "compile.argv"),
        ("[run]", "[compile]\nargv = [\"cc\"]\n[run]".to_owned(), "compile.argv"),
        ("[run]", "[compile]\nargv = [\"/cc\", \"{output}\"]\n[run]".to_owned(), "compile.argv"),
        ("[\"/usr/bin/x\", \"{entry}\"]", "[]".to_owned(), "run.argv"),
        ("[\"/usr/bin/x\", \"{entry}\"]", "[\"/usr/bin/x\", \"-m{memory}\"]".to_owned(), "run.argv"),
        ("[image]", "[env]\n\"A=B\" = \"1\"\n[image]".to_owned(), "env"),
        ("[image]", "[env]\nHEAP = \"{memory}m\"\n[image]".to_owned(), "env"),
        ("suite = \"bookworm\"", "suite = \"Book worm\"".to_owned(), "image.suite"),
        ("packages = [\"x\"]", step("files = [\"../x\"]"), "image.steps.files"),
        ("packages = [\"x\"]", archive("a/b", "x@1.0.0", &sha256), "image.steps.archives.name"),
        ("packages = [\"x\"]", archive("b", "x@latest", &sha256), "image.steps.archives.npm"),
        ("packages = [\"x\"]", archive("b", "--x@1.0.0", &sha256), "image.steps.archives.npm"),
        ("packages = [\"x\"]", archive("b", "x y@1.0.0", &sha256), "image.steps.archives.npm"),
        ("packages = [\"x\"]", archive("b", "x@1.0.0", "0A"), "image.steps.archives.sha256"),
        ("packages = [\"x\"]", "[selftest]\nrecursion_depth = 0".to_owned(), "selftest.recursion_depth"),
    ];
    assert!(parse("x", "f", MINIMAL).is_ok());
    let good = archive("x.tgz", "@scope/x@1.0.0-rc.1", &sha256);
    assert!(parse("x", "f", &MINIMAL.replace("packages = [\"x\"]", &good)).is_ok());
    let cases = cases.map(|(from, to, key)| (from, to.to_owned(), key)).into_iter().chain(more);
    let mut refused = std::collections::BTreeSet::new();
    for (from, to, key) in cases {
        let text = complaint(&MINIMAL.replace(from, &to));
        let named =
            text.starts_with("images/languages/x/language.toml") && text.contains(&format!("`{key}`"));
        // A key that is not known is told by the parser of TOML, with its place.
        assert!(named, "{key}: {text}");
        refused.insert(key);
    }
    let readme = include_str!("../../languages/README.md");
    let table = readme.split("## `language.toml`").nth(1).unwrap().split("\n\n").nth(1).unwrap();
    let keys: Vec<&str> = table.lines().skip(2).filter_map(|line| line.split('`').nth(1)).collect();
    assert!(keys.len() >= 20, "{table}");
    for key in keys.into_iter().map(|key| key.trim_matches(['[', ']'])) {
        let inside = format!("{key}.");
        let told = refused.iter().any(|refused| *refused == key || refused.starts_with(&inside));
        assert!(told, "no value of `{key}` is refused by name");
    }
    let folder = parse("X y", "images/languages/X y/language.toml", MINIMAL).unwrap_err().to_string();
    assert!(folder.contains("(folder name)") && folder.contains("X y"), "{folder}");
}

#[test]
fn a_precompiled_header_has_the_flags_of_its_compiler() {
    let matters = |word: &&String| {
        ["-std=", "-O", "-D", "-f", "-m", "-g", "-p"].iter().any(|flag| word.starts_with(flag))
    };
    let mut seen = 0;
    for language in all() {
        for step in language.steps.iter().filter(|step| step.files == ["precompile.sh"]) {
            let compile = language.compile.as_ref().unwrap();
            let flags: Vec<&String> = compile.iter().filter(matters).collect();
            assert_eq!(step.argv[3..].iter().collect::<Vec<_>>(), flags, "{}", language.id);
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} were looked at");
}

#[test]
fn a_looser_profile_is_taken_with_its_reason_and_a_tighter_one_without() {
    let profile =
        |line: &str| parse("x", "x", &MINIMAL.replace("[run]", &format!("{line}\n[run]"))).unwrap().profile;
    assert_eq!(profile(""), "default");
    assert_eq!(profile("seccomp = { profile = \"strict\" }"), "strict");
    assert_eq!(profile("seccomp = { profile = \"loopback\", why = \"remote calls to itself\" }"), "loopback");
}

#[test]
fn an_image_of_a_registry_is_named_with_its_digest_and_stands_alone() {
    let image = |lines: &str| MINIMAL.replace("suite = \"bookworm\"\npackages = [\"x\"]", lines);
    let pinned = format!("host.example/x:1@sha256:{}", "0a".repeat(32));
    let language = parse("x", "f", &image(&format!("from = \"{pinned}\""))).unwrap();
    assert_eq!((language.base.image(), language.base.suite()), (Some(pinned.as_str()), None));
    for bad in [
        "host.example/x:1".to_owned(),
        "x@sha256:00".to_owned(),
        pinned.to_uppercase(),
        format!("{pinned} "),
        pinned.replace("host.example/x:1", ""),
        pinned.replace("sha256", "sha512"),
    ] {
        let text = complaint(&image(&format!("from = \"{bad}\"")));
        assert!(text.contains("`image.from`") && text.contains("REF@sha256:"), "{bad}: {text}");
    }
    for beside in ["suite = \"bookworm\"", "on = \"c\"", "packages = [\"x\"]"] {
        let text = complaint(&image(&format!("from = \"{pinned}\"\n{beside}")));
        assert!(text.contains("`image.from`") && text.contains("exclude"), "{beside}: {text}");
    }
}
