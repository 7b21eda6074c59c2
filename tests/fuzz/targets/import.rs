//! A problem of Polygon, DMOJ or CMS: a package is made of it that can be read, or it is refused and nothing is left.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (source, package) = (scratch.path().join("source"), scratch.path().join("package"));
    std::fs::create_dir(&source).expect("a directory");
    problem::fuzz::lay_out(bytes, &source);
    match import::import(&source, &package, &import::Options::default()) {
        Ok(imported) => {
            let read = problem::read_dir(&package).expect("what was made can be read");
            assert_eq!(read.diagnostics, imported.diagnostics);
        }
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty());
            assert!(package.symlink_metadata().is_err(), "a refused import left something: {refusal}");
        }
    }
});
