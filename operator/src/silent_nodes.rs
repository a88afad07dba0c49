//! Marks reports of nodes whose agent fell silent: their `Ready` turns `Unknown`, so that nobody reads an old report
//! as news. The agent's next report takes the mark away.
//!
//! RBAC: `beaconnodes/status`: patch.

use beaconwatch_crds::beacon_node::CONDITION_READY;
use beaconwatch_crds::{API_VERSION, BeaconNode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff;
use kube::api::{Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use serde_json::json;

use crate::metrics::Metrics;

const FIELD_MANAGER: &str = "beaconwatch-operator";
const UNKNOWN: &str = "Unknown";

/// A node whose agent is silent, and why it is thought so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilentNode {
    /// Name of the node.
    pub name: String,
    /// `its agent is silent since 2026-11-24T12:00:00Z`.
    pub reason: String,
}

/// The report says that its agent is silent already.
#[must_use]
pub fn is_marked(node: &BeaconNode) -> bool {
    let conditions = node.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|held| held.type_ == CONDITION_READY && held.status == UNKNOWN)
}

/// Marks them.
pub async fn mark(client: &Client, silent: &[SilentNode], metrics: &Metrics) {
    let api: Api<PartialObjectMeta<BeaconNode>> = Api::all(client.clone());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    for SilentNode { name, reason } in silent {
        let condition = Condition {
            type_: CONDITION_READY.to_owned(),
            status: UNKNOWN.to_owned(),
            reason: "AgentSilent".to_owned(),
            message: reason.clone(),
            last_transition_time: Time(jiff::Timestamp::now()),
            observed_generation: None,
        };
        let object = json!({
            "apiVersion": API_VERSION,
            "kind": "BeaconNode",
            "status": { "conditions": [condition] },
        });
        match api.patch_status(name, &params, &Patch::Apply(&object)).await {
            Ok(_) => tracing::warn!(node = name, "{reason}"),
            Err(kube::Error::Api(answer)) if answer.code == 404 => {}
            Err(error) => {
                metrics.mark_failed();
                tracing::warn!(node = name, %error, "cannot mark the node's report");
            }
        }
    }
}
