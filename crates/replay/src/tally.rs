//! What went by, counted for the summary.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use beaconwatch_engine::assess::finding::{Finding, FindingId, FindingState, Severity};
use beaconwatch_engine::collections::{Set, hash_of};
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
    /// Connections that no input begins, since they are not judged.
    pub(super) unjudged: u64,
    last_host: u64,
    hosts: Set<u64>,
}

impl Tally {
    pub(super) fn count(&mut self, time: Timestamp, input: &Input) {
        self.inputs += 1;
        if let Some((pod, address)) = originator(input) {
            self.count_contact(time, pod.map_or_else(|| hash_of(&address), hash_of));
        }
        self.last = self.last.max(time);
    }

    /// A connection that no input begins, since it is not judged.
    pub(super) fn count_unjudged(&mut self, time: Timestamp, host: Option<IpAddr>) {
        self.unjudged += 1;
        self.count_contact(time, hash_of(&host));
        self.last = self.last.max(time);
    }

    fn count_contact(&mut self, time: Timestamp, host: u64) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        if host != self.last_host && self.hosts.len() < HOSTS_MAX {
            self.hosts.insert(host);
            self.last_host = host;
        }
    }

    /// Takes in what was counted beside.
    pub(super) fn join(&mut self, other: Self) {
        let Self { first, last, inputs, unjudged, last_host: _, hosts } = other;
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = self.last.max(last);
        self.inputs += inputs;
        self.unjudged += unjudged;
        self.hosts.extend(hosts);
    }

    /// Originators.
    pub(super) fn hosts(&self) -> usize {
        self.hosts.len()
    }
}

/// Who begins the contact that an input begins, by pod uid and address as far as they are known.
pub(super) fn originator(input: &Input) -> Option<(Option<&Arc<str>>, Option<IpAddr>)> {
    if let Input::Event(Event::SocketOpened(opened)) = input {
        return Some((None, opened.local.map(|local| local.ip())));
    }
    input.contact().map(|contact| (contact.actor.pod_uid.as_ref(), contact.actor.address))
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
