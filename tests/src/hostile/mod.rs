//! The hostile suite: every folder of `tests/hostile/` run in real boxes, and the host held against itself after
//! each. `tests/tests/hostile.rs` is its `main`; what a case is and how it is judged is the crate `selftest`.
//!
//! ```text
//!  suite.rs ── rounds ──> lab.rs ── one case ──> selftest: the box, the expectation, the watched host
//!                           ├── programs.rs  compiled here, before anything runs
//!                           ├── judged.rs    the whole way of a submission, through the worker's engine
//!                           └── control.rs   the same program where the responsible layer is off
//! ```

pub mod control;
pub mod judged;
pub mod lab;
pub mod programs;
pub mod rootless;
pub mod suite;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use selftest::Case;
use selftest::catalogue::CATALOGUE;

/// The list of numbers that have no case yet, below [`folder`].
pub const MISSING: &str = "MISSING.txt";

/// Where the attacks lie: `TRIBUNAL_HOSTILE_DIR`, else the folder of the checkout.
pub fn folder() -> PathBuf {
    std::env::var_os("TRIBUNAL_HOSTILE_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile"), PathBuf::from)
}

/// The numbers of the catalogue that no case has, one a line with what the attack does: what [`MISSING`] must hold.
pub fn missing(cases: &[Case]) -> String {
    let have: BTreeSet<&str> = cases.iter().flat_map(|case| case.expect.ids()).collect();
    let mut text = String::new();
    for (id, title) in CATALOGUE.iter().filter(|(id, _)| !have.contains(id)) {
        let _ = writeln!(text, "{id} {title}");
    }
    text
}
