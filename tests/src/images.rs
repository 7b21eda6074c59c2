//! Images for tests: small ones made here, and a registry on loopback that can be slow to answer, cut a connection, ask
//! for a login or lie.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proto::id::Digest;
use serde_json::json;

/// Media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image: its manifest and everything it names.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest, as it is served.
    pub manifest: Vec<u8>,
    /// Configuration and layers.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
}

impl Image {
    /// Of plain layers, bottom first.
    pub fn new(layers: &[Vec<u8>]) -> Self {
        Self::with_diff_ids(layers, &layers.iter().map(|layer| Digest::of(layer)).collect::<Vec<_>>())
    }

    /// The same with whatever is claimed of the layers' content.
    pub fn with_diff_ids(layers: &[Vec<u8>], diff_ids: &[Digest]) -> Self {
        Self::packed("tar", layers, diff_ids)
    }

    /// Of layers packed as `packing` says: `tar`, `tar+gzip` or `tar+zstd`.
    pub fn packed(packing: &str, layers: &[Vec<u8>], diff_ids: &[Digest]) -> Self {
        let mut blobs = BTreeMap::new();
        let mut put = |bytes: Vec<u8>| {
            let (digest, size) = (Digest::of(&bytes), bytes.len());
            blobs.insert(digest.clone(), bytes);
            json!({"digest": digest, "size": size})
        };
        let mut config = put(bytes(&json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids}, "config": {"Env": ["PATH=/usr/bin:/bin"]},
        })));
        config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| {
                let mut descriptor = put(layer.clone());
                descriptor["mediaType"] = format!("application/vnd.oci.image.layer.v1.{packing}").into();
                descriptor
            })
            .collect();
        let manifest =
            bytes(&json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}));
        Self { manifest, blobs }
    }

    /// Digest of the manifest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// Writes it as an OCI layout with that name.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_layout(&self, folder: &Path, name: &str) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a folder can be made");
        let write = |digest: &Digest, bytes: &[u8]| {
            std::fs::write(blobs.join(digest.hex()), bytes).expect("a blob can be written");
        };
        write(&self.digest(), &self.manifest);
        self.blobs.iter().for_each(|(digest, bytes)| write(digest, bytes));
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": MANIFEST, "digest": self.digest(), "size": self.manifest.len(),
            "annotations": {"org.opencontainers.image.ref.name": name},
        }]});
        std::fs::write(folder.join("index.json"), bytes(&index)).expect("the index can be written");
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .expect("it can be written");
    }
}

fn bytes(value: &serde_json::Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// A plain archive of files.
///
/// # Panics
/// Never: it is written to memory.
pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).expect("memory takes it");
    }
    tar.into_inner().expect("memory takes it")
}

/// What a registry does besides answering.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// A connection is cut after so many bytes of a blob.
    pub cut_after: Option<usize>,
    /// The same, but the first time only.
    pub cut_once: Option<usize>,
    /// Ranges are not known: every answer begins at the first byte.
    pub no_ranges: bool,
    /// The first answers are 503, so many of them.
    pub refusals: u64,
    /// `user:password` in base64, without which nothing is told.
    pub basic: Option<String>,
    /// The same, to get a token with at `/token`; everything else wants the token.
    pub token_for: Option<String>,
    /// Blobs have another last byte than they should.
    pub lies: bool,
    /// Bytes of a blob per write, each after a millisecond.
    pub slowly: Option<usize>,
    /// A manifest never ends.
    pub endless_manifest: bool,
    /// What is said to be its length; without, nothing is said.
    pub said_length: Option<u64>,
}

/// A registry with one repository, `img`, on a free port of loopback. Ends with the test.
#[derive(Debug)]
pub struct Registry {
    /// `127.0.0.1:PORT`.
    pub host: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    manners: Manners,
    manifests: Mutex<BTreeMap<String, Vec<u8>>>,
    blobs: Mutex<BTreeMap<String, Vec<u8>>>,
    refused: AtomicU64,
    cuts: AtomicU64,
    /// Requests that had to do with blobs.
    asked: Mutex<Vec<String>>,
    /// Bytes of manifests without an end.
    sent: AtomicU64,
}

