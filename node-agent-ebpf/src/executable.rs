//! A process and the file that it runs, for `execve` as for the start-up walk: both must say the same of one process.

use core::ffi::c_void;
use core::mem::size_of;
use core::ptr;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use node_agent_common::event::{ARGS_MAX, EXEC_TAIL_MAX, Exec, PATH_COMPONENTS_MAX, exec_flags};

use crate::kernel::{
    ABSENT, DENTRY_NAME, DENTRY_PARENT, FILE_DENTRY, FILE_INODE, FILE_MNT, INODE_CTIME_NSEC, INODE_CTIME_SEC,
    INODE_INO, INODE_NLINK, INODE_SB, MOUNT_MNT, MOUNT_MOUNTPOINT, MOUNT_PARENT, SB_DEV, TASK_GROUP_LEADER,
    TASK_LOGINUID, TASK_REAL_PARENT, TASK_START, TASK_TGID, VFSMOUNT_ROOT, at_most, load, masked, read,
};
use crate::maps::ExecScratch;

/// Longest name of one directory entry, with NUL.
const NAME_MAX: u32 = 256;
/// The walk stops when this many bytes of path are written; one more name fits after it.
const PATH_BYTES_MAX: u64 = 1024 - NAME_MAX as u64;
/// Writes into the tail begin below this, and are at most [`ARGS_MAX`] long.
pub(crate) const TAIL_MASK: i32 = (EXEC_TAIL_MAX - ARGS_MAX - 1) as i32;

/// Bytes of a record whose tail ends here.
#[inline(always)]
pub(crate) fn record_len(tail_end: u64) -> u64 {
    size_of::<Exec>() as u64 + at_most::<{ EXEC_TAIL_MAX as i32 }>(tail_end)
}

/// Start, parent and login user; the caller knows the process id and the user.
#[inline(always)]
pub(crate) unsafe fn fill_task(record: *mut Exec, task: u64) {
    // SAFETY: typed loads.
    unsafe {
        let leader: u64 = load(task, TASK_GROUP_LEADER.load());
        (*record).start_ns = read(leader, TASK_START.load());
        let parent: u64 = load(task, TASK_REAL_PARENT.load());
        (*record).parent_pid = load(parent, TASK_TGID.load());
        let login = TASK_LOGINUID.load();
        (*record).login_uid = if login == ABSENT { u32::MAX } else { load(task, login) };
        (*record).flags = 0;
        (*record).reader_pid = 0;
    }
}

/// What the file is: inode, device, links, last change.
#[inline(always)]
pub(crate) unsafe fn fill_file(record: *mut Exec, file: u64) {
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
pub(crate) unsafe fn walk_path(scratch: *mut ExecScratch, file: u64) -> u64 {
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
                if above != here && above != 0 {
                    entry = read(here, MOUNT_MOUNTPOINT.load());
                    mount = above + u64::from(MOUNT_MNT.load());
                    continue;
                }
                done = true;
                if ptr::read_volatile(end) != 0 {
                    break;
                }
                // The file itself is what was mounted, and its mount is in no tree (runc clones itself so): it has its
                // name only.
            }
            let at = masked::<TAIL_MASK>(u64::from(ptr::read_volatile(end)));
            let name: u64 = read(entry, DENTRY_NAME.load());
            let to = (&raw mut (*scratch).tail).cast::<u8>().add(at);
            let written = bpf_probe_read_kernel_str(to.cast(), NAME_MAX, name as *const c_void);
            if written <= 0 {
                break;
            }
            ptr::write_volatile(end, at as u32 + written as u32);
            if done {
                break;
            }
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
