//! The specifications of a package, understood: what is wrong with one is a diagnostic with its file and line, the
//! same wherever somebody looks at a package.

use std::path::Path;

use problem::model::{Constants, Problem, Program};
use problem::{Diagnostic, Severity};

use super::Specification;

/// How the name of a specification ends.
const EXTENSION: &str = ".ctd";

/// Whether this input validator is a specification, not a program.
pub fn is_specification(validator: &Program) -> bool {
    validator.path.ends_with(EXTENSION)
}

/// The text of a specification, `constants` put in, if it can be understood. `read` brings a file of the package.
///
/// # Errors
/// As `read`; the inner error is the package's.
pub fn understand<E>(
    validator: &Program,
    constants: &Constants,
    read: impl FnOnce(&Path) -> Result<Vec<u8>, E>,
) -> Result<Result<Vec<u8>, Diagnostic>, E> {
    let wrong =
        |line, message| Diagnostic { severity: Severity::Error, path: validator.path.clone(), line, message };
    let [(_, path)] = &validator.files[..] else {
        return Ok(Err(wrong(None, "a checktestdata specification is one file".to_owned())));
    };
    let text = constants.apply(&read(path)?).into_owned();
    Ok(match Specification::parse(&text) {
        Ok(_) => Ok(text),
        Err(at) => Err(wrong(Some(at.at.line), format!("column {}: {}", at.at.column, at.message))),
    })
}

/// What is wrong with a package's specifications by themselves; no input is looked at, so it takes no longer than
/// their texts are long.
///
/// # Errors
/// As `read`.
pub fn malformed<E>(
    problem: &Problem,
    mut read: impl FnMut(&Path) -> Result<Vec<u8>, E>,
) -> Result<Vec<Diagnostic>, E> {
    let mut found = Vec::new();
    for validator in problem.input_validators.iter().filter(|validator| is_specification(validator)) {
        found.extend(understand(validator, &problem.constants, &mut read)?.err());
    }
    Ok(found)
}
