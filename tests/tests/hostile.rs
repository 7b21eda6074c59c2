//! Runs every folder of `tests/hostile/` in a real box and holds the host against itself after each; the work is in
//! `tests/src/hostile/`.
//!
//! A harness of its own, because the process must be able to become the box server before any thread exists.
//! Arguments: a part of a name or a number to select; `--parallel N` for N at once (default: one by one, then eight
//! at once); `--repeat N` for N times; `--rootless` for everything as a user without rights; `--shipped` for those of
//! `tribunal selftest` only; `--stretch N` for N times the limits of time; `--mode v1|v2|rootless|delegated` fails on a
//! host in another mode; `--set-clock` lets a case set this machine's clock (for the VM); `--missing` prints which numbers
//! of the catalogue have no case, `--modes` which cases do not apply in which mode; `--build DIR` only compiles
//! the programs into DIR, `--built DIR` takes them from there (for a machine without a compiler).

#![forbid(unsafe_code)]

use tests::hostile::suite::{self, Options};

fn main() -> anyhow::Result<()> {
    if sandbox::is_box_server() {
        sandbox::box_server_main()
    }
    let options = Options::read(std::env::args().skip(1))?;
    std::process::exit(suite::main(&options)?)
}
