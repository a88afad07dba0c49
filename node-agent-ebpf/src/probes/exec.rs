//! `sched_process_exec`: who runs what, with the real file behind it.

use core::ffi::c_void;
use core::mem::size_of;
use core::ptr;

use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_probe_read_kernel_str,
    bpf_probe_read_user,
};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use node_agent_common::event::{
    ARGS_MAX, EXEC_TAIL_MAX, Exec, FILENAME_MAX, Kind, PATH_COMPONENTS_MAX, exec_flags,
};

use crate::emit::{fill_header, output};
use crate::kernel::{
    ABSENT, BPRM_FILE, BPRM_FILENAME, DENTRY_NAME, DENTRY_PARENT, FILE_DENTRY, FILE_INODE, FILE_MNT,
    INODE_CTIME_NSEC, INODE_CTIME_SEC, INODE_INO, INODE_NLINK, INODE_SB, MM_ARG_END, MM_ARG_START, MOUNT_MNT,
    MOUNT_MOUNTPOINT, MOUNT_PARENT, SB_DEV, TASK_GROUP_LEADER, TASK_LOGINUID, TASK_MM, TASK_REAL_PARENT,
    TASK_START, TASK_TGID, VFSMOUNT_ROOT, at_most, from_one_to, in_scope, load, masked, read,
};
use crate::maps::{EXEC_SCRATCH, ExecScratch, IDENTITY};

/// Longest name of one directory entry, with NUL.
const NAME_MAX: u32 = 256;
/// The walk stops when this many bytes of path are written; one more name fits after it.
const PATH_BYTES_MAX: u64 = 1024 - NAME_MAX as u64;
/// Writes into the tail begin below this, and are at most [`ARGS_MAX`] long.
const TAIL_MASK: i32 = (EXEC_TAIL_MAX - ARGS_MAX - 1) as i32;

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
        fill_process(record, task);
        let file: u64 = read(bprm, BPRM_FILE.load());
        fill_file(record, file);
        let mut end = walk_path(scratch, file);
        end = copy_filename(scratch, read(bprm, BPRM_FILENAME.load()), end);
        end = copy_args(scratch, read(task, TASK_MM.load()), end);
        let len = size_of::<Exec>() as u64 + at_most::<{ EXEC_TAIL_MAX as i32 }>(end);
        fill_header(&raw mut (*record).header, Kind::Exec, bpf_get_current_cgroup_id(), len as u32);
        output(&IDENTITY, Kind::Exec, scratch.cast(), len);
    }
    0
}

#[inline(always)]
unsafe fn fill_process(record: *mut Exec, task: u64) {
    // SAFETY: typed loads.
    unsafe {
        let leader: u64 = load(task, TASK_GROUP_LEADER.load());
        (*record).start_ns = read(leader, TASK_START.load());
        (*record).pid = (bpf_get_current_pid_tgid() >> 32) as u32;
        let parent: u64 = load(task, TASK_REAL_PARENT.load());
        (*record).parent_pid = load(parent, TASK_TGID.load());
        (*record).uid = bpf_get_current_uid_gid() as u32;
        let login = TASK_LOGINUID.load();
        (*record).login_uid = if login == ABSENT { u32::MAX } else { load(task, login) };
        (*record).flags = 0;
        (*record).padding = 0;
    }
}

#[inline(always)]
unsafe fn fill_file(record: *mut Exec, file: u64) {
    // SAFETY: probe reads.
    unsafe {
        let inode: u64 = read(file, FILE_INODE.load());
        let superblock: u64 = read(inode, INODE_SB.load());
        (*record).inode = read(inode, INODE_INO.load());
        (*record).device = read(superblock, SB_DEV.load());
        (*record).links = read(inode, INODE_NLINK.load());
        (*record).changed_sec = 0;
        (*record).changed_nsec = 0;
        if inode != 0 {
            (*record).flags |= exec_flags::FILE;
            if INODE_CTIME_SEC.load() != ABSENT {
                (*record).changed_sec = read(inode, INODE_CTIME_SEC.load());
                (*record).changed_nsec = read(inode, INODE_CTIME_NSEC.load());
                (*record).flags |= exec_flags::CHANGED;
            }
        }
    }
}

/// Writes the names from the file up to the root of its mount namespace, last first.
///
/// How much is written is kept in the record and read back: of a value from memory the verifier assumes nothing,
/// so that every turn of the loop looks the same to it. In a register, it would follow every combination.
#[inline(always)]
unsafe fn walk_path(scratch: *mut ExecScratch, file: u64) -> u64 {
    // SAFETY: probe reads; writes are masked into the tail.
    unsafe {
        let end = &raw mut (*scratch).record.path_len;
        ptr::write_volatile(end, 0);
        let mut entry: u64 = read(file, FILE_DENTRY.load());
        let mut mount: u64 = read(file, FILE_MNT.load());
        let mut done = false;
        let mut component = 0;
        while component < PATH_COMPONENTS_MAX {
            component += 1;
            if entry == read::<u64>(mount, VFSMOUNT_ROOT.load()) {
                // The top of this mount: go on where it is mounted.
                let here = mount.wrapping_sub(u64::from(MOUNT_MNT.load()));
                let above: u64 = read(here, MOUNT_PARENT.load());
                if above == here || above == 0 {
                    done = true;
                    break;
                }
                entry = read(here, MOUNT_MOUNTPOINT.load());
                mount = above + u64::from(MOUNT_MNT.load());
                continue;
            }
            let at = masked::<TAIL_MASK>(u64::from(ptr::read_volatile(end)));
            let name: u64 = read(entry, DENTRY_NAME.load());
            let to = (&raw mut (*scratch).tail).cast::<u8>().add(at);
            let written = bpf_probe_read_kernel_str(to.cast(), NAME_MAX, name as *const c_void);
            if written <= 0 {
                break;
            }
            ptr::write_volatile(end, at as u32 + written as u32);
            let parent: u64 = read(entry, DENTRY_PARENT.load());
            if parent == entry {
                done = true; // Memory only: it is in no directory.
                break;
            }
            if at as u64 > PATH_BYTES_MAX {
                break;
            }
            entry = parent;
        }
        if !done {
            (*scratch).record.flags |= exec_flags::PATH_CUT;
        }
        u64::from(ptr::read_volatile(end))
    }
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
