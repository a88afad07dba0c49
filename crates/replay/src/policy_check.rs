//! `policy check`: what the API server and the agents would say about policy files, without a cluster.

use std::io::{self, Write};
use std::path::PathBuf;

use beaconwatch_crds::breadth;
use beaconwatch_crds::file::PlacedPolicy;
use beaconwatch_engine::assess::policy::{Mode, Policy};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_report::sanitize;

use crate::policy_files::{self, Refused};

/// Checks the files and writes one line per policy, or one per problem. True if all is well; an exception that
/// has expired, or that matches nearly everything, is only a warning.
///
/// # Errors
/// `out` could not be written to.
pub fn check(files: &[PathBuf], now: Timestamp, out: &mut impl Write) -> io::Result<bool> {
    match policy_files::load(files) {
        Ok(loaded) => {
            for placed in &loaded.policies {
                describe(placed, out)?;
                warn(placed, now, out)?;
            }
            for note in &loaded.notes {
                writeln!(out, "{note}")?;
            }
            Ok(true)
        }
        Err(Refused { problems, rest }) => {
            for problem in &problems {
                writeln!(out, "{problem}")?;
            }
            // So that nothing new is said once they are corrected.
            for placed in &rest.policies {
                warn(placed, now, out)?;
            }
            for note in &rest.notes {
                writeln!(out, "{note}")?;
            }
            let (count, noun) = (problems.len(), if problems.len() == 1 { "problem" } else { "problems" });
            writeln!(out, "{count} {noun}; nothing of this would be applied")?;
            Ok(false)
        }
    }
}

fn describe(placed: &PlacedPolicy, out: &mut impl Write) -> io::Result<()> {
    let PlacedPolicy { policy, file, line } = placed;
    let place = format!("{}:{line}", file.display());
    let (name, namespace) = (&policy.id.name, policy.id.namespace.as_deref());
    let name = match namespace {
        Some(namespace) => format!("BeaconPolicy {namespace}/{name}"),
        None => format!("ClusterBeaconPolicy {name}"),
    };
    let mode = match policy.mode {
        Mode::Observe => "mode Observe",
        Mode::Alert => "mode Alert",
    };
    let thresholds = &policy.thresholds;
    let line = format!(
        "{place}: {name} is valid: {mode}, record from {} bits, alert from {}, high from {}, critical from {}{}{}",
        thresholds.record,
        thresholds.alert,
        thresholds.high,
        thresholds.critical,
        off(policy),
        excepted(policy),
    );
    writeln!(out, "{}", sanitize(&line))
}

/// What people should know of its exceptions.
fn warn(placed: &PlacedPolicy, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    let PlacedPolicy { policy, file, line } = placed;
    let place = format!("{}:{line}", file.display());
    let expired = policy.exceptions.iter().filter(|one| one.expires.is_some_and(|until| until <= now));
    for exception in expired {
        writeln!(out, "{place}: warning: exception {:?} has expired and no longer holds", exception.name)?;
    }
    for (name, matched) in breadth::all_too_broad(&policy.exceptions, now) {
        writeln!(
            out,
            "{place}: warning: exception {name:?} matches everything or nearly so: {matched}; to record without \
             alerts, use mode: Observe"
        )?;
    }
    Ok(())
}

/// `; off: dns, irc`, or nothing.
fn off(policy: &Policy) -> String {
    let detectors = &policy.detectors;
    let states = [
        ("beacon", detectors.beacon.is_some()),
        ("balance", detectors.balance.is_some()),
        ("dns", detectors.dns.is_some()),
        ("irc", detectors.irc.is_some()),
        ("longConnection", detectors.long_connection.is_some()),
        ("ports", detectors.ports.is_some()),
        ("retries", detectors.retries.is_some()),
    ];
    let off: Vec<&str> = states.iter().filter(|(_, on)| !on).map(|(name, _)| *name).collect();
    if off.is_empty() { String::new() } else { format!("; off: {}", off.join(", ")) }
}

