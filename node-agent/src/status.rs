//! What the agent knows of itself, as a snapshot: the loop publishes it, the metrics page and the report to the
//! cluster read it. Nobody waits for anybody.

use std::sync::{Arc, Mutex, PoisonError};

use beaconwatch_engine::counters::Counters;
use beaconwatch_engine::input::LossPlace;
use beaconwatch_engine::observe::session::SandboxRuntime;
use beaconwatch_engine::time::Timestamp;

use crate::checkpoint::CheckpointCounters;
use crate::source::snapshot::OlderProcesses;

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
    /// Processes that are older than the agent.
    pub older: OlderProcesses,
    /// Sandboxes whose inside is not seen, by runtime.
    pub sandboxes: Vec<(SandboxRuntime, u64)>,
    /// What stays invisible for another reason than a hook's, each in a few words.
    pub limits: Vec<String>,
    /// Number of policies in force.
    pub policies: usize,
    /// A policy or policy file is wrong as it is now, and the last good ones are in force.
    pub policies_stale: bool,
    /// What the Kubernetes side counts, by name; empty without a cluster.
    pub kubernetes: Vec<(&'static str, u64)>,
    /// What became of the checkpoints; nothing without a file for them.
    pub checkpoints: CheckpointCounters,
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

impl AgentStatus {
    /// Records lost in all.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.losses.iter().map(|(_, count)| count).sum()
    }

    /// What stays invisible, and why, each once.
    #[must_use]
    pub fn invisible(&self) -> Vec<String> {
        let of_hooks = self.hooks.iter().filter_map(|hook| hook.invisible).map(str::to_owned);
        let mut all: Vec<String> = Vec::new();
        for limit in of_hooks.chain(self.limits.iter().cloned()).chain(self.older.limit()) {
            if !all.contains(&limit) {
                all.push(limit);
            }
        }
        all
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

    #[test]
    fn what_stays_invisible_is_said_once_and_processes_without_a_name_are_counted() {
        let hook = |invisible| HookStatus { invisible, ..HookStatus::default() };
        let status = AgentStatus {
            hooks: vec![hook(Some("no names")), hook(None), hook(Some("no names"))],
            limits: vec!["no v1".to_owned()],
            older: OlderProcesses { found: 90, nameless: 3 },
            ..AgentStatus::default()
        };
        let expect = ["no names", "no v1", "3 of 90 processes older than the agent have no executable"];
        assert_eq!(status.invisible(), expect);
        let older = OlderProcesses { found: 90, nameless: 0 };
        assert_eq!(AgentStatus { older, ..AgentStatus::default() }.invisible(), Vec::<String>::new());
    }
}
