//! What went by, counted for the summary.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use beaconwatch_engine::collections::{Set, hash_of};
use beaconwatch_engine::finding::{Finding, FindingId, FindingState, Severity};
use beaconwatch_engine::input::{Event, Input};
use beaconwatch_engine::time::Timestamp;

/// Hosts counted exactly up to here.
const HOSTS_MAX: usize = 1 << 20;

/// Inputs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Time of the first contact.
    pub(super) first: Option<Timestamp>,
    /// Time of the last input.
    pub(super) last: Timestamp,
    /// All inputs.
    pub(super) inputs: u64,
    last_host: u64,
    hosts: Set<u64>,
}

impl Tally {
    pub(super) fn count(&mut self, time: Timestamp, input: &Input) {
        self.inputs += 1;
        let host = originator(input).map(|(pod, address)| pod.map_or_else(|| hash_of(&address), hash_of));
        if let Some(host) = host {
            self.first.get_or_insert(time);
            if host != self.last_host && self.hosts.len() < HOSTS_MAX {
                self.hosts.insert(host);
                self.last_host = host;
            }
        }
        self.last = self.last.max(time);
    }

    /// Originators.
    pub(super) fn hosts(&self) -> usize {
        self.hosts.len()
    }
}

/// Who begins the contact that an input begins, by pod uid and address as far as they are known.
pub(super) fn originator(input: &Input) -> Option<(Option<&Arc<str>>, Option<IpAddr>)> {
    match input {
        Input::Contact(contact) => Some((contact.actor.pod_uid.as_ref(), contact.actor.address)),
        Input::Event(Event::SocketOpened(opened)) => Some((None, opened.local.map(|local| local.ip()))),
        Input::Event(_)
        | Input::ContactEnd(_)
        | Input::Workload(_)
        | Input::Digest { .. }
        | Input::Policies(_)
        | Input::Baseline(_)
        | Input::Reputation(_)
        | Input::Lost { .. } => None,
    }
}

/// Findings, each by its highest severity.
#[derive(Debug, Default)]
pub(super) struct FindingTally {
    highest: BTreeMap<FindingId, Severity>,
}

impl FindingTally {
    pub(super) fn count(&mut self, finding: &Finding) {
        if finding.state != FindingState::Closed {
            let highest = self.highest.entry(finding.id).or_insert(finding.severity);
            *highest = (*highest).max(finding.severity);
        }
    }

    /// Findings that reached this severity and no higher one.
    pub(super) fn of(&self, severity: Severity) -> usize {
        self.highest.values().filter(|highest| **highest == severity).count()
    }
}
