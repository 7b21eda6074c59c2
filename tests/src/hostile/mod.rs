//! The hostile suite: every folder of `tests/hostile/` run in real boxes, and the host held against itself after
//! each. `tests/tests/hostile.rs` is its `main`; what a case is and how it is judged is the crate `selftest`.
//!
//! ```text
//!  suite.rs ── rounds ──> lab.rs ── one case ──> selftest: the box, the expectation, the watched host
//!                           ├── programs.rs  compiled here, before anything runs
//!                           ├── disturb.rs   what happens to the host or the worker meanwhile
//!                           ├── judged.rs    the whole way of a submission, through the worker's engine
//!                           └── control.rs   the same program where the responsible layer is off
//! ```

pub mod control;
pub mod disturb;
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
use selftest::expect::{Disturbance, Mode};

/// The list of numbers that have no case yet, below [`folder`].
pub const MISSING: &str = "MISSING.txt";

/// The list of cases that do not apply everywhere, below [`folder`].
pub const MODES: &str = "MODES.md";

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

/// Which cases do not apply in which mode, and why: what [`MODES`] must hold.
pub fn modes(cases: &[Case]) -> String {
    const ALL: [Mode; 4] = [Mode::V1, Mode::V2, Mode::Delegated, Mode::Rootless];
    let place = |case: &Case| CATALOGUE.iter().position(|(id, _)| *id == case.expect.id);
    let mut sorted: Vec<&Case> = cases.iter().collect();
    sorted.sort_by_key(|case| (place(case), &case.name));
    let mut rows = String::new();
    let mut apply = [0; ALL.len()];
    for case in &sorted {
        let left_out = ALL.map(|mode| case.expect.left_out(mode));
        for (count, why) in apply.iter_mut().zip(left_out) {
            *count += usize::from(why.is_none());
        }
        let mut reasons: Vec<&str> = left_out.into_iter().flatten().collect();
        reasons.dedup();
        reasons.extend(
            (case.expect.disturb == Some(Disturbance::Clock))
                .then_some("elsewhere only with `--set-clock`, as in the VM"),
        );
        if !reasons.is_empty() {
            let marks = left_out.map(|why| if why.is_none() { "yes" } else { "no" }).join(" | ");
            let _ =
                writeln!(rows, "| {} | `{}` | {marks} | {} |", case.expect.id, case.name, reasons.join("; "));
        }
    }
    let names = ALL.map(Mode::name).join(" | ");
    let counts =
        ALL.iter().zip(apply).map(|(mode, n)| format!("{n} in `{}`", mode.name())).collect::<Vec<_>>();
    format!(
        "# Cases that do not apply everywhere\n\n\
         Written by `cargo test -p tests --test hostile -- --modes > tests/hostile/{MODES}` from `modes` and `not_in` of \
         each `expect.toml`; a test keeps it current. Modes: `v1` and `v2` are root with control groups of that version, \
         `delegated` is an ordinary user with a subtree of v2, `rootless` one without.\n\n\
         Of {} cases apply {}. All the others than these apply in every mode:\n\n\
         | no. | case | {names} | why |\n|---|---|{}---|\n{rows}",
        cases.len(),
        counts.join(", "),
        "---|".repeat(ALL.len()),
    )
}
