//! Two APIs and three workers over a broker and a database that die, fill up and fall silent.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tests::apart::{Disk, Silence};
use tests::corpus::problems_folder;
use tests::process::{Running, share_images, tribunal};
use tests::proxy::Proxy;
use tests::random::Random;
use tests::servers::{Mortal, Server, fresh_database};

use crate::kind::Kind;

const APIS: usize = 2;
const WORKERS: usize = 3;
/// MiB of the disks that are filled.
const DISK: u32 = 32;
/// Silence lasts longer than the broker's heartbeats (20 s), a claim's lease (20 s) and a statement (25 s): at least so
/// long, and up to [`SILENCE_MORE`] longer. In milliseconds.
const SILENCE: u64 = 27_000;
const SILENCE_MORE: u64 = 10_000;

pub(crate) struct Cluster {
    /// Broker and database themselves.
    mortal: Mortal,
    pub(crate) database: String,
    upstreams: [SocketAddr; 2],
    /// Broker and database.
    servers: [Proxy; 2],
    /// One before each API.
    fronts: [Proxy; APIS],
    apis: [Option<Running>; APIS],
    workers: [Option<Running>; WORKERS],
    /// URLs of both servers as the test reaches them.
    urls: (String, String),
    /// Those of the first worker's data and of the blobs, inside.
    disks: Option<[Disk; 2]>,
    data: tempfile::TempDir,
}

/// Host and port of a URL.
fn authority(url: &str) -> SocketAddr {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host).replace("localhost", "127.0.0.1");
    host.parse().unwrap_or_else(|e| panic!("{host} has to be ADDRESS:PORT: {e}"))
}

