//! `sched_process_exec`: who runs what, with the real file behind it.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_probe_read_kernel_str,
    bpf_probe_read_user,
};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use node_agent_common::event::{ARGS_MAX, FILENAME_MAX, Kind, exec_flags};

use crate::emit::{fill_header, output};
use crate::executable::{TAIL_MASK, fill_file, fill_task, record_len, walk_path};
use crate::kernel::{
    BPRM_FILE, BPRM_FILENAME, MM_ARG_END, MM_ARG_START, TASK_MM, from_one_to, in_scope, masked, read,
};
use crate::maps::{EXEC_SCRATCH, ExecScratch, IDENTITY};

#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    if !in_scope() {
        return 0;
    }
    let task: u64 = ctx.arg(0);
    let bprm: u64 = ctx.arg(2);
    let Some(scratch) = EXEC_SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: the scratch is this program's own on this CPU; reads are typed loads or probe reads.
    unsafe {
        let record = &raw mut (*scratch).record;
        fill_task(record, task);
        (*record).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*record).uid = bpf_get_current_uid_gid() as u32;
        let file: u64 = read(bprm, BPRM_FILE.load());
        fill_file(record, file);
        let mut end = walk_path(scratch, file);
        end = copy_filename(scratch, read(bprm, BPRM_FILENAME.load()), end);
        end = copy_args(scratch, read(task, TASK_MM.load()), end);
        let len = record_len(end);
        fill_header(&raw mut (*record).header, Kind::Exec, bpf_get_current_cgroup_id(), len as u32);
        output(&IDENTITY, Kind::Exec, scratch.cast(), len);
    }
    0
}

#[inline(always)]
unsafe fn copy_filename(scratch: *mut ExecScratch, filename: u64, end: u64) -> u64 {
    // SAFETY: the write is masked into the tail.
    unsafe {
        let at = (&raw mut (*scratch).tail).cast::<u8>().add(masked::<TAIL_MASK>(end));
        let written = bpf_probe_read_kernel_str(at.cast(), FILENAME_MAX as u32, filename as *const c_void);
        let len = if written > 0 { written as u64 - 1 } else { 0 };
        (*scratch).record.filename_len = len as u32;
        end + len
    }
}

#[inline(always)]
unsafe fn copy_args(scratch: *mut ExecScratch, mm: u64, end: u64) -> u64 {
    // SAFETY: the write is masked into the tail.
    unsafe {
        (*scratch).record.args_len = 0;
        let first: u64 = read(mm, MM_ARG_START.load());
        let after: u64 = read(mm, MM_ARG_END.load());
        let wanted = after.wrapping_sub(first);
        if wanted == 0 || first == 0 {
            return end;
        }
        if wanted > ARGS_MAX as u64 {
            (*scratch).record.flags |= exec_flags::ARGS_CUT;
        }
        let len = from_one_to::<{ ARGS_MAX as i32 }>(wanted);
        let at = (&raw mut (*scratch).tail).cast::<u8>().add(masked::<TAIL_MASK>(end));
        if bpf_probe_read_user(at.cast(), len as u32, first as *const c_void) != 0 {
            return end;
        }
        (*scratch).record.args_len = len as u32;
        end + len
    }
}
