//! Watches everything that the operator looks at, keeps [`Cluster`] in step, and publishes the rollout of each policy
//! whenever something changed. A watch that fails is tried again for ever, also when its kind is not installed yet.
//!
//! RBAC: list and watch of `beaconpolicies`, `clusterbeaconpolicies`, `beaconnodes`, `beaconfindings`, `pods`,
//! `namespaces`, `nodes`.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use beaconwatch_crds::{BeaconFinding, BeaconNode, BeaconPolicy, ClusterBeaconPolicy};
use beaconwatch_engine::time::Timestamp;
use futures::stream::{BoxStream, SelectAll, StreamExt};
use futures::{Stream, future};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, store};
use kube::runtime::watcher::{self, Config, Event, ExponentialBackoff};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::cleanup::{Outdated, Retention, outdated};
use crate::cluster::rollout::Rollouts;
use crate::cluster::{Change, Cluster, Compiled, Key, key_of};
use crate::metrics::Metrics;
use crate::policy::{PolicyKind, id_of};
use crate::silent_nodes::SilentNode;

/// After a change of a policy or of a node's report.
const SOON: Duration = Duration::from_millis(500);
/// After a change of pods or findings, of which there are many.
const LATER: Duration = Duration::from_secs(5);
/// In any case, since nodes may fall silent.
const LATEST: Duration = Duration::from_secs(30);

/// What a look at the cluster ends in.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The rollout of each policy.
    pub rollouts: watch::Sender<Arc<Rollouts>>,
    /// What is to be deleted or marked.
    pub garbage: watch::Sender<Garbage>,
}

/// Objects that have served their time, or speak of an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Findings.
    pub findings: Vec<Outdated>,
    /// Names of nodes that are gone and have a report.
    pub reports: Vec<String>,
    /// Nodes that are there and do not report.
    pub silent: Vec<SilentNode>,
}

/// One change of anything.
enum Observed {
    Policy(Box<Change<DeserializeGuard<BeaconPolicy>>>),
    ClusterPolicy(Box<Change<DeserializeGuard<ClusterBeaconPolicy>>>),
    Report(Box<Change<DeserializeGuard<BeaconNode>>>),
    Finding(Box<Change<DeserializeGuard<BeaconFinding>>>),
    Pod(Box<Change<Pod>>),
    Namespace(Box<Change<PartialObjectMeta<Namespace>>>),
    Node(Box<Change<PartialObjectMeta<Node>>>),
}

/// Kinds that are watched: rollouts are said only after each was listed.
const KINDS: usize = 7;

/// Stores of the policies, which the reconciler reads.
#[derive(Debug)]
pub struct PolicyStores {
    /// Of `BeaconPolicy`.
    pub policies: store::Store<DeserializeGuard<BeaconPolicy>>,
    /// Of `ClusterBeaconPolicy`.
    pub cluster_policies: store::Store<DeserializeGuard<ClusterBeaconPolicy>>,
}

/// The watches, not running yet.
pub struct Watches {
    streams: SelectAll<BoxStream<'static, Observed>>,
}

/// The operator's clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_nanos(u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(0))
}

