//! `iter/task_file`: which process owns which socket, for those that are older than the agent.
//!
//! Gives each its state, so that it is followed from now on, and writes a record to whoever reads the iterator.

use core::ffi::c_void;
use core::mem::{MaybeUninit, size_of};

use aya_ebpf::helpers::generated::{
    bpf_get_socket_cookie, bpf_ktime_get_boot_ns, bpf_seq_write, bpf_sock_from_file,
};
use node_agent_common::event::{Header, Kind, Socket, family, transport};
use node_agent_common::map::socket_flags;

use crate::kernel::{SK_PROTOCOL, SKC_FAMILY, SKC_STATE, SOCKET_SK, TASK_TGID, cgroup_of_task, load, read};
use crate::maps::socket_state_or_new;
use crate::socket::{fill_ends, has_ports, netns_of, transport_number};

const TCP_LISTEN: u8 = 10;

/// `struct bpf_iter__task_file`.
#[repr(C)]
pub struct TaskFile {
    /// Points to a `struct bpf_iter_meta`, whose first field is the `seq_file`.
    meta: *const *mut c_void,
    task: u64,
    fd: u32,
    padding: u32,
    file: u64,
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_file")]
pub fn task_file(ctx: *mut TaskFile) -> i32 {
    // SAFETY: fields of the iterator's context, null at the end of the walk.
    unsafe {
        let task = (*ctx).task;
        let file = (*ctx).file;
        if task == 0 || file == 0 {
            return 0;
        }
        let socket = bpf_sock_from_file(file as *mut _) as u64;
        if socket == 0 {
            return 0;
        }
        let sk: u64 = load(socket, SOCKET_SK.load());
        if sk == 0 {
            return 0;
        }
        let family_number = read::<u16>(sk, SKC_FAMILY.load());
        let number = transport_number(u32::from(read::<u16>(sk, SK_PROTOCOL.load())));
        if (family_number != u16::from(family::INET) && family_number != u16::from(family::INET6))
            || !has_ports(number)
        {
            return 0;
        }
        report((*ctx).meta, task, sk, number);
    }
    0
}

#[inline(always)]
unsafe fn report(meta: *const *mut c_void, task: u64, sk: u64, number: u8) {
    // SAFETY: probe reads; the record is a live local.
    unsafe {
        let mut record = MaybeUninit::<Socket>::zeroed();
        let to = record.as_mut_ptr();
        (*to).header = Header {
            time_ns: bpf_ktime_get_boot_ns(),
            cgroup: cgroup_of_task(task),
            kind: Kind::SocketSnapshot as u32,
            len: size_of::<Socket>() as u32,
        };
        (*to).socket = bpf_get_socket_cookie(sk as *mut c_void);
        (*to).netns = netns_of(sk);
        (*to).pid = read(task, TASK_TGID.load());
        (*to).uid = u32::MAX;
        (*to).transport = number;
        (*to).state = read(sk, SKC_STATE.load());
        fill_ends(to, sk);
        adopt(to, sk);
        bpf_seq_write((*meta).cast(), to.cast(), size_of::<Socket>() as u32);
    }
}

/// Gives the socket its state, unless a hook was faster.
#[inline(always)]
unsafe fn adopt(record: *const Socket, sk: u64) {
    // SAFETY: the state is the socket's storage.
    unsafe {
        let state = socket_state_or_new(sk as *mut c_void);
        if state.is_null() || (*state).flags & socket_flags::OWNED != 0 {
            return;
        }
        (*state).cookie = (*record).socket;
        (*state).cgroup = (*record).header.cgroup;
        (*state).netns = (*record).netns;
        (*state).pid = (*record).pid;
        (*state).uid = u32::MAX;
        (*state).transport = (*record).transport;
        (*state).peer_port = u32::from((*record).remote_port.to_be());
        (*state).flags |= socket_flags::OWNED;
        if (*record).transport == transport::TCP && (*record).state == TCP_LISTEN {
            (*state).flags |= socket_flags::LISTENER;
        }
    }
}
