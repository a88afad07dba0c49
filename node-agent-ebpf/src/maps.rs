//! Every map. Sizes and names are in `node_agent_common::map`.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::bpf_map_type::BPF_MAP_TYPE_SK_STORAGE;
use aya_ebpf::btf_maps::{LruHashMap, PerCpuArray, RingBuf};
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::btf_map;
use node_agent_common::event::{Cgroup, EXEC_TAIL_MAX, Exec, KINDS};
use node_agent_common::map::{
    CGROUP_PATHS_MAX, CgroupPath, FLOW_RING_BYTES, IDENTITY_RING_BYTES, PAYLOAD_RING_BYTES, SocketState,
};

#[btf_map]
pub(crate) static IDENTITY: RingBuf<u8, IDENTITY_RING_BYTES> = RingBuf::new();
#[btf_map]
pub(crate) static FLOWS: RingBuf<u8, FLOW_RING_BYTES> = RingBuf::new();
#[btf_map]
pub(crate) static PAYLOADS: RingBuf<u8, PAYLOAD_RING_BYTES> = RingBuf::new();

/// Lost records by kind; index 0 counts sockets that got no state.
#[btf_map]
pub(crate) static LOST: PerCpuArray<u64, { KINDS as usize }> = PerCpuArray::new();

/// Paths of cgroups, to repair a lost record.
#[btf_map]
pub(crate) static CGROUP_PATHS: LruHashMap<u64, CgroupPath, CGROUP_PATHS_MAX> = LruHashMap::new();

/// Where an exec record is put together. A tracing program does not run twice at once on one CPU.
#[repr(C)]
pub(crate) struct ExecScratch {
    pub(crate) record: Exec,
    pub(crate) tail: [u8; EXEC_TAIL_MAX],
}
#[btf_map]
pub(crate) static EXEC_SCRATCH: PerCpuArray<ExecScratch, 1> = PerCpuArray::new();
/// The same of the start-up walk, which an `execve` may interrupt.
#[btf_map]
pub(crate) static WALK_SCRATCH: PerCpuArray<ExecScratch, 1> = PerCpuArray::new();

/// Where a cgroup record is put together: one place per program.
#[repr(C)]
pub(crate) struct CgroupScratch {
    pub(crate) record: Cgroup,
    pub(crate) path: CgroupPath,
}
#[btf_map]
pub(crate) static CGROUP_SCRATCH: PerCpuArray<CgroupScratch, 2> = PerCpuArray::new();

/// Socket storage that an accepted socket inherits from its listener. The crate's own type has other flags.
#[repr(C)]
pub(crate) struct InheritedSocketStorage {
    r#type: *const [i32; BPF_MAP_TYPE_SK_STORAGE as usize],
    key: *const i32,
    value: *const SocketState,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; BPF_F_NO_PREALLOC | BPF_F_CLONE],
}
const BPF_F_NO_PREALLOC: usize = 1;
const BPF_F_CLONE: usize = 1 << 9;

// SAFETY: holds no data; a map definition.
unsafe impl Sync for InheritedSocketStorage {}

#[btf_map]
static SOCKETS: InheritedSocketStorage = InheritedSocketStorage {
    r#type: ptr::null(),
    key: ptr::null(),
    value: ptr::null(),
    max_entries: ptr::null(),
    map_flags: ptr::null(),
};

/// State of a socket, if it has one.
#[inline(always)]
pub(crate) unsafe fn socket_state(sk: *mut c_void) -> *mut SocketState {
    // SAFETY: the verifier checks `sk`.
    unsafe { bpf_sk_storage_get((&raw const SOCKETS).cast_mut().cast(), sk, ptr::null_mut(), 0).cast() }
}

/// State of a socket, made if need be; null (and counted) if there is no memory.
#[inline(always)]
pub(crate) unsafe fn socket_state_or_new(sk: *mut c_void) -> *mut SocketState {
    // SAFETY: the verifier checks `sk`.
    let state: *mut SocketState =
        unsafe { bpf_sk_storage_get((&raw const SOCKETS).cast_mut().cast(), sk, ptr::null_mut(), 1).cast() };
    if state.is_null() {
        crate::emit::count_lost(0);
    }
    state
}
