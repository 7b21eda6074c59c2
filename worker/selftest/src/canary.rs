//! What nobody may touch: a tree of files that invite it, and listeners that nobody may reach (H5, H6).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, VsockAddr, accept, bind, getsockname, listen, socket,
};

/// One file as it was: bytes hashed, mode, owner, group, mtime, links.
type Seen = (u64, u32, u32, u32, i64, u64);

/// Files of every mode that invites: readable, secret, writable by all, linkable, set-user-id.
#[derive(Debug)]
pub struct Tree {
    dir: PathBuf,
}

impl Tree {
    /// Plants them below `dir`, which is made.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn plant(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir.join("below"))?;
        let program = std::fs::read("/bin/true").unwrap_or_default();
        for (name, mode, content) in [
            ("readable", 0o644, b"canary".as_slice()),
            ("secret", 0o600, b"canary"),
            ("open", 0o777, b"canary"),
            ("linkable", 0o644, b"canary"),
            ("below/deep", 0o666, b"canary"),
            ("set-user-id", 0o4755, program.as_slice()),
        ] {
            let path = dir.join(name);
            std::fs::write(&path, content)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        }
        std::fs::hard_link(dir.join("linkable"), dir.join("linked"))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Every file and folder of the tree as it is now.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn look(&self) -> io::Result<BTreeMap<PathBuf, Seen>> {
        let mut seen = BTreeMap::new();
        let mut open = vec![self.dir.clone()];
        while let Some(path) = open.pop() {
            let meta = std::fs::symlink_metadata(&path)?;
            let mut hash = DefaultHasher::new();
            if meta.is_dir() {
                for entry in std::fs::read_dir(&path)? {
                    open.push(entry?.path());
                }
            } else {
                std::fs::read(&path)?.hash(&mut hash);
            }
            let row = (hash.finish(), meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.nlink());
            seen.insert(path, row);
        }
        Ok(seen)
    }
}

/// Listeners of the host. The names stand in `expect.toml` as `{tcp}` and so on.
#[derive(Debug)]
pub struct Listeners {
    tcp: TcpListener,
    udp: UdpSocket,
    unix: UnixListener,
    unix_path: PathBuf,
    abstracts: Vec<UnixListener>,
    abstract_name: String,
    /// Absent where the kernel has no vsock.
    vsock: Option<(OwnedFd, u32)>,
}

impl Listeners {
    /// Opens them, the one with a path below `dir`.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let unix_path = dir.join("canary.sock");
        let unix = UnixListener::bind(&unix_path)?;
        std::fs::set_permissions(&unix_path, std::fs::Permissions::from_mode(0o777))?;
        // One name is this run's own; the other is what attacks try without being told, and another run on this
        // host may have it: that one watches it then.
        let abstract_name = format!("tribunal-canary-{}", std::process::id());
        let own = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name)?)?;
        let known = UnixListener::bind_addr(&SocketAddr::from_abstract_name("tribunal-canary")?);
        let listeners = Self {
            tcp: TcpListener::bind("127.0.0.1:0")?,
            udp: UdpSocket::bind("127.0.0.1:0")?,
            unix,
            unix_path,
            abstracts: std::iter::once(own).chain(known).collect(),
            abstract_name,
            vsock: vsock().ok(),
        };
        listeners.tcp.set_nonblocking(true)?;
        listeners.udp.set_nonblocking(true)?;
        listeners.unix.set_nonblocking(true)?;
        for listener in &listeners.abstracts {
            listener.set_nonblocking(true)?;
        }
        Ok(listeners)
    }

    /// What stands for each name in an `expect.toml`.
    ///
    /// # Errors
    /// When a socket does not know its own address.
    pub fn names(&self) -> io::Result<Vec<(&'static str, String)>> {
        Ok(vec![
            ("{tcp}", self.tcp.local_addr()?.port().to_string()),
            ("{udp}", self.udp.local_addr()?.port().to_string()),
            ("{unix}", self.unix_path.display().to_string()),
            ("{abstract}", self.abstract_name.clone()),
            ("{vsock}", self.vsock.as_ref().map_or(0, |(_, port)| *port).to_string()),
        ])
    }

    /// The listeners somebody connected or sent anything to since the last look.
    pub fn reached(&self) -> Vec<&'static str> {
        let mut reached = Vec::new();
        if self.tcp.accept().is_ok() {
            reached.push("tcp");
        }
        if self.udp.recv_from(&mut [0; 64]).is_ok() {
            reached.push("udp");
        }
        if self.unix.accept().is_ok() {
            reached.push("unix");
        }
        if self.abstracts.iter().any(|listener| listener.accept().is_ok()) {
            reached.push("abstract");
        }
        if self.vsock.as_ref().is_some_and(|(fd, _)| accept(fd.as_raw_fd()).is_ok()) {
            reached.push("vsock");
        }
        reached
    }
}

fn vsock() -> io::Result<(OwnedFd, u32)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Vsock, SockType::Stream, flags, None)?;
    // Any context, any port: VMADDR_CID_ANY and VMADDR_PORT_ANY are all ones.
    bind(fd.as_raw_fd(), &VsockAddr::new(u32::MAX, u32::MAX))?;
    listen(&fd, Backlog::new(8)?)?;
    let port = getsockname::<VsockAddr>(fd.as_raw_fd())?.port();
    Ok((fd, port))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_touched_canary_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::plant(&dir.path().join("canary")).unwrap();
        let before = tree.look().unwrap();
        assert_eq!(before, tree.look().unwrap());
        let at = |name: &str| dir.path().join("canary").join(name);
        let changes: [(&str, &dyn Fn()); 4] = [
            ("content", &|| std::fs::write(at("open"), "changed").unwrap()),
            ("mode", &|| {
                std::fs::set_permissions(at("set-user-id"), std::fs::Permissions::from_mode(0o755)).unwrap();
            }),
            ("links", &|| std::fs::hard_link(at("linkable"), at("another")).unwrap()),
            ("a new file", &|| std::fs::write(at("below/new"), "").unwrap()),
        ];
        let mut last = before;
        for (what, change) in changes {
            change();
            let now = tree.look().unwrap();
            assert_ne!(last, now, "{what}");
            last = now;
        }
    }

    #[test]
    fn a_reached_listener_is_noticed_once() {
        let dir = tempfile::tempdir().unwrap();
        let listeners = Listeners::open(dir.path()).unwrap();
        assert!(listeners.reached().is_empty());
        let names: BTreeMap<_, _> = listeners.names().unwrap().into_iter().collect();
        let _tcp = TcpStream::connect(format!("127.0.0.1:{}", names["{tcp}"])).unwrap();
        assert_eq!(listeners.reached(), ["tcp"]);
        let _unix = UnixStream::connect(&names["{unix}"]).unwrap();
        assert_eq!(listeners.reached(), ["unix"]);
        let address = SocketAddr::from_abstract_name(&names["{abstract}"]).unwrap();
        let _abstract = UnixStream::connect_addr(&address).unwrap();
        assert_eq!(listeners.reached(), ["abstract"]);
        assert!(listeners.reached().is_empty());
    }
}
