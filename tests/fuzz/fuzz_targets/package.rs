//! The bytes are a zip archive, and, when they are text, the manifest of a package.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).expect("a directory");
    let _ = problem::open_zip(bytes, "x", &scratch);
    let beside = std::fs::read_dir(folder.path()).expect("it is still there").count();
    assert_eq!(beside, 1, "something was made beside the directory");
    std::fs::write(scratch.join("problem.yaml"), bytes).expect("a file");
    let _ = problem::read_dir(&scratch);
});