impl Watches {
    /// Watches of all kinds, and the stores that they fill.
    #[must_use]
    pub fn of(client: &Client, metrics: &Arc<Metrics>) -> (Self, PolicyStores) {
        let (policies, policy_writer) = store::store();
        let (cluster_policies, cluster_policy_writer) = store::store();
        let mut streams = SelectAll::new();
        let watched = |resource| (metrics.clone(), resource);
        streams.push(
            reflected(objects(client), policy_writer, watched("beaconpolicies"))
                .map(|change| Observed::Policy(change.into()))
                .boxed(),
        );
        streams.push(
            reflected(objects(client), cluster_policy_writer, watched("clusterbeaconpolicies"))
                .map(|change| Observed::ClusterPolicy(change.into()))
                .boxed(),
        );
        streams.push(
            changes(objects(client), watched("beaconnodes"))
                .map(|change| Observed::Report(change.into()))
                .boxed(),
        );
        streams.push(
            changes(objects(client), watched("beaconfindings"))
                .map(|change| Observed::Finding(change.into()))
                .boxed(),
        );
        streams.push(
            changes(objects(client), watched("pods")).map(|change| Observed::Pod(change.into())).boxed(),
        );
        streams.push(
            changes(objects(client), watched("namespaces"))
                .map(|change| Observed::Namespace(change.into()))
                .boxed(),
        );
        streams.push(
            changes(objects(client), watched("nodes")).map(|change| Observed::Node(change.into())).boxed(),
        );
        (Self { streams }, PolicyStores { policies, cluster_policies })
    }

    /// Observes until dropped.
    pub async fn observe(
        mut self,
        mut cluster: Cluster,
        stale: Duration,
        retention: Retention,
        outcome: Outcome,
        metrics: Arc<Metrics>,
    ) {
        let mut due = Instant::now() + LATEST;
        let mut listed = BTreeSet::new();
        loop {
            tokio::select! {
                Some(observed) = self.streams.next() => {
                    let at = Instant::now();
                    due = due.min(at + apply(&mut cluster, observed, &mut listed));
                }
                () = sleep_until(due) => {
                    due = Instant::now() + LATEST;
                    if listed.len() == KINDS {
                        look(&mut cluster, stale, retention, &outcome, &metrics);
                    } else {
                        tracing::info!(listed = ?listed, "waiting until everything is listed");
                    }
                }
            }
        }
    }
}

/// Takes a change; says how soon it is to be looked at.
fn apply(cluster: &mut Cluster, observed: Observed, listed: &mut BTreeSet<&'static str>) -> Duration {
    let mut note = |kind, is_listed: bool, delay| {
        if is_listed && listed.insert(kind) { SOON } else { delay }
    };
    match observed {
        Observed::Policy(change) => {
            let delay = note("beaconpolicies", matches!(*change, Change::Listed), SOON);
            cluster.policy(*change);
            delay
        }
        Observed::ClusterPolicy(change) => {
            let delay = note("clusterbeaconpolicies", matches!(*change, Change::Listed), SOON);
            cluster.policy(*change);
            delay
        }
        Observed::Report(change) => {
            let delay = note("beaconnodes", matches!(*change, Change::Listed), SOON);
            cluster.report(*change, now());
            delay
        }
        Observed::Finding(change) => {
            let delay = note("beaconfindings", matches!(*change, Change::Listed), LATER);
            cluster.finding(*change);
            delay
        }
        Observed::Pod(change) => {
            let delay = note("pods", matches!(*change, Change::Listed), LATER);
            cluster.pod(*change);
            delay
        }
        Observed::Namespace(change) => {
            let delay = note("namespaces", matches!(*change, Change::Listed), LATER);
            cluster.namespace(*change);
            delay
        }
        Observed::Node(change) => {
            let delay = note("nodes", matches!(*change, Change::Listed), LATER);
            cluster.node(*change);
            delay
        }
    }
}

fn look(cluster: &mut Cluster, stale: Duration, retention: Retention, outcome: &Outcome, metrics: &Metrics) {
    let began = Instant::now();
    let now = now();
    let rollouts = cluster.rollouts(now, stale);
    let accepted =
        cluster.policies().values().filter(|policy| matches!(policy.compiled, Compiled::Yes(_))).count();
    let behind = rollouts.values().map(|rollout| rollout.nodes_behind).sum();
    metrics.looked(began.elapsed(), accepted, cluster.policies().len() - accepted, behind);
    metrics.findings(cluster.findings().values().map(|finding| finding.severity));
    outcome.rollouts.send_replace(Arc::new(rollouts));
    outcome.garbage.send_replace(Garbage {
        findings: outdated(cluster.findings(), |finding| cluster.is_superseded(finding), now, retention),
        reports: cluster.reports_without_node().cloned().collect(),
        silent: cluster.silent_nodes(now, stale),
    });
}

