//! Which nodes run which policies: one pass over the reports, for all policies together.

use std::collections::BTreeMap;
use std::time::Duration;

use beaconwatch_crds::policy_status::NodeBehind;
use beaconwatch_crds::units::TimeText;
use beaconwatch_engine::time::Timestamp;

use super::Cluster;
use super::reports::{Held, Said};
use super::rollout::{LISTED_MAX, Rollout, Rollouts};

const UNREADABLE: &str = "its report cannot be read";
const POLICY_NOT_TAKEN: &str = "its agent has not taken the policy yet";
const CHANGE_NOT_TAKEN: &str = "its agent has not taken the change yet";

/// What a node says of policies.
enum Answer<'a> {
    /// It says of each policy on its own.
    Said(&'a Said),
    /// It runs none, as far as is known, and why.
    None(String),
}

/// One policy while nodes are counted.
struct Column<'a> {
    generation: i64,
    programmed: usize,
    /// Number of the last node that named it.
    last_named: usize,
    rollout: &'a mut Rollout,
}

impl Cluster {
    /// Counts nodes and uses of exceptions for every policy.
    pub(super) fn count_nodes(&self, rollouts: &mut Rollouts, now: Timestamp, stale: Duration) {
        let mut columns: Vec<Column<'_>> = Vec::with_capacity(rollouts.len());
        let mut by_slot: Vec<Option<usize>> = vec![None; self.reports.slots_end()];
        for (id, rollout) in rollouts {
            if let Some(column) = self.reports.slot(id).and_then(|slot| by_slot.get_mut(slot)) {
                *column = Some(columns.len());
            }
            let generation = rollout.generation;
            columns.push(Column { generation, programmed: 0, last_named: 0, rollout });
        }
        for (index, (node, answer)) in self.answers(now, stale).into_iter().enumerate() {
            match answer {
                Answer::Said(said) => count(node, index + 1, said, &mut columns, &by_slot),
                Answer::None(reason) => {
                    columns.iter_mut().for_each(|column| column.behind(node, None, &reason));
                }
            }
        }
        for (_, report) in self.reports.iter().filter(|(node, _)| self.nodes.contains(*node)) {
            for (slot, exception, at) in report.said.iter().flat_map(|said| &said.exceptions_used) {
                let column = by_slot.get(*slot).copied().flatten();
                if let Some(column) = column.and_then(|column| columns.get_mut(column)) {
                    column.used(exception, *at);
                }
            }
        }
        for Column { programmed, rollout, .. } in columns {
            rollout.nodes_programmed = programmed;
        }
    }

    /// What each node that should run policies says, in order of their names.
    fn answers(&self, now: Timestamp, stale: Duration) -> Vec<(&str, Answer<'_>)> {
        let reports = self.reports.iter().filter(|(node, _)| self.nodes.contains(*node));
        let answers = reports.map(|(node, report)| {
            let answer = match &report.said {
                None => Answer::None(UNREADABLE.to_owned()),
                Some(said) if now.since(report.changed) > stale => {
                    Answer::None(silent(said.reported.as_ref()))
                }
                Some(said) => Answer::Said(said),
            };
            (node.as_str(), answer)
        });
        let mut answers: Vec<_> = answers.collect();
        let mut waiting = BTreeMap::new();
        for (node, why) in self.agents.values().filter(|(node, _)| !self.reports.has(node)) {
            waiting.entry(node.as_str()).or_insert(why);
        }
        answers.extend(waiting.into_iter().map(|(node, why)| {
            let reason = match why {
                Some(why) => format!("its agent does not start: {why}"),
                None => "its agent has not reported yet".to_owned(),
            };
            (node, Answer::None(reason))
        }));
        answers.sort_by_key(|(node, _)| *node);
        answers
    }
}

/// Counts one node for all policies.
fn count(node: &str, number: usize, said: &Said, columns: &mut [Column<'_>], by_slot: &[Option<usize>]) {
    let mut named = 0;
    for Held { slot, generation } in &said.policies {
        let column = by_slot.get(*slot).copied().flatten().and_then(|column| columns.get_mut(column));
        let Some(column) = column else { continue };
        column.last_named = number;
        named += 1;
        let runs = Some(*generation).filter(|generation| *generation > 0);
        match said.error(*slot) {
            Some(error) => column.behind(node, runs, error),
            None if *generation == column.generation => column.programmed += 1,
            None => column.behind(node, runs, CHANGE_NOT_TAKEN),
        }
    }
    if named < columns.len() {
        for column in columns.iter_mut().filter(|column| column.last_named != number) {
            column.behind(node, None, POLICY_NOT_TAKEN);
        }
    }
}

impl Column<'_> {
    fn behind(&mut self, node: &str, generation: Option<i64>, reason: &str) {
        self.rollout.nodes_behind += 1;
        if self.rollout.first_behind.len() < LISTED_MAX {
            let (node, reason) = (node.to_owned(), reason.to_owned());
            self.rollout.first_behind.push(NodeBehind { node, generation, reason });
        }
    }

    fn used(&mut self, exception: &str, at: Timestamp) {
        let used = &mut self.rollout.exceptions_used;
        match used.get_mut(exception) {
            Some(last) => *last = at.max(*last),
            None => {
                used.insert(exception.to_owned(), at);
            }
        }
    }
}

/// Why a node whose report is old does not count.
pub(super) fn silent(reported: Option<&TimeText>) -> String {
    match reported {
        Some(reported) => format!("its agent is silent since {}", reported.0),
        None => "its agent is silent".to_owned(),
    }
}
