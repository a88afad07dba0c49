//! What the agent knows of itself, as a snapshot: the loop publishes it, the metrics page and the report to the
//! cluster read it. Nobody waits for anybody.

use std::sync::{Arc, Mutex, PoisonError};

use beaconwatch_engine::counters::Counters;
use beaconwatch_engine::input::LossPlace;
use beaconwatch_engine::policy::PolicyId;
use beaconwatch_engine::time::Timestamp;

/// A snapshot of the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentStatus {
    /// When the agent started.
    pub started: Timestamp,
    /// When the snapshot was taken.
    pub taken: Timestamp,
    /// How far the engine had come then.
    pub engine_time: Timestamp,
    /// What the engine counted.
    pub engine: Counters,
    /// Records lost before the engine since the start, by place; a place is named once.
    pub losses: Vec<(LossPlace, u64)>,
    /// Hooks of the kernel, in the order in which they are attached.
    pub hooks: Vec<HookStatus>,
    /// Policies in force.
    pub policies: Vec<PolicyStatus>,
    /// Why the last change of the policies was not taken; `None` if it was.
    pub policies_error: Option<String>,
    /// What the Kubernetes side counts, by name; empty without a cluster.
    pub kubernetes: Vec<(&'static str, u64)>,
    /// Contacts a second, over the last snapshots.
    pub contacts_per_second: f64,
}

/// One hook of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookStatus {
    /// Name.
    pub name: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// What stays invisible because it is not attached.
    pub invisible: Option<&'static str>,
    /// It is attached.
    pub attached: bool,
    /// Why it is not, if it is not.
    pub error: Option<String>,
    /// How often it ran; 0 unless the kernel measures it.
    pub runs: u64,
    /// How long in all, nanoseconds; 0 unless the kernel measures it.
    pub run_time_ns: u64,
}

/// One policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyStatus {
    /// Its name.
    pub id: PolicyId,
    /// Its generation; 0 when from a file.
    pub generation: i64,
}

impl AgentStatus {
    /// Records lost in all.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.losses.iter().map(|(_, count)| count).sum()
    }

    /// The agent is of use: it attached something, or does not need to, and has policies to judge by.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.taken > Timestamp::ZERO && (self.hooks.is_empty() || self.hooks.iter().any(|hook| hook.attached))
    }
}

/// Where the latest snapshot lies.
#[derive(Clone, Debug, Default)]
pub struct StatusBoard(Arc<Mutex<Arc<AgentStatus>>>);

impl StatusBoard {
    /// Puts a new snapshot in place of the last one.
    pub fn publish(&self, status: AgentStatus) {
        let status = Arc::new(status);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// The latest snapshot.
    #[must_use]
    pub fn latest(&self) -> Arc<AgentStatus> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_without_hooks_is_not_ready_and_says_so_only_after_its_first_snapshot() {
        let board = StatusBoard::default();
        assert!(!board.latest().ready());
        let hook = |attached| HookStatus { attached, ..HookStatus::default() };
        let taken = Timestamp::from_nanos(1);
        board.publish(AgentStatus { taken, hooks: vec![hook(false)], ..AgentStatus::default() });
        assert!(!board.latest().ready());
        board.publish(AgentStatus { taken, hooks: vec![hook(false), hook(true)], ..AgentStatus::default() });
        assert!(board.latest().ready());
    }
}
