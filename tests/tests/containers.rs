//! Is what `deploy/` gives to container engines and Kubernetes whole, and no more than a worker needs? That the compose
//! file judges is shown by `.ci/try-compose`.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tests::corpus::checkout;

fn read(path: &str) -> String {
    let path = checkout().join("deploy").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("could not read {}: {e}", path.display()))
}

/// The eight capabilities of HOST.md, without `CAP_`.
fn owed() -> BTreeSet<String> {
    let host = read("HOST.md");
    let owed: BTreeSet<_> = host
        .lines()
        .filter_map(|line| line.strip_prefix("| CAP_")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(owed.len(), 8, "{owed:?}");
    owed
}

/// What stands in the brackets after `key` on its line, once for each such line.
fn lists(text: &str, key: &str) -> Vec<BTreeSet<String>> {
    let inner = |line: &str| -> Option<BTreeSet<String>> {
        let list = line.trim().strip_prefix(key)?.trim().strip_prefix('[')?.strip_suffix(']')?;
        Some(list.split(',').map(|word| word.trim().to_owned()).collect())
    };
    text.lines().filter_map(inner).collect()
}

#[test]
fn containers_have_the_capabilities_a_box_takes_and_no_others() {
    let compose = read("compose/compose.yaml");
    assert_eq!(lists(&compose, "cap_add:"), [owed()]);
    let all = BTreeSet::from(["ALL".to_owned()]);
    assert_eq!(lists(&compose, "cap_drop:"), [all.clone(), all.clone()], "API and worker");
    assert!(!compose.contains("privileged: true") && !compose.contains("/var/run/docker.sock"));
    let chart = read("helm/tribunal/templates/_names.tpl");
    assert_eq!(lists(&chart, "add:"), [owed()]);
    assert_eq!(lists(&chart, "drop:"), [all]);
}

#[test]
fn no_secret_of_the_compose_file_has_a_default() {
    let compose = read("compose/compose.yaml");
    for name in ["POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"] {
        assert!(compose.contains(&format!("${{{name}:?run ./secrets first}}")), "{name}");
        assert!(!compose.contains(&format!("${{{name}:-")), "{name} has a default");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secrets"), read("compose/secrets")).unwrap();
    let make = || {
        let made = Command::new("sh").arg("secrets").current_dir(dir.path()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let file = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        (file(".env"), file("private/worker.token"))
    };
    let first = make();
    assert_eq!(make(), first, "a second run keeps what is there");
    let words: BTreeSet<_> = first.0.lines().filter_map(|l| l.split_once('=')).map(|(_, w)| w).collect();
    assert!(words.len() == 2 && words.iter().all(|w| w.len() == 64) && first.1.len() == 64);
    use std::os::unix::fs::PermissionsExt;
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(".env"), mode("private")), (0o600, 0o700));
}

#[test]
fn the_seccomp_profile_forbids_what_reaches_the_host_and_slows_no_box_down() {
    let profile: Value = serde_json::from_str(&read("compose/seccomp.json")).unwrap();
    assert_eq!(
        profile["defaultAction"], "SCMP_ACT_ALLOW",
        "a list of all that is allowed costs each call of a box"
    );
    let rules = profile["syscalls"].as_array().unwrap();
    let names: BTreeSet<&str> =
        rules.iter().flat_map(|r| r["names"].as_array().unwrap()).map(|n| n.as_str().unwrap()).collect();
    for name in
        ["bpf", "kexec_load", "init_module", "finit_module", "clock_settime", "open_by_handle_at", "reboot"]
    {
        assert!(names.contains(name), "{name}");
    }
    for name in ["mount", "pivot_root", "clone", "clone3", "unshare", "setns", "seccomp", "umount2"] {
        assert!(!names.contains(name), "no box without {name}");
    }
    assert!(rules.iter().all(|r| r["action"] == "SCMP_ACT_ERRNO" && r["args"].is_null()));
}

/// What helm says; `None` and a visible line when it cannot be had.
fn helm(args: &[&str]) -> Option<Output> {
    let output = Command::new(checkout().join(".ci/helm"))
        .args(args)
        .current_dir(checkout().join("deploy/helm"))
        .output()
        .unwrap();
    if output.status.code() == Some(127) {
        println!("skipped: what helm says of the chart: {}", String::from_utf8_lossy(&output.stderr).trim());
        return None;
    }
    Some(output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The templates under these values.
fn template(values: &[&str]) -> Option<Result<String, String>> {
    let mut args = vec!["template", "release", "tribunal"];
    args.extend(values.iter().flat_map(|value| ["--set-json", *value]));
    let output = helm(&args)?;
    Some(if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) })
}

const SECRET: &str = r#"secret={"existing":"kept"}"#;

/// The document of this kind whose name ends so.
fn document<'a>(all: &'a str, kind: &str, name: &str) -> &'a str {
    let is = |d: &&str| {
        let own = d.lines().find_map(|l| l.strip_prefix("  name: ")).unwrap_or_default();
        d.lines().any(|l| l == format!("kind: {kind}")) && own.ends_with(name)
    };
    all.split("\n---\n").find(is).unwrap_or_else(|| panic!("no {kind} {name}:\n{all}"))
}

