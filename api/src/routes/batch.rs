//! Many submissions in one body: how they are read, and how refusals of some are told.

use serde_json::{Value, json};

use crate::error::{ApiError, Code};

/// Largest body in bytes.
pub(crate) const BODY_MAX: usize = 32 << 20;
/// Most submissions of one request.
const COUNT_MAX: usize = 1000;
/// Refusals that are told; more are counted.
const TOLD_MAX: usize = 100;

/// Whether the content type means one JSON document a line.
pub(crate) fn is_lines(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["application/x-ndjson", "application/jsonl"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

/// Reads a JSON array, or one JSON document a line.
pub(crate) fn read(bytes: &[u8], lines: bool) -> Result<Vec<Value>, ApiError> {
    let sent: Vec<Value> = if lines {
        let lines = (1..).zip(bytes.split(|b| *b == b'\n'));
        lines
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .take(COUNT_MAX + 1)
            .map(|(number, line)| {
                super::parse(line).map_err(|mut refusal: ApiError| {
                    refusal.detail = format!("line {number}: {}", refusal.detail);
                    refusal
                })
            })
            .collect::<Result<_, _>>()?
    } else {
        super::parse(bytes)?
    };
    match sent.len() {
        0 => Err(ApiError::new(Code::InvalidBody, "the batch holds no submission")),
        n if n > COUNT_MAX => {
            let detail = format!("the batch holds more than {COUNT_MAX} submissions; send several batches");
            Err(ApiError::new(Code::BodyTooLarge, detail))
        }
        _ => Ok(sent),
    }
}

/// One refusal for all that were refused; its code is that of the first one.
pub(crate) fn none_refused(refused: Vec<(usize, ApiError)>) -> Result<(), ApiError> {
    let Some((index, first)) = refused.first() else { return Ok(()) };
    let told: Vec<Value> = refused
        .iter()
        .take(TOLD_MAX)
        .map(
            |(index, refusal)| json!({"index": index, "code": refusal.code.name(), "detail": refusal.detail}),
        )
        .collect();
    let detail = format!(
        "nothing was stored: {} of the batch refused, the first one at index {index}: {}",
        refused.len(),
        first.detail
    );
    Err(ApiError::new(first.code, detail).with("refused", told.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_lines_are_read_and_neither_nothing_nor_too_many() {
        assert_eq!(read(b"[{},{}]", false).unwrap().len(), 2);
        assert_eq!(read(b"{}\n\n{}\r\n", true).unwrap().len(), 2);
        for (bytes, lines, code, says) in [
            (&b"[]"[..], false, Code::InvalidBody, "no submission"),
            (b"\n \n", true, Code::InvalidBody, "no submission"),
            (b"{}", false, Code::InvalidBody, "sequence"),
            (b"{}\n{", true, Code::InvalidJson, "line 2"),
        ] {
            let refusal = read(bytes, lines).unwrap_err();
            assert_eq!(refusal.code, code, "{}", refusal.detail);
            assert!(refusal.detail.contains(says), "{}", refusal.detail);
        }
        let many = "{}\n".repeat(COUNT_MAX + 1);
        assert_eq!(read(many.as_bytes(), true).unwrap_err().code, Code::BodyTooLarge);
        let most = "{}\n".repeat(COUNT_MAX);
        assert_eq!(read(most.as_bytes(), true).unwrap().len(), COUNT_MAX);
    }

    #[test]
    fn every_refused_one_is_named_by_its_place() {
        assert!(none_refused(Vec::new()).is_ok());
        let refused = |at| (at, ApiError::new(Code::NoSource, format!("empty {at}")));
        let refusal = none_refused(vec![refused(3), refused(7)]).unwrap_err();
        assert_eq!(refusal.code, Code::NoSource);
        assert!(
            refusal.detail.contains("index 3") && refusal.detail.contains("empty 3"),
            "{}",
            refusal.detail
        );
    }
}
