//! Whose submissions are to be graded: the entries of a folder, or the lines of a CSV file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::output::Failure;

/// Most submissions of one run.
const ENTRIES_MAX: usize = 100_000;
/// Longest id, in bytes.
const ID_MAX: usize = 200;
/// Largest list.
const LIST_MAX: u64 = 64 << 20;

/// One submission to grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Whose it is; unique.
    pub(crate) id: String,
    /// Folder, file or zip.
    pub(crate) path: PathBuf,
}

/// Reads the folder or the list.
pub(crate) fn list(path: &Path) -> Result<Vec<Entry>, Failure> {
    let unreadable = |e: std::io::Error| Failure::usage(format!("could not read {}: {e}", path.display()));
    let meta = fs::metadata(path).map_err(unreadable)?;
    let entries = if meta.is_dir() {
        folder(path).map_err(unreadable)?
    } else if meta.len() > LIST_MAX {
        return Err(Failure::usage(format!("{} has more than {LIST_MAX} bytes", path.display())));
    } else {
        let text = fs::read_to_string(path).map_err(unreadable)?;
        parse(&text, path.parent().unwrap_or(Path::new("")))
            .map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?
    };
    if entries.len() > ENTRIES_MAX {
        let n = entries.len();
        return Err(Failure::usage(format!("{n} submissions; at most {ENTRIES_MAX} are graded at once")));
    }
    checked(entries).map_err(|why| Failure::usage(format!("{}: {why}", path.display())))
}

/// Everything in it but hidden files. A zip is known without its extension.
fn folder(path: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let zip = Path::new(&name).extension().is_some_and(|e| e.eq_ignore_ascii_case("zip"));
        let id = if zip && entry.file_type()?.is_file() { name[..name.len() - 4].to_owned() } else { name };
        entries.push((id, entry.path()));
    }
    entries.sort();
    Ok(entries)
}

fn parse(text: &str, base: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let mut rows = rows(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
    let head = rows.next().map(|(_, row)| row).unwrap_or_default();
    let column = |name: &str| {
        let found = head.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
        found
            .ok_or_else(|| format!("line 1: there is no column `{name}`; the columns id and path are needed"))
    };
    let (id, path) = (column("id")?, column("path")?);
    let mut entries = Vec::new();
    for (line, row) in rows {
        let cell = |n: usize, name: &str| {
            let text = row.get(n).map(|c| c.trim()).filter(|c| !c.is_empty());
            text.ok_or_else(|| format!("line {line}: `{name}` is empty"))
        };
        entries.push((cell(id, "id")?.to_owned(), base.join(cell(path, "path")?)));
    }
    Ok(entries)
}

/// The rows of a CSV file (RFC 4180) with the line each begins in. Empty lines are none.
fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            line += 1;
        }
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if quoted => cell.push(c),
            ',' => row.push(std::mem::take(&mut cell)),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                row.push(std::mem::take(&mut cell));
                let whole = std::mem::take(&mut row);
                if whole.iter().any(|c| !c.is_empty()) {
                    rows.push((begun, whole));
                }
                begun = line;
            }
            c => cell.push(c),
        }
    }
    if quoted {
        return Err(format!("line {begun}: a quotation mark is not closed"));
    }
    row.push(cell);
    if row.iter().any(|c| !c.is_empty()) {
        rows.push((begun, row));
    }
    Ok(rows)
}

fn checked(found: Vec<(String, PathBuf)>) -> Result<Vec<Entry>, String> {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (id, path) in &found {
        if id.is_empty() || id.len() > ID_MAX || id.chars().any(|c| c.is_control() || c == '/') {
            let shown: String = id.chars().take(80).collect();
            return Err(format!(
                "`{}` cannot be an id: 1 to {ID_MAX} bytes without `/` and control characters are needed",
                shown.escape_debug()
            ));
        }
        if let Some(other) = seen.insert(id.clone(), path.clone()) {
            return Err(format!("`{id}` is there twice: {} and {}", other.display(), path.display()));
        }
    }
    Ok(found.into_iter().map(|(id, path)| Entry { id, path }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_spreadsheets_write_it() {
        let text = "\u{feff}Name,ID,Path\r\n\"Lee, \"\"A\"\"\",anna,a/x.zip\r\n\r\nBob,bob,/abs/b\r\n";
        let got = parse(text, Path::new("/list")).unwrap();
        assert_eq!(got, [("anna".into(), "/list/a/x.zip".into()), ("bob".into(), "/abs/b".into())]);
        for (bad, why) in [
            ("", "no column `id`"),
            ("id,file\na,b\n", "no column `path`"),
            ("id,path\na\n", "line 2: `path` is empty"),
            ("id,path\n\"a,b\n", "line 2: a quotation mark"),
        ] {
            assert!(parse(bad, Path::new("")).unwrap_err().contains(why), "{bad:?}");
        }
    }

    #[test]
    fn two_of_one_id_and_ids_that_are_paths_are_refused() {
        let entry = |id: &str| (id.to_owned(), PathBuf::from("x"));
        assert!(checked(vec![entry("a"), entry("b")]).is_ok());
        for bad in [vec![entry("a"), entry("a")], vec![entry("../a")], vec![entry("")], vec![entry("a\nb")]] {
            assert!(checked(bad).is_err());
        }
    }

    #[test]
    fn a_folder_gives_one_entry_for_each_student() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("anna")).unwrap();
        fs::write(dir.path().join("bob.zip"), "").unwrap();
        fs::write(dir.path().join("carl.py"), "").unwrap();
        fs::write(dir.path().join(".DS_Store"), "").unwrap();
        let ids: Vec<_> = list(dir.path()).unwrap().into_iter().map(|e| e.id).collect();
        assert_eq!(ids, ["anna", "bob", "carl.py"]);
        fs::create_dir(dir.path().join("bob")).unwrap();
        assert!(list(dir.path()).is_err(), "bob and bob.zip");
    }
}
