//! `policy suggest`: exceptions for the regular automation that recorded traffic shows, as a policy file to be
//! finished by somebody who knows what is approved.
//!
//! The reasons are left empty on purpose: the file is not valid before each is filled in or its entry deleted.

use core::fmt::Write;
use std::collections::{BTreeMap, BTreeSet};

use beaconwatch_engine::actor::{Actor, Pod};
use beaconwatch_engine::assess::finding::{Finding, Severity};
use beaconwatch_engine::collections::Set;
use beaconwatch_engine::detection::{Explanation, Outcome};
use beaconwatch_engine::observe::contact::Destination;
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_report::{figure, sanitize};

/// What one exception would cover.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Behaviour {
    executable: Option<String>,
    /// `None`: many in turn.
    destination: Option<String>,
    port: u16,
}

/// What was seen of it.
#[derive(Clone, Debug, Default)]
struct Seen {
    workloads: BTreeSet<String>,
    conversations: u32,
    check_ins: u64,
    score: f32,
    alarming: bool,
    summary: String,
    period_secs: Option<f32>,
}

/// One conversation that is or was a finding.
#[derive(Clone, Copy)]
struct Sight<'a> {
    actor: &'a Actor,
    pod: Option<&'a Pod>,
    destination: &'a Destination,
    destinations: u32,
    protocol: AppProtocol,
    check_ins: u64,
    period_secs: Option<f32>,
    summary: &'a str,
    score: f32,
    severity: Severity,
}

impl<'a> Sight<'a> {
    fn of_conversation(of: &'a Explanation) -> Option<Self> {
        let Outcome::Finding(severity) = of.outcome else { return None };
        Some(Self {
            actor: &of.actor,
            pod: of.pod.as_deref(),
            destination: &of.destination,
            destinations: of.destinations,
            protocol: of.protocol,
            check_ins: of.check_ins,
            period_secs: of.rhythm.map(|rhythm| rhythm.period_secs),
            summary: &of.summary,
            score: of.score,
            severity,
        })
    }

    fn of_finding(of: &'a Finding) -> Self {
        Self {
            actor: &of.actor,
            pod: of.pod.as_deref(),
            destination: &of.destination,
            destinations: of.destinations,
            protocol: of.protocol,
            check_ins: of.check_ins,
            period_secs: of.rhythm.map(|rhythm| rhythm.period_secs),
            summary: &of.summary,
            score: of.score,
            severity: of.severity,
        }
    }
}

/// The policy file. Only behaviour that would be recorded as a finding needs an exception; what is not known
/// to be tolerated at sight (severity high and above) is commented out.
///
/// `explanations` tell of what is held at the end, `findings` also of what ended long before.
#[must_use]
pub fn policy(explanations: &[Explanation], findings: &[Finding]) -> String {
    let mut by_namespace: BTreeMap<Option<String>, BTreeMap<Behaviour, Seen>> = BTreeMap::new();
    let mut skipped = 0_u32;
    let held: Vec<Sight<'_>> = explanations.iter().filter_map(Sight::of_conversation).collect();
    let place = |sight: &Sight<'_>| {
        (sight.actor.key(), Some(sight.destination.clone()).filter(|_| sight.destinations == 1))
    };
    let known: Set<_> = held.iter().map(place).collect();
    let ended = findings.iter().map(Sight::of_finding);
    let ended = ended.filter(|sight| !known.contains(&place(sight)));
    for sight in held.iter().copied().chain(ended) {
        let Some(behaviour) = behaviour(&sight) else {
            skipped += 1;
            continue;
        };
        let namespace = sight.pod.map(|pod| pod.namespace.to_string());
        by_namespace.entry(namespace).or_default().entry(behaviour).or_default().add(&sight);
    }
    let mut out = String::from(HEAD);
    for (namespace, behaviours) in &by_namespace {
        document(&mut out, namespace.as_deref(), behaviours);
    }
    if by_namespace.is_empty() {
        out.push_str("# Nothing would be recorded as a finding: no exception is needed.\n");
    }
    if skipped > 0 {
        let _ = writeln!(out, "# {skipped} findings without a single destination are not covered.");
    }
    out
}

const HEAD: &str = "# Proposed by beaconwatch-agent policy suggest.\n\
# Each entry is behaviour that was seen and would be recorded as a finding. Only you know what is approved:\n\
# fill in the reason of what is, and delete the rest. The file is refused while a reason is empty.\n\
# What scored high or above is commented out: look at it before you tolerate it.\n";

