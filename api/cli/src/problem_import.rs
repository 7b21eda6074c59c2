//! `tribunal problem import`: a problem of another system as a package, with every change of meaning told.

use std::sync::Arc;

use import::{Format, ImportError, Imported, Options};
use serde_json::json;

use crate::args::ImportArgs;
use crate::output::{Failure, chain, note, print_json, print_line};
use crate::stop;

pub(crate) fn main(args: &ImportArgs) -> Result<u8, Failure> {
    let options = Options {
        format: args.format,
        time_limit: args.time_limit,
        memory: args.memory,
        pass_fail: args.pass_fail,
        stop: Arc::default(),
    };
    let target = args.target.clone().unwrap_or_else(|| {
        let stem = args.source.file_stem().unwrap_or_default().to_string_lossy();
        problem::short_name(&stem).0.into()
    });
    let (source, stop) = (args.source.clone(), Arc::clone(&options.stop));
    match stop::unless_stopped(stop::blocking(stop, move || import::import(&source, &target, &options)))? {
        Ok(imported) => {
            tell(args, &imported)?;
            Ok(0)
        }
        Err(error @ (ImportError::Source(_) | ImportError::Exists(_) | ImportError::NoFolder(_))) => {
            Err(Failure::usage(chain(&error)))
        }
        Err(error @ (ImportError::Write { .. } | ImportError::Stopped)) => Err(Failure::ours(chain(&error))),
    }
}

fn tell(args: &ImportArgs, imported: &Imported) -> Result<(), Failure> {
    let Imported { format, package, changes, diagnostics } = imported;
    if args.json {
        return print_json(&json!({
            "format": format, "package": package, "changes": changes, "diagnostics": diagnostics,
        }));
    }
    for diagnostic in diagnostics {
        note(&diagnostic.to_string());
    }
    print_line(&format!("{} is a package now, made from a problem of {}", package.display(), format.name()))?;
    if args.explain {
        for change in changes {
            print_line(&format!("{change}"))?;
        }
    } else if !changes.is_empty() {
        print_line(&format!(
            "{} things mean something else than before; `--explain` tells each",
            changes.len()
        ))?;
    }
    Ok(())
}

/// For the command line.
pub(crate) fn format(text: &str) -> Result<Format, String> {
    text.parse()
}
