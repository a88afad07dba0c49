//! What the two kinds of policy have in common.

use std::fmt::Debug;

use beaconwatch_crds::compile::{self, CompileError};
use beaconwatch_crds::exceptions::Exception;
use beaconwatch_crds::policy_status::PolicyStatus;
use beaconwatch_crds::{BeaconPolicy, ClusterBeaconPolicy};
use beaconwatch_engine::assess::policy::{Policy, PolicyId};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

/// A kind of policy.
pub trait PolicyKind:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
    /// Name of the kind.
    const KIND: &'static str;

    /// The policy as agents run it.
    ///
    /// # Errors
    ///
    /// Every problem that keeps it from being run.
    fn compile(&self) -> Result<Policy, CompileError>;

    /// Its exceptions, as written.
    fn exceptions(&self) -> &[Exception];

    /// Its status, if it has one.
    fn status(&self) -> Option<&PolicyStatus>;

    /// Where the object with this id is written.
    fn api(client: Client, id: &PolicyId) -> Api<Self>;
}

impl PolicyKind for BeaconPolicy {
    const KIND: &'static str = "BeaconPolicy";

    fn compile(&self) -> Result<Policy, CompileError> {
        compile::beacon_policy(self)
    }

    fn exceptions(&self) -> &[Exception] {
        &self.spec.rules.exceptions
    }

    fn status(&self) -> Option<&PolicyStatus> {
        self.status.as_ref()
    }

    fn api(client: Client, id: &PolicyId) -> Api<Self> {
        match &id.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::default_namespaced(client),
        }
    }
}

impl PolicyKind for ClusterBeaconPolicy {
    const KIND: &'static str = "ClusterBeaconPolicy";

    fn compile(&self) -> Result<Policy, CompileError> {
        compile::cluster_beacon_policy(self)
    }

    fn exceptions(&self) -> &[Exception] {
        &self.spec.rules.exceptions
    }

    fn status(&self) -> Option<&PolicyStatus> {
        self.status.as_ref()
    }

    fn api(client: Client, _: &PolicyId) -> Api<Self> {
        Api::all(client)
    }
}

/// The id under which agents and findings name a policy, also of one that cannot be read.
#[must_use]
pub fn id_of<K: PolicyKind>(object: &DeserializeGuard<K>) -> PolicyId {
    PolicyId { namespace: object.namespace().map(Into::into), name: object.name_any().into() }
}
