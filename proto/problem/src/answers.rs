//! Submissions to `submit-answer` problems: which of the files sent is the output of which case.
//!
//! The format says that a submission consists of the answers and leaves their names open. Here a file is named
//! after its case, with or without `data/` in front, with `.out`, `.ans` or nothing behind:
//! `secret/1-small.out`. The last part alone is enough where no other case ends so. Many files may come as one
//! zip, from anybody: names and sizes in it are not believed.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use crate::archive::enclosed;
use crate::model::Problem;

/// Most files in a zip of answers.
const FILES_MAX: usize = 10_000;

/// Every case of a problem with the file that answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// By case: which file, as an index into those sent.
    pub by_case: Vec<Option<usize>>,
    /// Files that answer no case.
    pub unused: Vec<usize>,
}

/// Finds the file of every case. Of two files for one case the first in order of names counts, so that the
/// order of sending means nothing.
pub fn assign(problem: &Problem, names: &[&str]) -> Assigned {
    let mut by_name: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for (at, case) in problem.cases.iter().enumerate() {
        by_name.insert(&case.name, Some(at));
        let last = case.name.rsplit('/').next().unwrap_or(&case.name);
        // Two cases with one last part: it names neither.
        by_name.entry(last).and_modify(|known| *known = None).or_insert(Some(at));
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|i| names[*i]);
    let mut assigned = Assigned { by_case: vec![None; problem.cases.len()], unused: Vec::new() };
    for file in order {
        let name = names[file].strip_prefix("data/").unwrap_or(names[file]);
        let stem = name.strip_suffix(".out").or_else(|| name.strip_suffix(".ans")).unwrap_or(name);
        match by_name.get(stem).copied().flatten() {
            Some(case) if assigned.by_case[case].is_none() => assigned.by_case[case] = Some(file),
            _ => assigned.unused.push(file),
        }
    }
    // One case and one file need no name.
    if let ([None], [only]) = (&assigned.by_case[..], &assigned.unused[..]) {
        assigned = Assigned { by_case: vec![Some(*only)], unused: Vec::new() };
    }
    assigned
}

/// The files in a zip of answers, at most `most` bytes of them together. A single top folder is left out of
/// their names unless it is one of the format's own.
///
/// # Errors
/// What is wrong with the archive, for whoever sent it.
pub fn read_zip(bytes: &[u8], most: u64) -> Result<Vec<(String, Vec<u8>)>, String> {
    let unreadable = |e: zip::result::ZipError| format!("this is not a zip archive that can be read: {e}");
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if zip.len() > FILES_MAX {
        return Err(format!("the archive has {} entries; at most {FILES_MAX} are read", zip.len()));
    }
    if zip.has_overlapping_files().map_err(unreadable)? {
        return Err("entries of the archive overlap; pack it again".to_owned());
    }
    let (mut files, mut left) = (BTreeMap::new(), most);
    for i in 0..zip.len() {
        let file = zip.by_index(i).map_err(unreadable)?;
        if file.is_dir() {
            continue;
        }
        let name = String::from_utf8(file.name_raw().to_vec()).ok();
        let path = name.as_deref().and_then(enclosed).filter(|_| !file.is_symlink());
        let name = path.as_deref().and_then(|path| path.to_str()).map(str::to_owned);
        let name = name.ok_or_else(|| format!("entry {i} has no plain name, or is a link"))?;
        let mut content = Vec::new();
        file.take(left + 1)
            .read_to_end(&mut content)
            .map_err(|e| format!("`{name}` cannot be unpacked: {e}"))?;
        left = left
            .checked_sub(content.len() as u64)
            .ok_or_else(|| format!("the archive unpacks to more than {most} bytes"))?;
        if files.insert(name.clone(), content).is_some() {
            return Err(format!("`{name}` is packed twice"));
        }
    }
    Ok(without_top_folder(files))
}

fn without_top_folder(files: BTreeMap<String, Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let top = |name: &str| name.split_once('/').map(|(top, _)| top.to_owned());
    let first = files.keys().next().and_then(|name| top(name));
    let wraps = |folder: &String| {
        let own = ["data", "sample", "secret"].contains(&folder.as_str());
        !own && files.keys().all(|name| top(name).as_ref() == Some(folder))
    };
    let cut = first.filter(wraps).map_or(0, |folder| folder.len() + 1);
    files.into_iter().map(|(name, content)| (name[cut..].to_owned(), content)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn problem(cases: &[&str]) -> (tempfile::TempDir, Problem) {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let at = dir.path().join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, text).unwrap();
        };
        let manifest = "problem_format_version: 2025-09\nname: A\nuuid: u\ntype: submit-answer\n\
                        limits: {time_limit: 1}\n";
        put("problem.yaml", manifest);
        for case in cases {
            put(&format!("data/{case}.in"), "");
            put(&format!("data/{case}.ans"), "");
        }
        let loaded = crate::read_dir(dir.path()).unwrap_or_else(|e| panic!("{e}"));
        (dir, loaded.problem)
    }

    #[test]
    fn a_file_answers_the_case_it_is_named_after() {
        let (_dir, problem) = problem(&["sample/1", "secret/1", "secret/2-big"]);
        for (names, by_case, unused) in [
            (&["sample/1.out", "secret/1.ans", "data/secret/2-big.out"][..], [Some(0), Some(1), Some(2)], 0),
            (&["2-big", "secret/1"], [None, Some(1), Some(0)], 0),
            (&["1.out"], [None, None, None], 1),
            (&["secret/1.out", "secret/1.ans"], [None, Some(1), None], 1),
            (&["notes.txt", "2-big.out"], [None, None, Some(1)], 1),
            (&["secret/2-big.out.txt"], [None, None, None], 1),
        ] {
            let got = assign(&problem, names);
            assert_eq!((&got.by_case[..], got.unused.len()), (&by_case[..], unused), "{names:?}");
        }
    }

    #[test]
    fn the_only_file_answers_the_only_case() {
        let (_dir, problem) = problem(&["secret/x"]);
        assert_eq!(assign(&problem, &["whatever.txt"]).by_case, [Some(0)]);
        assert_eq!(assign(&problem, &["a", "b"]).by_case, [None]);
    }

    fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_zip_is_read_without_its_top_folder_and_within_its_bounds() {
        let names = |entries: &[(&str, &[u8])]| {
            let files = read_zip(&zip_of(entries), 10)?;
            Ok::<_, String>(files.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[("mine/1.out", b"x"), ("mine/2.out", b"y")]).unwrap(), ["1.out", "2.out"]);
        assert_eq!(names(&[("secret/1.out", b"x")]).unwrap(), ["secret/1.out"]);
        assert_eq!(names(&[("a/1", b"x"), ("b/1", b"y")]).unwrap(), ["a/1", "b/1"]);
        assert!(names(&[("a", b"12345"), ("b", b"12345")]).is_ok());
        assert!(names(&[("a", b"12345"), ("b", b"123456")]).unwrap_err().contains("more than 10 bytes"));
        assert!(names(&[("../a", b"")]).unwrap_err().contains("no plain name"));
        assert!(read_zip(b"PK no", 10).is_err());
        let many = |count: usize| {
            let names: Vec<_> = (0..count).map(|at| at.to_string()).collect();
            read_zip(&zip_of(&names.iter().map(|name| (name.as_str(), &b""[..])).collect::<Vec<_>>()), 10)
        };
        assert_eq!(many(FILES_MAX).unwrap().len(), FILES_MAX);
        assert!(many(FILES_MAX + 1).unwrap_err().contains(&format!("at most {FILES_MAX} are read")));
    }
}
