//! Much at once: very many findings, very short lives. Runs alone, since it fills the machine.

use std::time::Duration;

use anyhow::{Result, ensure};
use beaconwatch_crds::beacon_finding::Behavior;
use beaconwatch_e2e::manifests::{TOOLS, pod, quick_policy};
use beaconwatch_e2e::outside::{Server, Speaks};
use beaconwatch_e2e::scenario::{Scenario, run, until};

/// Pods of the flood.
const PODS: usize = 10;
/// Destinations that each of them calls.
const DESTINATIONS: u16 = 50;
/// Events about one object at once, at most.
const EVENT_BURST: usize = 25;

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn event_budget_is_held_under_five_hundred_findings() -> Result<()> {
    run("flood", async |scenario: &Scenario| {
        let mut servers = Vec::new();
        for port in 0..DESTINATIONS {
            servers.push(Server::start(20, 9000 + port, Speaks::Http).await?);
        }
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let script = "cat >/tmp/flood.py <<'E'
import socket, time
ports = range(9000, 9050)
started = time.monotonic()
for turn in range(1, 10000):
    for port in ports:
        with socket.create_connection(('203.0.113.20', port)) as s:
            s.sendall(b'GET / HTTP/1.1\\r\\nHost: host-20.example.test\\r\\n\\r\\n')
            s.recv(512)
    time.sleep(max(0, started + 3 * turn - time.monotonic()))
E
cp $(command -v python3) /tmp/agent
exec /tmp/agent /tmp/flood.py";
        for index in 0..PODS {
            scenario.apply(&pod(&format!("flood-{index}"), script)).await?;
        }
        let wanted = PODS * usize::from(DESTINATIONS);
        until("all findings", Duration::from_secs(240), async || {
            Ok((scenario.findings().await?.len() >= wanted).then_some(()))
        })
        .await?;
        assert_eq!(scenario.findings().await?.len(), wanted, "one row for each");
        for index in 0..PODS {
            let name = format!("flood-{index}");
            let events = until(&format!("a summary Event on {name}"), Duration::from_secs(60), async || {
                let events = scenario.events("Pod", &name).await?;
                let summed_up =
                    events.iter().any(|event| event.reason.as_deref() == Some("BeaconFindingsSummarized"));
                Ok(summed_up.then_some(events))
            })
            .await?;
            ensure!(events.len() <= EVENT_BURST + 1, "{} Events on {name}", events.len());
        }
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn two_hundred_containers_that_live_for_moments_are_all_attributed() -> Result<()> {
    run("moments", async |scenario: &Scenario| {
        let server = Server::start(21, 8443, Speaks::Irc { ping_every: Duration::from_secs(60) }).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        let login = "printf 'NICK m\\r\\nUSER m 0 * :m\\r\\nJOIN #work\\r\\n' | nc 203.0.113.21 8443";
        let call = format!("command: [sh, -c, {login:?}]");
        // Its last container waits until the conversation is judged again.
        let last = format!("command: [sh, -c, {:?}]", format!("sleep 65; {login}"));
        let containers: Vec<String> = (0..25)
            .map(|index| format!("{{name: c{index}, image: {TOOLS}, imagePullPolicy: Never, {call}}}"))
            .collect();
        let job = format!(
            "
apiVersion: batch/v1
kind: Job
metadata: {{name: moments}}
spec:
  completions: 8
  parallelism: 8
  template:
    spec:
      restartPolicy: Never
      initContainers: [{}]
      containers: [{{name: last, image: {TOOLS}, imagePullPolicy: Never, {last}}}]
",
            containers.join(", ")
        );
        scenario.apply(&job).await?;
        let calls = 8 * containers.len();
        until("all calls", Duration::from_secs(240), async || {
            Ok((server.visits().len() >= calls).then_some(()))
        })
        .await?;
        // Every container logged in once for the same Job: one row from each node, and nobody is missing from them.
        let findings = until("all logins in the Job's findings", Duration::from_secs(150), async || {
            let findings = scenario.findings().await?;
            let logins: i64 = findings.iter().map(|finding| finding.when.check_ins).sum();
            Ok((logins >= i64::try_from(calls)?).then_some(findings))
        })
        .await?;
        ensure!(findings.len() <= scenario.nodes().await?.len(), "{findings:?}");
        for finding in findings {
            assert_eq!(finding.behavior, Behavior::Irc);
            assert_eq!(finding.who.workload.as_deref(), Some("Job/moments"));
        }
        Ok(())
    })
}
