//! Installing and upgrading, as a user does it. Leaves the release installed for the scenarios that follow.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use beaconwatch_crds::ClusterBeaconPolicy;
use beaconwatch_e2e::apiserver;
use beaconwatch_e2e::release;
use beaconwatch_e2e::scenario::{Scenario, run, until};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn one_command_installs_and_upgrades_and_every_node_is_watched() -> Result<()> {
    run("install", async |scenario: &Scenario| {
        let notes = release::install(&[])?;
        ensure!(notes.contains("kubectl get beaconnodes"), "{notes}");
        every_node_reports(scenario).await?;
        default_policy_is_programmed(scenario).await?;
        upgrade_brings_definitions(scenario).await?;
        agents_are_told_of_the_cluster(scenario).await?;
        every_node_reports(scenario).await
    })
}

async fn every_node_reports(scenario: &Scenario) -> Result<()> {
    let nodes: Api<Node> = Api::all(scenario.client.clone());
    let mut expected: Vec<String> =
        nodes.list(&ListParams::default()).await?.items.iter().map(ResourceExt::name_any).collect();
    expected.sort();
    until("every node's report", Duration::from_secs(60), async || {
        let mut ready = Vec::new();
        for node in scenario.nodes().await? {
            let conditions = node.status.iter().flat_map(|status| &status.conditions);
            if conditions
                .into_iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True")
            {
                ready.push(node.name_any());
            }
        }
        ready.sort();
        Ok((ready == expected).then_some(()))
    })
    .await?;
    for node in scenario.nodes().await? {
        let status = node.status.clone().unwrap_or_default();
        // Nodes that share a kernel, as those of a cluster started here, each have a cgroup namespace, and say so.
        let hidden = status.cannot_see.as_deref().unwrap_or("<none>");
        let only_namespace = hidden.starts_with("the cgroup root is that of a cgroup namespace")
            && hidden.ends_with("--cgroup-root");
        ensure!(
            if apiserver::is_ours() { only_namespace } else { hidden == "<none>" },
            "{} cannot see: {hidden}; {:?}",
            node.name_any(),
            status.hooks
        );
        for capability in ["BPF", "PERFMON", "NET_ADMIN"] {
            ensure!(
                status.capabilities.iter().any(|has| has.ends_with(capability)),
                "{:?}",
                status.capabilities
            );
        }
    }
    Ok(())
}

async fn default_policy_is_programmed(scenario: &Scenario) -> Result<()> {
    let policies: Api<ClusterBeaconPolicy> = Api::all(scenario.client.clone());
    let nodes = scenario.nodes().await?.len();
    until("the default policy to be programmed", Duration::from_secs(60), async || {
        let status = policies.get("default").await?.status.unwrap_or_default();
        Ok((status.programmed == Some(format!("{nodes}/{nodes}"))).then_some(()))
    })
    .await
}

/// An older definition, here one without short names, is brought up to date by `helm upgrade`.
async fn upgrade_brings_definitions(scenario: &Scenario) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(scenario.client.clone());
    let name = "beaconpolicies.beaconwatch.io";
    let older = json!({"spec": {"names": {"shortNames": []}}});
    definitions.patch(name, &PatchParams::default(), &Patch::Merge(older)).await?;
    release::install(&[
        "operator.logLevel=debug",
        "agent.clusterNetworks={2001:db8:1::/48}",
        "agent.meshProxies={gateway-proxy}",
    ])?;
    let short_names = definitions.get(name).await?.spec.names.short_names;
    assert_eq!(short_names.context("no short names after the upgrade")?, ["bp"]);
    Ok(())
}

/// What the upgrade's values say of the cluster arrives at every agent, and each starts with it.
async fn agents_are_told_of_the_cluster(scenario: &Scenario) -> Result<()> {
    let agents: Api<DaemonSet> = Api::namespaced(scenario.client.clone(), release::NAMESPACE);
    let name = format!("{}-agent", release::NAME);
    until("every agent to run with the new values", Duration::from_secs(60), async || {
        let agents = agents.get(&name).await?;
        let template = agents.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let arguments = template.and_then(|pod| pod.containers.first()?.args.clone()).unwrap_or_default();
        for passed in ["--cluster-network=2001:db8:1::/48", "--mesh-proxy=gateway-proxy"] {
            ensure!(arguments.iter().any(|argument| argument == passed), "{passed} is not in {arguments:?}");
        }
        let status = agents.status.unwrap_or_default();
        let all = status.desired_number_scheduled;
        let is_current = status.observed_generation == agents.metadata.generation;
        Ok((is_current && status.updated_number_scheduled == Some(all) && status.number_ready == all)
            .then_some(()))
    })
    .await
}
