//! `sched_process_exit`: reported when the last thread of a process ends; of threads that end at the same moment, each
//! may be the last one, so it may be reported more than once.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use node_agent_common::event::{Exit, Kind};

use crate::emit::{fill_header, reserve, submit};
use crate::kernel::{
    ABSENT, SIGNAL_LIVE, TASK_EXIT_CODE, TASK_GROUP_LEADER, TASK_PID, TASK_SIGNAL, TASK_START, TASK_TGID,
    cgroup_of_task, in_scope, load, read,
};
use crate::maps::IDENTITY;

/// Threads that are left are counted before this tracepoint; on a kernel without the count, the leader's end is
/// taken for the end of the process.
#[inline(always)]
unsafe fn process_ends(task: u64) -> bool {
    // SAFETY: a typed load, and a probe read below it.
    unsafe {
        let live = SIGNAL_LIVE.load();
        if live != ABSENT {
            let signal: u64 = load(task, TASK_SIGNAL.load());
            return read::<i32>(signal, live) == 0;
        }
        load::<u32>(task, TASK_TGID.load()) == load::<u32>(task, TASK_PID.load())
    }
}

#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(ctx: BtfTracePointContext) -> i32 {
    let task: u64 = ctx.arg(0);
    // SAFETY: typed loads through the argument of the tracepoint, and probe reads below it.
    unsafe {
        if !process_ends(task) || !in_scope() {
            return 0;
        }
        let record: *mut Exit = reserve(&IDENTITY, Kind::Exit);
        if record.is_null() {
            return 0;
        }
        fill_header(&raw mut (*record).header, Kind::Exit, cgroup_of_task(task), size_of::<Exit>() as u32);
        let leader: u64 = load(task, TASK_GROUP_LEADER.load());
        (*record).start_ns = read(leader, TASK_START.load());
        (*record).pid = load(task, TASK_TGID.load());
        (*record).status = load(task, TASK_EXIT_CODE.load());
        submit(&IDENTITY, record);
    }
    0
}
