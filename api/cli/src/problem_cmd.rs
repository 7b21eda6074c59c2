//! `tribunal problem`: work on packages themselves. Each command is in a file of its own.

use crate::args::ProblemCommand;
use crate::output::Failure;
use crate::{problem_import, problem_new, problem_push};

pub(crate) fn main(command: &ProblemCommand) -> Result<u8, Failure> {
    match command {
        ProblemCommand::New { folder, kind, title } => problem_new::main(folder, *kind, title.as_deref()),
        ProblemCommand::Import(args) => problem_import::main(args),
        ProblemCommand::Push(args) => problem_push::main(args),
    }
}
