//! Golden samples of everything that travels between API and workers. A sample that was committed keeps
//! parsing and means the same: a change that breaks one needs a new version of its message.

use std::path::Path;

use proto::event::EventMessage;
use proto::http::{ClaimReply, ClaimRequest, Heartbeat, HeartbeatReply, WorkerRegistration};
use proto::job::Job;
use proto::report::ReportMessage;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Parses a sample and writes it again; both have to say the same. Additions with defaults are allowed.
fn again<T: DeserializeOwned + Serialize>(name: &str, sample: &Value) {
    let message: T = serde_json::from_value(sample.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let written = serde_json::to_value(&message).unwrap();
    contains(name, &written, sample);
    let back: T = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), written, "{name} changes when read again");
}

/// Everything of `sample` stands in `written`, with the same value.
fn contains(at: &str, written: &Value, sample: &Value) {
    match (written, sample) {
        (Value::Object(written), Value::Object(sample)) => {
            for (key, value) in sample {
                let found = written.get(key).unwrap_or_else(|| panic!("{at}.{key} got lost"));
                contains(&format!("{at}.{key}"), found, value);
            }
        }
        (Value::Array(written), Value::Array(sample)) => {
            assert_eq!(written.len(), sample.len(), "{at}");
            for (place, (written, sample)) in written.iter().zip(sample).enumerate() {
                contains(&format!("{at}[{place}]"), written, sample);
            }
        }
        (Value::Number(written), Value::Number(sample)) => {
            assert_eq!(written.as_f64(), sample.as_f64(), "{at}");
        }
        _ => assert_eq!(written, sample, "{at}"),
    }
}

#[test]
fn every_committed_sample_keeps_parsing_and_means_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let sample: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        match name.split('.').next().unwrap() {
            "job" => again::<Job>(&name, &sample),
            "event" => again::<EventMessage>(&name, &sample),
            "report" => again::<ReportMessage>(&name, &sample),
            "claim_request" => again::<ClaimRequest>(&name, &sample),
            "claim_reply" => again::<ClaimReply>(&name, &sample),
            "heartbeat" => again::<Heartbeat>(&name, &sample),
            "heartbeat_reply" => again::<HeartbeatReply>(&name, &sample),
            "worker" => again::<WorkerRegistration>(&name, &sample),
            other => panic!("{name}: no message is called `{other}`"),
        }
        count += 1;
    }
    assert!(count >= 20, "{count} samples");
}

#[test]
fn a_key_of_a_newer_version_is_no_reason_to_refuse_a_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let text = std::fs::read(folder.join("job.v1.tests.json")).unwrap();
    let mut sample: Value = serde_json::from_slice(&text).unwrap();
    sample["from_the_future"] = 1.into();
    serde_json::from_value::<Job>(sample).unwrap();
}
