//! What recipes make ahead is really used by compiler and runtime, and changes nothing but the time.

use std::path::Path;

use serde_json::Value;
use tests::process::{finish, json, share_images, tribunal};

/// The image, when it was built by a recipe that has the step; else a line that says why nothing is tested.
fn has(data: &Path, image: &str, step: &str) -> bool {
    let there = made_with(data, image, step);
    if !there {
        println!("skipped: {image}: no image with `{step}` in it is in TRIBUNAL_TEST_DATA");
    }
    there
}

fn made_with(data: &Path, image: &str, step: &str) -> bool {
    let read = |digest: &Value| -> Option<Value> {
        let hex = digest.as_str()?.strip_prefix("sha256:")?;
        serde_json::from_slice(&std::fs::read(data.join("images/blobs/sha256").join(hex)).ok()?).ok()
    };
    let made = || -> Option<String> {
        let list = json(&finish(tribunal(data).args(["images", "list", "--json"])));
        let named = list.as_array()?.iter().find(|one| one["name"] == image)?.clone();
        Some(read(&read(&named["digest"])?["config"]["digest"])?["history"].to_string())
    };
    made().is_some_and(|history| history.contains(step))
}

fn run(data: &Path, image: &str, source: &Path, command: &[&str]) -> Value {
    let mut tribunal = tribunal(data);
    tribunal.args(["run", "--image", image, "--cpu-time", "60s", "--memory", "2GiB", "--processes", "64"]);
    json(&finish(tribunal.arg("--file").arg(source).args(["--json", "--"]).args(command)))
}

/// A program, whether the precompiled header has to be used, and what it says when it is run.
const PROGRAMS: [(&str, bool, &str); 5] = [
    ("#include <bits/stdc++.h>\nint main() { std::cout << std::string(3, 'x'); }", true, "xxx"),
    // What the header depends on is as the program wants it.
    (
        "#define _GLIBCXX_DEBUG\n#include <bits/stdc++.h>\nint main(int n, char**) { std::vector<int> v(1); std::cout << 'b' << std::flush; return v[n]; }",
        false,
        "b",
    ),
    (
        "#pragma GCC target(\"avx2\")\n#include <bits/stdc++.h>\n#include <immintrin.h>\nint main() { std::cout << _mm256_extract_epi32(_mm256_set1_epi32(7), 1); }",
        false,
        "7",
    ),
    ("#include <vector>\n#include <bits/stdc++.h>\nint main() { std::cout << 1; }", false, "1"),
    ("#include <cstdio>\nint main() { std::puts(\"no such header\"); }", false, "no such header\n"),
];

#[test]
fn a_precompiled_header_is_used_where_it_changes_nothing_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    share_images(&data);
    if !has(&data, "cpp", "precompile.sh") {
        return;
    }
    // The others are tried where they were built; a test of `language` compares their flags.
    let others = ["cpp17", "cpp23"].into_iter().filter(|id| made_with(&data, id, "precompile.sh"));
    for id in ["cpp"].into_iter().chain(others) {
        let source = folder.path().join("a.cpp");
        let argv = language::by_id(id).unwrap().compile_argv(&["a.cpp".to_owned()]).unwrap();
        let compile = format!("{} -H && ./a.out", argv.join(" "));
        // Every flag matters alike for each; what they share is tried with one.
        let programs = if id == "cpp" { &PROGRAMS[..] } else { &PROGRAMS[..1] };
        for (program, used, says) in programs {
            std::fs::write(&source, program).unwrap();
            let done = run(&data, id, &source, &["/bin/sh", "-c", &compile]);
            let headers = done["stderr"].as_str().unwrap_or_default();
            assert_eq!(done["stdout"], *says, "{id}: {program}\n{done}");
            // `!` is how -H marks a precompiled header that is used.
            let found =
                headers.lines().any(|line| line.starts_with("! ") && line.contains("/bits/stdc++.h.gch/"));
            assert_eq!(found, *used, "{id}: {program}\n{headers}");
        }
    }
}

#[test]
fn javac_maps_the_archive_of_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    share_images(&data);
    if !has(&data, "java", "archive.sh") {
        return;
    }
    let source = folder.path().join("Main.java");
    std::fs::write(&source, "public class Main { public static void main(String[] a) {} }").unwrap();
    let argv = &language::by_id("java").unwrap().compile.as_ref().unwrap()[2];
    let options = argv.lines().find(|line| line.starts_with("/usr/bin/javac ")).unwrap();
    // With `on` in the place of `auto` a virtual machine that cannot map it ends; the last word is the shell's.
    let compile = options.replace("-Xshare:auto", "-Xshare:on").replace("\"$@\"", "Main.java");
    let done = run(&data, "java", &source, &["/bin/sh", "-c", &format!("mkdir out && {compile} && ls out")]);
    assert!(options.contains("-Xshare:auto"), "{options}");
    assert_eq!((&done["exit_code"], &done["stdout"]), (&0.into(), &"Main.class\n".into()), "{done}");
}

#[test]
fn python_compiles_nothing_of_its_library_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    share_images(&data);
    if !has(&data, "python3", "bytecode.py") {
        return;
    }
    let source = folder.path().join("a.py");
    std::fs::write(
        &source,
        "import bisect, collections, decimal, fractions, heapq, json, random, statistics\n",
    )
    .unwrap();
    let done = run(&data, "python3", &source, &["/usr/bin/python3", "-v", "a.py"]);
    let said = done["stderr"].as_str().unwrap_or_default();
    assert!(said.contains("json/__pycache__/decoder"), "{done}");
    let again: Vec<&str> =
        said.lines().filter(|line| line.starts_with("# code object from /usr/lib")).collect();
    assert!(again.is_empty(), "{again:?}");
}
