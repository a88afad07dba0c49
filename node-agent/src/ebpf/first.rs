//! Address programs that run before those of others.
//!
//! A socket load balancer (Cilium's replacement of kube-proxy, for one) rewrites the address that a program asked for
//! when it connects. Who is asked first sees the service, who is asked later a backend. Since Linux 6.17 a link may say
//! that it wants to be first; aya has no mode for it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// `BPF_LINK_CREATE` and `BPF_PROG_QUERY` of `enum bpf_cmd`.
const LINK_CREATE: libc::c_long = 28;
const PROG_QUERY: libc::c_long = 16;
/// `BPF_F_BEFORE`: with no other program named, before all.
const BEFORE: u32 = 1 << 3;
/// `BPF_F_QUERY_EFFECTIVE`: programs of the cgroups above count too.
const EFFECTIVE: u32 = 1;

/// Where an address program is attached (`enum bpf_attach_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum AddressHook {
    Connect4 = 10,
    Connect6 = 11,
    SendMsg4 = 14,
    SendMsg6 = 15,
}

impl AddressHook {
    /// The one of a program of the object.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "connect4" => Self::Connect4,
            "connect6" => Self::Connect6,
            "sendmsg4" => Self::SendMsg4,
            "sendmsg6" => Self::SendMsg6,
            _ => return None,
        })
    }
}

/// What of `union bpf_attr` makes a link to a cgroup.
#[repr(C)]
struct LinkCreate {
    program: u32,
    cgroup: u32,
    hook: u32,
    flags: u32,
    relative: u32,
    padding: u32,
    revision: u64,
}

/// What of `union bpf_attr` counts programs.
#[repr(C)]
struct ProgQuery {
    cgroup: u32,
    hook: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
    /// Newer kernels write more than was asked for: a revision.
    rest: [u64; 16],
}

/// Attaches a loaded program before all others of a cgroup. The link ends with its descriptor.
///
/// # Errors
///
/// The kernel is older than 6.17 (`EINVAL`), or refuses.
pub(super) fn attach(program: BorrowedFd<'_>, cgroup: &File, hook: AddressHook) -> io::Result<OwnedFd> {
    let mut attributes = LinkCreate {
        program: number(program.as_raw_fd())?,
        cgroup: number(cgroup.as_raw_fd())?,
        hook: hook as u32,
        flags: BEFORE,
        relative: 0,
        padding: 0,
        revision: 0,
    };
    let link = bpf(LINK_CREATE, &mut attributes)?;
    #[expect(unsafe_code, reason = "a new descriptor has no other owner")]
    // SAFETY: the kernel just made it for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(link) })
}

/// How many programs an address goes through in a cgroup; 0 if the kernel does not say.
pub(super) fn programs(cgroup: &File, hook: AddressHook) -> u32 {
    let Ok(directory) = number(cgroup.as_raw_fd()) else { return 0 };
    let mut attributes = ProgQuery {
        cgroup: directory,
        hook: hook as u32,
        query_flags: EFFECTIVE,
        attach_flags: 0,
        ids: 0,
        count: 0,
        padding: 0,
        rest: [0; 16],
    };
    bpf(PROG_QUERY, &mut attributes).map_or(0, |_| attributes.count)
}

fn number(descriptor: i32) -> io::Result<u32> {
    u32::try_from(descriptor).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<i32> {
    #[expect(unsafe_code, reason = "aya has no binding for these flags")]
    // SAFETY: the kernel reads and writes no more than the given size of a live struct, which holds no pointers.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(answer).map_err(|_| io::ErrorKind::InvalidData.into())
}
