//! What was published about each finding, and what a newer state of it therefore changes. No client and no clock here.
//!
//! The engine forgets at a restart; the object in the API server does not. A finding that goes on after a
//! restart, or opens again, goes on in the same object: first seen stays, counts add up, and what was published before
//! is not published again.

use std::collections::BTreeMap;

use beaconwatch_crds::BeaconFinding;
use beaconwatch_crds::beacon_finding::{Severity, State};
use beaconwatch_crds::policy_rules::Mode;
use beaconwatch_crds::units::TimeText;
use serde::{Deserialize, Serialize};

/// Rows kept; beyond, the one that changed longest ago is forgotten and read from the API server again.
const ROWS_MAX: usize = 8192;

/// A change that is published as an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// Behaviour was found.
    Detected,
    /// Its severity rose.
    Raised,
    /// It ended.
    Ended,
}

impl Transition {
    /// The reason of the Event.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Detected => "BeaconDetected",
            Self::Raised => "BeaconSeverityRaised",
            Self::Ended => "BeaconEnded",
        }
    }
}

/// What is known of one object.
#[derive(Clone, Debug, Default)]
struct Row {
    /// What was there before this run of the behaviour: first seen and counts.
    base: Option<Totals>,
    /// The state that was published, `None`: nothing.
    published: Option<Published>,
    /// Totals as last written.
    totals: Option<Totals>,
    /// The last state was `Closed`.
    closed: bool,
    /// Order of use.
    used: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Totals {
    first: TimeText,
    check_ins: i64,
    sent: i64,
    received: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Published {
    /// Highest severity published in this run of the behaviour.
    severity: Option<Severity>,
    /// The behaviour goes on.
    open: bool,
}

/// All rows.
#[derive(Debug, Default)]
pub struct Ledger {
    rows: BTreeMap<String, Row>,
    uses: u64,
}

impl Ledger {
    /// Something is known of this object, be it that there is none.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    /// Learns what the API server (or the spool of an earlier run) holds.
    pub fn learn(&mut self, key: &str, held: Option<&BeaconFinding>) {
        let row = Row {
            base: held.map(totals),
            published: held
                .filter(|held| is_published(held))
                .map(|held| Published { severity: held.spec.severity.known(), open: is_open(held) }),
            totals: held.map(totals),
            closed: held.is_some_and(|held| !is_open(held)),
            used: 0,
        };
        self.put(key, row);
    }

    /// Adds what was before to a new state of a finding, and says what is to be published.
    pub fn enter(&mut self, key: &str, object: &mut BeaconFinding) -> Vec<Transition> {
        let mut row = self.rows.get(key).cloned().unwrap_or_default();
        if object.spec.state == State::Opened && row.closed {
            row.base = row.totals.take();
        }
        if let Some(base) = &row.base {
            let spec = &mut object.spec;
            spec.when.first = base.first.clone().min(spec.when.first.clone());
            spec.when.check_ins = spec.when.check_ins.saturating_add(base.check_ins);
            spec.how_much.sent_bytes = spec.how_much.sent_bytes.saturating_add(base.sent);
            spec.how_much.received_bytes = spec.how_much.received_bytes.saturating_add(base.received);
        }
        let transitions = transitions(row.published, object);
        let severity = object.spec.severity.known();
        let open = is_open(object);
        row.published = match row.published {
            Some(published) if published.open => {
                Some(Published { severity: published.severity.max(severity), open })
            }
            _ if transitions.is_empty() => row.published,
            _ => Some(Published { severity, open }),
        };
        row.totals = Some(totals(object));
        row.closed = !open;
        self.put(key, row);
        transitions
    }

    fn put(&mut self, key: &str, mut row: Row) {
        self.uses += 1;
        row.used = self.uses;
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(key) {
            let oldest = self.rows.iter().min_by_key(|(_, row)| row.used).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.rows.remove(&oldest);
            }
        }
        self.rows.insert(key.to_owned(), row);
    }
}

/// Findings below are recorded, and no Event is made of them.
const EVENTS_FROM: Severity = Severity::Medium;

fn is_open(object: &BeaconFinding) -> bool {
    object.spec.state != State::Closed
}

fn is_published(object: &BeaconFinding) -> bool {
    object.spec.policy.mode == Mode::Alert && object.spec.severity.known() >= Some(EVENTS_FROM)
}

fn totals(object: &BeaconFinding) -> Totals {
    Totals {
        first: object.spec.when.first.clone(),
        check_ins: object.spec.when.check_ins,
        sent: object.spec.how_much.sent_bytes,
        received: object.spec.how_much.received_bytes,
    }
}

fn transitions(published: Option<Published>, object: &BeaconFinding) -> Vec<Transition> {
    let open = is_open(object);
    let mut transitions = Vec::new();
    match published.filter(|published| published.open) {
        None if is_published(object) => transitions.push(Transition::Detected),
        None => {}
        Some(published) if is_published(object) && object.spec.severity.known() > published.severity => {
            transitions.push(Transition::Raised);
        }
        Some(_) => {}
    }
    let was_published =
        published.is_some_and(|published| published.open) || transitions.contains(&Transition::Detected);
    if !open && was_published {
        transitions.push(Transition::Ended);
    }
    transitions
}

#[cfg(test)]
mod tests {
    use beaconwatch_crds::one_of::ClosedSet;

