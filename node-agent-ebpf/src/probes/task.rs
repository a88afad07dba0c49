//! `iter/task`: the processes that are older than the agent, with the file that each runs.
//!
//! `/proc/PID/exe` would need the right to trace every process; here the kernel is read by the same walk that
//! `sched_process_exec` makes, so that a process has one name, whether the agent saw it start or not.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_ktime_get_boot_ns, bpf_seq_write};
use node_agent_common::event::{Header, Kind};

use crate::executable::{fill_file, fill_task, record_len, walk_path};
use crate::kernel::{
    ABSENT, CRED_UID, MM_EXE_FILE, PID_LEVEL, PID_NUMBERS, TASK_CRED, TASK_MM, TASK_PID, TASK_TGID,
    TASK_THREAD_PID, cgroup_of_task, load, read,
};
use crate::maps::WALK_SCRATCH;

/// Pid namespaces are not nested deeper than this (`MAX_PID_NS_LEVEL`).
const LEVELS_MAX: u32 = 32;
/// `struct upid`: a number, and a pointer to its namespace.
const UPID_SIZE: u32 = 16;

/// `struct bpf_iter__task`.
#[repr(C)]
pub struct Task {
    /// Points to a `struct bpf_iter_meta`, whose first field is the `seq_file`.
    meta: *const *mut c_void,
    task: u64,
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task")]
pub fn task(ctx: *mut Task) -> i32 {
    // SAFETY: fields of the iterator's context, null at the end of the walk.
    unsafe {
        let task = (*ctx).task;
        if task == 0 {
            return 0;
        }
        let process: u32 = load(task, TASK_TGID.load());
        let mm: u64 = read(task, TASK_MM.load());
        // Threads are reported by their process; threads of the kernel have no memory.
        if load::<u32>(task, TASK_PID.load()) != process || mm == 0 {
            return 0;
        }
        report((*ctx).meta, task, process, mm);
    }
    0
}

#[inline(always)]
unsafe fn report(meta: *const *mut c_void, task: u64, process: u32, mm: u64) {
    let Some(scratch) = WALK_SCRATCH.get_ptr_mut(0) else { return };
    // SAFETY: the scratch is this program's own on this CPU; reads are typed loads or probe reads.
    unsafe {
        let record = &raw mut (*scratch).record;
        fill_task(record, task);
        (*record).pid = process;
        let cred: u64 = read(task, TASK_CRED.load());
        (*record).uid = if cred == 0 { u32::MAX } else { read(cred, CRED_UID.load()) };
        (*record).reader_pid = number_for_reader(task);
        let file: u64 = read(mm, MM_EXE_FILE.load());
        fill_file(record, file);
        let end = walk_path(scratch, file);
        (*record).filename_len = 0;
        (*record).args_len = 0;
        let len = record_len(end);
        (*record).header = Header {
            time_ns: bpf_ktime_get_boot_ns(),
            cgroup: cgroup_of_task(task),
            kind: Kind::ProcessSnapshot as u32,
            len: len as u32,
        };
        bpf_seq_write((*meta).cast(), scratch.cast(), len as u32);
    }
}

/// The number of a process as whoever reads the iterator knows it, who sees only processes of its own pid namespace.
#[inline(always)]
unsafe fn number_for_reader(task: u64) -> u32 {
    if TASK_THREAD_PID.load() == ABSENT || PID_LEVEL.load() == ABSENT || PID_NUMBERS.load() == ABSENT {
        return 0;
    }
    // SAFETY: probe reads.
    unsafe {
        let reader: u64 = read(bpf_get_current_task(), TASK_THREAD_PID.load());
        let level: u32 = read(reader, PID_LEVEL.load());
        let pid: u64 = read(task, TASK_THREAD_PID.load());
        if level > LEVELS_MAX || level > read::<u32>(pid, PID_LEVEL.load()) {
            return 0;
        }
        read(pid, PID_NUMBERS.load() + level * UPID_SIZE)
    }
}
