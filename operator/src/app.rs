//! Composition root: makes each part and hands it what it needs.

use std::sync::Arc;

use anyhow::Context as _;
use futures::{FutureExt, StreamExt};
use kube::core::DeserializeGuard;
use kube::runtime::controller::Config;
use kube::runtime::reflector::store::Store;
use kube::runtime::{applier, controller};
use kube::{Api, Client};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::apply_crds::apply_crds;
use crate::args::Args;
use crate::beacon_policy::{self, Context};
use crate::cleanup::{Retention, delete_findings, delete_reports};
use crate::cluster::rollout::Rollouts;
use crate::cluster::{AgentPods, Cluster};
use crate::endpoints;
use crate::leader::{Candidate, Leadership, LeaseTimes};
use crate::metrics::Metrics;
use crate::observe::{Garbage, Outcome, Watches, changed_policies};
use crate::policy::PolicyKind;
use crate::silent_nodes;

/// Reconciliations of one kind that run at once.
const CONCURRENCY: u16 = 8;

/// Runs until `stop` says true.
///
/// # Errors
///
/// The cluster's address or the port for metrics cannot be had.
pub async fn run(args: Args, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let client = Client::try_default().await.context("cannot find the cluster")?;
    if args.apply_crds {
        return apply_crds(client).await;
    }
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    run_with(args, client, listener, LeaseTimes::default(), stop).await;
    Ok(())
}

/// [`run`] with what it needs from outside.
pub async fn run_with(
    args: Args,
    client: Client,
    listener: TcpListener,
    times: LeaseTimes,
    stop: watch::Receiver<bool>,
) {
    let metrics = Arc::new(Metrics::default());
    let (leadership, mut lead) = watch::channel(Leadership::default());
    let (ready, is_ready) = watch::channel(false);
    let namespace = args.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let leases = Api::namespaced(client.clone(), &namespace);
    let candidate = Candidate::for_lease(leases, args.lease.as_str(), args.identity.as_str(), times);
    let election = tokio::spawn(candidate.run(leadership, stop.clone()));
    let web = tokio::spawn(endpoints::serve(listener, metrics.clone(), is_ready, stop.clone()));
    let mut stopped = stop.clone();
    loop {
        let role = *lead.borrow_and_update();
        metrics.set_leading(role == Leadership::Leading);
        ready.send_replace(role != Leadership::Unknown);
        let work = match role {
            Leadership::Leading => leading(&args, &client, &namespace, &metrics).boxed(),
            Leadership::Standby | Leadership::Unknown => std::future::pending().boxed(),
        };
        tokio::select! {
            () = work => {}
            changed = lead.changed() => if changed.is_err() { break },
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    // The Lease is let go only after the work has stopped.
    let _ = tokio::join!(election, web);
}

/// What only the leader does. Ends only by being dropped.
async fn leading(args: &Args, client: &Client, namespace: &str, metrics: &Arc<Metrics>) {
    let outcome = Outcome::default();
    let (watches, stores) = Watches::of(client, metrics);
    let context = Arc::new(Context {
        client: client.clone(),
        instance: args.identity.clone(),
        rollouts: outcome.rollouts.subscribe(),
        metrics: metrics.clone(),
        failures: std::sync::Mutex::default(),
    });
    let retention = Retention {
        ttl: args.finding_ttl(),
        findings_max: usize::try_from(args.findings_max).unwrap_or(usize::MAX),
    };
    let cluster = Cluster::with_agents(AgentPods::of_chart(namespace));
    let garbage = outcome.garbage.subscribe();
    tokio::join!(
        reconciling(stores.policies, outcome.rollouts.subscribe(), context.clone()),
        reconciling(stores.cluster_policies, outcome.rollouts.subscribe(), context),
        cleaning(client, garbage, metrics),
        watches.observe(cluster, args.node_stale(), retention, outcome, metrics.clone()),
    );
}

/// Reconciles policies of one kind whenever their rollout changes.
async fn reconciling<K: PolicyKind>(
    store: Store<DeserializeGuard<K>>,
    rollouts: watch::Receiver<Arc<Rollouts>>,
    context: Arc<Context>,
) {
    let queue = changed_policies(rollouts, store.clone());
    let reconcile = |object, context| beacon_policy::reconcile::<K>(object, context).boxed();
    let config = Config::default().concurrency(CONCURRENCY);
    applier(reconcile, beacon_policy::retry::<K>, context, store, Box::pin(queue), config)
        .for_each(async |done| match done {
            Ok((policy, action)) => tracing::debug!(%policy, ?action, "reconciled"),
            // Logged and counted where it is decided when to try again.
            Err(controller::Error::ReconcilerFailed(..)) => {}
            Err(controller::Error::ObjectNotFound(policy)) => tracing::debug!(%policy, "gone meanwhile"),
            Err(error) => tracing::error!(%error, "the reconciler failed"),
        })
        .await;
}

async fn cleaning(client: &Client, mut garbage: watch::Receiver<Garbage>, metrics: &Metrics) {
    while garbage.changed().await.is_ok() {
        let Garbage { findings, reports, silent } = garbage.borrow_and_update().clone();
        delete_findings(client, findings, metrics).await;
        delete_reports(client, &reports, metrics).await;
        silent_nodes::mark(client, &silent, metrics).await;
    }
}
