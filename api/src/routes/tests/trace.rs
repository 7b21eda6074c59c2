//! One trace from the request to the log lines of a worker.

use proto::trace::Traceparent;

use super::*;

const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn told(answer: &Answer) -> Traceparent {
    answer.headers["traceparent"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_trace_is_taken_over_or_made_kept_with_the_submission_and_carried_in_its_job() {
    let mut site = Site::start(false).await;
    let request = |trace: &str| {
        let request = Request::post(SUBMISSIONS).header("host", "localhost").header("traceparent", trace);
        request.header("content-type", "application/json").body(Body::from(body().to_string())).unwrap()
    };
    let answer = site.send(request(SENT)).await;
    let sent: Traceparent = SENT.parse().unwrap();
    assert_eq!(told(&answer).trace_id(), sent.trace_id());
    assert_ne!(told(&answer).span_id(), sent.span_id(), "the service has a span of its own");
    assert_eq!(answer.json()["trace_id"], sent.trace_id());
    let me = crate::testing::registration("host", &["cpp"]);
    let queue::WorkerLink { mut jobs, coordinator, .. } = site.link.take().unwrap();
    coordinator.register(&me).await.unwrap();
    let delivery = jobs.next().await.unwrap();
    assert_eq!(delivery.message.traceparent, Some(told(&answer).to_string()));
    delivery.ack().await.unwrap();

    for odd in ["", "00-zz", "a\u{e9}"] {
        let made = site.send(request(odd)).await;
        assert_eq!(made.json()["trace_id"], told(&made).trace_id());
        assert_ne!(told(&made).trace_id(), sent.trace_id());
    }
    let batch =
        Request::post(format!("{SUBMISSIONS}/batch")).header("host", "localhost").header("traceparent", SENT);
    let batch = batch.header("content-type", "application/json");
    let answer = site.send(batch.body(Body::from(json!([body()]).to_string())).unwrap()).await;
    assert_eq!(answer.json()[0]["trace_id"], sent.trace_id());
    let refused = site.ask("GET", "/api/v1/audit", None, None).await;
    told(&refused);
}
