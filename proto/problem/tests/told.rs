//! What a package holds and this judge does not obey is told, with its place: nothing is dropped without a word.

use std::fs;

use problem::{Severity, read_dir};

const NEW: &str = "problem_format_version: 2025-09\nname: T\nuuid: u\nlimits: {time_limit: 1}\n";
const DRAFT: &str = "problem_format_version: 2023-07-draft\nname: T\nuuid: u\nlimits: {time_limit: 1}\n";
const OLD: &str = "name: T\nlimits: {time_limit: 1}\n";

/// Manifest, a file more (`+` in front: added to the manifest), and what is told: path, line, words.
type Row = (&'static str, &'static str, &'static str, (&'static str, Option<u32>, &'static str));

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // for people
    (NEW, "+", "credits: {author: A}\n", ("problem.yaml", Some(5), "unknown key `credits.author`; known are authors")),
    (NEW, "+", "credits:\n  testers:\n  - nam: A\n", ("problem.yaml", Some(7), "`credits.testers` has no `name`")),
    (NEW, "+", "credits:\n  testers: []\n", ("problem.yaml", Some(6), "`credits.testers` is an empty list")),
    (NEW, "+", "credits:\n  authors: {name: A, mail: a@b}\n", ("problem.yaml", Some(6), "unknown key `credits.authors.mail`")),
    (NEW, "+", "credits:\n  translators: A\n", ("problem.yaml", Some(6), "a mapping of language to persons")),
    (NEW, "+", "credits:\n  translators: {sv: [[A]]}\n", ("problem.yaml", Some(6), "`credits.translators.sv` is a list")),
    (NEW, "+", "credits: 2024-01-01\nsource: {title: A}\n", ("problem.yaml", Some(6), "`source` has no `name`")),
    (NEW, "+", "source:\n- name: A\n  link: u\n", ("problem.yaml", Some(7), "unknown key `source.link`")),
    (NEW, "+", "license: mit\n", ("problem.yaml", Some(5), "`license` is not one of")),
    (NEW, "+", "license: public domain\nrights_owner: A\n", ("problem.yaml", Some(6), "has no `rights_owner`")),
    (NEW, "+", "license: cc by\n", ("problem.yaml", Some(5), "`license: cc by` needs somebody whose licence it is: a `rights_owner`")),
    (NEW, "+", "license: permission\ncredits: {testers: A}\nsource: []\n", ("problem.yaml", Some(5), "else `credits` with `authors`, else a `source`")),
    (NEW, "+", "type: [scoring, scoring]\n", ("problem.yaml", Some(5), "names `scoring` twice")),
    (NEW, "statement/problem.sv.md", "x\n", ("problem.yaml", None, "`name` is in en, and the statements are in sv")),
    (NEW, "attachments/x", "", ("statement", None, "there is no statement")),
    (OLD, "attachments/x", "", ("problem_statement", None, "there is no statement")),
    (OLD, "statement/problem.en.md", "x\n", ("statement", None, "has its statement in `problem_statement/`")),
    // data
    (NEW, "data/secret/2.yaml", "args: [x]\n", ("data/secret/2.yaml", None, "there is no data/secret/2.in")),
    (NEW, "data/secret/2.ans", "", ("data/secret/2.ans", None, "there is no data/secret/2.in")),
    (NEW, "data/secret/2.files/x", "", ("data/secret/2.files", None, "there is no data/secret/2.in")),
    (NEW, "data/invalid_input/2.yaml", "", ("data/invalid_input/2.yaml", None, "there is no data/invalid_input/2.in")),
    (NEW, "data/secret/1.args", "x", ("data/secret/1.args", None, "under `args`")),
    (NEW, "data/secret/test_group.yml", "", ("data/secret/test_group.yml", None, "is `test_group.yaml`")),
    (NEW, "data/secret/1.yml", "", ("data/secret/1.yml", None, "is `1.yaml`")),
    (NEW, "data/secret/a b.in", "", ("data/secret/a b.in", None, "ignored: a name has letters")),
    (OLD, "data/secret/1.yaml", "args: [x]\n", ("data/secret/1.yaml", None, "`testdata.yaml`")),
    (OLD, "data/secret/1.files/x", "", ("data/secret/1.files", None, "a legacy package has no files for a case")),
    (DRAFT, "data/sample/1.out", "", ("data/sample/1.ans.statement", None, "only one of them may be there")),
    // programs
    (NEW, "graders/g.py", "", ("graders", None, "has no such folder")),
    (OLD, "static_validator/v.py", "", ("static_validator", None, "has no such folder")),
    (NEW, "include/c++/x.h", "", ("include/c++/x.h", None, "")),
    (NEW, "include/python/x.py", "", ("include/python", None, "no language of the format has this code")),
    // submissions
    (NEW, "submissions/b.py", "", ("submissions/b.py", None, "a submission lies in a folder")),
    (NEW, "submissions/submissions.yml", "", ("submissions/submissions.yml", None, "is `submissions/submissions.yaml`")),
    (NEW, "submissions/accepted/b c.py", "", ("submissions/accepted/b c.py", None, "ignored: a name has letters")),
    (NEW, "submissions/submissions.yaml", "acepted/*: {permitted: [AC]}\n", ("submissions/submissions.yaml", Some(1), "`acepted/*` matches no submission")),
    (NEW, "submissions/submissions.yaml", "'**/a.py': {permitted: [AC]}\n", ("submissions/submissions.yaml", Some(1), "`**` is as `*`")),
    (NEW, "submissions/submissions.yaml", "'accepted/[ab].py': {permitted: [AC]}\n", ("submissions/submissions.yaml", Some(1), "no meaning")),
    (NEW, "submissions/submissions.yaml", "accepted:\n  secrt/*: {permitted: [AC]}\n", ("submissions/submissions.yaml", Some(2), "`secrt/*` matches no test case or group")),
    (NEW, "submissions/submissions.yaml", "accepted: {permited: [AC]}\n", ("submissions/submissions.yaml", Some(1), "unknown key `accepted.permited`")),
];

