//! A wire that can be cut: a TCP proxy on loopback between a process under test and what it needs.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections for as long as it lives; dropping it ends the accepting, not the test.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    /// Where to, and the number of the cut: a connection lives until it changes.
    wire: watch::Sender<(Option<SocketAddr>, u64)>,
}

impl Proxy {
    /// Listens on a port of `address`; forwards to `upstream`, or to nothing yet.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(address: Ipv4Addr, upstream: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("a port of loopback is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (wire, seen) = watch::channel((upstream, 0));
        tokio::spawn(accept(listener, seen));
        Self { address, wire }
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts every connection; new ones are possible at once.
    pub fn cut(&self) {
        self.wire.send_modify(|(_, cuts)| *cuts += 1);
    }

    /// Cuts every connection and takes none until [`Proxy::up`].
    pub fn down(&self) {
        self.wire.send_modify(|(upstream, cuts)| (*upstream, *cuts) = (None, *cuts + 1));
    }

    /// Forwards to `upstream` from now on.
    pub fn up(&self, upstream: SocketAddr) {
        self.wire.send_modify(|(to, _)| *to = Some(upstream));
    }
}

async fn accept(listener: TcpListener, seen: watch::Receiver<(Option<SocketAddr>, u64)>) {
    while let Ok((mut here, _)) = listener.accept().await {
        let mut seen = seen.clone();
        tokio::spawn(async move {
            let (upstream, number) = *seen.borrow();
            // Without one the connection ends as it does when nobody listens.
            let Some(upstream) = upstream else { return };
            let Ok(mut there) = TcpStream::connect(upstream).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                _ = seen.wait_for(|(_, now)| *now != number) => {}
            }
        });
    }
}
