//! The cluster's side of `run --kubernetes`: options from arguments, the node's report from the agent's status.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use beaconwatch_crds::beacon_node::{AgentInfo, BeaconNodeStatus, HookState, Loss};
use beaconwatch_crds::units::TimeText;

use crate::args::RunArgs;
use crate::clock::NodeClock;
use crate::kube::{self, KubeHandle, KubeOptions, KubeParts};
use crate::queue::InputSender;
use crate::status::{AgentStatus, StatusBoard};

/// Time between two reports of the node.
const REPORT: Duration = Duration::from_secs(10);

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

/// What the cluster is told; policies and the time of the report are filled in by the writer.
fn report(status: &AgentStatus) -> BeaconNodeStatus {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let hooks = status.hooks.iter().map(|hook| HookState {
        name: hook.name.to_owned(),
        attached: hook.attached,
        sees: Some(hook.shows.to_owned()),
        error: hook.error.clone(),
    });
    let mut invisible: Vec<&str> = status.hooks.iter().filter_map(|hook| hook.invisible).collect();
    invisible.dedup();
    BeaconNodeStatus {
        agent: Some(AgentInfo {
            version: crate::VERSION.to_owned(),
            kernel: crate::doctor::kernel(),
            started: Some(TimeText::from_nanos(status.started.as_nanos())),
        }),
        connections_per_second: count(status.contacts_per_second.round().max(0.0) as u64),
        conversations: count(status.engine.conversations),
        lost: count(status.lost()),
        losses: status
            .losses
            .iter()
            .map(|(place, number)| Loss { place: place.as_str().to_owned(), count: count(*number) })
            .collect(),
        cannot_see: (!invisible.is_empty()).then(|| invisible.join("; ")),
        hooks: hooks.collect(),
        capabilities: crate::doctor::capabilities(),
        ..BeaconNodeStatus::default()
    }
}
