//! Is what `deploy/` gives to operators true of this code, and do the tools it is made for take it?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tests::corpus::{checkout, examples};
use tests::process::{serve, share_images};

fn deploy() -> PathBuf {
    checkout().join("deploy")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("could not read {}: {e}", path.display()))
}

/// Runs a tool of the operator's; `None` and a visible line when it is not here.
fn tool(name: &str, args: &[&str], folder: &Path) -> Option<Output> {
    match Command::new(name).args(args).current_dir(folder).output() {
        Ok(output) => Some(output),
        Err(e) => {
            println!("skipped: what {name} says of deploy/: it cannot be started here ({e})");
            None
        }
    }
}

fn agreed(output: &Output) {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", said(&output.stdout), said(&output.stderr));
}

/// Names of metrics in a text, without what the exposition adds to a counter or a histogram.
fn metrics_named(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let names = text.split(|c| !word(c)).filter_map(|name| name.strip_prefix("tribunal_"));
    let bare = |name: &str| {
        let ends = ["_bucket", "_sum", "_count", "_total"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    names.map(bare).collect()
}

fn metrics_registered() -> BTreeSet<String> {
    let text = read(&checkout().join("api/src/metrics.rs"));
    let after = text.split("register(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    after.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()).collect()
}

fn alerts() -> Vec<String> {
    let text = read(&deploy().join("prometheus/alerts.yaml"));
    text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect()
}

#[test]
fn every_metric_of_dashboard_and_alerts_is_one_the_service_has() {
    let registered = metrics_registered();
    assert!(registered.len() > 20, "{registered:?}");
    for file in ["prometheus/alerts.yaml", "prometheus/alerts.test.yaml", "grafana/tribunal.json"] {
        let named = metrics_named(&read(&deploy().join(file)));
        assert!(named.len() > 5, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&registered).collect();
        assert!(unknown.is_empty(), "{file} names metrics that the service does not have: {unknown:?}");
    }
    let dashboard: Value = serde_json::from_str(&read(&deploy().join("grafana/tribunal.json"))).unwrap();
    let shown = metrics_named(&dashboard.to_string());
    let unseen: Vec<_> = registered.difference(&shown).collect();
    assert!(unseen.is_empty(), "the dashboard shows everything there is; it lacks {unseen:?}");
}

#[test]
fn every_alert_fires_on_its_trouble_alone_and_is_explained() {
    let guide = read(&deploy().join("OPERATIONS.md"));
    let tested = read(&deploy().join("prometheus/alerts.test.yaml"));
    let alerts = alerts();
    assert!(alerts.len() > 5, "{alerts:?}");
    for alert in &alerts {
        assert!(guide.contains(&format!("| `{alert}` |")), "OPERATIONS.md says nothing of {alert}");
        let times = tested.matches(&format!("alertname: {alert}")).count();
        assert!(times >= 2, "alerts.test.yaml needs a case that fires {alert} and one that does not");
    }
    let folder = deploy().join("prometheus");
    let Some(checked) = tool("promtool", &["check", "rules", "alerts.yaml"], &folder) else { return };
    agreed(&checked);
    if let Some(tested) = tool("promtool", &["test", "rules", "alerts.test.yaml"], &folder) {
        agreed(&tested);
    }
}

/// The executable the units name is not installed where tests run; everything else of them is verified.
#[test]
fn systemd_takes_every_unit() {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(deploy().join("systemd")).unwrap() {
        let path = entry.unwrap().path();
        let unit = read(&path);
        let command = unit.lines().find(|l| l.starts_with("ExecStart=/usr/local/bin/tribunal ")).unwrap();
        let copy = dir.path().join(path.file_name().unwrap());
        fs::write(&copy, unit.replace(command, "ExecStart=/bin/true")).unwrap();
        let file = copy.to_str().unwrap();
        let Some(verified) =
            tool("systemd-analyze", &["verify", "--man=no", "--recursive-errors=no", file], dir.path())
        else {
            return;
        };
        agreed(&verified);
        let said = String::from_utf8_lossy(&verified.stderr);
        assert!(!said.contains(&*copy.file_name().unwrap().to_string_lossy()), "{said}");
    }
}

#[test]
fn a_worker_unit_keeps_the_capabilities_a_box_takes_and_no_others() {
    let host = read(&deploy().join("HOST.md"));
    let owed: BTreeSet<_> =
        host.lines().filter_map(|l| l.strip_prefix("| CAP_")).filter_map(|l| l.split(' ').next()).collect();
    assert_eq!(owed.len(), 8, "{owed:?}");
    for unit in ["tribunal.service", "tribunal-worker.service"] {
        let text = read(&deploy().join("systemd").join(unit));
        let line = text.lines().find_map(|l| l.strip_prefix("CapabilityBoundingSet=")).unwrap();
        let kept: BTreeSet<_> = line.split(' ').filter_map(|word| word.strip_prefix("CAP_")).collect();
        assert_eq!(kept, owed, "{unit}");
        assert!(text.lines().any(|l| l == "Delegate=yes"), "{unit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_data_directory_restores_the_whole_service() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    share_images(&data);
    let (service, api) = serve(&data);
    api.ready(2).await;
    let right = examples().into_iter().find(|e| e.path.ends_with("accepted/plain.py")).unwrap();
    let id = api.submit(&right).await;
    let before = api.done(&id).await;
    assert_eq!(before["verdict"], "AC", "{before}");
    assert_eq!(service.terminate(), Some(0));
    // The command of OPERATIONS.md.
    agreed(&tool("cp", &["-a", data.to_str().unwrap(), copy.to_str().unwrap()], dir.path()).unwrap());
    fs::remove_dir_all(&data).unwrap();

    let (_service, restored) = serve(&copy);
    restored.ready(2).await;
    let (_, after) = restored.get(&format!("/api/v1/submissions/{id}")).await;
    assert_eq!(after, before, "the judgement is the one that was backed up");
    let again = restored.submit(&right).await;
    assert_eq!(restored.done(&again).await["verdict"], "AC", "and problems are there to judge against");
}
