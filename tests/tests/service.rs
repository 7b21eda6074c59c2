//! Does `tribunal serve` judge over HTTP as `tribunal judge` does on the spot?

use futures::future::join_all;
use serde_json::{Value, json};
use tests::client::Api;
use tests::corpus::{Example, examples};
use tests::process::{Running, serve, share_images, tribunal};

#[tokio::test(flavor = "multi_thread")]
async fn every_example_submission_gets_the_verdict_of_its_folder_and_survives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let (running, api) = serve(data.path());
    api.ready(2).await;
    let examples = examples();
    let ids = join_all(examples.iter().map(|example| api.submit(example))).await;
    let done = join_all(ids.iter().map(|id| api.done(id))).await;
    let wrong: Vec<String> = examples.iter().zip(&done).filter_map(|(e, d)| unlike(e, d)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), examples.len(), wrong.join("\n"));
    assert_eq!(running.terminate(), Some(0), "SIGTERM ends it with status 0");

    let (_running, again) = serve(data.path());
    let (_, kept) = again.get(&format!("/api/v1/submissions/{}", ids[0])).await;
    assert_eq!(kept["verdict"], done[0]["verdict"]);
}

fn unlike(example: &Example, done: &Value) -> Option<String> {
    let right = done["verdict"] == example.verdict.code() && done["judgement"]["verdict"] == done["verdict"];
    (!right).then(|| format!("{}/{}: {} {done}", example.problem, example.path, example.verdict))
}

