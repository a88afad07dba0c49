//! What the API server, the operator and the admission policy say to those who write.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use beaconwatch_crds::{BeaconFinding, BeaconNode, BeaconPolicy};
use beaconwatch_e2e::manifests::{pod, quick_policy};
use beaconwatch_e2e::release;
use beaconwatch_e2e::scenario::{Scenario, run, until};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Config, ResourceExt};
use serde_json::json;

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn policy_is_accepted_and_programmed_on_every_node() -> Result<()> {
    run("programmed", async |scenario: &Scenario| {
        scenario.apply(&pod("anything", "sleep 100000")).await?;
        scenario.apply(&quick_policy("quick")).await?;
        let policy = scenario.programmed("quick").await?;
        let status = policy.status.unwrap_or_default();
        let nodes = scenario.nodes().await?.len();
        assert_eq!(status.programmed, Some(format!("{nodes}/{nodes}")));
        assert_eq!(status.observed_generation, policy.metadata.generation);
        assert_eq!(status.behind, []);
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn changed_policy_is_programmed_again() -> Result<()> {
    run("changed", async |scenario: &Scenario| {
        scenario.apply(&quick_policy("quick")).await?;
        let first = scenario.programmed("quick").await?.metadata.generation;
        scenario.apply(&quick_policy("quick").replace("high: 10", "high: 11")).await?;
        let second = scenario.programmed("quick").await?.metadata.generation;
        ensure!(second > first, "{first:?} {second:?}");
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn wrong_policies_are_refused_in_words_that_help() -> Result<()> {
    run("refused", async |scenario: &Scenario| {
        let policy = |spec: &str| {
            format!(
                "apiVersion: beaconwatch.io/v1alpha1\nkind: BeaconPolicy\nmetadata: {{name: wrong}}\nspec: {spec}"
            )
        };
        for (spec, said) in [
            (
                "{exceptions: [{name: all, reason: because, match: {}}]}",
                "must not be empty: an exception that matches everything turns the policy off; use mode: Observe",
            ),
            ("{exceptions: [{name: all, match: {ports: [443]}}]}", "reason"),
            ("{thresholds: {alert: 11, high: 10}}", "must not fall from one level to the next"),
            ("{detectors: {beacon: {minimumSpan: soon}}}", "must be a duration such as 90s, 15m or 1h30m"),
            ("{mode: Silent}", "Observe"),
        ] {
            let error = scenario.apply(&policy(spec)).await.err().map(|error| format!("{error:#}"));
            ensure!(error.as_deref().is_some_and(|error| error.contains(said)), "{spec}: {error:?}");
        }
        Ok(())
    })
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn status_names_a_selector_without_pods_and_an_expired_exception() -> Result<()> {
    run("status", async |scenario: &Scenario| {
        let policy = "
apiVersion: beaconwatch.io/v1alpha1
kind: BeaconPolicy
metadata: {name: stale}
spec:
  workloads: {selector: {matchLabels: {nobody: has-this}}}
  exceptions:
  - {name: mirror, reason: nightly refresh, expires: 2020-01-01T00:00:00Z, match: {ports: [443]}}
";
        scenario.apply(policy).await?;
        let policies: Api<BeaconPolicy> = scenario.api();
        until("both conditions", Duration::from_secs(60), async || {
            let status = policies.get("stale").await?.status.unwrap_or_default();
            let is_false =
                |kind: &str| status.conditions.iter().any(|is| is.type_ == kind && is.status == "False");
            Ok((is_false("SelectsWorkloads") && is_false("ExceptionsCurrent")).then_some(()))
        })
        .await
    })
}

/// A client with the very rights of the agent's pod on one node.
async fn as_agent(scenario: &Scenario) -> Result<(Client, String)> {
    let pods: Api<Pod> = Api::namespaced(scenario.client.clone(), release::NAMESPACE);
    let agents = pods.list(&ListParams::default().labels("app.kubernetes.io/component=agent")).await?;
    let agent = agents.items.into_iter().next().context("no agent")?;
    let spec = agent.spec.clone().context("a pod without spec")?;
    let request = TokenRequest {
        spec: TokenRequestSpec {
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: agent.metadata.name.clone(),
                uid: agent.metadata.uid.clone(),
            }),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(scenario.client.clone(), release::NAMESPACE);
    let account = spec.service_account_name.context("no account")?;
    let token = accounts.create_token_request(&account, &PostParams::default(), &request).await?;
    let mut config = Config::infer().await?;
    config.auth_info = kube::config::AuthInfo {
        token: Some(token.status.context("no token")?.token.into()),
        ..kube::config::AuthInfo::default()
    };
    Ok((Client::try_from(config)?, spec.node_name.context("no node")?))
}

#[test]
#[ignore = "a scenario on a cluster: make e2e"]
fn agent_may_write_for_its_own_node_and_for_no_other() -> Result<()> {
    run("denied", async |scenario: &Scenario| {
        let (agent, own) = as_agent(scenario).await?;
        let all = Api::<Node>::all(scenario.client.clone()).list(&ListParams::default()).await?;
        let other = all.iter().map(ResourceExt::name_any).find(|name| *name != own);
        let other = other.context("only one node")?;
        let dry = PatchParams { dry_run: true, ..PatchParams::apply("test").force() };

        let nodes: Api<BeaconNode> = Api::all(agent.clone());
        let node = |name: &str| json!({"apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconNode", "metadata": {"name": name, "labels": {"a": "b"}}, "spec": {}});
        nodes.patch(&own, &dry, &Patch::Apply(node(&own))).await.context("its own report")?;
        let error =
            nodes.patch(&other, &dry, &Patch::Apply(node(&other))).await.err().context("another's report")?;
        ensure!(error.to_string().contains("may not write the BeaconNode"), "{error}");

        let findings: Api<BeaconFinding> = Api::namespaced(agent.clone(), &scenario.namespace);
        let finding = |node: &str| json!({"apiVersion": "beaconwatch.io/v1alpha1", "kind": "BeaconFinding", "metadata": {"name": "test"}, "who": {"node": node}});
        findings.patch("test", &dry, &Patch::Apply(finding(&own))).await.context("its own finding")?;
        let error = findings
            .patch("test", &dry, &Patch::Apply(finding(&other)))
            .await
            .err()
            .context("another's finding")?;
        ensure!(error.to_string().contains("may not write findings of another node"), "{error}");

        let policies: Api<BeaconPolicy> = Api::namespaced(agent, &scenario.namespace);
        let error =
            policies.delete("any", &kube::api::DeleteParams::default()).await.err().context("a policy")?;
        ensure!(error.to_string().contains("cannot delete"), "{error}");
        Ok(())
    })
}
