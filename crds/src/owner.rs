//! The top owner of a pod by the naming rules of Kubernetes' own controllers: what can be said without asking.

use beaconwatch_engine::actor::Owner;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// Label that the Deployment controller puts on its ReplicaSets and their pods.
const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// The owner that controls an object.
#[must_use]
pub fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// The top owner of the pod with this metadata. A ReplicaSet of a Deployment is named
/// `<deployment>-<pod-template-hash>`, a Job of a CronJob `<cronjob>-<minutes since the epoch>`; a bare pod owns
/// itself.
#[must_use]
pub fn top_owner(meta: &ObjectMeta) -> Owner {
    let Some(owner) = controller(meta) else {
        let name = meta.name.as_deref().unwrap_or_default();
        return Owner { kind: "Pod".into(), name: name.into() };
    };
    let hash = meta.labels.as_ref().and_then(|labels| labels.get(POD_TEMPLATE_HASH));
    let of_deployment = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    let of_cron_job = owner.name.rsplit_once('-').and_then(|(name, minutes)| {
        (minutes.len() == 8 && minutes.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
    });
    let (kind, name) = match (owner.kind.as_str(), of_deployment, of_cron_job) {
        ("ReplicaSet", Some(name), _) => ("Deployment", name),
        ("Job", _, Some(name)) => ("CronJob", name),
        (kind, _, _) => (kind, owner.name.as_str()),
    };
    Owner { kind: kind.into(), name: name.into() }
}
