//! Orders to workers, and submissions that wait for one that can.

use proto::http::{OVERHEAD_US, WorkerCounts};

use super::*;
use crate::testing::registration;

#[tokio::test]
async fn an_operator_cordons_drains_and_uncordons_and_the_audit_log_knows() {
    let site = Site::start(false).await;
    let me = registration("host", &["cpp"]);
    let told = serde_json::to_value(&me).unwrap();
    let worker = Some(site.worker.as_str());
    site.ask("POST", "/internal/v1/workers", worker, Some(told)).await;
    let beat = format!("/internal/v1/workers/{}/heartbeat", me.id);
    for (order, state, wanted) in
        [("cordon", "cordoned", "cordon"), ("drain", "draining", "drain"), ("uncordon", "ready", "work")]
    {
        let path = format!("/api/v1/workers/{}/{order}", me.id);
        for token in [None, worker] {
            assert_eq!(site.ask("POST", &path, token, None).await.code(), "forbidden");
        }
        let answer = site.ask("POST", &path, Some(&site.admin), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!((&answer.json()["state"], &answer.json()["wanted"]), (&json!(state), &json!(wanted)));
        let listed = site.ask("GET", "/api/v1/workers", None, None).await.json();
        assert_eq!(listed[0]["state"], state);
        let metrics = site.ask("GET", "/metrics", None, None).await.text;
        assert!(metrics.contains(&format!("tribunal_workers{{state=\"{state}\"}} 1")), "{metrics}");
        let reply = site.ask("POST", &beat, worker, Some(json!({"running": []}))).await.json();
        assert_eq!(reply["order"], wanted);
    }
    let log = site.ask("GET", "/api/v1/audit", Some(&site.admin), None).await.json();
    let actions: Vec<_> = log.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["worker.uncordon", "worker.drain", "worker.cordon"]);
    assert_eq!((&log[0]["subject"], &log[0]["detail"]), (&json!(me.id), &json!("host")));
    let nobody = format!("/api/v1/workers/{}/cordon", proto::id::WorkerId::new());
    assert_eq!(site.ask("POST", &nobody, Some(&site.admin), None).await.code(), "not_found");
}

#[tokio::test]
async fn a_submission_that_nobody_can_judge_says_what_is_missing_and_goes_when_it_comes() {
    let mut site = Site::start(false).await;
    let mut exact = body();
    exact["accounting"] = "exact".into();
    let id = site.ask("POST", SUBMISSIONS, None, Some(exact)).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{SUBMISSIONS}/{id}");
    let missing = async || site.ask("GET", &path, None, None).await.json()["queue"]["waiting_for"].clone();
    assert_eq!(missing().await, "worker");
    let mut rough = registration("rough", &["cpp"]);
    rough.accounting = proto::facts::Accounting::Sampled;
    site.app.register(&rough).await.unwrap();
    assert_eq!(missing().await, "accounting:exact");
    let queue = site.ask("GET", "/api/v1/queue", None, None).await.json();
    assert_eq!(queue["waiting_for"], json!([{"missing": "accounting:exact", "waiting": 1}]));
    let metrics = site.ask("GET", "/metrics", None, None).await.text;
    assert!(metrics.contains("tribunal_queue_lacking 1"), "{metrics}");
    site.judge_everything().await;
    let done = site.ask("GET", &format!("{path}?wait=60"), None, None).await;
    assert_eq!((done.status, &done.json()["state"]), (StatusCode::OK, &json!("done")), "{}", done.text);
    let queue = site.ask("GET", "/api/v1/queue", None, None).await.json();
    assert_eq!(queue["waiting_for"], json!([]));
    let mut odd = body();
    odd["accounting"] = "perfect".into();
    assert_eq!(site.ask("POST", SUBMISSIONS, None, Some(odd)).await.code(), "invalid_body");
}

#[tokio::test]
async fn a_worker_of_a_release_too_far_away_is_refused_with_both_versions() {
    let site = Site::start(false).await;
    let mut told = serde_json::to_value(registration("old", &["cpp"])).unwrap();
    (told["protocol"], told["version"]) = (json!(99), json!("77.1.0"));
    let answer = site.ask("POST", "/internal/v1/workers", Some(&site.worker), Some(told.clone())).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "version_skew"));
    assert!(
        answer.text.contains("77.1.0") && answer.text.contains(env!("CARGO_PKG_VERSION")),
        "{}",
        answer.text
    );
    assert_eq!(site.ask("GET", "/api/v1/workers", None, None).await.json(), json!([]));
    told["protocol"] = json!(proto::skew::PROTOCOL + 1);
    let answer = site.ask("POST", "/internal/v1/workers", Some(&site.worker), Some(told)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_workers_count_is_added_up_once_and_seen_in_the_metrics() {
    let site = Site::start(false).await;
    let mut me = registration("host", &["cpp"]);
    me.speed = Some(1.5);
    site.app.register(&me).await.unwrap();
    let mut counted = WorkerCounts {
        boxes_ready: 3,
        boxes_taken: 2,
        boxes_made: 10,
        boxes_destroyed: 7,
        boxes_quarantined: 1,
        runs_recalled: 4,
        runs_made: 6,
        packages_found: 5,
        packages_fetched: 2,
        overhead: vec![0; OVERHEAD_US.len() + 1],
        overhead_us: 9_000,
    };
    (counted.overhead[1], counted.overhead[OVERHEAD_US.len()]) = (5, 1);
    let mut beat = proto::http::Heartbeat { counted: Some(counted), ..proto::http::Heartbeat::default() };
    site.app.heartbeat(me.id, &beat).await.unwrap();
    site.app.heartbeat(me.id, &beat).await.unwrap();
    beat.counted.as_mut().unwrap().boxes_made = 11;
    site.app.heartbeat(me.id, &beat).await.unwrap();
    let path = format!("/internal/v1/workers/{}/heartbeat", me.id);
    for absurd in [json!({"boxes_ready": u64::MAX}), json!({"overhead": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]})] {
        let sent = json!({"running": [], "counted": absurd});
        assert_eq!(site.ask("POST", &path, Some(&site.worker), Some(sent)).await.code(), "invalid_body");
    }
    let metrics = site.ask("GET", "/metrics", None, None).await.text;
    for line in [
        r#"tribunal_boxes{state="ready"} 3"#,
        r#"tribunal_boxes{state="taken"} 2"#,
        r#"tribunal_box_events_total{event="made"} 11"#,
        r#"tribunal_box_events_total{event="destroyed"} 7"#,
        r#"tribunal_box_events_total{event="quarantined"} 1"#,
        r#"tribunal_runs_total{source="cache"} 4"#,
        r#"tribunal_runs_total{source="run"} 6"#,
        r#"tribunal_packages_total{source="cache"} 5"#,
        r#"tribunal_packages_total{source="fetched"} 2"#,
        r#"tribunal_run_overhead_seconds_bucket{le="0.001"} 5"#,
        r#"tribunal_run_overhead_seconds_bucket{le="0.256"} 5"#,
        r#"tribunal_run_overhead_seconds_bucket{le="+Inf"} 6"#,
        "tribunal_run_overhead_seconds_count 6",
        "tribunal_run_overhead_seconds_sum 0.009",
        r#"tribunal_worker_speed{worker="host"} 1.5"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}
