//! Every bound of the engine, in one struct that is passed in.

use core::time::Duration;

/// What the engine may hold. Each bound has a counter in [`crate::engine::Counters`] for when it is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Conversations in all.
    pub conversations_max: usize,
    /// Conversations of one workload (container, or source address). Of the rest, what turns to destinations outside
    /// is counted in the aggregate of its executable.
    pub conversations_per_workload_max: usize,
    /// Conversations that nothing was heard of for this long are forgotten.
    pub conversation_idle: Duration,
    /// ... also while their rhythm is proven: after ten periods, and at most this.
    pub conversation_idle_max: Duration,
    /// Open sockets that are tracked.
    pub sockets_max: usize,
    /// Whether connections to loopback addresses are contacts too. Off: they stay inside their host or pod.
    pub loopback_contacts: bool,
    /// Processes that are remembered, the ended ones included.
    pub processes_max: usize,
    /// An ended process is remembered this long.
    pub process_linger: Duration,
    /// Cgroups that are remembered, the removed ones included.
    pub cgroups_max: usize,
    /// A removed cgroup is remembered this long.
    pub cgroup_linger: Duration,
    /// Pods that are known.
    pub pods_max: usize,
    /// Names per workload in the cache from address to name.
    pub names_per_workload_max: usize,
    /// Names in all.
    pub names_max: usize,
    /// Baseline signatures that are remembered.
    pub signatures_max: usize,
    /// ... of one workload.
    pub signatures_per_workload_max: u32,
    /// Findings that are open at once.
    pub findings_open_max: usize,
    /// Check-in times that a finding carries to be drawn.
    pub finding_check_ins_max: usize,
    /// A finding is closed when nothing was heard of its behaviour for ten periods, and at least this long.
    pub finding_idle: Duration,
    /// The input is a recording with an end. If it is shorter than a policy's minimum span, what fills most of
    /// it counts as lasting once it ended: a capture of three minutes cannot show a quarter of an hour.
    pub input_has_end: bool,
    /// Outputs that wait to be polled; the oldest update is dropped beyond, never an opened or closed state.
    pub outputs_max: usize,
}

impl Limits {
    /// Bounds for a recording: it holds the hosts or nodes of a whole network, and it has an end.
    #[must_use]
    pub fn for_recording() -> Self {
        Self {
            conversations_max: 65_536,
            conversations_per_workload_max: 1024,
            pods_max: 65_536,
            signatures_max: 262_144,
            findings_open_max: 65_536,
            input_has_end: true,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            conversations_max: 8192,
            conversations_per_workload_max: 64,
            conversation_idle: Duration::from_secs(48 * HOUR),
            conversation_idle_max: Duration::from_secs(14 * 24 * HOUR),
            sockets_max: 65_536,
            loopback_contacts: false,
            processes_max: 32_768,
            process_linger: Duration::from_secs(60),
            cgroups_max: 16_384,
            cgroup_linger: Duration::from_secs(600),
            pods_max: 4096,
            names_per_workload_max: 512,
            names_max: 65_536,
            signatures_max: 65_536,
            signatures_per_workload_max: 1024,
            findings_open_max: 4096,
            finding_check_ins_max: 128,
            finding_idle: Duration::from_secs(900),
            input_has_end: false,
            outputs_max: 16_384,
        }
    }
}
