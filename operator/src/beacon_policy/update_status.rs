//! The update step: writes a status that differs from the one there, and publishes transitions as Events.

use beaconwatch_crds::API_VERSION;
use beaconwatch_crds::policy_status::{
    CONDITION_ACCEPTED, CONDITION_EXCEPTIONS_CURRENT, CONDITION_PROGRAMMED, CONDITION_SELECTS_WORKLOADS,
    PolicyStatus,
};
use beaconwatch_engine::assess::policy::PolicyId;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::{Context, reasons};
use crate::policy::PolicyKind;

/// Owner of the fields that the operator writes.
pub(super) const FIELD_MANAGER: &str = "beaconwatch-operator";

/// Why the status could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused it or could not be reached.
    #[error("cannot write the status: {0}")]
    Patch(#[source] kube::Error),
}

/// Writes the status if it says something new. False: it did not, or the policy is gone.
pub(super) async fn update_status<K: PolicyKind>(
    object: &DeserializeGuard<K>,
    id: &PolicyId,
    status: PolicyStatus,
    context: &Context,
) -> Result<bool, Error> {
    let before = object.0.as_ref().ok().and_then(PolicyKind::status);
    if before == Some(&status) {
        return Ok(false);
    }
    let api = K::api(context.client.clone(), id);
    let patch = json!({ "apiVersion": API_VERSION, "kind": K::KIND, "status": &status });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    match api.patch_status(&id.name, &params, &Patch::Apply(&patch)).await {
        Ok(_) => {}
        Err(error) if written_unreadable(object, &error) => {}
        Err(kube::Error::Api(answer)) if answer.code == 404 => return Ok(false),
        Err(error) => return Err(Error::Patch(error)),
    }
    publish(object, before, &status, context).await;
    Ok(true)
}

/// The answer to a write on an object that cannot be read cannot be read either.
fn written_unreadable<K: PolicyKind>(object: &DeserializeGuard<K>, error: &kube::Error) -> bool {
    object.0.is_err() && matches!(error, kube::Error::SerdeError(_))
}

/// Tells as Events what a user must know. An Event that cannot be written is counted and given up: the status
/// says the same.
async fn publish<K: PolicyKind>(
    object: &DeserializeGuard<K>,
    before: Option<&PolicyStatus>,
    status: &PolicyStatus,
    context: &Context,
) {
    let reporter = Reporter { controller: FIELD_MANAGER.into(), instance: Some(context.instance.clone()) };
    let recorder = Recorder::new(context.client.clone(), reporter);
    for condition in &status.conditions {
        let held =
            before.and_then(|status| status.conditions.iter().find(|held| held.type_ == condition.type_));
        let Some(type_) = event_type_of(held, condition) else { continue };
        let event = Event {
            type_,
            reason: condition.reason.clone(),
            note: Some(note(&condition.message)),
            action: "Reconcile".into(),
            secondary: None,
        };
        let published = recorder.publish(&event, &object.object_ref(&())).await;
        context.metrics.event_published(published.is_ok());
        if let Err(error) = published {
            tracing::warn!(kind = K::KIND, name = object.name_any(), %error, "cannot write an event");
        }
    }
}

/// A change of reason is published. Good news is published only when it ends bad news; nodes that are behind for
/// a moment after a change are no news.
fn event_type_of(before: Option<&Condition>, now: &Condition) -> Option<EventType> {
    if before.is_some_and(|before| before.reason == now.reason && before.status == now.status) {
        return None;
    }
    let was_bad = before.is_some_and(|before| before.status == "False");
    match (now.type_.as_str(), now.status.as_str()) {
        (CONDITION_ACCEPTED, "False") => Some(EventType::Warning),
        (CONDITION_ACCEPTED, "True") if was_bad => Some(EventType::Normal),
        (CONDITION_PROGRAMMED, "True") => Some(EventType::Normal),
        (CONDITION_PROGRAMMED, "False") if now.reason == reasons::NO_NODES => Some(EventType::Warning),
        (CONDITION_EXCEPTIONS_CURRENT | CONDITION_SELECTS_WORKLOADS, "False") => Some(EventType::Warning),
        (CONDITION_EXCEPTIONS_CURRENT | CONDITION_SELECTS_WORKLOADS, "True") if was_bad => {
            Some(EventType::Normal)
        }
        _ => None,
    }
}

/// Events take 1024 bytes.
fn note(message: &str) -> String {
    let end = (0..=message.len().min(1000)).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
    message.get(..end).unwrap_or_default().to_owned()
}
