//! The cluster's side of `run --kubernetes`: options from arguments, the node's report from the agent's status.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use beaconwatch_crds::beacon_node::{
    AgentInfo, BeaconNodeStatus, CONDITION_READY, FullTable, HookState, Loss,
};
use beaconwatch_crds::units::TimeText;
use beaconwatch_engine::counters::BoundedTable;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff;

use crate::args::RunArgs;
use crate::clock::NodeClock;
use crate::kube::{self, KubeHandle, KubeOptions, KubeParts};
use crate::queue::InputSender;
use crate::status::{AgentStatus, StatusBoard};

/// Time between two reports of the node.
const REPORT: Duration = Duration::from_secs(10);
/// Without these hooks there is nothing to attribute to, or nothing to attribute.
const SEES_PROCESSES: &[&str] = &["sched_process_exec"];
const SEES_CONNECTIONS: &[&str] = &["connect4", "inet_sock_set_state"];

/// Starts it, if the arguments ask for it.
pub(super) fn start(
    args: &RunArgs,
    inputs: &InputSender,
    clock: NodeClock,
    board: StatusBoard,
) -> anyhow::Result<Option<KubeHandle>> {
    let Some(node) = args.node_name.clone().filter(|_| args.kubernetes) else { return Ok(None) };
    let options = KubeOptions {
        node,
        namespace: None,
        spool: Some(args.state_dir.join("spool")),
        report_interval: REPORT,
    };
    let parts = KubeParts {
        inputs: inputs.clone(),
        clock: Arc::new(move || clock.now()),
        status: Arc::new(move || report(&board.latest())),
    };
    Ok(Some(kube::start(options, parts).context("start the cluster's side")?))
}

/// What is reported to the cluster; policies and the time of the report are filled in by the writer.
fn report(status: &AgentStatus) -> BeaconNodeStatus {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let hooks = status.hooks.iter().map(|hook| HookState {
        name: hook.name.to_owned(),
        attached: hook.attached,
        sees: Some(hook.shows.to_owned()),
        error: hook.error.clone(),
    });
    let full = status.engine.tables().filter(|(_, usage)| usage.evicted > 0 || usage.refused > 0);
    let full = full.map(|(table, usage)| FullTable {
        table: table.as_str().to_owned(),
        evicted: count(usage.evicted),
        refused: count(usage.refused),
    });
    let invisible = status.invisible();
    BeaconNodeStatus {
        agent: Some(AgentInfo {
            version: crate::VERSION.to_owned(),
            kernel: crate::host::kernel(),
            started: Some(TimeText::from_nanos(status.started.as_nanos())),
            identities: beaconwatch_engine::identity::VERSION.into(),
        }),
        connections_per_second: count(status.contacts_per_second.round().max(0.0) as u64),
        conversations: count(status.engine.table(BoundedTable::Conversations).held),
        lost: count(status.lost()),
        losses: status
            .losses
            .iter()
            .map(|(place, number)| Loss { place: place.as_str().to_owned(), count: count(*number) })
            .collect(),
        full_tables: full.collect(),
        cannot_see: (!invisible.is_empty()).then(|| invisible.join("; ")),
        hooks: hooks.collect(),
        capabilities: crate::host::capabilities(),
        conditions: ready(status).into_iter().collect(),
        ..BeaconNodeStatus::default()
    }
}

/// Whether processes and connections are seen; not said before the agent knows. What is attached does not change while
/// the agent runs, so that the condition is as old as the agent.
fn ready(status: &AgentStatus) -> Option<Condition> {
    let attached =
        |names: &[&str]| names.iter().all(|name| status.hooks.iter().any(|h| h.attached && h.name == *name));
    let since = jiff::Timestamp::from_nanosecond(i128::from(status.started.as_nanos())).ok()?;
    let (is, reason, message) = match (attached(SEES_PROCESSES), attached(SEES_CONNECTIONS)) {
        _ if status.hooks.is_empty() => return None,
        (true, true) => ("True", "Watching", "processes and connections are seen"),
        (false, _) => ("False", "ProcessesNotSeen", "starts of programs are not seen; hooks say why"),
        (true, false) => ("False", "ConnectionsNotSeen", "connections are not seen; hooks say why"),
    };
    Some(Condition {
        type_: CONDITION_READY.to_owned(),
        status: is.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: Time(since),
        observed_generation: None,
    })
}
