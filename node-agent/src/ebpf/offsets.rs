//! Which members of which kernel structs the object reads, by the name of its read-only global.

use super::btf::Btf;

/// Offset of a member that this kernel does not have; the object tests for it.
pub(super) const ABSENT: u32 = u32::MAX;

/// What a group of offsets is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Tasks.
    Task,
    /// The executable of a process.
    File,
    /// Cgroups.
    Cgroup,
    /// Sockets of any kind.
    Socket,
    /// TCP's own counters.
    Tcp,
    /// Nice to have: its absence is handled in the object.
    Optional,
}

/// One offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct OffsetSpec {
    /// Global in the object.
    pub global: &'static str,
    /// Kernel struct.
    pub structure: &'static str,
    /// Member; the first that exists counts (kernels differ).
    pub paths: &'static [&'static str],
    /// What needs it.
    pub group: Group,
}

const fn spec(
    group: Group,
    global: &'static str,
    structure: &'static str,
    paths: &'static [&'static str],
) -> OffsetSpec {
    OffsetSpec { global, structure, paths, group }
}

/// Every offset; the same names as in `node-agent-ebpf/src/kernel.rs`.
pub(super) const OFFSETS: &[OffsetSpec] = &[
    spec(Group::Task, "TASK_REAL_PARENT", "task_struct", &["real_parent"]),
    spec(Group::Task, "TASK_TGID", "task_struct", &["tgid"]),
    spec(Group::Task, "TASK_PID", "task_struct", &["pid"]),
    spec(Group::Task, "TASK_MM", "task_struct", &["mm"]),
    spec(Group::Task, "TASK_CGROUPS", "task_struct", &["cgroups"]),
    // `real_start_time` until Linux 5.5.
    spec(Group::Task, "TASK_START", "task_struct", &["start_boottime", "real_start_time"]),
    spec(Group::Task, "TASK_EXIT_CODE", "task_struct", &["exit_code"]),
    spec(Group::Task, "TASK_SIGNAL", "task_struct", &["signal"]),
    spec(Group::Task, "TASK_GROUP_LEADER", "task_struct", &["group_leader"]),
    spec(Group::Optional, "TASK_LOGINUID", "task_struct", &["loginuid"]),
    spec(Group::Task, "TASK_CRED", "task_struct", &["cred"]),
    spec(Group::Task, "CRED_UID", "cred", &["uid.val"]),
    spec(Group::Optional, "TASK_THREAD_PID", "task_struct", &["thread_pid"]),
    spec(Group::Optional, "PID_LEVEL", "pid", &["level"]),
    spec(Group::Optional, "PID_NUMBERS", "pid", &["numbers"]),
    spec(Group::Optional, "SIGNAL_LIVE", "signal_struct", &["live.counter"]),
    spec(Group::File, "MM_EXE_FILE", "mm_struct", &["exe_file"]),
    spec(Group::Task, "MM_ARG_START", "mm_struct", &["arg_start"]),
    spec(Group::Task, "MM_ARG_END", "mm_struct", &["arg_end"]),
    spec(Group::Cgroup, "CSS_SET_DFL_CGRP", "css_set", &["dfl_cgrp"]),
    spec(Group::Cgroup, "CGROUP_KN", "cgroup", &["kn"]),
    spec(Group::Cgroup, "CGROUP_ROOT", "cgroup", &["root"]),
    spec(Group::Optional, "CGROUP_LEVEL", "cgroup", &["level"]),
    // Pointers since 6.1, numbers before.
    spec(Group::Optional, "CGROUP_ANCESTORS", "cgroup", &["ancestors"]),
    spec(Group::Optional, "CGROUP_ANCESTOR_IDS", "cgroup", &["ancestor_ids"]),
    spec(Group::Cgroup, "CGROUP_ROOT_HIERARCHY_ID", "cgroup_root", &["hierarchy_id"]),
    spec(Group::Cgroup, "KERNFS_NODE_ID", "kernfs_node", &["id"]),
    spec(Group::File, "BPRM_FILENAME", "linux_binprm", &["filename"]),
    spec(Group::File, "BPRM_FILE", "linux_binprm", &["file"]),
    spec(Group::File, "FILE_DENTRY", "file", &["f_path.dentry"]),
    spec(Group::File, "FILE_MNT", "file", &["f_path.mnt"]),
    spec(Group::File, "FILE_INODE", "file", &["f_inode"]),
    spec(Group::File, "DENTRY_PARENT", "dentry", &["d_parent"]),
    spec(Group::File, "DENTRY_NAME", "dentry", &["d_name.name"]),
    spec(Group::File, "VFSMOUNT_ROOT", "vfsmount", &["mnt_root"]),
    spec(Group::File, "MOUNT_MNT", "mount", &["mnt"]),
    spec(Group::File, "MOUNT_PARENT", "mount", &["mnt_parent"]),
    spec(Group::File, "MOUNT_MOUNTPOINT", "mount", &["mnt_mountpoint"]),
    spec(Group::File, "INODE_INO", "inode", &["i_ino"]),
    spec(Group::File, "INODE_NLINK", "inode", &["i_nlink"]),
    spec(Group::File, "INODE_SB", "inode", &["i_sb"]),
    // A `timespec64` until 6.10, under another name from 6.6; two members since.
    spec(Group::Optional, "INODE_CTIME_SEC", "inode", &["i_ctime_sec", "__i_ctime.tv_sec", "i_ctime.tv_sec"]),
    spec(
        Group::Optional,
        "INODE_CTIME_NSEC",
        "inode",
        &["i_ctime_nsec", "__i_ctime.tv_nsec", "i_ctime.tv_nsec"],
    ),
    spec(Group::File, "SB_DEV", "super_block", &["s_dev"]),
    spec(Group::Tcp, "TCP_BYTES_SENT", "tcp_sock", &["bytes_sent"]),
    spec(Group::Tcp, "TCP_BYTES_RETRANS", "tcp_sock", &["bytes_retrans"]),
    spec(Group::Tcp, "TCP_BYTES_RECEIVED", "tcp_sock", &["bytes_received"]),
    spec(Group::Tcp, "TCP_DATA_SEGS_OUT", "tcp_sock", &["data_segs_out"]),
    spec(Group::Tcp, "TCP_DATA_SEGS_IN", "tcp_sock", &["data_segs_in"]),
    spec(Group::Tcp, "TCP_SND_NXT", "tcp_sock", &["snd_nxt"]),
    spec(Group::Tcp, "TCP_RCV_NXT", "tcp_sock", &["rcv_nxt"]),
    spec(Group::Socket, "SK_PROTOCOL", "sock", &["sk_protocol"]),
    spec(Group::Socket, "SKC_FLAGS", "sock_common", &["skc_flags"]),
    spec(Group::Socket, "SKC_FAMILY", "sock_common", &["skc_family"]),
    spec(Group::Socket, "SKC_STATE", "sock_common", &["skc_state"]),
    spec(Group::Socket, "SKC_DPORT", "sock_common", &["skc_dport"]),
    spec(Group::Socket, "SKC_DADDR", "sock_common", &["skc_daddr"]),
    spec(Group::Socket, "SKC_RCV_SADDR", "sock_common", &["skc_rcv_saddr"]),
    spec(Group::Socket, "SKC_V6_DADDR", "sock_common", &["skc_v6_daddr"]),
    spec(Group::Socket, "SKC_V6_RCV_SADDR", "sock_common", &["skc_v6_rcv_saddr"]),
    spec(Group::Socket, "SKC_NET", "sock_common", &["skc_net.net"]),
    spec(Group::Socket, "NET_COOKIE", "net", &["net_cookie"]),
    spec(Group::Socket, "SOCKET_SK", "socket", &["sk"]),
    spec(Group::Socket, "INET_SPORT", "inet_sock", &["inet_sport"]),
];

impl OffsetSpec {
    /// Its offset in this kernel, or [`ABSENT`].
    #[must_use]
    pub(super) fn find(&self, btf: &Btf<'_>) -> u32 {
        self.paths.iter().find_map(|path| btf.offset(self.structure, path)).unwrap_or(ABSENT)
    }
}
