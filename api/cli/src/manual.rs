//! `tribunal completions` and `tribunal man`: what shells and `man` need, made from the command line itself.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::output::{Failure, note, pass};

/// Completions for one shell on stdout.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tribunal", &mut script);
    pass(std::io::stdout().lock(), &script)?;
    Ok(0)
}

/// A page for the command and each of its subcommands in `folder`, which is made when it is not there.
pub(crate) fn man(folder: &Path) -> Result<u8, Failure> {
    let wrong = |e| Failure::usage(format!("the pages cannot be written to {}: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(wrong)?;
    note(&format!(
        "the pages are in {}; `man -l {}` shows one",
        folder.display(),
        folder.join("tribunal.1").display()
    ));
    Ok(0)
}