const TOKEN: &str = "a-token-of-this-test";

impl Registry {
    /// Starts it with this image as `img:1` and by its digest.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(image: Option<&Image>, manners: Manners) -> Self {
        let shared = Arc::new(Shared {
            manners,
            manifests: Mutex::default(),
            blobs: Mutex::default(),
            refused: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            asked: Mutex::default(),
            sent: AtomicU64::new(0),
        });
        if let Some(image) = image {
            let mut manifests = lock(&shared.manifests);
            manifests.insert("1".to_owned(), image.manifest.clone());
            manifests.insert(image.digest().to_string(), image.manifest.clone());
            let blobs = image.blobs.iter().map(|(digest, bytes)| (digest.to_string(), bytes.clone()));
            lock(&shared.blobs).extend(blobs);
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let host = listener.local_addr().expect("it has an address").to_string();
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { host, shared }
    }

    /// `HOST/img:1`.
    pub fn reference(&self) -> String {
        format!("{}/img:1", self.host)
    }

    /// What was asked about blobs so far, as `METHOD DIGEST RANGE`.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }

    /// Bytes of manifests without an end that the system took to send.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// A manifest that was pushed.
    pub fn manifest(&self, tag: &str) -> Option<Vec<u8>> {
        lock(&self.shared.manifests).get(tag).cloned()
    }