    use super::*;

    /// `state severity first..last check_ins` of one finding; `restart` forgets all but the object.
    fn check(steps: &[&str]) -> Vec<String> {
        let mut ledger = Ledger::default();
        let mut held: Option<BeaconFinding> = None;
        let mut published = Vec::new();
        for step in steps {
            if *step == "restart" {
                ledger = Ledger::default();
                continue;
            }
            let mut words = step.split(' ');
            let mut object = BeaconFinding::default();
            object.spec.state = State::of(words.next().unwrap()).unwrap().into();
            object.spec.severity = Severity::of(words.next().unwrap()).unwrap().into();
            object.spec.when.first = TimeText(words.next().unwrap().into());
            object.spec.when.check_ins = words.next().unwrap().parse().unwrap();
            object.spec.policy.mode = Mode::of(words.next().unwrap_or("Alert")).unwrap().into();
            if !ledger.knows("key") {
                ledger.learn("key", held.as_ref());
            }
            let transitions = ledger.enter("key", &mut object);
            published
                .push(format!("{transitions:?} {} {}", object.spec.when.first.0, object.spec.when.check_ins));
            held = Some(object);
        }
        published
    }

    #[test]
    fn a_change_of_state_is_published_once() {
        let published = check(&[
            "Opened Medium 10 5",
            "Updated Medium 10 9",
            "Updated High 10 12",
            "Updated Medium 10 13",
            "Updated High 10 14",
            "Closed High 10 14",
        ]);
        let expect =
            ["[Detected] 10 5", "[] 10 9", "[Raised] 10 12", "[] 10 13", "[] 10 14", "[Ended] 10 14"];
        assert_eq!(published, expect);
    }

    #[test]
    fn what_goes_on_after_a_restart_is_not_published_again_and_adds_up() {
        let published = check(&["Opened High 10 5", "restart", "Opened High 50 3", "Updated High 50 4"]);
        assert_eq!(published, ["[Detected] 10 5", "[] 10 8", "[] 10 9"]);
    }

    #[test]
    fn what_opens_again_is_published_again_in_the_same_row() {
        let published =
            check(&["Opened High 10 5", "Closed High 10 7", "Opened High 90 2", "Updated High 90 3"]);
        assert_eq!(published, ["[Detected] 10 5", "[Ended] 10 7", "[Detected] 10 9", "[] 10 10"]);
    }

    #[test]
    fn what_is_low_is_published_when_it_rises() {
        let published = check(&["Opened Low 10 5", "Updated Medium 10 6", "Closed Medium 10 6"]);
        assert_eq!(published, ["[] 10 5", "[Detected] 10 6", "[Ended] 10 6"]);
    }

    #[test]
    fn what_only_observes_tells_nothing() {
        let published = check(&["Opened High 10 5 Observe", "Closed High 10 6 Observe"]);
        assert_eq!(published, ["[] 10 5", "[] 10 6"]);
    }

    #[test]
    fn what_began_and_ended_while_nobody_listened_is_published_whole() {
        assert_eq!(check(&["Closed High 10 5"]), ["[Detected, Ended] 10 5"]);
    }
}