/// `; exceptions: a, b`, or nothing.
fn excepted(policy: &Policy) -> String {
    let mut names: Vec<&str> = policy.exceptions.iter().map(|exception| &*exception.name).collect();
    names.dedup();
    if names.is_empty() { String::new() } else { format!("; exceptions: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, now_secs: f64) -> (bool, String) {
        let file = std::env::temp_dir().join(format!(
            "beaconwatch-check-{}-{:?}.yaml",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&file, text).unwrap();
        let mut out = Vec::new();
        let fine = check(std::slice::from_ref(&file), Timestamp::from_secs_f64(now_secs), &mut out).unwrap();
        std::fs::remove_file(&file).unwrap();
        (fine, String::from_utf8(out).unwrap().replace(&*file.display().to_string(), "p.yaml"))
    }

    const POLICY: &str = "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {name: all}\nspec:\n  detectors: {irc: {enabled: false}}\n  exceptions:\n  - {name: mirror, reason: r, expires: 2027-03-31T00:00:00Z, match: {ports: [443]}}\n";

    #[test]
    fn a_valid_policy_is_described_in_a_line() {
        let (fine, text) = run(POLICY, 0.0);
        assert!(fine);
        assert_eq!(
            text,
            "p.yaml:1: ClusterBeaconPolicy all is valid: mode Alert, record from 4 bits, alert from 6, high from 10, critical from 16; off: irc; exceptions: mirror\n"
        );
    }

    #[test]
    fn an_expired_exception_is_a_warning() {
        let (fine, text) = run(POLICY, 2e9);
        assert!(fine);
        assert!(
            text.ends_with("p.yaml:1: warning: exception \"mirror\" has expired and no longer holds\n"),
            "{text}"
        );
    }

    #[test]
    fn an_exception_that_matches_everything_is_a_warning() {
        let (fine, text) = run(&POLICY.replace("ports: [443]", "destinations: [0.0.0.0/0, '::/0']"), 0.0);
        assert!(fine);
        assert!(
            text.ends_with("p.yaml:1: warning: exception \"mirror\" matches everything or nearly so: every IPv4 address and every IPv6 address; to record without alerts, use mode: Observe\n"),
            "{text}"
        );
        let (fine, text) = run(&POLICY.replace("ports: [443]", "destinations: ['*']"), 0.0);
        assert!(!fine && text.contains("destinations[0] must be a name"), "{text}");
    }

    #[test]
    fn whatever_is_wrong_is_said_in_one_go() {
        let exceptions = "- {name: m, reason: r, match: {destinations: ['*']}}\n  - {name: n, reason: r, match: {destinations: ['*.com'], executables: ['/**']}}\n  - {name: o, reason: r, match: {destinations: ['0.0.0.0/0','::/0']}}\n  - {name: p, reason: r, match: {executables: ['/**'], port: [443]}}\n";
        let policy = POLICY.replace(
            "- {name: mirror, reason: r, expires: 2027-03-31T00:00:00Z, match: {ports: [443]}}\n",
            exceptions,
        );
        let (fine, text) =
            run(&policy.replace("spec:\n", "spec:\n  thresholds: {record: 7, alert: 6}\n"), 0.0);
        assert!(!fine);
        let starts = [
            "p.yaml:5: spec.thresholds must",
            "p.yaml:8: spec.exceptions[0].match.destinations[0] must be a name",
            "p.yaml:9: spec.exceptions[1].name must be text, but is false; put it in quotes",
            "p.yaml:11: spec.exceptions[3].match.port is not a field",
            "p.yaml:1: warning: exception \"false\" matches everything or nearly so",
            "p.yaml:1: warning: exception \"o\" matches everything or nearly so",
            "4 problems; nothing of this would be applied",
        ];
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), starts.len(), "{text}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{text}");
        }
    }

    #[test]
    fn other_kinds_are_named() {
        let (fine, text) =
            run(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n---\n{POLICY}"), 0.0);
        assert!(fine);
        assert!(text.ends_with("p.yaml:1: skipped Secret s: not a policy\n"), "{text}");
    }

    #[test]
    fn problems_are_listed_and_counted() {
        let (fine, text) = run(&POLICY.replace("ports: [443]", ""), 0.0);
        assert!(!fine);
        assert_eq!(
            text,
            "p.yaml:7: spec.exceptions[0].match must not be empty: an exception that matches everything turns the policy off; use mode: Observe\n1 problem; nothing of this would be applied\n"
        );
    }
}
