//! Every bound of the engine, in one struct that is passed in.

use core::time::Duration;

use crate::codec::fields;

/// What the engine may hold. Each bound has a counter in [`crate::counters::Counters`] for when it is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Conversations in all.
    pub conversations_max: usize,
    /// Conversations of one workload (container, or source address). Of the rest, what contacts destinations outside
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
    /// Addresses of one workload whose names are remembered.
    pub names_per_workload_max: usize,
    /// ... of all.
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
    /// Contacts whose totals are still to come.
    pub(crate) const fn open_contacts_max(&self) -> usize {
        self.sockets_max
    }

    /// Ports that servers listen on.
    pub(crate) const fn listening_ports_max(&self) -> usize {
        self.sockets_max / 4
    }

    /// Actors that the detectors know.
    pub(crate) const fn participants_max(&self) -> usize {
        self.processes_max
    }

    /// Source addresses of recorded traffic.
    pub(crate) const fn addresses_max(&self) -> usize {
        self.processes_max
    }

    /// Digests of executables.
    pub(crate) const fn digests_max(&self) -> usize {
        self.processes_max
    }

    /// Workloads whose look-ups are seen.
    pub(crate) const fn naming_workloads_max(&self) -> usize {
        self.cgroups_max
    }

    /// Network namespaces whose requests are remembered for a while.
    pub(crate) const fn network_places_max(&self) -> usize {
        self.pods_max
    }

    /// Containers of all pods.
    pub(crate) const fn pod_containers_max(&self) -> usize {
        self.pods_max.saturating_mul(16)
    }

    /// Addresses of all pods.
    pub(crate) const fn pod_addresses_max(&self) -> usize {
        self.pods_max.saturating_mul(4)
    }

    /// Destinations of which it is known how many workloads contact them.
    pub(crate) const fn destinations_max(&self) -> usize {
        self.signatures_max
    }

    /// Findings of which it is remembered that an exception kept them silent.
    pub(crate) const fn findings_excepted_max(&self) -> usize {
        self.findings_open_max
    }

    /// Replicas that join one open finding.
    pub(crate) const fn finding_replicas_max(&self) -> usize {
        if self.findings_open_max < 1024 { self.findings_open_max } else { 1024 }
    }

    /// Exceptions whose last use is remembered.
    pub(crate) const fn exceptions_used_max(&self) -> usize {
        self.findings_open_max.saturating_mul(4)
    }

    /// Policies whose budget of alarms is kept.
    pub(crate) const fn budgets_max(&self) -> usize {
        self.findings_open_max
    }

    /// Identities whose scores budgets are kept by.
    pub(crate) const fn budget_identities_max(&self) -> usize {
        self.findings_open_max
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
            names_per_workload_max: 2048,
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

fields!(Limits {
    conversations_max,
    conversations_per_workload_max,
    conversation_idle,
    conversation_idle_max,
    sockets_max,
    loopback_contacts,
    processes_max,
    process_linger,
    cgroups_max,
    cgroup_linger,
    pods_max,
    names_per_workload_max,
    names_max,
    signatures_max,
    signatures_per_workload_max,
    findings_open_max,
    finding_check_ins_max,
    finding_idle,
    input_has_end,
    outputs_max,
});