fn objects<K>(client: &Client) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + use<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watch_objects(Api::<K>::all(client.clone()), Config::default())
}

/// Pauses between tries of a watch: doubling from half a second to ten seconds.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(10))
        .without_max_times()
        .into()
}

/// Events of a watch that is tried again when it fails.
fn steady<K: 'static>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>>,
    (metrics, resource): (Arc<Metrics>, &'static str),
) -> impl Stream<Item = Event<K>> {
    events.backoff(pauses()).filter_map(move |event| {
        if let Err(error) = &event {
            metrics.watch_failed(resource);
            tracing::warn!(resource, %error, "a watch failed and is tried again");
        }
        future::ready(event.ok())
    })
}

/// Changes, including objects that vanished while the watch was interrupted.
fn changes<K: Resource + 'static>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>>,
    watched: (Arc<Metrics>, &'static str),
) -> impl Stream<Item = Change<K>> {
    let mut listing = Listing::default();
    steady(events, watched).flat_map(move |event| futures::stream::iter(listing.changes(event)))
}

/// [`changes`], with each event also applied to a store.
fn reflected<K: PolicyKind>(
    events: impl Stream<Item = Result<Event<DeserializeGuard<K>>, watcher::Error>>,
    mut writer: store::Writer<DeserializeGuard<K>>,
    (metrics, resource): (Arc<Metrics>, &'static str),
) -> impl Stream<Item = Change<DeserializeGuard<K>>> {
    let mut listing = Listing::default();
    let counted = metrics.clone();
    steady(events, (metrics, resource)).flat_map(move |event| {
        writer.apply_watcher_event(&event);
        if let Event::Apply(object) | Event::InitApply(object) = &event
            && object.0.is_err()
        {
            counted.unreadable(K::KIND);
        }
        futures::stream::iter(listing.changes(event))
    })
}

/// The objects that a watch has delivered so far.
#[derive(Debug, Default)]
struct Listing {
    known: BTreeSet<Key>,
    listed: BTreeSet<Key>,
}

impl Listing {
    fn changes<K: Resource>(&mut self, event: Event<K>) -> Vec<Change<K>> {
        match event {
            Event::Apply(object) => {
                self.known.insert(key_of(&object));
                vec![Change::Applied(object)]
            }
            Event::Delete(object) => {
                let key = key_of(&object);
                self.known.remove(&key);
                vec![Change::Deleted(key)]
            }
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(key_of(&object));
                vec![Change::Applied(object)]
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let known = std::mem::replace(&mut self.known, listed);
                let gone = known.into_iter().filter(|key| !self.known.contains(key));
                gone.map(Change::Deleted).chain([Change::Listed]).collect()
            }
        }
    }
}

/// Policies of one kind whose rollout changed, as a stream.
pub fn changed_policies<K: PolicyKind>(
    rollouts: watch::Receiver<Arc<Rollouts>>,
    store: store::Store<DeserializeGuard<K>>,
) -> impl Stream<Item = Result<ObjectRef<DeserializeGuard<K>>, std::convert::Infallible>> {
    let start = (rollouts, Arc::<Rollouts>::default());
    futures::stream::unfold(start, move |(mut rollouts, before)| {
        let store = store.clone();
        async move {
            rollouts.changed().await.ok()?;
            let after = rollouts.borrow_and_update().clone();
            let changed: Vec<_> = store
                .state()
                .iter()
                .filter(|object| {
                    let id = id_of(object);
                    before.get(&id) != after.get(&id)
                })
                .map(|object| Ok(ObjectRef::from_obj(object.as_ref())))
                .collect();
            Some((futures::stream::iter(changed), (rollouts, after)))
        }
    })
    .flatten()
}
