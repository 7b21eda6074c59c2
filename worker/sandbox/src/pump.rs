//! Reads one output stream of the program: counts every byte, and keeps the first ones or hands all of them on.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::outlet::Outlet;
use crate::spec::{Captured, Overflow};

/// Bytes per read: the default capacity of a pipe (pipe(7)).
pub(crate) const CHUNK: usize = 64 << 10;

/// One stream.
#[derive(Debug)]
pub(crate) struct Pump {
    file: Option<std::fs::File>,
    kept: Vec<u8>,
    keep: usize,
    count: u64,
    outlet: Option<Outlet>,
    /// Who gets everything once it is more than is kept, and whether that has begun.
    overflow: Option<Arc<dyn Overflow>>,
    flows_over: bool,
}

impl Pump {
    /// Reads from the non-blocking `fd`, keeping at most `keep` bytes.
    pub(crate) fn new(fd: OwnedFd, keep: usize) -> Self {
        Self::overflowing(fd, keep, None)
    }

    /// The same, and once there is more than `keep` bytes all of them go to `overflow`.
    pub(crate) fn overflowing(fd: OwnedFd, keep: usize, overflow: Option<Arc<dyn Overflow>>) -> Self {
        let (kept, outlet) = (Vec::new(), None);
        Self { file: Some(fd.into()), kept, keep, count: 0, outlet, overflow, flows_over: false }
    }

    /// Reads from the non-blocking `fd` and hands everything on to `outlet`, no faster than that takes it.
    pub(crate) fn joined(fd: OwnedFd, outlet: Outlet) -> Self {
        Self { outlet: Some(outlet), ..Self::new(fd, 0) }
    }

    /// The descriptor to wait on, until its end, and not while the outlet is full.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        let full = self.outlet.as_ref().is_some_and(Outlet::is_full);
        self.file.as_ref().filter(|_| !full).map(AsFd::as_fd)
    }

    /// The descriptor to wait on for room in the outlet, while there is none.
    pub(crate) fn outlet_fd(&self) -> Option<BorrowedFd<'_>> {
        self.outlet.as_ref().filter(|outlet| outlet.is_full()).and_then(Outlet::fd)
    }

    /// Where the bytes are handed on to.
    pub(crate) fn outlet(&mut self) -> Option<&mut Outlet> {
        self.outlet.as_mut()
    }

    /// Hands on what the outlet had no room for.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.outlet.as_mut().map_or(Ok(()), Outlet::flush)
    }

    /// Bytes seen so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Reads once. `room` is what the output limit leaves: one byte beyond it may be read, as the proof that
    /// there was more, and is counted and not kept.
    pub(crate) fn read_ready(&mut self, room: u64) -> io::Result<()> {
        self.read_at_most(CHUNK, room).map(drop)
    }

    /// Reads what is in the pipe now, and not what arrives meanwhile. `room` as in
    /// [`read_ready`](Self::read_ready).
    pub(crate) fn read_present(&mut self, room: u64) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut left = rustix::io::ioctl_fionread(file)? as usize;
        let last = self.count.saturating_add(room);
        while left > 0 && self.count <= last {
            match self.read_at_most(left.min(CHUNK), last - self.count)? {
                0 => break,
                n => left -= n,
            }
        }
        Ok(())
    }

    fn read_at_most(&mut self, most: usize, room: u64) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let most = most.min(room.saturating_add(1));
        let read = if let Some(outlet) = &mut self.outlet {
            outlet.take_from(file, most, room)
        } else {
            let mut buffer = [0; CHUNK];
            let read = file.read(&mut buffer[..most]);
            if let Ok(n) = read {
                self.keep_or_pass(&buffer[..n.min(room)]);
            }
            read
        };
        match read {
            Ok(0) => {
                self.file = None;
                Ok(0)
            }
            Ok(n) => {
                self.count += n as u64;
                Ok(n)
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            Err(e) => Err(e),
        }
    }

    fn keep_or_pass(&mut self, bytes: &[u8]) {
        let (fits, more) = bytes.split_at(bytes.len().min(self.keep.saturating_sub(self.kept.len())));
        self.kept.extend_from_slice(fits);
        let Some(overflow) = self.overflow.as_ref().filter(|_| !more.is_empty()) else { return };
        if !std::mem::replace(&mut self.flows_over, true) {
            overflow.take(&self.kept);
        }
        overflow.take(more);
    }

    /// What was kept.
    pub(crate) fn into_captured(self) -> Captured {
        Captured { truncated: self.count > self.kept.len() as u64, bytes: self.kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn bytes_beyond_the_keep_are_counted_and_not_kept() {
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_NONBLOCK).unwrap();
        let mut write = std::fs::File::from(write);
        let mut pump = Pump::new(read, 3);
        write.write_all(b"12345").unwrap();
        pump.read_present(100).unwrap();
        pump.read_present(95).unwrap();
        assert_eq!(pump.count(), 5);
        drop(write);
        pump.read_ready(95).unwrap();
        assert!(pump.fd().is_none(), "the end of the stream closes the pump");
        assert_eq!(pump.into_captured(), Captured { bytes: b"123".to_vec(), truncated: true });
    }

    /// Remembers what it was given.
    #[derive(Debug, Default)]
    struct Heap(std::sync::Mutex<Vec<u8>>);

    impl Overflow for Heap {
        fn begin(&self) {}

        fn take(&self, bytes: &[u8]) {
            self.0.lock().unwrap().extend_from_slice(bytes);
        }
    }

    #[test]
    fn what_is_more_than_is_kept_flows_over_whole_and_never_beyond_the_limit() {
        for (written, flowed) in [(3, 0), (4, 0), (5, 5), (9, 9), (10, 10), (11, 10), (50, 10)] {
            let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_NONBLOCK).unwrap();
            let text: Vec<u8> = (0..written).collect();
            let mut write = std::fs::File::from(write);
            let heap = Arc::new(Heap::default());
            let mut pump = Pump::overflowing(read, 4, Some(Arc::clone(&heap) as _));
            for part in text.chunks(3) {
                write.write_all(part).unwrap();
                pump.read_ready(10u64.saturating_sub(pump.count())).unwrap();
            }
            assert_eq!(*heap.0.lock().unwrap(), text[..flowed], "of {written}");
            assert_eq!(pump.into_captured().bytes, text[..text.len().min(4)]);
        }
    }

    #[test]
    fn one_byte_beyond_the_room_is_counted_and_none_is_kept() {
        for (written, counted) in [(4, 4), (5, 5), (6, 6), (60, 6)] {
            for present in [true, false] {
                let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_NONBLOCK).unwrap();
                std::fs::File::from(write).write_all(&vec![b'x'; written]).unwrap();
                let mut pump = Pump::new(read, 1000);
                if present { pump.read_present(5) } else { pump.read_ready(5) }.unwrap();
                assert_eq!(pump.count(), counted, "of {written}");
                let captured = pump.into_captured();
                assert_eq!((captured.bytes.len(), captured.truncated), (written.min(5), written > 5));
            }
        }
    }
}
