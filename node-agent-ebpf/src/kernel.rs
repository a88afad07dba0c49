//! The kernel's structs: offsets found by the loader, and reads at them.
//!
//! The globals are frozen before load, so the verifier knows their values: a load through a typed pointer at a
//! wrong offset is refused, and a branch that tests for [`ABSENT`] is pruned.

use core::ffi::c_void;
use core::mem::{MaybeUninit, size_of};
use core::ptr;

use aya_ebpf::Global;
use aya_ebpf::helpers::generated::{bpf_get_current_ancestor_cgroup_id, bpf_probe_read_kernel};
use node_agent_common::event::OUTSIDE_OF_ROOT;

/// Offset of a field that this kernel does not have.
pub(crate) const ABSENT: u32 = u32::MAX;

macro_rules! globals {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(#[unsafe(no_mangle)] pub(crate) static $name: Global<$type> = Global::new(0);)*
    };
}

// Each name is a row of the agent's table (node-agent/src/ebpf/offsets.rs).
globals!(
    TASK_REAL_PARENT: u32,
    TASK_TGID: u32,
    TASK_PID: u32,
    TASK_MM: u32,
    TASK_LOGINUID: u32,
    TASK_CRED: u32,
    TASK_THREAD_PID: u32,
    TASK_CGROUPS: u32,
    TASK_START: u32,
    TASK_EXIT_CODE: u32,
    TASK_SIGNAL: u32,
    TASK_GROUP_LEADER: u32,
    SIGNAL_LIVE: u32,
    CRED_UID: u32,
    PID_LEVEL: u32,
    PID_NUMBERS: u32,
    MM_EXE_FILE: u32,
    MM_ARG_START: u32,
    MM_ARG_END: u32,
    CSS_SET_DFL_CGRP: u32,
    CGROUP_KN: u32,
    CGROUP_ROOT: u32,
    CGROUP_LEVEL: u32,
    CGROUP_ANCESTORS: u32,
    CGROUP_ANCESTOR_IDS: u32,
    CGROUP_ROOT_HIERARCHY_ID: u32,
    KERNFS_NODE_ID: u32,
    BPRM_FILENAME: u32,
    BPRM_FILE: u32,
    FILE_DENTRY: u32,
    FILE_MNT: u32,
    FILE_INODE: u32,
    DENTRY_PARENT: u32,
    DENTRY_NAME: u32,
    VFSMOUNT_ROOT: u32,
    MOUNT_MNT: u32,
    MOUNT_PARENT: u32,
    MOUNT_MOUNTPOINT: u32,
    INODE_INO: u32,
    INODE_NLINK: u32,
    INODE_SB: u32,
    INODE_CTIME_SEC: u32,
    INODE_CTIME_NSEC: u32,
    SB_DEV: u32,
    TCP_BYTES_SENT: u32,
    TCP_BYTES_RETRANS: u32,
    TCP_BYTES_RECEIVED: u32,
    TCP_DATA_SEGS_OUT: u32,
    TCP_DATA_SEGS_IN: u32,
    TCP_SND_NXT: u32,
    TCP_RCV_NXT: u32,
    SK_PROTOCOL: u32,
    SKC_FLAGS: u32,
    SKC_FAMILY: u32,
    SKC_STATE: u32,
    SKC_DPORT: u32,
    SKC_DADDR: u32,
    SKC_RCV_SADDR: u32,
    SKC_V6_DADDR: u32,
    SKC_V6_RCV_SADDR: u32,
    SKC_NET: u32,
    NET_COOKIE: u32,
    SOCKET_SK: u32,
    INET_SPORT: u32,
);

// Options.
globals!(
    // Id of the cgroup in or below which processes are reported; 0: all.
    SCOPE_CGROUP: u64,
    // Id of the cgroup that the agent sees as the root; 0: it is the kernel's.
    ROOT_CGROUP: u64,
    // Payload programs are attached: UDP counts are true.
    PAYLOAD_ON: u32,
);

/// Copies a value from kernel memory; zero if the address is bad.
#[inline(always)]
pub(crate) unsafe fn read<T: Copy>(base: u64, offset: u32) -> T {
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the helper checks the address; the target is a live local of the right size.
    unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            (base + u64::from(offset)) as *const c_void,
        );
        value.assume_init()
    }
}

