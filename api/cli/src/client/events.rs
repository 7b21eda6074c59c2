//! Server-sent events, read from any pieces the network makes of them. Pure.

/// Largest event: the judgement at the end, with the output of the tests of a request.
const EVENT_MAX: usize = 64 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its place in the story.
    pub(crate) id: String,
    /// What kind.
    pub(crate) event: String,
    /// Its data, lines joined.
    pub(crate) data: String,
}

/// Bytes that came and are no event yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    event: Event,
    held: usize,
}

impl Events {
    /// The events these bytes complete.
    ///
    /// # Errors
    /// When one event is larger than anything a service sends.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        let mut done = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                self.held += 1;
                if self.held > EVENT_MAX {
                    return Err(format!("an event of more than {EVENT_MAX} bytes"));
                }
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            if let Some(event) = self.line(line.trim_end_matches('\r')) {
                self.held = 0;
                done.push(event);
            }
        }
        Ok(done)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            self.held = 0;
            let event = std::mem::take(&mut self.event);
            return (!event.event.is_empty() || !event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment, or a field of a newer service.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": hello\n\nid: 3\nevent: test\ndata: {\"a\":\ndata: \"ü\"}\n\nevent:done\r\ndata:{}\r\n\r\nid: 9\n";

    #[test]
    fn events_are_the_same_however_the_network_cuts_them() {
        let whole = Events::default().push(STREAM.as_bytes()).unwrap();
        assert_eq!(whole.len(), 2, "the last one is not complete");
        assert_eq!((whole[0].id.as_str(), whole[0].data.as_str()), ("3", "{\"a\":\n\"ü\"}"));
        assert_eq!((whole[1].event.as_str(), whole[1].data.as_str()), ("done", "{}"));
        for cut in 0..STREAM.len() {
            let mut events = Events::default();
            let mut got = events.push(&STREAM.as_bytes()[..cut]).unwrap();
            got.extend(events.push(&STREAM.as_bytes()[cut..]).unwrap());
            assert_eq!(got, whole, "cut at {cut}");
        }
    }

    #[test]
    fn an_endless_event_is_given_up() {
        let mut events = Events::default();
        let piece = vec![b'x'; 16 << 20];
        let given_up = (0..8).any(|_| events.push(&piece).is_err());
        assert!(given_up);
    }
}
