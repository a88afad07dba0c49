//! The machine itself: file systems, addresses, rights of a process, and its end.

use std::ffi::CString;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Outcome;

/// Where the server is. Reserved for documentation, so that no machine thinks it is its own network.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// The same in IPv6.
pub(crate) const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);

/// What a node has, with the place and the file system.
const MOUNTS: [(&str, &str); 6] = [
    ("/proc", "proc"),
    ("/sys", "sysfs"),
    ("/dev", "devtmpfs"),
    ("/sys/fs/cgroup", "cgroup2"),
    ("/sys/kernel/security", "securityfs"),
    ("/sys/kernel/tracing", "tracefs"),
];

/// Mounts what every node has.
pub(crate) fn mount_all() -> Outcome<()> {
    for (place, kind) in MOUNTS {
        let (to, what) = (CString::new(place)?, CString::new(kind)?);
        #[expect(unsafe_code, reason = "the standard library cannot mount")]
        // SAFETY: three strings that live until the call is over, and no data.
        let answer = unsafe { libc::mount(what.as_ptr(), to.as_ptr(), what.as_ptr(), 0, std::ptr::null()) };
        if answer != 0 {
            return Err(format!("mount {kind} at {place}: {}", io::Error::last_os_error()).into());
        }
    }
    Ok(())
}

/// Brings the loopback device up, with the server's addresses on it. It is built into every kernel; to the agent,
/// only its address makes traffic local.
pub(crate) fn set_addresses() -> Outcome<()> {
    request(libc::AF_INET, libc::SIOCSIFADDR, &mut interface("lo:1", SERVER))?;
    request(libc::AF_INET, libc::SIOCSIFFLAGS, &mut up("lo"))?;
    let mut v6 = AddressV6 { address: SERVER_V6.octets(), prefix: 128, interface: 1 };
    request(libc::AF_INET6, libc::SIOCSIFADDR, &mut v6)
}

/// `struct in6_ifreq`.
#[repr(C)]
struct AddressV6 {
    address: [u8; 16],
    prefix: u32,
    interface: i32,
}

/// `struct ifreq` with what comes after the name.
#[repr(C)]
struct Interface {
    name: [u8; 16],
    rest: [u8; 24],
}

fn named(name: &str) -> Interface {
    let mut interface = Interface { name: [0; 16], rest: [0; 24] };
    for (to, from) in interface.name.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    interface
}

fn interface(name: &str, address: Ipv4Addr) -> Interface {
    let mut interface = named(name);
    let family = (libc::AF_INET as u16).to_ne_bytes();
    let words = family.into_iter().chain([0, 0]).chain(address.octets());
    for (to, from) in interface.rest.iter_mut().zip(words) {
        *to = from;
    }
    interface
}

fn up(name: &str) -> Interface {
    let mut interface = named(name);
    let flags = ((libc::IFF_UP | libc::IFF_RUNNING | libc::IFF_LOOPBACK) as u16).to_ne_bytes();
    for (to, from) in interface.rest.iter_mut().zip(flags) {
        *to = from;
    }
    interface
}

fn request<T>(family: i32, request: u64, argument: &mut T) -> Outcome<()> {
    #[expect(unsafe_code, reason = "the standard library cannot set addresses")]
    // SAFETY: a socket of our own; the kernel reads and writes the struct that the request is about.
    let answer = unsafe {
        let socket = libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let answer = libc::ioctl(socket, request, std::ptr::from_mut(argument));
        libc::close(socket);
        answer
    };
    if answer == 0 {
        return Ok(());
    }
    Err(format!("set an address ({family}, {request:#x}): {}", io::Error::last_os_error()).into())
}

/// Capabilities by name, with their number.
const CAPABILITIES: [(&str, i32); 18] = [
    ("CHOWN", 0),
    ("DAC_OVERRIDE", 1),
    ("FOWNER", 3),
    ("FSETID", 4),
    ("KILL", 5),
    ("SETGID", 6),
    ("SETUID", 7),
    ("SETPCAP", 8),
    ("NET_BIND_SERVICE", 10),
    ("NET_ADMIN", 12),
    ("NET_RAW", 13),
    ("SYS_CHROOT", 18),
    ("SYS_PTRACE", 19),
    ("SYS_RESOURCE", 24),
    ("MKNOD", 27),
    ("AUDIT_WRITE", 29),
    ("PERFMON", 38),
    ("BPF", 39),
];

/// Gives up every capability but those named, for good: user 0 has the rest after the next `execve`. Also what
/// `allowPrivilegeEscalation: false` does.
pub(crate) fn keep_only(names: &str) -> Outcome<()> {
    let wanted: Vec<i32> = names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| CAPABILITIES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("an unknown capability among {names}"))?;
    for number in (0..64).filter(|number| !wanted.contains(number)) {
        // Those that the kernel does not have are refused.
        let _ = process_control(libc::PR_CAPBSET_DROP, number as u64, 0);
    }
    process_control(libc::PR_SET_NO_NEW_PRIVS, 1, 0)
}

/// Lets `bpf(2)` fail as a runtime's filter of system calls does.
pub(crate) fn refuse_bpf() -> Outcome<()> {
    // Load the number of the call; if it is bpf, answer EPERM; else let it pass.
    let mut filter = [
        rule(0x20, 0, 0, 0),
        rule(0x15, 0, 1, libc::SYS_bpf as u32),
        rule(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        rule(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    process_control(
        libc::PR_SET_SECCOMP,
        libc::SECCOMP_MODE_FILTER.into(),
        std::ptr::from_ref(&program) as u64,
    )
}

fn rule(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

fn process_control(option: i32, first: u64, second: u64) -> Outcome<()> {
    #[expect(unsafe_code, reason = "the standard library cannot give up rights")]
    // SAFETY: numbers, or for PR_SET_SECCOMP a program that lives until the call is over.
    let answer = unsafe { libc::prctl(option, first, second, 0u64, 0u64) };
    if answer == 0 {
        return Ok(());
    }
    Err(format!("prctl {option}: {}", io::Error::last_os_error()).into())
}

/// How much memory the process, and those it becomes, may lock: what maps count against before Linux 5.11.
pub(crate) fn limit_locked_memory(bytes: u64) -> Outcome<()> {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    #[expect(unsafe_code, reason = "the standard library cannot set limits")]
    // SAFETY: a live struct.
    let answer = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
    if answer == 0 { Ok(()) } else { Err(format!("setrlimit: {}", io::Error::last_os_error()).into()) }
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, number: i32) {
    #[expect(unsafe_code, reason = "the standard library has only the one that kills")]
    // SAFETY: numbers.
    unsafe {
        libc::kill(process as i32, number);
    }
}

/// Ends the machine, as soon as the console has everything.
pub(crate) fn end() -> ! {
    #[expect(unsafe_code, reason = "the standard library cannot end a machine")]
    // SAFETY: numbers; nothing comes after it.
    unsafe {
        libc::tcdrain(1);
        libc::sync();
        libc::reboot(libc::RB_AUTOBOOT);
    }
    std::process::abort()
}