/// The variables are those by which OpenSSL and rustls-native-certs find the system's list.
#[tokio::test(flavor = "multi_thread")]
async fn a_system_without_certificate_authorities_starts_as_well() {
    let data = tempfile::tempdir().unwrap();
    let mut command = tribunal(data.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--otlp-endpoint", "http://127.0.0.1:1"]);
    command.env("SSL_CERT_FILE", data.path().join("none")).env("SSL_CERT_DIR", data.path().join("none.d"));
    let running = Running::start(&mut command, "listening on ");
    let api = Api::new(running.said("listening on ").unwrap(), None);
    assert_eq!(api.get("/readyz").await.1["ready"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_of_a_request_bring_back_what_the_program_wrote() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let (_running, api) = serve(data.path());
    api.ready(2).await;
    let body = json!({
        "language": "python3",
        "files": [{ "name": "a.py", "content": "import sys\nprint(input(), *sys.argv[1:])\nsys.stderr.write('e')\n" }],
        "tests": [{ "stdin": "one\n", "args": ["two"] }, { "stdin": "x\n", "expected_output": "y\n" }],
        "all": true,
    });
    let (_, answer) = api.post("/api/v1/submissions?wait=60", &body).await;
    let tests = &answer["judgement"]["tests"];
    assert_eq!(tests[0]["verdict"], "OK", "{answer}");
    assert_eq!((&tests[0]["stdout"], &tests[0]["stderr"]), (&"one two\n".into(), &"e".into()));
    assert_eq!((&tests[1]["verdict"], &answer["verdict"]), (&"WA".into(), &"WA".into()));
    let timing = &answer["judgement"]["timing"];
    assert!(timing["queue_ms"].is_number() && timing["run_ms"].is_number(), "{timing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_names_the_image_that_the_list_of_languages_shows_with_version_and_commands() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let (_running, api) = serve(data.path());
    api.ready(2).await;
    let (_, languages) = api.get("/api/v1/languages").await;
    let listed = languages.as_array().unwrap().iter().find(|language| language["id"] == "python3").unwrap();
    let known = language::by_id("python3").unwrap();
    assert_eq!((&listed["compile"], &listed["run"]), (&json!(known.compile), &json!(known.run)), "{listed}");
    assert!(listed["version"].as_str().unwrap().starts_with("Python 3"), "{listed}");
    assert!(listed["image"].as_str().unwrap().starts_with("sha256:"), "{listed}");
    let body = json!({
        "language": "python3",
        "files": [{ "name": "a.py", "content": "print(1)\n" }],
        "tests": [{ "stdin": "" }],
    });
    let (_, answer) = api.post("/api/v1/submissions?wait=60", &body).await;
    let judgement = &answer["judgement"];
    assert_eq!(
        (&judgement["image"], &judgement["image_kind"]),
        (&listed["image"], &listed["image_kind"]),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_what_runs_and_a_new_start_judges_the_rest() {
    let data = tempfile::tempdir().unwrap();
    share_images(data.path());
    let (running, api) = serve(data.path());
    api.ready(2).await;
    let right = examples().into_iter().find(|e| e.path.ends_with("accepted/long.cpp")).unwrap();
    let ids = join_all((0..12).map(|_| api.submit(&right))).await;
    assert_eq!(running.terminate(), Some(0));
    let (_running, again) = serve(data.path());
    for answer in join_all(ids.iter().map(|id| again.done(id))).await {
        assert_eq!(answer["verdict"], "AC", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_about_a_submission_has_its_trace_from_the_request_to_the_box() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    share_images(&data);
    let log = dir.path().join("log");
    let mut command = tribunal(&data);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.args(["--log", "api=debug,worker=debug"]).stderr(std::fs::File::create(&log).unwrap());
    let running = Running::start(&mut command, "listening on ");
    let api = Api::new(running.said("listening on ").unwrap(), None);
    api.ready(2).await;
    let body = json!({ "language": "python3", "files": [{ "name": "a.py", "content": "print(1)\n" }], "tests": [{}] });
    let (_, answer) = api.post("/api/v1/submissions?wait=60", &body).await;
    assert_eq!(answer["verdict"], "OK", "{answer}");
    let (id, trace) = (answer["id"].as_str().unwrap(), answer["trace_id"].as_str().unwrap());
    assert_eq!(running.terminate(), Some(0));
    let text = std::fs::read_to_string(&log).unwrap();
    // Notes for people are not JSON and begin with the program's name.
    let lines = text
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    let about: Vec<Value> = lines.filter(|line| line.to_string().contains(id)).collect();
    let traced =
        |line: &Value| line["spans"].as_array().into_iter().flatten().any(|span| span["trace_id"] == trace);
    let bare: Vec<_> = about.iter().filter(|line| !traced(line)).collect();
    assert!(bare.is_empty(), "without the trace: {bare:?}");
    let said = |what: &str| about.iter().any(|line| line["fields"]["message"] == what);
    for what in ["accepted", "claimed", "judged"] {
        assert!(said(what), "no line says `{what}`: {about:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_or_never_answers_costs_a_warning_and_a_bounded_end() {
    // The port of a listener that was closed, and one that takes connections and says nothing.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for collector in [closed, silent.local_addr().unwrap()] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        share_images(&data);
        let log = dir.path().join("log");
        let mut command = tribunal(&data);
        command.args(["serve", "--listen", "127.0.0.1:0", "--otlp-endpoint", &format!("http://{collector}")]);
        // Many tries to export, and soon given up: the warnings would be many.
        command.env("OTEL_BSP_SCHEDULE_DELAY", "50").env("OTEL_EXPORTER_OTLP_TIMEOUT", "400");
        command.stderr(std::fs::File::create(&log).unwrap());
        let running = Running::start(&mut command, "listening on ");
        let api = Api::new(running.said("listening on ").unwrap(), None);
        api.ready(2).await;
        let body = json!({ "language": "python3", "files": [{ "name": "a.py", "content": "print(1)\n" }], "tests": [{}] });
        for _ in 0..4 {
            let (_, answer) = api.post("/api/v1/submissions?wait=60", &body).await;
            assert_eq!(answer["verdict"], "OK", "{answer}");
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        let asked = std::time::Instant::now();
        assert_eq!(running.terminate(), Some(0));
        assert!(asked.elapsed().as_secs() < 10, "it ended after {:?}", asked.elapsed());
        let text = std::fs::read_to_string(&log).unwrap();
        assert_eq!(text.matches("the collector takes no spans").count(), 1, "{text}");
    }
}

#[test]
fn a_collector_that_cannot_be_one_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    for role in [&["serve"][..], &["api", "--broker", "amqp://127.0.0.1:1"]] {
        let mut command = tribunal(dir.path());
        let output =
            tests::process::finish(command.args(role).env("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://h:4317"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{said}");
    }
}
