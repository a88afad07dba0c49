//! Events on the pod of a finding: one per change of state, and one that sums up what the budget does not take.
//!
//! RBAC: `events.k8s.io` `events`: create. `reportingInstance` is the node, which admission holds the agent to.

use beaconwatch_crds::{API_VERSION, BeaconFinding};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_report::name;
use beaconwatch_report::object::{Reporter, cut};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::ResourceExt;
use kube::api::ObjectMeta;

use super::ledger::Transition;

/// Who reports.
pub const CONTROLLER: &str = "beaconwatch.io/agent";
/// Reason of the Event that sums up.
pub const SUMMARIZED: &str = "BeaconFindingsSummarized";
/// Bytes that the API server takes as a note.
const NOTE_MAX: usize = 1024;

/// The Event about a change of a finding.
#[must_use]
pub fn about(object: &BeaconFinding, transition: Transition, reporter: &Reporter, now: Timestamp) -> Event {
    let spec = &object.spec;
    let object_name = object.name_any();
    let first = &spec.when.first.0;
    let what = match transition {
        Transition::Detected => String::new(),
        Transition::Raised => format!("now {}: ", spec.severity),
        Transition::Ended => "ended: ".to_owned(),
    };
    let see =
        format!("; {} bits ({}). See: kubectl describe bf {object_name}", spec.score_text, spec.severity);
    let note = format!("{what}{}{see}", cut(&spec.summary, NOTE_MAX - what.len() - see.len()));
    let name = match transition {
        // A finding ends at a time of its own; it is detected and raised once per first check-in and severity.
        Transition::Ended => name::of_event(&object_name, transition.reason(), "", &spec.when.last.0),
        Transition::Detected | Transition::Raised => {
            name::of_event(&object_name, transition.reason(), spec.severity.as_str(), first)
        }
    };
    let type_ = if transition == Transition::Ended { "Normal" } else { "Warning" };
    let mut event = event(name, type_, transition.reason(), note, reporter, now);
    event.regarding = Some(regarding(object, reporter));
    event.metadata.namespace = Some(namespace_of(object));
    event.related = Some(ObjectReference {
        api_version: Some(API_VERSION.into()),
        kind: Some("BeaconFinding".into()),
        namespace: object.namespace(),
        name: Some(object_name),
        ..ObjectReference::default()
    });
    event
}

/// The Event that tells how many more there would have been.
#[must_use]
pub fn summary(regarding: &ObjectReference, count: u32, reporter: &Reporter, now: Timestamp) -> Event {
    let namespace = regarding.namespace.clone().unwrap_or_else(|| "default".into());
    let about = regarding.name.clone().unwrap_or_default();
    let name = name::of_event(&about, SUMMARIZED, &reporter.node, &now.to_string());
    let note = format!(
        "{count} more changes of findings are not listed one by one. See all: kubectl get bf -n {namespace}"
    );
    let mut event = event(name, "Warning", SUMMARIZED, note, reporter, now);
    event.metadata.namespace = Some(namespace);
    event.regarding = Some(regarding.clone());
    event
}

/// What an Event about this finding regards: its pod, else the finding itself.
#[must_use]
pub fn regarding(object: &BeaconFinding, reporter: &Reporter) -> ObjectReference {
    let who = &object.spec.who;
    match (&who.pod, &who.pod_uid) {
        (Some(pod), uid) => ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("Pod".into()),
            namespace: object.namespace(),
            name: Some(pod.clone()),
            uid: uid.clone(),
            ..ObjectReference::default()
        },
        (None, _) => ObjectReference {
            api_version: Some(API_VERSION.into()),
            kind: Some("BeaconFinding".into()),
            namespace: object.namespace().or_else(|| Some(reporter.namespace.clone())),
            name: Some(object.name_any()),
            ..ObjectReference::default()
        },
    }
}

fn namespace_of(object: &BeaconFinding) -> String {
    object.namespace().unwrap_or_else(|| "default".into())
}

fn event(
    name: String,
    type_: &str,
    reason: &str,
    note: String,
    reporter: &Reporter,
    now: Timestamp,
) -> Event {
    let micros = i64::try_from(now.as_nanos() / 1000).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
    Event {
        metadata: ObjectMeta { name: Some(name), ..ObjectMeta::default() },
        action: Some("Detect".into()),
        event_time: Some(MicroTime(time)),
        note: Some(cut(&note, NOTE_MAX).to_owned()),
        reason: Some(reason.into()),
        reporting_controller: Some(CONTROLLER.into()),
        reporting_instance: Some(reporter.node.clone()),
        type_: Some(type_.into()),
        ..Event::default()
    }
}
