use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::*;

/// What has to happen happens within this, on a loaded machine too.
const SOON: Duration = Duration::from_mins(1);
/// Set in a process of this test that has a network of its own.
const OWN_NETWORK: &str = "TRIBUNAL_TEST_OWN_NETWORK";

/// No bound is met by itself.
fn patient() -> Bounds {
    let long = Duration::from_hours(1);
    Bounds { head: long, part: long, body: long, rate: 1, write: long, quiet: long, again: long }
}

/// Answers that are being sent.
#[derive(Clone, Default)]
struct Open(Arc<AtomicUsize>);

struct Sending(Open);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Open {
    fn begin(&self) -> Sending {
        self.0.fetch_add(1, Ordering::SeqCst);
        Sending(self.clone())
    }

    async fn becomes(&self, count: usize) {
        let wait = async {
            while self.0.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, wait).await.unwrap_or_else(|_| panic!("{count} answers are being sent"));
    }
}

/// Answers at once, counts bodies, sends without end as fast as it is taken, and sends a little now and then.
fn router(open: &Open) -> Router {
    let without_end = |open: &Open, every: Duration, size: usize| {
        let open = open.clone();
        get(move || async move {
            let sending = open.begin();
            Body::from_stream(futures::stream::unfold(sending, move |sending| async move {
                tokio::time::sleep(every).await;
                Some((Ok::<_, io::Error>(vec![b'x'; size]), sending))
            }))
        })
    };
    let counted = |body: Body| async {
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(e) if is_late(&e) => "late".to_owned(),
            Err(e) => format!("other: {e}"),
        }
    };
    Router::new()
        .route("/", get(|| async { "here" }))
        .route("/count", post(counted))
        .route("/flood", without_end(open, Duration::ZERO, 64 << 10))
        .route("/drip", without_end(open, Duration::from_millis(50), 1))
}

async fn start(bounds: Bounds) -> (SocketAddr, Open, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, open, stop) = (listener.local_addr().unwrap(), Open::default(), CancellationToken::new());
    tokio::spawn(serve(listener, router(&open), bounds, stop.clone()));
    (address, open, stop)
}

async fn sent(address: SocketAddr, text: &str) -> TcpStream {
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(text.as_bytes()).await.unwrap();
    peer
}

