//! `sched_process_fork`: a new process carries its parent's executable until it calls `execve`.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use node_agent_common::event::{Fork, Kind};

use crate::emit::{fill_header, reserve, submit};
use crate::kernel::{TASK_PID, TASK_START, TASK_TGID, cgroup_of_task, in_scope, load};
use crate::maps::IDENTITY;

#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    let parent: u64 = ctx.arg(0);
    let child: u64 = ctx.arg(1);
    // SAFETY: typed loads through the arguments of the tracepoint.
    unsafe {
        let pid: u32 = load(child, TASK_TGID.load());
        if pid != load::<u32>(child, TASK_PID.load()) || !in_scope() {
            return 0; // A thread.
        }
        let record: *mut Fork = reserve(&IDENTITY, Kind::Fork);
        if record.is_null() {
            return 0;
        }
        fill_header(&raw mut (*record).header, Kind::Fork, cgroup_of_task(child), size_of::<Fork>() as u32);
        (*record).start_ns = load(child, TASK_START.load());
        (*record).pid = pid;
        (*record).parent_pid = load(parent, TASK_TGID.load());
        submit(&IDENTITY, record);
    }
    0
}