impl Seen {
    fn add(&mut self, sight: &Sight<'_>) {
        if let Some(pod) = sight.pod {
            self.workloads.insert(format!("{} {}", pod.owner.kind, pod.owner.name));
        } else if let Some(container) = &sight.actor.container {
            self.workloads.insert(format!("container {}", container.get(..12).unwrap_or(container)));
        } else if let Some(address) = sight.actor.address {
            self.workloads.insert(address.to_string());
        }
        self.conversations += 1;
        self.check_ins += sight.check_ins;
        self.alarming |= sight.severity >= Severity::High;
        if sight.score >= self.score || self.summary.is_empty() {
            self.score = sight.score;
            self.summary = sight.summary.to_owned();
        }
        self.period_secs = self.period_secs.or(sight.period_secs);
    }
}

fn behaviour(sight: &Sight<'_>) -> Option<Behaviour> {
    let destination = sight.destination;
    let name = destination.name.as_deref().filter(|name| is_plain_name(name)).map(str::to_owned);
    let name = if sight.protocol == AppProtocol::Dns { name.map(|name| format!("*.{name}")) } else { name };
    let address = || destination.address.map(|address| address.to_string());
    let executable = sight.actor.process.as_ref().map(|process| process.executable.to_string());
    // A star in a path would match more than this path.
    let executable = executable.filter(|path| path.starts_with('/') && !path.contains('*'));
    if sight.destinations > 1 {
        // Which ones come next is not known: only who does it can be tolerated.
        return executable.map(|path| Behaviour { executable: Some(path), destination: None, port: 0 });
    }
    Some(Behaviour { executable, destination: Some(name.or_else(address)?), port: destination.port })
}

fn is_plain_name(name: &str) -> bool {
    name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn document(out: &mut String, namespace: Option<&str>, behaviours: &BTreeMap<Behaviour, Seen>) {
    out.push_str("---\napiVersion: beaconwatch.io/v1alpha1\n");
    match namespace {
        Some(namespace) => {
            let quoted = quote(namespace);
            let _ = write!(
                out,
                "kind: BeaconPolicy\nmetadata:\n  name: approved-automation\n  namespace: {quoted}\n"
            );
        }
        None => out.push_str("kind: ClusterBeaconPolicy\nmetadata:\n  name: approved-automation\n"),
    }
    let any_plain = behaviours.values().any(|seen| !seen.alarming);
    out.push_str(if any_plain { "spec:\n  exceptions:\n" } else { "spec: {}\n#  exceptions:\n" });
    let mut names = BTreeSet::new();
    for (behaviour, seen) in behaviours {
        entry(out, behaviour, seen, &mut names);
    }
}

fn entry(out: &mut String, behaviour: &Behaviour, seen: &Seen, names: &mut BTreeSet<String>) {
    let Behaviour { executable, destination, port } = behaviour;
    let period =
        seen.period_secs.map_or_else(String::new, |secs| format!(" every {}", figure::seconds(secs.into())));
    let mut workloads: Vec<&str> = seen.workloads.iter().map(String::as_str).take(4).collect();
    if seen.workloads.len() > workloads.len() {
        workloads.push("others");
    }
    let _ = writeln!(
        out,
        "  # {} check-ins{period} of {}{}; {:.1} bits. {}",
        seen.check_ins,
        sanitize(&workloads.join(", ")),
        if seen.conversations > 1 {
            format!(", {} conversations", seen.conversations)
        } else {
            String::new()
        },
        seen.score,
        sanitize(&seen.summary)
    );
    let (who, place) = (executable.as_deref().unwrap_or_default(), destination.as_deref());
    let name = unique_name(place.unwrap_or(who), *port, names);
    let mut lines = vec![format!("- name: {name}"), "  reason: \"\"".to_owned(), "  match:".to_owned()];
    if let Some(path) = executable {
        lines.push(format!("    executables: [{}]", quote(path)));
    }
    if let Some(destination) = destination {
        lines.push(format!("    destinations: [{}]", quote(destination)));
    }
    if *port != 0 {
        lines.push(format!("    ports: [{port}]"));
    }
    for line in lines {
        let _ = writeln!(out, "{}{line}", if seen.alarming { "#  " } else { "  " });
    }
}

/// A name of an exception: letters, digits and dashes, at most 63.
fn unique_name(destination: &str, port: u16, names: &mut BTreeSet<String>) -> String {
    let plain: String = destination
        .trim_start_matches("*.")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(50)
        .collect();
    let plain = plain.trim_matches('-');
    let plain = if plain.is_empty() { "exception" } else { plain };
    let base = if port == 0 { plain.to_owned() } else { format!("{plain}-{port}") };
    let mut name = base.clone();
    let mut number = 2;
    while !names.insert(name.clone()) {
        name = format!("{base}-{number}");
        number += 1;
    }
    name
}

/// A YAML scalar in double quotes; JSON's escapes are YAML's.
fn quote(text: &str) -> String {
    serde_json::to_string(&sanitize(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
