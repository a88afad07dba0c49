//! `cgroup_mkdir` and `cgroup_rmdir`: containers come and go.

use core::ffi::c_void;
use core::mem::size_of;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use node_agent_common::event::{CGROUP_PATH_MAX, Cgroup, Kind};

use crate::emit::{fill_header, output};
use crate::kernel::{CGROUP_ROOT, CGROUP_ROOT_HIERARCHY_ID, at_most, cgroup_id, read, root_level};
use crate::maps::{CGROUP_PATHS, CGROUP_SCRATCH, IDENTITY};

#[inline(always)]
unsafe fn emit(ctx: &BtfTracePointContext, kind: Kind, place: u32) {
    let cgroup: u64 = ctx.arg(0);
    let path: u64 = ctx.arg(1);
    // SAFETY: probe reads; the scratch is this program's own on this CPU.
    unsafe {
        let root: u64 = read(cgroup, CGROUP_ROOT.load());
        if read::<u32>(root, CGROUP_ROOT_HIERARCHY_ID.load()) != 0 {
            return; // A v1 hierarchy.
        }
        let Some(scratch) = CGROUP_SCRATCH.get_ptr_mut(place) else { return };
        let id = cgroup_id(cgroup);
        let read = bpf_probe_read_kernel_str(
            (&raw mut (*scratch).path).cast(),
            CGROUP_PATH_MAX as u32,
            path as *const c_void,
        );
        // Without the NUL.
        let path_len = if read > 0 { read as u64 - 1 } else { 0 };
        let len = size_of::<Cgroup>() as u64 + at_most::<{ CGROUP_PATH_MAX as i32 }>(path_len);
        fill_header(&raw mut (*scratch).record.header, kind, id, len as u32);
        (*scratch).record.path_len = path_len as u32;
        (*scratch).record.root_level = root_level(cgroup);
        if matches!(kind, Kind::CgroupCreated) {
            let _ = CGROUP_PATHS.insert(&id, &(*scratch).path, 0);
        }
        output(&IDENTITY, kind, scratch.cast(), len);
    }
}

#[btf_tracepoint(function = "cgroup_mkdir")]
pub fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: see `emit`.
    unsafe { emit(&ctx, Kind::CgroupCreated, 0) };
    0
}

#[btf_tracepoint(function = "cgroup_rmdir")]
pub fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: see `emit`.
    unsafe { emit(&ctx, Kind::CgroupRemoved, 1) };
    0
}
