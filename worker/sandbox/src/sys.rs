//! The one place where unsafe code is allowed: one system call, one safe (or plainly contracted) function.
//!
//! Typed arguments in, `io::Result` or owned descriptors out. What nix and rustix offer safely is used
//! directly elsewhere; here stands only what they lack: clone3, seccomp with a listener, wait4 with usage,
//! execve from prepared pointers, and taking over descriptors that arrived in a message.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use seccompiler::sock_filter;

/// Struct of clone3(2), 88 bytes (CLONE_ARGS_SIZE_VER2, Linux 5.7).
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CloneArgs {
    pub(crate) flags: u64,
    pub(crate) pidfd: u64,
    pub(crate) child_tid: u64,
    pub(crate) parent_tid: u64,
    pub(crate) exit_signal: u64,
    pub(crate) stack: u64,
    pub(crate) stack_size: u64,
    pub(crate) tls: u64,
    pub(crate) set_tid: u64,
    pub(crate) set_tid_size: u64,
    pub(crate) cgroup: u64,
}

/// CLONE_INTO_CGROUP of linux/sched.h (5.7); libc's constant is one bit short.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// What a fork returned.
#[derive(Debug)]
pub(crate) enum Forked {
    /// We are the child.
    Child,
    /// We are the parent.
    Parent {
        /// The child's pid as seen here.
        pid: i32,
        /// Its pidfd.
        pidfd: OwnedFd,
    },
}

/// Forks with clone3(2): a copy of this process in the namespaces of `flags`, in the cgroup2 group
/// `cgroup` when one is given.
///
/// # Safety
/// The process must have one thread: the child then has a consistent allocator and may run any code. The
/// child must end in execve or [`exit`], never return to a caller that owns destructors with outside effect.
unsafe fn fork(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Forked> {
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: flags | libc::CLONE_PIDFD as u64,
        pidfd: std::ptr::addr_of_mut!(pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(group) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = group.as_raw_fd() as u64;
    }
    // SAFETY: `args` is a live, fully initialised clone_args of the size passed; without CLONE_VM the child
    // gets its own copy of the stack, so returning on the same stack is sound; `pidfd` outlives the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        // SAFETY: on success with CLONE_PIDFD the kernel stored a fresh descriptor that nobody else owns.
        pid => Ok(Forked::Parent { pid: pid as i32, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } }),
    }
}

/// Forks a copy of this process, for processes that are known to have one thread: the box server and the
/// init. `flags` adds namespaces.
///
/// # Errors
/// EBUSY when the process has several threads: the contract of [`fork`] would not hold.
pub(crate) fn fork_checked(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Forked> {
    require_one_thread()?;
    // SAFETY: the process had one thread when it was counted, and the modules that call this (server, init,
    // program) start none; their children end in `exit` or execve.
    unsafe { fork(flags, cgroup) }
}

/// Bytes of the stack on which the child of [`run_on_our_memory`] runs until execve: it calls a few levels deep
/// and keeps no large arrays.
pub(crate) const CHILD_STACK: usize = 256 << 10;

/// Runs `child` in a new process on our own memory, as vfork(2) does: we stand still until it has executed
/// another program or ended. No page table is copied, and nothing is copied on write afterwards. Where the kernel
/// cannot do that the child is an ordinary copy. Returns the child's pid. `child` executes or returns the exit status.
///
/// `child` must not allocate, lock or panic: what it leaves behind is ours.
///
/// # Errors
/// EBUSY when the process has several threads: one of them would run beside the child.
pub(crate) fn run_on_our_memory<F: Fn() -> i32>(stack: &mut [u8], child: &F) -> io::Result<i32> {
    extern "C" fn enter<F: Fn() -> i32>(child: *mut libc::c_void) -> libc::c_int {
        // SAFETY: `child` is the reference that clone was given below, alive while the parent stands still.
        let child = unsafe { &*child.cast_const().cast::<F>() };
        exit(child())
    }
    require_one_thread()?;
    if stack.len() < CHILD_STACK {
        return Err(io::Error::from_raw_os_error(libc::ENOMEM));
    }
    let top = stack.as_mut_ptr_range().end.map_addr(|end| end & !15);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: `top` is the 16-byte aligned end of `stack`, which is ours alone and large enough; with CLONE_VFORK this
    // thread, the only one, waits until the child no longer uses our memory, so neither stack nor `child` is
    // gone or changed before. `enter` never returns.
    let pid =
        unsafe { libc::clone(enter::<F>, top.cast(), flags, std::ptr::from_ref(child).cast_mut().cast()) };
    if pid >= 0 {
        return Ok(pid);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::EINVAL) {
        return Err(error);
    }
    // Older kernels (6.1 does, 6.18 does not) refuse to share memory with a child in another time namespace, which ours
    // is: a copy of us does the same.
    // SAFETY: one thread, counted above, so the copy is consistent; the child ends in `exit` or execve. By fork(3), because
    // the filters that already hold here know no clone3.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => exit(child()),
        pid => Ok(pid),
    }
}