    /// Digests of all blobs.
    pub fn blobs(&self) -> Vec<String> {
        lock(&self.shared.blobs).keys().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        std::io::Read::read_exact(reader, &mut body).ok()?;
        Some(Self { method, path: path.to_owned(), query: query.to_owned(), headers, body })
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let value = self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.replace("%3A", ":").replace("%3a", ":"))
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let Ok(writer) = stream.try_clone() else { return };
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader) {
            if self.answer(&request, &writer).is_err() {
                break;
            }
        }
        // Whoever still reads learns that nothing more comes.
        let _ = writer.shutdown(std::net::Shutdown::Both);
    }

    /// An error ends the connection.
    fn answer(&self, request: &Request, to: &TcpStream) -> std::io::Result<()> {
        if self.refused.fetch_add(1, Ordering::Relaxed) < self.manners.refusals {
            return respond(to, "503 Service Unavailable", &[], b"");
        }
        let host = request.headers.get("host").cloned().unwrap_or_default();
        if let Some(wanted) = self.login_wanted(request, &host) {
            return respond(to, "401 Unauthorized", &[("WWW-Authenticate", &wanted)], b"");
        }
        if request.path == "/token" {
            return respond(to, "200 OK", &[], json!({"token": TOKEN}).to_string().as_bytes());
        }
        let Some(rest) = request.path.strip_prefix("/v2/img/") else {
            return respond(to, if request.path == "/v2/" { "200 OK" } else { "404 Not Found" }, &[], b"");
        };
        match rest.split_once('/') {
            Some(("manifests", tag)) => self.manifest(request, tag, to),
            Some(("blobs", "uploads/" | "uploads/x")) => self.upload(request, &host, to),
            Some(("blobs", digest)) => self.blob(request, digest, to),
            _ => respond(to, "404 Not Found", &[], b""),
        }
    }

    fn login_wanted(&self, request: &Request, host: &str) -> Option<String> {
        let sent = request.headers.get("authorization").map(String::as_str);
        if let Some(basic) = &self.manners.basic
            && sent != Some(&format!("Basic {basic}"))
        {
            return Some("Basic realm=\"test\"".to_owned());
        }
        let basic = self.manners.token_for.as_ref()?;
        let wanted =
            if request.path == "/token" { format!("Basic {basic}") } else { format!("Bearer {TOKEN}") };
        (sent != Some(&wanted)).then(|| {
            format!("Bearer realm=\"http://{host}/token\",service=\"test\",scope=\"repository:img:pull\"")
        })
    }

    fn manifest(&self, request: &Request, tag: &str, to: &TcpStream) -> std::io::Result<()> {
        if request.method == "PUT" {
            let digest = Digest::of(&request.body).to_string();
            let mut manifests = lock(&self.manifests);
            manifests.insert(tag.to_owned(), request.body.clone());
            manifests.insert(digest.clone(), request.body.clone());
            return respond(to, "201 Created", &[("Location", &format!("/v2/img/manifests/{digest}"))], b"");
        }
        if self.manners.endless_manifest {
            return self.endless(to);
        }
        let found = lock(&self.manifests).get(tag).cloned();
        match found {
            Some(text) => {
                let digest = Digest::of(&text).to_string();
                respond(
                    to,
                    "200 OK",
                    &[("Content-Type", MANIFEST), ("Docker-Content-Digest", &digest)],
                    &text,
                )
            }
            None => respond(to, "404 Not Found", &[], br#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
        }
    }

    /// Spaces, until the other side has enough of them.
    fn endless(&self, mut to: &TcpStream) -> std::io::Result<()> {
        let length = self.manners.said_length.map(|n| format!("Content-Length: {n}\r\n")).unwrap_or_default();
        to.write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\n").as_bytes())?;
        let spaces = [b' '; 1 << 16];
        // An end after all, so that a reader without a bound fails the test and not the machine.
        while self.sent.fetch_add(spaces.len() as u64, Ordering::Relaxed) < 1 << 30 {
            to.write_all(&spaces)?;
        }
        Err(std::io::ErrorKind::ConnectionAborted.into())
    }

    fn upload(&self, request: &Request, host: &str, to: &TcpStream) -> std::io::Result<()> {
        let place = format!("http://{host}/v2/img/blobs/uploads/x");
        let mut blobs = lock(&self.blobs);
        let so_far = blobs.entry("upload".to_owned()).or_default();
        match request.method.as_str() {
            "POST" => {
                so_far.clear();
                respond(to, "202 Accepted", &[("Location", &place), ("Range", "0-0")], b"")
            }
            "PATCH" => {
                so_far.extend(&request.body);
                let range = format!("0-{}", so_far.len().saturating_sub(1));
                respond(to, "202 Accepted", &[("Location", &place), ("Range", &range)], b"")
            }
            _ => {
                so_far.extend(&request.body);
                let whole = std::mem::take(so_far);
                blobs.remove("upload");
                let digest = Digest::of(&whole).to_string();
                if request.parameter("digest").as_deref() != Some(&digest) {
                    return respond(to, "400 Bad Request", &[], br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
                }
                blobs.insert(digest.clone(), whole);
                respond(to, "201 Created", &[("Location", &format!("/v2/img/blobs/{digest}"))], b"")
            }
        }
    }

    fn blob(&self, request: &Request, digest: &str, mut to: &TcpStream) -> std::io::Result<()> {
        let range = request.headers.get("range").cloned().unwrap_or_default();
        lock(&self.asked).push(format!("{} {digest} {range}", request.method));
        let Some(mut content) = lock(&self.blobs).get(digest).cloned() else {
            return respond(to, "404 Not Found", &[], b"");
        };
        if self.manners.lies {
            let last = content.len() - 1;
            content[last] ^= 1;
        }
        let from =
            range.strip_prefix("bytes=").and_then(|r| r.split('-').next()).and_then(|n| n.parse().ok());
        let from: usize = from.filter(|_| !self.manners.no_ranges).unwrap_or(0);
        let rest = &content[from.min(content.len())..];
        let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", rest.len());
        to.write_all(head.as_bytes())?;
        if request.method == "HEAD" {
            return Ok(());
        }
        let once = self
            .manners
            .cut_once
            .filter(|most| *most < rest.len() && self.cuts.fetch_add(1, Ordering::Relaxed) == 0);
        let cut = once.or(self.manners.cut_after.filter(|most| *most < rest.len()));
        let sent = &rest[..cut.unwrap_or(rest.len())];
        for piece in sent.chunks(self.manners.slowly.unwrap_or(1 << 20)) {
            to.write_all(piece)?;
            if self.manners.slowly.is_some() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        if cut.is_some() { Err(std::io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

fn respond(mut to: &TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    to.write_all(head.as_bytes())?;
    to.write_all(body)
}
