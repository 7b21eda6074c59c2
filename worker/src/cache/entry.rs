//! One outcome as bytes: a length, a head in JSON, then the streams and files behind each other.

use proto::facts::RunFacts;
use sandbox::spec::{BoxTimes, Captured, Collected, RunOutcome};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Head {
    facts: RunFacts,
    /// Bytes of stdout and stderr, and whether there were more.
    streams: [(usize, bool); 2],
    files: Vec<(Vec<u8>, bool, usize)>,
    /// Directories with nothing in them.
    empty: Vec<Vec<u8>>,
}

/// The outcome's bytes; empty when it cannot be written, which nobody reads as one.
pub(super) fn write(outcome: &RunOutcome) -> Vec<u8> {
    let stream = |s: &Captured| (s.bytes.len(), s.truncated);
    let head = Head {
        facts: outcome.facts.clone(),
        streams: [stream(&outcome.stdout), stream(&outcome.stderr)],
        files: outcome.files.iter().map(|f| (f.path.clone(), f.executable, f.bytes.len())).collect(),
        empty: outcome.empty.clone(),
    };
    let Ok(head) = serde_json::to_vec(&head) else { return Vec::new() };
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&outcome.stdout.bytes);
    bytes.extend_from_slice(&outcome.stderr.bytes);
    for file in &outcome.files {
        bytes.extend_from_slice(&file.bytes);
    }
    bytes
}

/// The outcome in `bytes`; `None` when they are not one, to the last byte.
pub(super) fn read(bytes: &[u8]) -> Option<RunOutcome> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (head, mut rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let mut take = |length: usize| -> Option<Vec<u8>> {
        let (part, left) = rest.split_at_checked(length)?;
        rest = left;
        Some(part.to_vec())
    };
    let [stdout, stderr] = head.streams;
    let stdout = Captured { bytes: take(stdout.0)?, truncated: stdout.1 };
    let stderr = Captured { bytes: take(stderr.0)?, truncated: stderr.1 };
    let mut files = Vec::with_capacity(head.files.len());
    for (path, executable, length) in head.files {
        files.push(Collected { path, executable, bytes: take(length)? });
    }
    let times = BoxTimes::default();
    rest.is_empty().then(|| RunOutcome {
        facts: head.facts,
        stdout,
        stderr,
        files,
        opened: Vec::new(),
        empty: head.empty,
        refused: Vec::new(),
        times,
    })
}
