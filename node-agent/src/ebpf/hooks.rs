//! The hooks: what each shows, and what stays invisible without it.

use super::cause::Cause;
use super::offsets::Group;

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// BTF tracepoint of the same name.
    Tracepoint,
    /// Address hook of a cgroup.
    CgroupAddress,
    /// Socket hook of a cgroup.
    CgroupSocket,
    /// Packets that leave.
    PacketSent,
    /// Packets that come.
    PacketReceived,
    /// Iterator over processes or their open files, read once at start.
    Iterator,
}

/// One hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Name of the program in the object; also the label of metrics.
    pub name: &'static str,
    /// How it is attached.
    pub kind: HookKind,
    /// What it shows.
    pub shows: &'static str,
    /// What stays invisible without it.
    pub without: &'static str,
    /// Offsets that it needs.
    pub needs: &'static [Group],
}

/// The iterator over processes.
pub(super) const PROCESSES: &str = "task";
/// The iterator over open files, which tells of sockets.
pub(super) const SOCKETS: &str = "task_file";

/// Every hook, in the order in which they are attached: who, then where to, then what.
pub const HOOKS: &[Hook] = &[
    Hook {
        name: "cgroup_mkdir",
        kind: HookKind::Tracepoint,
        shows: "containers as they are created",
        without: "containers that start after the agent are not told apart: their flows have no container or pod",
        needs: &[Group::Cgroup],
    },
    Hook {
        name: "cgroup_rmdir",
        kind: HookKind::Tracepoint,
        shows: "containers as they are removed",
        without: "removed containers are forgotten late",
        needs: &[Group::Cgroup],
    },
    Hook {
        name: "sched_process_exec",
        kind: HookKind::Tracepoint,
        shows: "programs as they start: file, arguments, user, parent",
        without: "programs that start after the agent are known by process id only: no executable, no arguments",
        needs: &[Group::Task, Group::File, Group::Cgroup],
    },
    Hook {
        name: "sched_process_fork",
        kind: HookKind::Tracepoint,
        shows: "processes that run their parent's program",
        without: "processes that do not call execve (shell loops, forking servers) have no executable",
        needs: &[Group::Task, Group::Cgroup],
    },
    Hook {
        name: "sched_process_exit",
        kind: HookKind::Tracepoint,
        shows: "ends of processes",
        without: "ended processes are forgotten late, and a reused process id may be taken for the old one",
        needs: &[Group::Task, Group::Cgroup],
    },
    Hook {
        name: "inet_sock_set_state",
        kind: HookKind::Tracepoint,
        shows: "TCP connections: bytes each way, duration, refusals; accepted and listening sockets",
        without: "no sizes, durations or refusals of TCP connections, and no accepted connections",
        needs: &[Group::Socket, Group::Tcp],
    },
    Hook {
        name: PROCESSES,
        kind: HookKind::Iterator,
        shows: "processes that are older than the agent: file, user, parent",
        without: "processes that are older than the agent have no executable where /proc does not name it to the \
                  agent (another user's, or one with capabilities that the agent lacks)",
        needs: &[Group::Task, Group::File, Group::Cgroup],
    },
    Hook {
        name: SOCKETS,
        kind: HookKind::Iterator,
        shows: "sockets that are older than the agent, with their owners",
        without: "connections and servers that are older than the agent are not followed",
        needs: &[Group::Task, Group::Cgroup, Group::Socket],
    },
    Hook {
        name: "connect4",
        kind: HookKind::CgroupAddress,
        shows: "IPv4 connections as they are opened: process, container, address before NAT",
        without: "IPv4 connections are not seen as they are opened",
        needs: &[],
    },
    Hook {
        name: "connect6",
        kind: HookKind::CgroupAddress,
        shows: "IPv6 connections as they are opened: process, container, address before NAT",
        without: "IPv6 connections are not seen as they are opened",
        needs: &[],
    },
    Hook {
        name: "sendmsg4",
        kind: HookKind::CgroupAddress,
        shows: "IPv4 datagrams to a named peer, such as DNS questions",
        without: "IPv4 datagrams of unconnected sockets are not attributed",
        needs: &[],
    },
    Hook {
        name: "sendmsg6",
        kind: HookKind::CgroupAddress,
        shows: "IPv6 datagrams to a named peer, such as DNS questions",
        without: "IPv6 datagrams of unconnected sockets are not attributed",
        needs: &[],
    },
    Hook {
        name: "post_bind4",
        kind: HookKind::CgroupSocket,
        shows: "owners of bound IPv4 sockets",
        without: "IPv4 server sockets get their owner late or not at all",
        needs: &[],
    },
    Hook {
        name: "post_bind6",
        kind: HookKind::CgroupSocket,
        shows: "owners of bound IPv6 sockets",
        without: "IPv6 server sockets get their owner late or not at all",
        needs: &[],
    },
    Hook {
        name: "sock_release",
        kind: HookKind::CgroupSocket,
        shows: "ends of UDP sockets, with their bytes each way, and of TCP connections that failed at once",
        without: "no sizes or durations of UDP conversations, and TCP connections without a route stay open",
        needs: &[],
    },
    Hook {
        name: "packet_sent",
        kind: HookKind::PacketSent,
        shows: "first payload sent (names, protocol), datagram counts, bursts in long connections",
        without: "no names from TLS, HTTP or DNS questions, no protocol, no UDP totals, no beacons inside long \
                  connections",
        needs: &[],
    },
    Hook {
        name: "packet_received",
        kind: HookKind::PacketReceived,
        shows: "first payload received (DNS answers, server's protocol), datagram counts",
        without: "no DNS answers: addresses are not tied to the names that were looked up",
        needs: &[],
    },
];

/// What became of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookState {
    /// It works.
    Attached,
    /// It was not asked for.
    Off,
    /// It could not be loaded or attached.
    Failed {
        /// What the kernel said, in one line.
        reason: String,
        /// Why it said so.
        cause: Cause,
    },
}

/// One row of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookReport {
    /// Which.
    pub hook: Hook,
    /// What became of it.
    pub state: HookState,
}

impl HookReport {
    /// Why it does not work, and what to change.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        match &self.state {
            HookState::Attached | HookState::Off => None,
            HookState::Failed { reason, cause } => {
                Some(format!("{}: {reason}; to change: {}", cause.name(), cause.remedy()))
            }
        }
    }

    /// What stays invisible because of it.
    #[must_use]
    pub fn invisible(&self) -> Option<&'static str> {
        match self.state {
            HookState::Attached => None,
            HookState::Off | HookState::Failed { .. } => Some(self.hook.without),
        }
    }
}
