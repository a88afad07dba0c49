//! Was the beacon found, and was nothing else named?

use anyhow::bail;
use serde_json::Value;

use super::scene::Scene;

/// What the findings say about the scene's containers.
pub(super) struct Verdict {
    beacon: Vec<String>,
    others: Vec<String>,
}

impl Verdict {
    /// Of a live scene: containers are known by id.
    pub(super) fn of(findings: &str, scene: &Scene) -> Self {
        let beacon = scene
            .clients
            .iter()
            .find(|client| client.name == "reports")
            .map(|client| client.container_id.as_str());
        Self::split(findings, |finding| finding.get("container.id").and_then(Value::as_str) == beacon)
    }

    /// Of a recording of the scene: the beacon is known by the name it calls.
    pub(super) fn of_recording(findings: &str) -> Self {
        Self::split(findings, |finding| {
            finding.get("server.name").and_then(Value::as_str) == Some("cdn-sync.example")
        })
    }

    fn split(findings: &str, is_beacon: impl Fn(&Value) -> bool) -> Self {
        let mut verdict = Self { beacon: Vec::new(), others: Vec::new() };
        for line in findings.lines() {
            let Ok(finding) = serde_json::from_str::<Value>(line) else { continue };
            let text = |key: &str| finding.get(key).map(ToString::to_string).unwrap_or_default();
            let sentence = format!("{} {} score {}", text("kind"), text("server.name"), text("score"));
            let kind = finding.get("kind").and_then(Value::as_str);
            match (is_beacon(&finding), kind) {
                (true, Some("beacon")) => verdict.beacon.push(sentence),
                // Its look-ups have the same rhythm.
                (true, Some("dns-beacon")) => {}
                _ => verdict.others.push(sentence),
            }
        }
        verdict
    }

    /// Prints the verdict; an error if the beacon was missed or another container was named.
    pub(super) fn print_and_check(&self) -> anyhow::Result<()> {
        if self.beacon.is_empty() {
            bail!("the beacon was missed");
        }
        if !self.others.is_empty() {
            bail!("named a container that does not beacon: {}", self.others.join("; "));
        }
        eprintln!(
            "\ndemo: found: the container that beacons. Not named: its twin without rhythm, the package download."
        );
        Ok(())
    }
}
