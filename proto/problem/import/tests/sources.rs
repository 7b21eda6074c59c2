//! Sources that attack the importer: nothing is read outside them, nothing is written but the package.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::Home;
use import::{ImportError, Options, import};

const INIT: &str = "test_cases:\n- {in: 1.in, out: 1.out}\n";

fn dmoj() -> Home {
    Home::of(&[("init.yml", INIT), ("1.in", "1\n"), ("1.out", "1\n")])
}

#[test]
fn what_is_there_is_never_written_over() {
    let makes: [fn(&Path); 3] = [
        |at: &Path| fs::write(at, "mine").unwrap(),
        |at: &Path| fs::create_dir(at).unwrap(),
        |at: &Path| symlink("/nowhere", at).unwrap(),
    ];
    for make in makes {
        let home = dmoj();
        make(&home.target());
        let error = home.import_with(&Options::default()).unwrap_err();
        assert!(matches!(error, ImportError::Exists(_)), "{error}");
        assert!(home.target().symlink_metadata().is_ok());
    }
}

#[test]
fn links_out_of_the_source_are_refused() {
    let home = dmoj();
    fs::remove_file(home.source().join("1.in")).unwrap();
    symlink("/etc/passwd", home.source().join("1.in")).unwrap();
    assert!(home.refused().contains("1.in"));
}

#[test]
fn names_and_texts_that_are_no_utf8_are_refused() {
    let home = dmoj();
    fs::write(home.source().join(OsStr::from_bytes(b"\xff.in")), "").unwrap();
    assert!(home.refused().contains("not UTF-8"));
    let home = dmoj();
    home.put("init.yml", b"test_cases: \xff\n");
    assert!(home.refused().contains("init.yml:1"));
    let home = Home::of(&[]);
    home.put("problem.xml", b"<problem>\xff</problem>");
    assert!(home.refused().contains("not UTF-8"));
}

#[test]
fn archives_cannot_leave_their_folder_or_swell() {
    let zip = |entries: &[(&str, &[u8])]| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    for name in ["../out.in", "/tmp/out.in", "a/../../out.in", "a\\b"] {
        let home = dmoj();
        home.put("init.yml", format!("archive: a.zip\n{INIT}"));
        home.put("a.zip", zip(&[(name, b"x")]));
        assert!(home.refused().contains("leads out"), "{name}");
        // The source itself as such a zip.
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("p.zip");
        fs::write(&at, zip(&[("init.yml", INIT.as_bytes()), (name, b"x")])).unwrap();
        assert!(matches!(
            import(&at, &dir.path().join("made"), &Options::default()),
            Err(ImportError::Source(_))
        ));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{name}");
    }
}

#[test]
fn a_zip_is_a_source_as_its_folder_is() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let beside = [("__MACOSX/top/._init.yml", ""), (".DS_Store", "")];
    for (name, text) in
        [("top/init.yml", INIT), ("top/1.in", "1\n"), ("top/1.out", "1\n")].into_iter().chain(beside)
    {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.zip"), zip.finish().unwrap().into_inner()).unwrap();
    let imported = import(&dir.path().join("p.zip"), &dir.path().join("made"), &Options::default()).unwrap();
    assert!(imported.package.join("data/secret/01-case-1/01.in").exists());
}

#[test]
fn a_place_where_no_package_can_lie_is_named() {
    let home = dmoj();
    let place = |path: &str| import(&home.source(), &home.source().with_file_name(path), &Options::default());
    let nowhere = place("none/made").unwrap_err();
    assert!(matches!(&nowhere, ImportError::NoFolder(at) if at.ends_with("none")), "{nowhere}");
    assert!(matches!(place("source/init.yml/made").unwrap_err(), ImportError::NoFolder(_)));
    let long = "x".repeat(300);
    let error = place(&long).unwrap_err();
    assert!(matches!(&error, ImportError::Write { what, .. } if what.ends_with(&long)), "{error}");
    assert_eq!(fs::read_dir(home.source().parent().unwrap()).unwrap().count(), 1, "something was left");
}

#[test]
fn an_import_that_nobody_wants_any_more_leaves_nothing() {
    let home = dmoj();
    let cases: String = (0..2000).map(|_| "- {in: 1.in, out: 1.out}\n").collect();
    home.put("init.yml", format!("test_cases:\n{cases}"));
    let asked = Options::default();
    asked.stop.store(true, Ordering::Relaxed);
    assert!(matches!(home.import_with(&asked).unwrap_err(), ImportError::Stopped));
    // Amid the writing: as soon as the folder beside the target is there.
    let folder = home.source().parent().unwrap().to_owned();
    let amid = Options::default();
    let stop = std::sync::Arc::clone(&amid.stop);
    let watched = folder.clone();
    let watcher = std::thread::spawn(move || {
        let begun = Instant::now();
        while fs::read_dir(&watched).unwrap().count() < 2 && begun.elapsed() < Duration::from_mins(1) {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let error = home.import_with(&amid).unwrap_err();
    watcher.join().unwrap();
    assert!(matches!(error, ImportError::Stopped), "{error}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "something was left");
}

#[test]
fn bombs_are_refused() {
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let refs = vec![format!("*a{}", i - 1); 10].join(", ");
        yaml += &["a", &i.to_string(), ": &a", &i.to_string(), " [", &refs, "]\n"].concat();
    }
    assert!(
        Home::of(&[("init.yml", &yaml)])
            .refused()
            .contains("more than is read of a file: 20 levels, 50000 values")
    );
    let two = format!("{INIT}---\na: 1\n");
    assert!(
        Home::of(&[("init.yml", &two)]).refused().contains("init.yml:3: a second YAML document begins here")
    );
    assert!(Home::of(&[("init.yml", &"#".repeat(300 << 10))]).refused().contains("at most"));
    let open = format!("<problem>{}", "<a>".repeat(100_000));
    assert!(Home::of(&[("problem.xml", &open)]).refused().contains("not XML"));
    let attributes = (0..3000).map(|i| format!("a{i}=''")).collect::<Vec<_>>().join(" ");
    let wide = format!("<problem {attributes}/>");
    assert!(Home::of(&[("problem.xml", &wide)]).refused().contains("more than 2000 attributes"));
    let entities = "<!DOCTYPE p [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><problem>&x;</problem>";
    assert!(Home::of(&[("problem.xml", entities)]).refused().contains("document type"));
    let crowd: String = "<test/>".repeat(10_001);
    let many = format!(
        "<problem><judging><testset name=\"tests\"><input-path-pattern>%d</input-path-pattern><answer-path-pattern>%d.a</answer-path-pattern><tests>{crowd}</tests></testset></judging></problem>"
    );
    assert!(Home::of(&[("problem.xml", &many)]).refused().contains("at most 10000"));
}

#[test]
fn a_folder_of_nothing_known_says_what_is_looked_for() {
    let text = Home::of(&[("readme", "")]).refused();
    for marker in ["problem.xml", "init.yml", "task.yaml"] {
        assert!(text.contains(marker), "{text}");
    }
}
