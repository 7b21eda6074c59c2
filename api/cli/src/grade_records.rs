//! The folder of `grade --out`: a record of each submission, written whole or not at all, and the results of all.
//!
//! A record carries a key over everything that decides its report. A run that was killed is gone on with: what has
//! a record with the same key is graded, everything else is not.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use course::Report;
use proto::id::Digest;
use serde::{Deserialize, Serialize};

use crate::output::Failure;

const RECORDS: &str = "records";
const LOCK: &str = ".lock";

/// What came of one submission.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Whose it is.
    pub(crate) id: String,
    /// Where it was.
    pub(crate) path: String,
    /// Over harness, image, limits and submission.
    pub(crate) key: Digest,
    /// What it got.
    pub(crate) report: Report,
}

/// The folder, held against other runs.
#[derive(Debug)]
pub(crate) struct Records {
    folder: PathBuf,
    _lock: File,
}

impl Records {
    /// Opens the folder, making it. Without `resume` it may hold no record yet.
    pub(crate) fn open(folder: &Path, resume: bool) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::usage(format!("--out {}: {e}", folder.display()));
        fs::create_dir_all(folder.join(RECORDS)).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK))
            .map_err(failed)?;
        if lock.try_lock().is_err() {
            let text = format!("--out {}: another run is writing there", folder.display());
            return Err(Failure::usage(text));
        }
        let records = Self { folder: folder.to_owned(), _lock: lock };
        let mut graded = 0;
        for entry in fs::read_dir(folder.join(RECORDS)).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // What a killed run was writing.
            if path.extension().is_some_and(|e| e == "tmp") {
                fs::remove_file(&path).map_err(failed)?;
            } else {
                graded += 1;
            }
        }
        if graded > 0 && !resume {
            return Err(Failure::usage(format!(
                "--out {} holds {graded} records; go on with them with --resume, or name another folder",
                folder.display()
            )));
        }
        Ok(records)
    }

    /// The record of `id`, when it was made from the same things.
    pub(crate) fn find(&self, id: &str, key: &Digest) -> Option<Record> {
        let text = fs::read(self.place(id)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.id == id && record.key == *key).then_some(record)
    }

    /// Keeps a record.
    pub(crate) fn keep(&self, record: &Record) -> Result<(), Failure> {
        let text = serde_json::to_vec(record).map_err(|e| Failure::ours(format!("a record: {e}")))?;
        replace(&self.place(&record.id), &text)
    }

    /// Writes a file of results beside the records, in the folder `view` when it is not empty.
    pub(crate) fn write(&self, view: &str, name: &str, content: &[u8]) -> Result<(), Failure> {
        let folder = self.folder.join(view);
        fs::create_dir_all(&folder)
            .map_err(|e| Failure::ours(format!("could not make {}: {e}", folder.display())))?;
        replace(&folder.join(name), content)
    }

    fn place(&self, id: &str) -> PathBuf {
        self.folder.join(RECORDS).join(file_name(id))
    }
}

/// A file name for any id: the id itself where it is plain, else without its odd characters and with a digest.
pub(crate) fn file_name(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if id.chars().all(plain) && !id.starts_with('.') && id.len() <= 100 {
        return format!("{id}.json");
    }
    let kept: String = id.chars().map(|c| if plain(c) { c } else { '_' }).take(60).collect();
    // No plain id has a `~`.
    format!("~{kept}-{}.json", Digest::of(id.as_bytes()).short())
}

/// Synced under another name, then renamed: nobody ever finds half of it.
fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let temporary = path.with_extension("tmp");
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|e| Failure::ours(format!("could not write {}: {e}", path.display())))
}

/// One line of results.csv.
pub(crate) fn csv_line(cells: &[String]) -> String {
    let mut line = String::new();
    for (n, cell) in cells.iter().enumerate() {
        let comma = if n > 0 { "," } else { "" };
        // A spreadsheet would take such a cell for a formula, and students choose names.
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let cell = if formula { format!("'{cell}") } else { cell.clone() };
        let text = if cell.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        };
        let _ = write!(line, "{comma}{text}");
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use course::Status;

    fn record(id: &str, key: &[u8]) -> Record {
        let report = Report::empty(Status::Failed, "why", "why");
        Record { id: id.to_owned(), path: "p".to_owned(), key: Digest::of(key), report }
    }

    #[test]
    fn a_record_is_found_again_under_its_key_only() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path(), false).unwrap();
        for id in ["anna", "Ünï cödé", "..", "a b"] {
            records.keep(&record(id, b"1")).unwrap();
            assert!(records.find(id, &Digest::of(b"1")).is_some(), "{id}");
            assert!(records.find(id, &Digest::of(b"2")).is_none(), "{id}");
        }
        fs::write(dir.path().join("records/anna.json"), "{half").unwrap();
        assert!(records.find("anna", &Digest::of(b"1")).is_none());
        fs::write(dir.path().join("records/x.tmp"), "{half").unwrap();
        assert!(Records::open(dir.path(), true).is_err(), "held by the first");
        drop(records);
        assert!(Records::open(dir.path(), false).is_err(), "there are records");
        Records::open(dir.path(), true).unwrap();
        assert!(!dir.path().join("records/x.tmp").exists());
    }

    #[test]
    fn file_names_never_meet_and_never_lead_out() {
        let ids = ["a", "a/b", "a_b", "..", ".a", "~a", "a b", "a\u{e4}"];
        let names: std::collections::BTreeSet<_> = ids.iter().map(|id| file_name(id)).collect();
        assert_eq!(names.len(), ids.len());
        assert!(names.iter().all(|n| !n.contains('/') && !n.starts_with('.')));
    }

    #[test]
    fn no_cell_is_a_formula_and_every_cell_stays_one() {
        let cells = ["=cmd()", "a,b", "say \"hi\"", "-1.5", "@x", "two\nlines"].map(str::to_owned);
        assert_eq!(csv_line(&cells), "'=cmd(),\"a,b\",\"say \"\"hi\"\"\",-1.5,'@x,\"two\nlines\"\n");
    }
}