fn require_one_thread() -> io::Result<()> {
    if !SINGLE.get() {
        if thread_count() != Some(1) {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        SINGLE.set(true);
    }
    Ok(())
}

thread_local! {
    /// Whether this process was seen to have one thread.
    static SINGLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Ends the process at once, without destructors or exit handlers.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: _exit has no preconditions and does not return.
    unsafe { libc::_exit(status) }
}

/// Number of threads of this process, from `/proc/self/status`; `None` when it cannot be read.
pub(crate) fn thread_count() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("Threads:"))?.trim().parse().ok()
}

/// Takes over a descriptor that recvmsg(2) put into an SCM_RIGHTS message. Only `channel::receive` calls
/// it, with numbers straight from the kernel.
pub(crate) fn adopt_received(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel installed this descriptor for us in the recvmsg that just returned (cmsg(3)), and
    // the message it came in is consumed, so nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Waits for any child: (pid, wait status, its largest resident set in KiB). wait4(2).
pub(crate) fn wait_any() -> io::Result<(i32, i32, i64)> {
    let mut status = 0;
    // SAFETY: rusage is plain data for which all-zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both out pointers are live for the call and of the types wait4 writes.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::__WALL, &raw mut usage) };
    if pid < 0 { Err(io::Error::last_os_error()) } else { Ok((pid, status, usage.ru_maxrss)) }
}

/// Installs a seccomp filter for this thread and all it starts. With `listener` the filter's USER_NOTIF
/// answers go to the returned descriptor (seccomp(2), Linux 5.0). no_new_privs must be set.
pub(crate) fn seccomp_install(program: &[sock_filter], listener: bool) -> io::Result<Option<OwnedFd>> {
    #[repr(C)]
    struct Fprog {
        len: u16,
        filter: *const sock_filter,
    }
    let fprog = Fprog { len: program.len() as u16, filter: program.as_ptr() };
    let flags = if listener { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER } else { 0 };
    // SAFETY: `fprog` has the layout of struct sock_fprog and points to `len` live instructions
    // (sock_filter of seccompiler is repr(C) with the kernel's fields).
    let r =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const fprog) };
    match (r, listener) {
        (-1, _) => Err(io::Error::last_os_error()),
        // SAFETY: with NEW_LISTENER the result is a fresh descriptor that nobody else owns.
        (fd, true) => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })),
        (_, false) => Ok(None),
    }
}

/// A system call stopped by a filter: (number, architecture as in `AUDIT_ARCH_*`).
pub(crate) fn seccomp_receive(listener: BorrowedFd<'_>) -> io::Result<(i64, u32)> {
    // SAFETY: seccomp_notif is plain data; the kernel requires it zeroed.
    let mut notif: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // _IOWR('!', 0, struct seccomp_notif), 80 bytes (linux/seccomp.h).
    const SECCOMP_IOCTL_NOTIF_RECV: libc::c_ulong = 0xc050_2100;
    // SAFETY: `notif` is live, zeroed and as large as the ioctl's encoded size.
    let r = unsafe { libc::ioctl(listener.as_raw_fd(), SECCOMP_IOCTL_NOTIF_RECV, &raw mut notif) };
    if r < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((i64::from(notif.data.nr), notif.data.arch))
}