impl Cluster {
    pub(crate) async fn start(mortal: Mortal, inside: bool) -> Self {
        let broker = mortal.broker.clone();
        let database = fresh_database(&mortal.database);
        let upstreams = [authority(&broker), authority(&database)];
        // Nobody but this test is in its own namespace.
        let listen = if inside { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let servers =
            [Proxy::start(listen, Some(upstreams[0])).await, Proxy::start(listen, Some(upstreams[1])).await];
        let behind = |url: &str, n: usize| {
            let place = SocketAddr::from((Ipv4Addr::LOCALHOST, servers[n].port()));
            url.replace(&upstreams[n].to_string(), &place.to_string())
        };
        let urls = (behind(&broker, 0), behind(&database, 1));
        let fronts = [Proxy::start(listen, None).await, Proxy::start(listen, None).await];
        let data = tempfile::tempdir().unwrap();
        let place = |name: &str| Disk::mount(&data.path().join(name), DISK);
        let disks = inside.then(|| [place("worker0"), place("blobs")]);
        let (apis, workers) = ([None, None], [None, None, None]);
        let mut cluster =
            Self { mortal, database, upstreams, servers, fronts, apis, workers, urls, disks, data };
        (0..APIS).for_each(|n| cluster.start_api(n));
        (0..WORKERS).for_each(|n| cluster.start_worker(n));
        cluster
    }

    /// URLs of the APIs.
    pub(crate) fn bases(&self) -> Vec<String> {
        self.fronts.iter().map(|front| format!("http://127.0.0.1:{}", front.port())).collect()
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// The address by which one process, an API or a worker after them, speaks to others: so its packets are known.
    fn address(&self, process: usize) -> Ipv4Addr {
        let own = u8::try_from(process + 1).expect("there are a few");
        if self.disks.is_some() { Ipv4Addr::new(127, 0, own, 1) } else { Ipv4Addr::LOCALHOST }
    }

    fn start_api(&mut self, n: usize) {
        let mut command = tribunal(&self.folder(&format!("api{n}")));
        command.args(["api", "--listen", "127.0.0.1:0", "--problems"]).arg(problems_folder());
        command.args(["--blobs", &format!("file://{}", self.folder("blobs").display())]);
        let own = self.address(n).to_string();
        command.env("TRIBUNAL_BROKER", self.urls.0.replace("127.0.0.1", &own));
        command.env("TRIBUNAL_DATABASE", self.urls.1.replace("127.0.0.1", &own));
        let running = tokio::task::block_in_place(|| Running::start(&mut command, "listening on "));
        self.fronts[n].up(authority(running.said("listening on ").unwrap()));
        self.apis[n] = Some(running);
    }

    pub(crate) fn start_worker(&mut self, n: usize) {
        let data = self.folder(&format!("worker{n}"));
        if !data.join("images").exists() {
            share_images(&data);
        }
        let own = self.address(APIS + n).to_string();
        let api = format!("http://{own}:{}", self.fronts[n % APIS].port());
        let token = self.folder(&format!("api{}/worker.token", n % APIS));
        let mut command = tribunal(&data);
        command.args(["worker", "--api", &api, "--slots", "1", "--token-file"]).arg(token);
        command.env("TRIBUNAL_BROKER", self.urls.0.replace("127.0.0.1", &own));
        self.workers[n] = Some(tokio::task::block_in_place(|| Running::start(&mut command, "working")));
    }

    /// One or two things break, `first` among them, stay broken for a while, and are whole again.
    pub(crate) async fn disturb(&mut self, first: Option<Kind>, random: &mut Random) {
        let kinds = Kind::ALL.len() as u64;
        let mut chosen = random.below(kinds);
        if let Some(place) = Kind::ALL.iter().position(|kind| Some(*kind) == first) {
            chosen = place as u64;
        }
        let mut broken = vec![Kind::ALL[chosen as usize]];
        if random.below(3) == 0 {
            broken.push(Kind::ALL[((chosen + 1 + random.below(kinds - 1)) % kinds) as usize]);
        }
        // What is full is full before it dies, and has room before it comes back.
        broken.sort_by_key(|kind| [Kind::BrokerKilled, Kind::DatabaseKilled].contains(kind));
        let (api, worker) = (random.below(APIS as u64) as usize, random.below(WORKERS as u64) as usize);
        let mut pause = 200 + random.below(1300);
        let longer = SILENCE + random.below(SILENCE_MORE);
        if self.disks.is_some() && broken.iter().any(|kind| kind.is_silence()) {
            pause = longer;
        }
        println!("breaks {broken:?} (api {api}, worker {worker}) for {pause} ms");
        let silences: Vec<Silence> =
            broken.iter().filter_map(|kind| self.break_it(*kind, api, worker)).collect();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        drop(silences);
        for kind in broken {
            self.mend(kind);
        }
        for n in 0..2 {
            self.servers[n].up(self.upstreams[n]);
        }
        if self.apis[api].is_none() {
            self.start_api(api);
        }
        if self.workers[worker].is_none() {
            self.start_worker(worker);
        }
    }

    /// Breaks one thing; a silence lasts for as long as it is held.
    pub(crate) fn break_it(&mut self, kind: Kind, api: usize, worker: usize) -> Option<Silence> {
        let [broker, database] = [0, 1].map(|n| self.servers[n].port());
        let (of_api, of_worker) = (self.address(api), self.address(APIS + worker));
        let silent = |address, port| self.disks.is_some().then(|| Silence::fall(address, port));
        match kind {
            Kind::WorkerKilled => self.workers[worker].take().into_iter().for_each(Running::kill),
            Kind::ApiKilled => {
                self.fronts[api].down();
                self.apis[api].take().into_iter().for_each(Running::kill);
            }
            Kind::BrokerCut => self.servers[0].cut(),
            Kind::BrokerRefuses => self.servers[0].down(),
            Kind::DatabaseRefuses => self.servers[1].down(),
            Kind::BrokerKilled => tokio::task::block_in_place(|| self.mortal.kill(Server::Broker)),
            Kind::DatabaseKilled => tokio::task::block_in_place(|| self.mortal.kill(Server::Database)),
            Kind::DatabaseFull => tokio::task::block_in_place(|| self.mortal.fill_disk()),
            Kind::WorkerFull => self.disks.iter().for_each(|[of_worker, _]| of_worker.fill()),
            Kind::BlobsFull => self.disks.iter().for_each(|[_, of_blobs]| of_blobs.fill()),
            Kind::WorkerBrokerSilent => return silent(Some(of_worker), broker),
            Kind::WorkerApiSilent => return silent(Some(of_worker), self.fronts[worker % APIS].port()),
            Kind::ApiBrokerSilent => return silent(Some(of_api), broker),
            Kind::ApiDatabaseSilent => return silent(Some(of_api), database),
            Kind::DatabaseSilent => return silent(None, self.upstreams[1].port()),
        }
        None
    }

    /// Makes room, and brings back servers.
    pub(crate) fn mend(&mut self, kind: Kind) {
        match kind {
            Kind::BrokerKilled => tokio::task::block_in_place(|| self.mortal.revive(Server::Broker)),
            Kind::DatabaseKilled => tokio::task::block_in_place(|| self.mortal.revive(Server::Database)),
            Kind::DatabaseFull => tokio::task::block_in_place(|| self.mortal.free_disk()),
            Kind::WorkerFull => self.disks.iter().for_each(|[of_worker, _]| of_worker.free()),
            Kind::BlobsFull => self.disks.iter().for_each(|[_, of_blobs]| of_blobs.free()),
            _ => {}
        }
    }
}
