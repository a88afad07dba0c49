//! The watches of the agent, merged into one stream and put into the engine's queue. A watch that fails is tried
//! again for ever, also when its kind is not installed yet.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use beaconwatch_crds::{BeaconPolicy, ClusterBeaconPolicy};
use beaconwatch_engine::input::Input;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll, StreamExt};
use futures::{Stream, future};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::{self, Config, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, ResourceExt};
use tokio::time::sleep;

use super::answer::answered;
use super::counters::KubeCounters;
use super::delay::Delay;
use super::owners::{self, OwnerRef, TopOwner};
use super::parts::{KubeParts, Shared};
use super::pods::PodIndex;
use crate::queue::Arrival;

/// Owners asked for at once.
const OWNERS_AT_ONCE: usize = 4;
/// Replicas of owners are read again this often.
const OWNERS_AGAIN: Duration = Duration::from_secs(600);
/// How long to wait for a full queue of the engine.
const QUEUE_FULL: Duration = Duration::from_millis(5);

enum Observed {
    Policy(Box<Event<DeserializeGuard<BeaconPolicy>>>),
    ClusterPolicy(Box<Event<DeserializeGuard<ClusterBeaconPolicy>>>),
    Pod(Box<Event<Pod>>),
    Namespace(Box<Event<PartialObjectMeta<Namespace>>>),
}

/// Watches until dropped.
pub async fn run(client: Client, node: String, parts: KubeParts, shared: Shared) {
    let mut streams = streams(&client, &node, &shared.counters);
    let mut index = PodIndex::default();
    let mut asking = FuturesUnordered::new();
    let mut delay = Delay::default();
    let mut again = tokio::time::interval(OWNERS_AGAIN);
    loop {
        while asking.len() < OWNERS_AT_ONCE
            && delay.is_over()
            && let Some(owner) = index.owner_to_ask()
        {
            asking.push(ask(client.clone(), owner));
        }
        tokio::select! {
            Some(observed) = streams.next() => {
                apply(observed, &mut index, &parts, &shared).await;
            }
            Some((owner, answer)) = asking.next() => match answer {
                Ok(top) => {
                    delay.reset();
                    index.owner_resolved(&owner, top);
                }
                Err(error) => {
                    delay.grow();
                    tracing::debug!(?owner, %error, "cannot read an owner yet");
                    index.owner_failed(&owner);
                }
            },
            _ = again.tick() => index.ask_owners_again(),
            () = tokio::time::sleep_until(delay.until()), if !delay.is_over() => {}
        }
        for input in index.take_outputs() {
            deliver(&parts, input).await;
        }
        shared.counters.pods.set(index.len() as u64);
        let policies = shared.policies.lock().is_ok_and(|policies| policies.in_force().is_some());
        if index.is_synced() && policies {
            shared.synced.store(true, Ordering::Relaxed);
        }
    }
}

async fn ask(client: Client, owner: OwnerRef) -> (OwnerRef, kube::Result<Option<TopOwner>>) {
    let answer = answered(owners::read(&client, &owner)).await;
    (owner, answer)
}

fn streams(
    client: &Client,
    node: &str,
    counters: &Arc<KubeCounters>,
) -> SelectAll<BoxStream<'static, Observed>> {
    let all = Config::default;
    let own_pods = Config::default().fields(&format!("spec.nodeName={node}"));
    let mut streams = SelectAll::new();
    let policies = watch_objects(Api::all(client.clone()), all());
    streams.push(steady(policies, "beaconpolicies", counters).map(|e| Observed::Policy(e.into())).boxed());
    let policies = watch_objects(Api::all(client.clone()), all());
    streams.push(
        steady(policies, "clusterbeaconpolicies", counters)
            .map(|event| Observed::ClusterPolicy(event.into()))
            .boxed(),
    );
    let namespaces = watch_objects(Api::all(client.clone()), all());
    streams.push(steady(namespaces, "namespaces", counters).map(|e| Observed::Namespace(e.into())).boxed());
    let pods = watch_objects(Api::all(client.clone()), own_pods);
    streams.push(steady(pods, "pods", counters).map(|event| Observed::Pod(event.into())).boxed());
    streams
}

/// Events of a watch that is tried again when it fails.
fn steady<K: 'static, S: Stream<Item = Result<Event<K>, watcher::Error>>>(
    events: S,
    resource: &'static str,
    counters: &Arc<KubeCounters>,
) -> impl Stream<Item = Event<K>> + use<K, S> {
    let counters = Arc::clone(counters);
    events.backoff(Delay::default()).filter_map(move |event| {
        if let Err(error) = &event {
            counters.watch_failures.inc();
            tracing::warn!(resource, %error, "a watch failed and is tried again");
        }
        future::ready(event.ok())
    })
}

async fn apply(observed: Observed, index: &mut PodIndex, parts: &KubeParts, shared: &Shared) {
    let changed = match observed {
        Observed::Pod(event) => {
            index.pod_event(*event);
            return;
        }
        Observed::Namespace(event) => {
            match *event {
                Event::Apply(namespace) | Event::InitApply(namespace) => {
                    index.namespace_labels(&namespace.name_any(), Some(namespace.labels()));
                }
                Event::Delete(namespace) => index.namespace_deleted(&namespace.name_any()),
                Event::Init | Event::InitDone => {}
            }
            return;
        }
        Observed::Policy(event) => {
            let Ok(mut policies) = shared.policies.lock() else { return };
            policies.policy_event(*event)
        }
        Observed::ClusterPolicy(event) => {
            let Ok(mut policies) = shared.policies.lock() else { return };
            policies.cluster_policy_event(*event)
        }
    };
    if !changed {
        return;
    }
    let Ok((in_force, refused)) =
        shared.policies.lock().map(|policies| (policies.in_force(), policies.refused()))
    else {
        return;
    };
    shared.counters.objects_refused.set(refused as u64);
    if let Some(policies) = in_force {
        deliver(parts, Input::Policies(policies)).await;
        shared.changed.notify_one();
    }
}

/// Puts an input into the engine's queue; pods and policies must not be lost, so it waits for room.
async fn deliver(parts: &KubeParts, input: Input) {
    let mut waiting = input;
    loop {
        // It is learned when it is in the queue: the engine is past what was before.
        match parts.inputs.try_send(Arrival::Learned((parts.clock)(), waiting)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            Err(TrySendError::Full(back)) => (_, waiting) = back.into_parts(),
        }
        sleep(QUEUE_FULL).await;
    }
}