/// The user namespace that owns `namespace` (ioctl_nsfs(2), Linux 4.9).
pub(crate) fn owner_of_namespace(namespace: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // _IO(0xb7, 1) (linux/nsfs.h).
    const NS_GET_USERNS: libc::c_ulong = 0xb701;
    // SAFETY: the request takes no argument, so the kernel reads and writes no memory of ours.
    let fd = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the result is a fresh descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// execve(2) from NULL-terminated pointer arrays. Returns only on failure. `word` goes into the sixth argument
/// register, which the kernel does not read there but a filter sees.
pub(crate) fn execve(path: &CStr, argv: &PointerArray, envp: &PointerArray, word: u64) -> io::Error {
    let (argv, envp) = (argv.pointers.as_ptr(), envp.pointers.as_ptr());
    // SAFETY: `path` is NUL-terminated; both arrays end in NULL and point into buffers that their
    // PointerArray owns and that are NUL-terminated strings. The other arguments are integers nobody reads.
    unsafe { libc::syscall(libc::SYS_execve, path.as_ptr(), argv, envp, 0u64, 0u64, word) };
    io::Error::last_os_error()
}

/// 64 random bits from the kernel, by getrandom(2): no file is needed.
pub(crate) fn random_word() -> io::Result<u64> {
    let mut word = 0u64;
    // SAFETY: the kernel writes at most the 8 bytes that `word` has.
    let r = unsafe { libc::getrandom((&raw mut word).cast(), size_of::<u64>(), 0) };
    if r == size_of::<u64>() as isize { Ok(word) } else { Err(io::Error::last_os_error()) }
}

/// Brings up `lo` of this network namespace; its addresses come by themselves (netdevice(7)).
pub(crate) fn loopback_up() -> io::Result<()> {
    // SAFETY: ifreq is plain data of integers, for which all zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a fresh descriptor that nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which `request` is, with its name NUL-terminated.
    let r = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) };
    if r == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A NULL-terminated array of C strings, built once and then only read.
#[derive(Debug)]
pub(crate) struct PointerArray {
    pointers: Vec<*const c_char>,
    // Keeps the bytes behind `pointers` alive and in place.
    _strings: Vec<std::ffi::CString>,
}

impl PointerArray {
    /// Takes the strings over.
    pub(crate) fn new(strings: Vec<std::ffi::CString>) -> Self {
        let pointers = strings.iter().map(|s| s.as_ptr()).chain(std::iter::once(std::ptr::null())).collect();
        Self { pointers, _strings: strings }
    }
}

/// prctl(2) with integer arguments only.
pub(crate) fn prctl(option: i32, a: u64, b: u64) -> io::Result<i32> {
    // SAFETY: callers pass options whose arguments are integers; the kernel dereferences nothing.
    let r = unsafe { libc::prctl(option, a, b, 0, 0) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(r) }
}

/// close_range(2) over everything from `first` on: marks close-on-exec, or closes.
pub(crate) fn close_from(first: u32, cloexec: bool) -> io::Result<()> {
    let flags = if cloexec { libc::CLOSE_RANGE_CLOEXEC } else { 0 };
    // SAFETY: with CLOEXEC no descriptor is closed; without, the caller is a process about to run only code
    // that uses lower descriptors (checked at its two call sites).
    let r = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes `fd` a copy of `from`, without close-on-exec.
pub(crate) fn dup_onto(from: BorrowedFd<'_>, fd: RawFd) -> io::Result<()> {
    // SAFETY: dup2 on an open descriptor and a number that the caller owns (stdio of a process of ours).
    let r = unsafe { libc::dup2(from.as_raw_fd(), fd) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// setrlimit(2) on this process.
pub(crate) fn set_rlimit(resource: u32, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `limit` is live and initialised; an unknown resource is answered with EINVAL.
    let r = unsafe { libc::setrlimit(resource as _, &raw const limit) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// getrlimit(2): the hard limit.
pub(crate) fn hard_rlimit(resource: u32) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is live for the kernel to fill.
    let r = unsafe { libc::getrlimit(resource as _, &raw mut limit) };
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(limit.rlim_max) }
}

/// Ignores SIGCHLD so that children leave no zombies, and SIGPIPE so that a closed socket is an error.
pub(crate) fn reap_automatically() {
    // SAFETY: SIG_IGN installs no code; called before any other thread exists.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

/// Gives the signals that the server ignores their default action and unblocks all, as a program expects to
/// find them. Handlers need no reset: execve(2) drops them.
pub(crate) fn reset_signals() {
    // SAFETY: SIG_DFL installs no code; the set is initialised by sigemptyset before it is used.
    unsafe {
        for signal in [libc::SIGCHLD, libc::SIGPIPE] {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}
