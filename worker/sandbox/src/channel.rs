//! Datagrams with descriptors between the processes of a box: SOCK_SEQPACKET and SCM_RIGHTS.
//!
//! A message is whole or absent. Descriptors arrive close-on-exec and owned.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};

use crate::sys;

/// Most bytes in one message: below the kernel's default send buffer (net.core.wmem_default, 212,992).
pub(crate) const MESSAGE_MAX: usize = 160 << 10;

/// Most descriptors in one message.
const FDS_MAX: usize = 8;

/// Most that the kernel lets anybody send (SCM_MAX_FD). There is room for all of them: what does not fit is cut,
/// and what came before the cut would stay open here, without an owner.
const FDS_ROOM: usize = 253;

/// A connected pair, both ends close-on-exec.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Sends one message.
pub(crate) fn send(to: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    loop {
        match sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None) {
            Ok(n) if n == bytes.len() => return Ok(()),
            Ok(_) => return Err(io::Error::new(io::ErrorKind::WriteZero, "message was cut")),
            Err(nix::Error::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Receives one message into `buffer`: its length (0 when the other side is gone) and its descriptors.
pub(crate) fn receive(from: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = nix::cmsg_space!([RawFd; FDS_ROOM]);
    loop {
        let mut slices = [IoSliceMut::new(buffer)];
        match recvmsg::<()>(from.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
            Ok(message) => {
                let mut fds = Vec::new();
                for control in message.cmsgs()? {
                    if let ControlMessageOwned::ScmRights(raw) = control {
                        fds.extend(raw.into_iter().map(sys::adopt_received));
                    }
                }
                if fds.len() > FDS_MAX {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "message has too many descriptors",
                    ));
                }
                if message.flags.contains(MsgFlags::MSG_TRUNC) {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "message is too long"));
                }
                return Ok((message.bytes, fds));
            }
            Err(nix::Error::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// A short message with a fixed shape, for the processes inside a box that must not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) tag: Tag,
    pub(crate) a: i64,
    pub(crate) b: i64,
    pub(crate) c: i64,
}

/// What a [`Frame`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Server: the init exists. a = its pid. Carries its pidfd.
    Born,
    /// Init: stands in a user namespace without id maps and waits for `Mapped`.
    Unshared,
    /// Worker: the id maps are written.
    Mapped,
    /// Init: only the program is missing. a = its largest resident set so far in KiB. Carries the tmpfs of its
    /// writable directories, its mount namespace and the seccomp listener.
    Ready,
    /// Anybody inside: a = step, b = operand, c = errno.
    Failed,
    /// Init: the program ended. a = wait status, b = largest resident set in KiB.
    Exited,
}

const TAGS: [Tag; 6] = [Tag::Born, Tag::Unshared, Tag::Mapped, Tag::Ready, Tag::Failed, Tag::Exited];

/// Bytes of an encoded frame.
pub(crate) const FRAME_LEN: usize = 32;

impl Frame {
    pub(crate) fn new(tag: Tag, a: i64, b: i64, c: i64) -> Self {
        Self { tag, a, b, c }
    }

    pub(crate) fn encode(self) -> [u8; FRAME_LEN] {
        let mut out = [0; FRAME_LEN];
        let tag = self.tag as i64;
        for (chunk, value) in out.chunks_exact_mut(8).zip([tag, self.a, self.b, self.c]) {
            chunk.copy_from_slice(&value.to_le_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != FRAME_LEN {
            return None;
        }
        let word = |i: usize| i64::from_le_bytes(bytes[i * 8..i * 8 + 8].try_into().expect("8 bytes"));
        let tag = TAGS.iter().copied().find(|t| *t as i64 == word(0))?;
        Some(Self { tag, a: word(1), b: word(2), c: word(3) })
    }
}

/// Sends a frame.
pub(crate) fn send_frame(to: &impl AsFd, frame: Frame, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    send(to.as_fd(), &frame.encode(), fds)
}

/// Receives a frame; `None` when the other side is gone.
pub(crate) fn receive_frame(from: &impl AsFd) -> io::Result<Option<(Frame, Vec<OwnedFd>)>> {
    let mut buffer = [0; FRAME_LEN];
    let (len, fds) = match receive(from.as_fd(), &mut buffer) {
        Ok(x) => x,
        Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
        Err(e) => return Err(e),
    };
    if len == 0 {
        return Ok(None);
    }
    match Frame::decode(&buffer[..len]) {
        Some(frame) => Ok(Some((frame, fds))),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "not a frame")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_garbage_is_refused() {
        for tag in TAGS {
            let frame = Frame::new(tag, 1, -2, i64::MAX);
            assert_eq!(Frame::decode(&frame.encode()), Some(frame));
        }
        assert_eq!(Frame::decode(&[0xff; FRAME_LEN]), None);
        assert_eq!(Frame::decode(&[0; 31]), None);
    }

    #[test]
    fn too_many_descriptors_are_refused_and_none_stays_open() {
        let (a, b) = pair().unwrap();
        let (watched, held) = std::io::pipe().unwrap();
        send(a.as_fd(), b"x", &[held.as_fd(); 200]).unwrap();
        assert!(receive(b.as_fd(), &mut [0; 8]).is_err());
        drop(held);
        // The pipe ends only when no copy of its other end is left.
        let mut fds = [nix::poll::PollFd::new(watched.as_fd(), nix::poll::PollFlags::empty())];
        assert_eq!(nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO), Ok(1));
    }

    #[test]
    fn descriptors_travel_and_a_closed_peer_reads_as_none() {
        let (a, b) = pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        send_frame(&a, Frame::new(Tag::Born, 7, 0, 0), &[file.as_fd()]).unwrap();
        let (frame, fds) = receive_frame(&b).unwrap().unwrap();
        assert_eq!((frame.a, fds.len()), (7, 1));
        drop(a);
        assert!(receive_frame(&b).unwrap().is_none());
    }
}
