//! The small files of a control group.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes one value in one write(2), as the kernel wants it.
pub(super) fn write(path: &Path, value: &str) -> io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// Writes one value to an open file in one write(2).
pub(super) fn rewrite(file: &std::fs::File, value: &str) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.write_all_at(value.as_bytes(), 0)
}

/// Opens for writing.
pub(super) fn writable(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).open(path)
}

/// Opens a file that a kernel need not have.
pub(super) fn if_there(opened: io::Result<std::fs::File>) -> io::Result<Option<std::fs::File>> {
    match opened {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Reads an open file again from its start.
pub(super) fn reread(mut file: &std::fs::File) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(4096);
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// The number behind `key` in a flat-keyed file.
///
/// # Errors
/// `InvalidData` when the key is absent: never zero.
pub(super) fn keyed(text: &str, key: &str) -> io::Result<u64> {
    text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("no `{key}` in a control group file"))
    })
}

/// A file that holds one number.
pub(super) fn number(text: &str) -> io::Result<u64> {
    text.trim().parse().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "a control group file does not hold a number")
    })
}

/// Removes an empty group; a group whose last process just died can be busy for a moment.
pub(super) fn remove_dir(dir: &Path) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(2);
    loop {
        match std::fs::remove_dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_key_is_an_error_and_not_a_zero() {
        let text = "usage_usec 12\nuser_usec 5\n";
        assert_eq!(keyed(text, "usage_usec").unwrap(), 12);
        assert!(keyed(text, "usage").is_err());
        assert!(keyed("", "oom_kill").is_err());
        assert!(number("max\n").is_err());
    }
}