#[test]
fn what_is_not_obeyed_is_told_at_its_place() {
    let mut silent = Vec::new();
    for (manifest, file, content, (path, line, words)) in ROWS {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let at = dir.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, text).unwrap();
        };
        put("problem.yaml", manifest);
        for path in ["data/secret/1.in", "data/secret/1.ans", "data/sample/1.in", "data/sample/1.ans"] {
            put(path, "1\n");
        }
        put("submissions/accepted/a.py", "print(1)\n");
        if *path == "data/sample/1.ans.statement" {
            put(path, "");
        }
        if *file == "+" {
            put("problem.yaml", &format!("{manifest}{content}"));
        } else {
            put(file, content);
        }
        let found = match read_dir(dir.path()) {
            Ok(loaded) => loaded.diagnostics,
            Err(error) => error.diagnostics,
        };
        let hit = |d: &problem::Diagnostic| d.path == *path && d.line == *line && d.message.contains(words);
        if !found.iter().any(hit) {
            silent.push(format!("{file} {content:?}: {found:#?}"));
        }
        // A file of somebody else's beside the package's is no reason to refuse it.
        if found.iter().any(|d| d.severity == Severity::Error && d.path != "include/c++/x.h") {
            silent.push(format!("{file} {content:?} is refused: {found:#?}"));
        }
    }
    assert!(silent.is_empty(), "{} of {}:\n{}", silent.len(), ROWS.len(), silent.join("\n"));
}

#[test]
fn a_licence_is_somebodys_or_nobodys() {
    let told = |more: &str| {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("data/secret")).unwrap();
        fs::write(dir.path().join("problem.yaml"), format!("{NEW}{more}")).unwrap();
        let list = match read_dir(dir.path()) {
            Ok(loaded) => loaded.diagnostics,
            Err(error) => error.diagnostics,
        };
        list.iter().any(|d| d.message.contains("whose licence"))
    };
    for owned in
        ["rights_owner: A", "credits: A", "credits: {authors: [A]}", "source: S", "source: {name: S}"]
    {
        assert!(!told(&format!("license: cc by\n{owned}\n")), "{owned}");
    }
    for nobodys in ["", "license: unknown\n", "license: public domain\n"] {
        assert!(!told(nobodys), "{nobodys}");
    }
    for missing in ["", "rights_owner:\n", "rights_owner: ''\n", "credits: {testers: A}\n"] {
        assert!(told(&format!("license: cc0\n{missing}")), "{missing}");
    }
}

#[test]
fn a_package_in_order_is_told_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let credits = "credits:\n  authors: A <a@b.c>\n  testers:\n  - name: B\n    orcid: x\n  - C\n  translators: {sv: D, de: [E, F]}\n\
                   source:\n- S\n- {name: T, url: u}\nlicense: cc by-sa\nkeywords: [a, b]\nversion: 2\n";
    for (path, text) in [
        ("problem.yaml", format!("{}{credits}", NEW.replace("name: T", "name: {en: T, sv: U}"))),
        ("statement/problem.en.tex", "x\n".to_owned()),
        ("statement/problem.sv.md", "x\n".to_owned()),
        ("statement/picture.png", String::new()),
        ("data/sample/1.in", "1\n".to_owned()),
        ("data/sample/1.ans", "1\n".to_owned()),
        ("data/sample/1.in.statement", "1\n".to_owned()),
        ("data/sample/1.files/2.yaml", "1\n".to_owned()),
        ("data/secret/1.in", "1\n".to_owned()),
        ("data/secret/1.ans", "1\n".to_owned()),
        ("data/secret/1.yaml", "description: x\n".to_owned()),
        ("data/secret/1.png", String::new()),
        ("include/cpp/x.h", String::new()),
        ("submissions/README.md", "x\n".to_owned()),
        ("submissions/accepted/a.py", "print(1)\n".to_owned()),
        ("submissions/accepted/.gitkeep", String::new()),
        ("submissions/submissions.yaml", "'{ accepted , x}/*':\n  sample: {permitted: [AC]}\n".to_owned()),
    ] {
        let at = dir.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }
    let loaded = read_dir(dir.path()).unwrap();
    assert!(loaded.diagnostics.iter().all(|d| d.message.contains("short name")), "{:#?}", loaded.diagnostics);
}