#[test]
fn helm_takes_the_chart_and_says_what_is_missing() {
    let Some(lint) = helm(&["lint", "--strict", "tribunal", "--set-json", SECRET]) else { return };
    assert!(lint.status.success(), "{}", said(&lint));
    let refused = |values: &[&str]| template(values).unwrap().unwrap_err();
    assert!(refused(&[]).contains("is needed, or secret.existing"));
    assert!(refused(&[SECRET, "worker.slot=3"]).contains("slot"), "a value nobody reads is told");
    assert!(
        refused(&[SECRET, r#"worker.languages=[{"id":"cpp","reference":"r/cpp:latest"}]"#])
            .contains("reference")
    );
    let short = r#"secret={"databaseUrl":"postgres://a/b","brokerUrl":"amqp://a","workerToken":"short"}"#;
    assert!(refused(&[short]).contains("workerToken"));
}

#[test]
fn the_chart_gives_rights_to_workers_alone_and_scales_them_by_the_age_of_the_queue() {
    let image = format!(r#"worker.languages=[{{"id":"c++","reference":"r/c@sha256:{}"}}]"#, "a".repeat(64));
    let Some(made) = template(&[SECRET, "autoscaling.enabled=true", &image]) else { return };
    let made = made.unwrap();
    let (api, worker) = (document(&made, "Deployment", "-api"), document(&made, "Deployment", "-worker"));
    assert_eq!(lists(worker, "add:"), [owed(), owed()], "the worker, and what pulls its images");
    assert!(lists(api, "add:").is_empty() && api.contains("runAsNonRoot: true"));
    assert!(!made.contains("privileged: true") && made.contains("privileged: false"));
    assert!(worker.contains("path: /run/tribunal"), "workers of a node share the locks of id ranges");
    assert!(worker.contains("--drain-timeout=60s") && worker.contains("terminationGracePeriodSeconds: 90"));
    assert!(!worker.lines().any(|l| l.trim().starts_with("replicas:")), "the autoscaler decides");
    for (text, secret) in [(worker, "TRIBUNAL_DATABASE"), (worker, "database-url")] {
        assert!(!text.contains(secret), "a worker has no database credentials");
    }
    let scaler = document(&made, "HorizontalPodAutoscaler", "-worker");
    let metric = scaler.lines().find_map(|l| l.strip_prefix("          name: ")).unwrap();
    let registered = fs::read_to_string(checkout().join("api/src/metrics.rs")).unwrap();
    let own = metric.strip_prefix("tribunal_").unwrap();
    assert!(registered.contains(&format!("register(\"{own}\"")), "{metric} is no metric of the service");
    let policy = document(&made, "NetworkPolicy", "-worker");
    assert!(policy.contains("ingress: []"), "{policy}");
}
