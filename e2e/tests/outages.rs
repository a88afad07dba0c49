//! Parts that are away for a while: nothing that was found is lost, and nothing is published twice. These scenarios disturb
//! the whole cluster and run one at a time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use beaconwatch_crds::beacon_finding::BeaconFindingRecord;
use beaconwatch_e2e::apiserver;
use beaconwatch_e2e::collector::{Collector, attribute};
use beaconwatch_e2e::manifests::{deployment, pod, quick_policy};
use beaconwatch_e2e::outside::{Server, Speaks};
use beaconwatch_e2e::release;
use beaconwatch_e2e::scenario::{Scenario, run, until};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::json;

/// Calls a server outside every two seconds.
fn beacon(host: u8) -> String {
    format!("while true; do curl -s -o /dev/null http://host-{host}.example.test:8080/; sleep 2; done")
}

fn calls(host: u8) -> impl Fn(&BeaconFindingRecord) -> bool {
    let name = format!("host-{host}.example.test");
    move |finding| finding.destination.name.as_ref() == Some(&name)
}

async fn called(server: &Server, times: usize) -> Result<()> {
    let limit = Duration::from_secs(180);
    until(&format!("{times} calls"), limit, async || Ok((server.visits().len() >= times).then_some(()))).await
}

async fn kill(scenario: &Scenario, name: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(scenario.client.clone(), release::NAMESPACE);
    let killed = pods.get(name).await?.uid();
    pods.delete(name, &DeleteParams::default().grace_period(0)).await?;
    until(&format!("{name} to be gone"), Duration::from_secs(60), async || {
        let present = pods.get_opt(name).await?.and_then(|pod| pod.uid());
        Ok((present != killed).then_some(()))
    })
    .await
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn killed_agent_comes_back_and_goes_on_with_the_same_finding() -> Result<()> {
    run("agent-killed", async |scenario: &Scenario| {
        let server = Server::start(30, 8080, Speaks::Http).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        scenario.apply(&pod("caller", &beacon(30))).await?;
        let before = scenario.finding("a beacon to host-30", calls(30)).await?;

        let node = before.who.node.clone().context("a finding without node")?;
        let pods: Api<Pod> = Api::namespaced(scenario.client.clone(), release::NAMESPACE);
        let agents = ListParams::default()
            .labels("app.kubernetes.io/component=agent")
            .fields(&format!("spec.nodeName={node}"));
        let agent = pods.list(&agents).await?.items.first().map(ResourceExt::name_any).context("no agent")?;
        kill(scenario, &agent).await?;

        let calls_before = server.visits().len();
        let after = scenario
            .finding("the finding to go on", |finding| {
                calls(30)(finding)
                    && finding.when.last.0 > before.when.last.0
                    && server.visits().len() > calls_before + 10
            })
            .await?;
        assert_eq!(after.finding_id, before.finding_id);
        assert_eq!(scenario.findings().await?.iter().filter(|finding| calls(30)(finding)).count(), 1);
        let opened = scenario.events("Pod", "caller").await?;
        let opened = opened.iter().filter(|event| event.reason.as_deref() == Some("BeaconDetected")).count();
        assert_eq!(opened, 1, "the same finding is not published again");
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn another_operator_takes_over_from_a_killed_one() -> Result<()> {
    run("operator-killed", async |scenario: &Scenario| {
        let leases: Api<Lease> = Api::namespaced(scenario.client.clone(), release::NAMESPACE);
        let lease = leases.get(&format!("{}-operator", release::NAME)).await?;
        let leader = lease.spec.and_then(|spec| spec.holder_identity).context("nobody leads")?;
        kill(scenario, &leader).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn finding_made_while_the_api_server_is_away_is_written_once_when_it_is_back() -> Result<()> {
    if !apiserver::is_ours() {
        return Ok(());
    }
    run("api-away", async |scenario: &Scenario| {
        let server = Server::start(31, 8080, Speaks::Http).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        scenario.apply(&deployment("caller", 1, &beacon(31))).await?;
        called(&server, 3).await?;
        let stopped = apiserver::Stopped::now()?;
        // A minute, by the beacon's own clock.
        called(&server, 33).await?;
        stopped.start()?;

        let finding = scenario.finding("a beacon to host-31", calls(31)).await?;
        assert_eq!(finding.who.workload.as_deref(), Some("Deployment/caller"));
        let pod = finding.who.pod.clone().context("a finding without pod")?;
        until("its Event", Duration::from_secs(60), async || {
            Ok((!scenario.events("Pod", &pod).await?.is_empty()).then_some(()))
        })
        .await?;
        called(&server, 45).await?;
        assert_eq!(scenario.findings().await?.iter().filter(|finding| calls(31)(finding)).count(), 1);
        let opened = scenario.events("Pod", &pod).await?;
        let opened = opened.iter().filter(|event| event.reason.as_deref() == Some("BeaconDetected")).count();
        assert_eq!(opened, 1);
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn record_made_while_the_collector_is_away_reaches_it_once_when_it_is_back() -> Result<()> {
    run("collector-away", async |scenario: &Scenario| {
        let _server = Server::start(32, 8080, Speaks::Http).await?;
        scenario.apply(&quick_policy("quick")).await?;
        scenario.programmed("quick").await?;
        scenario.apply(&pod("caller", &beacon(32))).await?;
        let finding = scenario.finding("a beacon to host-32", calls(32)).await?;

        let collector = Collector::start().await?;
        let ours = || {
            let records = collector.records();
            let id = json!(finding.finding_id);
            let wanted = |record: &serde_json::Value| {
                attribute(record, "k8s.namespace.name") == Some(&json!(scenario.namespace))
                    && attribute(record, "beaconwatch.finding.id").is_none_or(|is| *is == id)
            };
            records.into_iter().filter(|record| wanted(record)).collect::<Vec<_>>()
        };
        until("the log record", Duration::from_secs(120), async || Ok((!ours().is_empty()).then_some(())))
            .await?;
        let opened = ours();
        let states: Vec<_> =
            opened.iter().filter_map(|record| attribute(record, "beaconwatch.finding.state")).collect();
        ensure!(states.iter().filter(|state| **state == "Opened").count() <= 1, "{states:?}");
        Ok(())
    })
}