/// All that comes until the other side closes.
async fn rest(peer: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(SOON, peer.read_to_end(&mut bytes)).await.expect("it is closed");
    read.unwrap_or_default();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_client_that_does_not_ask_or_stops_asking_is_let_go() {
    let (address, ..) = start(Bounds { head: Duration::from_millis(300), ..patient() }).await;
    let preface = std::str::from_utf8(&PREFACE[..20]).unwrap();
    for (said, heard) in [
        ("", false),
        ("P", false),
        (preface, false),
        ("GET / HTTP/1.1\r\nhost:", false),
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", true),
    ] {
        let mut peer = sent(address, said).await;
        let answer = rest(&mut peer).await;
        assert_eq!(answer.ends_with("here"), heard, "{said:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_stops_or_only_trickles_is_given_up_and_one_that_comes_is_not() {
    let head = "POST /count HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
    let stops = Bounds { part: Duration::from_millis(300), ..patient() };
    let (address, ..) = start(stops).await;
    let mut peer = sent(address, &format!("{head}{}", "x".repeat(50_000))).await;
    assert!(rest(&mut peer).await.contains("late"), "half of a body");

    let trickles = Bounds { body: Duration::from_millis(300), rate: 10_000, ..patient() };
    let (address, ..) = start(trickles).await;
    let peer = sent(address, head).await;
    let (mut read, mut write) = peer.into_split();
    let trickle = async {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut answer = Vec::new();
    let hear = timeout(SOON, async {
        while !answer.ends_with(b"late") && read.read_buf(&mut answer).await.is_ok_and(|n| n > 0) {}
    });
    tokio::join!(trickle, hear).1.expect("it is answered");
    assert!(String::from_utf8_lossy(&answer).contains("late"), "a body of single bytes");

    let fast = Bounds { body: Duration::from_millis(300), rate: 10_000, ..patient() };
    let (address, ..) = start(fast).await;
    let mut peer =
        sent(address, &head.replace("content-length", "connection: close\r\ncontent-length")).await;
    for _ in 0..10 {
        peer.write_all(&[b'x'; 10_000]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        rest(&mut peer).await.ends_with("100000 bytes"),
        "ten times as fast as it must be, and slower than 300 ms"
    );
}

#[tokio::test]
async fn a_client_that_stops_reading_holds_no_answer_open() {
    let (address, open, _) = start(Bounds { write: Duration::from_millis(300), ..patient() }).await;
    let mut peer = sent(address, "GET /flood HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut some = vec![0; 4 << 20];
    // As long as it reads, however slowly, it is served.
    for _ in 0..10 {
        timeout(SOON, peer.read_exact(&mut some)).await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    open.becomes(1).await;
    open.becomes(0).await;
}

#[tokio::test]
async fn a_client_that_waits_is_not_let_go_and_a_stop_lets_it_finish() {
    let short = Duration::from_millis(200);
    let (address, open, stop) = start(Bounds { head: short, part: short, write: short, ..patient() }).await;
    let mut peer = sent(address, "GET /drip HTTP/1.1\r\nhost: x\r\n\r\n").await;
    open.becomes(1).await;
    let mut some = [0; 4096];
    for _ in 0..20 {
        assert!(timeout(SOON, peer.read(&mut some)).await.unwrap().unwrap() > 0);
    }
    stop.cancel();
    tokio::time::sleep(short).await;
    assert!(
        timeout(SOON, peer.read(&mut some)).await.unwrap().unwrap() > 0,
        "what was asked before is answered"
    );
    assert!(TcpStream::connect(address).await.is_err(), "nothing new is taken");
    drop(peer);
    open.becomes(0).await;
}

/// Runs the test `name` again, in a network namespace of its own whose loopback is up; whether this is it.
fn in_own_network(name: &str) -> bool {
    if std::env::var_os(OWN_NETWORK).is_some() {
        return true;
    }
    let usable =
        std::process::Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).output();
    if !usable.is_ok_and(|output| output.status.success()) {
        println!("skipped: {name}: `unshare --net` does not work here");
        return false;
    }
    let test = std::env::current_exe().unwrap();
    let output = std::process::Command::new("unshare")
        .args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(test)
        .args([&format!("connections::tests::{name}"), "--exact", "--nocapture"])
        .env(OWN_NETWORK, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let more = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{more}");
    false
}

#[tokio::test]
async fn clients_whose_network_is_cut_hold_nothing() {
    if !in_own_network("clients_whose_network_is_cut_hold_nothing") {
        return;
    }
    let second = Duration::from_secs(1);
    // Of the stream the kernel learns by what is not confirmed; of what is silent by asking.
    let (address, open, _) =
        start(Bounds { write: 2 * second, quiet: second, again: second, ..patient() }).await;
    let mut streaming = sent(address, "GET /drip HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(streaming.read(&mut [0; 64]).await.unwrap() > 0);
    let silent = sent(address, "POST /count HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n").await;
    open.becomes(1).await;
    let sockets = || {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        // State 01 is established; the server's side has its port as the local one.
        let local = format!(":{:04X} ", address.port());
        table
            .lines()
            .filter(|l| l.split_once(local.as_str()).is_some_and(|(before, _)| before.len() < 20))
            .filter(|l| l.split_whitespace().nth(3) == Some("01"))
            .count()
    };
    assert_eq!(sockets(), 2);
    let cut = std::process::Command::new("ip").args(["link", "set", "lo", "down"]).status().unwrap();
    assert!(cut.success());
    open.becomes(0).await;
    let gone = async {
        while sockets() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, gone).await.expect("the silent one is let go, too");
    drop((streaming, silent));
}
