//! Source files of one program, from the command line, and the language they are in.

use std::path::Path;

use language::Language;
use proto::job::SourceFile;

use crate::output::Failure;

/// Largest source file, in bytes.
const FILE_MAX: u64 = 256 << 10;
/// All of them together.
const TOTAL_MAX: usize = 1 << 20;
/// How many.
const COUNT_MAX: usize = 100;

/// Reads the files, and all files of the directories, of one program. A file is known by its last name, a
/// file of a directory by its path below it.
pub(crate) fn load(paths: &[impl AsRef<Path>]) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
        if meta.is_dir() {
            load_folder(path, path, &mut files)?;
        } else {
            let name = path.file_name().unwrap_or_default();
            load_file(path, Path::new(name), &mut files)?;
        }
    }
    let total: usize = files.iter().map(|f| f.content.len()).sum();
    if total > TOTAL_MAX {
        return Err(Failure::usage(format!(
            "the sources are {total} bytes together; at most {TOTAL_MAX} are judged"
        )));
    }
    if files.is_empty() {
        return Err(Failure::usage("there is no source file"));
    }
    Ok(files)
}

fn load_folder(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|e| unreadable(folder, &e))?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            load_folder(root, &path, files)?;
        } else {
            load_file(&path, path.strip_prefix(root).unwrap_or(&path), files)?;
        }
    }
    Ok(())
}

fn load_file(path: &Path, name: &Path, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    if files.len() == COUNT_MAX {
        return Err(Failure::usage(format!(
            "more than {COUNT_MAX} source files; a program has at most that many"
        )));
    }
    let size = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?.len();
    if size > FILE_MAX {
        let shown = path.display();
        return Err(Failure::usage(format!("{shown} is {size} bytes; a source file has at most {FILE_MAX}")));
    }
    let name =
        name.to_str().ok_or_else(|| Failure::usage(format!("{}: the name is not UTF-8", path.display())))?;
    let content = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    files.push(SourceFile { name: name.to_owned(), content });
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("could not read {}: {error}", path.display()))
}

/// The language asked for, or the only one the files can be in.
pub(crate) fn language_of(asked: Option<&str>, files: &[SourceFile]) -> Result<&'static Language, Failure> {
    if let Some(id) = asked {
        return language::by_id(id)
            .ok_or_else(|| Failure::usage(format!("unknown language `{id}`: one of {} is needed", known())));
    }
    let mut fitting = Vec::new();
    for found in files.iter().flat_map(|f| language::by_file_name(&f.name)) {
        if !fitting.iter().any(|l: &&Language| l.id == found.id) {
            fitting.push(found);
        }
    }
    match fitting[..] {
        [only] => Ok(only),
        [] => Err(Failure::usage(format!(
            "the language of `{}` cannot be told from its name; name it with --language ({})",
            files.first().map_or("", |f| f.name.as_str()),
            known()
        ))),
        _ => {
            let ids: Vec<_> = fitting.iter().map(|l| l.id.as_str()).collect();
            Err(Failure::usage(format!(
                "the sources could be in any of {}; name one with --language",
                ids.join(", ")
            )))
        }
    }
}

fn known() -> String {
    language::all().iter().map(|l| l.id.as_str()).collect::<Vec<_>>().join(", ")
}
