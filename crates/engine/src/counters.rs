//! What the engine counted: inputs, losses, and for every table what it holds and what its bound cost.

/// What a bounded table counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries held now.
    pub held: u64,
    /// Entries forgotten for others, since the table or a share of it was full.
    pub evicted: u64,
    /// Entries not taken, since the table or a share of it was full.
    pub refused: u64,
}

/// Every table of the engine that has a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundedTable {
    /// What one actor has to do with one destination. Refused are contacts, since their originator's share was full;
    /// those to destinations outside are still counted in the aggregate of their executable, where it has one.
    Conversations,
    /// Contacts whose totals are still to come.
    OpenContacts,
    /// Who an actor is to the detectors; what was forgotten is looked up again.
    Participants,
    /// What workloads usually do.
    Signatures,
    /// How many workloads contact a destination.
    Destinations,
    /// What is counted for each workload.
    Workloads,
    /// Findings that are open.
    Findings,
    /// Replicas that joined an open finding.
    FindingReplicas,
    /// Findings that an exception kept silent, so that each counts once.
    FindingsExcepted,
    /// When each exception was last used.
    ExceptionsUsed,
    /// Policies whose budget of alarms is kept.
    Budgets,
    /// The scores that budgets are kept by.
    BudgetIdentities,
    /// Open sockets.
    Sockets,
    /// Peers of one UDP socket, and questions that wait for their answer; the oldest ends early.
    SocketFlows,
    /// Ports that servers listen on.
    ListeningPorts,
    /// Processes, the ended ones included.
    Processes,
    /// Cgroups, the removed ones included.
    Cgroups,
    /// Source addresses of recorded traffic.
    Addresses,
    /// Digests of executables.
    Digests,
    /// Actors that wait for the digest of their executable to be asked for.
    DigestsWanted,
    /// Addresses with the names they were looked up by; refused are further names of one address.
    Names,
    /// Workloads whose look-ups are seen.
    NamingWorkloads,
    /// Network namespaces whose requests are remembered, to recognise those that a mesh's proxy passes on.
    NetworkPlaces,
    /// Pods.
    Pods,
    /// Containers of the pods.
    PodContainers,
    /// Addresses of the pods.
    PodAddresses,
    /// Names and addresses by which conversations can be asked for; empty where nobody will ask.
    Aliases,
}

impl BoundedTable {
    /// All of them, in the order of their variants.
    pub const ALL: [Self; 27] = [
        Self::Conversations,
        Self::OpenContacts,
        Self::Participants,
        Self::Signatures,
        Self::Destinations,
        Self::Workloads,
        Self::Findings,
        Self::FindingReplicas,
        Self::FindingsExcepted,
        Self::ExceptionsUsed,
        Self::Budgets,
        Self::BudgetIdentities,
        Self::Sockets,
        Self::SocketFlows,
        Self::ListeningPorts,
        Self::Processes,
        Self::Cgroups,
        Self::Addresses,
        Self::Digests,
        Self::DigestsWanted,
        Self::Names,
        Self::NamingWorkloads,
        Self::NetworkPlaces,
        Self::Pods,
        Self::PodContainers,
        Self::PodAddresses,
        Self::Aliases,
    ];

    /// As metrics and statuses name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
            Self::OpenContacts => "open_contacts",
            Self::Participants => "participants",
            Self::Signatures => "signatures",
            Self::Destinations => "destinations",
            Self::Workloads => "workloads",
            Self::Findings => "findings",
            Self::FindingReplicas => "finding_replicas",
            Self::FindingsExcepted => "findings_excepted",
            Self::ExceptionsUsed => "exceptions_used",
            Self::Budgets => "budgets",
            Self::BudgetIdentities => "budget_identities",
            Self::Sockets => "sockets",
            Self::SocketFlows => "socket_flows",
            Self::ListeningPorts => "listening_ports",
            Self::Processes => "processes",
            Self::Cgroups => "cgroups",
            Self::Addresses => "addresses",
            Self::Digests => "digests",
            Self::DigestsWanted => "digests_wanted",
            Self::Names => "names",
            Self::NamingWorkloads => "naming_workloads",
            Self::NetworkPlaces => "network_places",
            Self::Pods => "pods",
            Self::PodContainers => "pod_containers",
            Self::PodAddresses => "pod_addresses",
            Self::Aliases => "aliases",
        }
    }
}

/// What the engine counted. Every bound that was hit and every record that was lost is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Inputs handled.
    pub inputs: u64,
    /// Inputs whose time was raised, since it lay before an earlier one's.
    pub late_inputs: u64,
    /// Contacts handed to the detectors.
    pub contacts: u64,
    /// Contacts among them that nobody judges: with multicast, broadcast and unspecified addresses, over transports
    /// without ports, with resolvers (their questions are judged), and of a node with the pods that it runs.
    pub contacts_unjudged: u64,
    /// Records lost before the engine, as the input `Lost` reports them.
    pub lost: u64,
    /// Payload or totals of sockets that are not known.
    pub sockets_unknown: u64,
    /// Flows whose process is not known.
    pub processes_unknown: u64,
    /// Connections and bursts of a mesh's proxies that passed on what a program of their pod asked for: no contacts.
    pub passed_on: u64,
    /// Findings opened.
    pub findings_opened: u64,
    /// Findings that an exception kept silent (counted once per finding).
    pub findings_excepted: u64,
    /// Updates dropped because nobody polled.
    pub outputs_dropped: u64,
    tables: [Usage; BoundedTable::ALL.len()],
}

impl Counters {
    /// What a table holds, and what its bound cost.
    #[must_use]
    pub fn table(&self, table: BoundedTable) -> Usage {
        self.tables.get(table as usize).copied().unwrap_or_default()
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = (BoundedTable, Usage)> {
        BoundedTable::ALL.into_iter().zip(self.tables)
    }

    /// Says what a table counted.
    pub(crate) fn set(&mut self, table: BoundedTable, usage: Usage) {
        if let Some(of) = self.tables.get_mut(table as usize) {
            *of = usage;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_a_place_and_a_name_of_its_own() {
        for (place, table) in BoundedTable::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, place, "{table:?}");
            assert_eq!(BoundedTable::ALL.iter().filter(|other| other.as_str() == table.as_str()).count(), 1);
        }
    }
}
