//! Findings as the scorers of labelled traffic want them: one JSON line per state.

use std::io::{Result, Write};

use beaconwatch_engine::assess::finding::{Finding, FindingState};

/// Writes one line; the closing of a finding says nothing new.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(out: &mut impl Write, finding: &Finding) -> Result<()> {
    if finding.state == FindingState::Closed {
        return Ok(());
    }
    let destination = &finding.destination;
    let address = destination.address.map(|address| address.to_string());
    let name = destination.name.as_deref();
    let uid = finding.actor.pod_uid.as_ref().or_else(|| finding.pod.as_ref().map(|pod| &pod.uid));
    let line = serde_json::json!({
        "src": finding.actor.address.map(|address| address.to_string()),
        "dst": address.as_deref().or(name),
        "dst_domain": name,
        "dport": (destination.port != 0).then_some(destination.port),
        "proto": destination.transport.as_str(),
        "kind": finding.kind.as_str(),
        "score": finding.score,
        "severity": finding.severity.as_str(),
        "first_ts": finding.window.0.as_secs_f64(),
        "last_ts": finding.window.1.as_secs_f64(),
        "time_unix_nano": finding.time.as_nanos(),
        "k8s.pod.uid": uid.map(AsRef::<str>::as_ref),
        "process.executable.path": finding.actor.process.as_ref().map(|process| process.executable.as_ref()),
        "destination": name.or(address.as_deref()).unwrap_or("*"),
        "destination.port": destination.port,
    });
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
