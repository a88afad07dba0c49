//! The node's report: `BeaconNode`, named as the node, written by server-side apply.
//!
//! RBAC: `beaconnodes`: get, create, patch; `beaconnodes/status`: patch.

use beaconwatch_crds::beacon_node::BeaconNodeStatus;
use beaconwatch_crds::{API_VERSION, BeaconNode};
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Client, Error};
use serde_json::json;

use super::findings::FIELD_MANAGER;

/// Writes reports.
pub struct NodeReporter {
    nodes: Api<PartialObjectMeta<BeaconNode>>,
    name: String,
    made: bool,
}

impl NodeReporter {
    /// A reporter for the node `name`.
    #[must_use]
    pub fn for_node(client: Client, name: impl Into<String>) -> Self {
        Self { nodes: Api::all(client), name: name.into(), made: false }
    }

    /// Writes a report; makes the object first if it is not there.
    ///
    /// # Errors
    ///
    /// The API server refused it or could not be reached.
    pub async fn report(&mut self, status: &BeaconNodeStatus) -> kube::Result<()> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let kind = json!({ "apiVersion": API_VERSION, "kind": "BeaconNode" });
        if !self.made {
            let mut object = kind.clone();
            merge(&mut object, json!({ "metadata": { "name": self.name }, "spec": {} }));
            self.nodes.patch(&self.name, &params, &Patch::Apply(&object)).await?;
            self.made = true;
        }
        let mut object = kind;
        merge(&mut object, json!({ "status": status }));
        let written = self.nodes.patch_status(&self.name, &params, &Patch::Apply(&object)).await;
        if let Err(Error::Api(answer)) = &written
            && answer.code == 404
        {
            self.made = false;
        }
        written.map(drop)
    }
}

fn merge(object: &mut serde_json::Value, more: serde_json::Value) {
    if let (Some(object), serde_json::Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}