/// Loads through a pointer that the verifier has typed.
#[inline(always)]
pub(crate) unsafe fn load<T: Copy>(base: u64, offset: u32) -> T {
    // SAFETY: the verifier refuses the program if the field is not there.
    unsafe { ptr::read_volatile((base + u64::from(offset)) as *const T) }
}

/// Cgroup (v2) of a task.
#[inline(always)]
pub(crate) unsafe fn cgroup_of_task(task: u64) -> u64 {
    // SAFETY: probe reads.
    unsafe {
        let set: u64 = read(task, TASK_CGROUPS.load());
        cgroup_id(read(set, CSS_SET_DFL_CGRP.load()))
    }
}

/// Id of a cgroup: that of its kernfs node, which is the inode number of its directory.
#[inline(always)]
pub(crate) unsafe fn cgroup_id(cgroup: u64) -> u64 {
    // SAFETY: probe reads.
    unsafe {
        let node: u64 = read(cgroup, CGROUP_KN.load());
        read(node, KERNFS_NODE_ID.load())
    }
}

/// How many names of a cgroup's path lead to the agent's root; [`OUTSIDE_OF_ROOT`] if none do.
#[inline(always)]
pub(crate) unsafe fn root_level(cgroup: u64) -> u32 {
    let wanted = ROOT_CGROUP.load();
    let (ancestors, ids) = (CGROUP_ANCESTORS.load(), CGROUP_ANCESTOR_IDS.load());
    if wanted == 0 || (ancestors == ABSENT && ids == ABSENT) {
        return 0;
    }
    // SAFETY: probe reads.
    unsafe {
        let own: u32 = read(cgroup, CGROUP_LEVEL.load());
        let mut level = 1;
        while level < LEVELS_MAX as u32 && level <= own {
            let id: u64 = if ancestors == ABSENT {
                read(cgroup, ids + level * 8)
            } else {
                cgroup_id(read(cgroup, ancestors + level * 8))
            };
            if id == wanted {
                return level;
            }
            level += 1;
        }
    }
    OUTSIDE_OF_ROOT
}

/// Cgroups are not nested deeper than this where containers run.
const LEVELS_MAX: i32 = 24;

/// The current process is one that is to be reported. The level of the wanted cgroup is not known inside a cgroup
/// namespace, so all levels are looked at.
#[inline(always)]
pub(crate) fn in_scope() -> bool {
    let wanted = SCOPE_CGROUP.load();
    if wanted == 0 {
        return true;
    }
    let mut level = 1;
    while level < LEVELS_MAX {
        // SAFETY: plain helper call; 0 beyond the process's own level.
        let ancestor = unsafe { bpf_get_current_ancestor_cgroup_id(level) };
        if ancestor == wanted {
            return true;
        }
        if ancestor == 0 {
            return false;
        }
        level += 1;
    }
    false
}

/// At most `MAX`. In assembly: LLVM folds the comparison into one that the verifier cannot follow.
#[inline(always)]
pub(crate) fn at_most<const MAX: i32>(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: changes one register.
    unsafe {
        core::arch::asm!(
            "if {r} < {max} goto +1",
            "{r} = {max}",
            r = inout(reg) value,
            max = const MAX,
            options(nomem, nostack)
        );
    }
    value
}

/// Between 1 and `MAX`; for helpers that take no zero length.
#[inline(always)]
pub(crate) fn from_one_to<const MAX: i32>(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: changes one register.
    unsafe {
        core::arch::asm!(
            "if {r} < {max} goto +1",
            "{r} = {max}",
            "if {r} > 0 goto +1",
            "{r} = 1",
            r = inout(reg) value,
            max = const MAX,
            options(nomem, nostack)
        );
    }
    value
}

/// `value & MASK` that the optimiser does not remove where it knows the range already.
#[inline(always)]
pub(crate) fn masked<const MASK: i32>(value: u64) -> usize {
    let mut value = value;
    // SAFETY: changes one register.
    unsafe {
        core::arch::asm!("{r} &= {mask}", r = inout(reg) value, mask = const MASK, options(nomem, nostack));
    }
    value as usize
}
