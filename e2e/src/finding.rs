//! What scenarios ask of findings, Events and policies.

use std::time::Duration;

use anyhow::Result;
use beaconwatch_crds::beacon_finding::BeaconFindingRecord;
use beaconwatch_crds::{BeaconFinding, BeaconNode, BeaconPolicy};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};

use crate::scenario::{Scenario, until};

/// How long a finding may take: check-ins until the rhythm is proven, with nodes that have other things to do.
pub const PATIENCE: Duration = Duration::from_secs(150);

impl Scenario {
    /// All findings of the scenario's namespace.
    ///
    /// # Errors
    ///
    /// The API server's.
    pub async fn findings(&self) -> Result<Vec<BeaconFindingRecord>> {
        let findings = self.api::<BeaconFinding>().list(&ListParams::default()).await?.items;
        Ok(findings.into_iter().map(|finding| finding.spec).collect())
    }

    /// The sentences of all findings of the scenario's namespace.
    ///
    /// # Errors
    ///
    /// The API server's.
    pub async fn summaries(&self) -> Result<Vec<String>> {
        Ok(self.findings().await?.into_iter().map(|finding| finding.summary).collect())
    }

    /// Waits for a finding.
    ///
    /// # Errors
    ///
    /// There was none in time.
    pub async fn finding(
        &self,
        what: &str,
        wanted: impl Fn(&BeaconFindingRecord) -> bool,
    ) -> Result<BeaconFindingRecord> {
        until(what, PATIENCE, async || Ok(self.findings().await?.into_iter().find(|finding| wanted(finding))))
            .await
    }

    /// Waits until every node runs a policy.
    ///
    /// # Errors
    ///
    /// It was not accepted or not programmed in time.
    pub async fn programmed(&self, name: &str) -> Result<BeaconPolicy> {
        let policies: Api<BeaconPolicy> = self.api();
        until(&format!("policy {name} to be programmed"), Duration::from_secs(60), async || {
            let policy = policies.get(name).await?;
            let conditions = policy.status.iter().flat_map(|status| &status.conditions);
            let current = |observed: Option<i64>| observed == policy.metadata.generation;
            let programmed = conditions.into_iter().any(|condition| {
                condition.type_ == "Programmed"
                    && condition.status == "True"
                    && current(condition.observed_generation)
            });
            Ok(programmed.then_some(policy))
        })
        .await
    }

    /// Events that beaconwatch wrote about an object of the scenario's namespace.
    ///
    /// # Errors
    ///
    /// The API server's.
    pub async fn events(&self, kind: &str, name: &str) -> Result<Vec<Event>> {
        let events = self.api::<Event>().list(&ListParams::default()).await?.items;
        let about = |event: &Event| {
            event.regarding.as_ref().is_some_and(|object| {
                object.kind.as_deref() == Some(kind) && object.name.as_deref() == Some(name)
            })
        };
        let ours = |event: &Event| {
            event.reporting_controller.as_deref().is_some_and(|by| by.starts_with("beaconwatch.io"))
        };
        Ok(events.into_iter().filter(|event| about(event) && ours(event)).collect())
    }

    /// Reports of all nodes.
    ///
    /// # Errors
    ///
    /// The API server's.
    pub async fn nodes(&self) -> Result<Vec<BeaconNode>> {
        Ok(Api::<BeaconNode>::all(self.client.clone()).list(&ListParams::default()).await?.items)
    }
}
