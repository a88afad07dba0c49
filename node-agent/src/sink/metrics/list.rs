//! The list of metrics.

use beaconwatch_engine::input::LossPlace;

use super::Kind::{Counter, Gauge};
use super::{Kind, Metric, Samples, Source};
use crate::checkpoint::CheckpointCounters;

/// A metric without labels.
const fn plain(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    read: fn(&Source<'_>, &mut Samples<'_>),
) -> Metric {
    Metric { name, kind, labels: &[], help, read }
}

/// A metric with labels.
const fn by(
    labels: &'static [&'static str],
    name: &'static str,
    kind: Kind,
    help: &'static str,
    read: fn(&Source<'_>, &mut Samples<'_>),
) -> Metric {
    Metric { name, kind, labels, help, read }
}

/// Every metric, in the order of the page.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    by(&["version"], "beaconwatch_agent_build_info", Gauge, "Always 1; the label says which agent runs.",
        |_, to| to.count(&[crate::VERSION], 1)),
    plain("beaconwatch_agent_ready", Gauge, "1 if the agent sees something, 0 if not.",
        |s, to| to.count(&[], u64::from(s.status.ready()))),
    plain("beaconwatch_agent_status_time_seconds", Gauge, "When the other values were taken, seconds since 1970. Old: the agent's loop stands still.",
        |s, to| to.add(&[], s.status.taken.as_secs_f64())),

    by(&["hook"], "beaconwatch_agent_hook_attached", Gauge, "1 if the hook of the kernel is attached, 0 if not: what it sees stays invisible.",
        |s, to| for hook in &s.status.hooks { to.count(&[hook.name], u64::from(hook.attached)); }),
    by(&["hook"], "beaconwatch_agent_hook_runs_total", Counter, "Runs of the hook's program, where the kernel measures them.",
        |s, to| for hook in s.status.hooks.iter().filter(|hook| hook.runs > 0) { to.count(&[hook.name], hook.runs); }),
    by(&["hook"], "beaconwatch_agent_hook_run_seconds_total", Counter, "Time spent in the hook's program, where the kernel measures it, seconds.",
        |s, to| for hook in s.status.hooks.iter().filter(|hook| hook.runs > 0) { to.add(&[hook.name], seconds(hook.run_time_ns)); }),

    by(&["executable"], "beaconwatch_agent_older_processes", Gauge, "Processes that ran before the agent did, by whether their executable is known.", older_processes),

    by(&["runtime"], "beaconwatch_agent_sandboxes", Gauge, "Sandboxes (gVisor, virtual machines) of pods and containers on this node: the inside of them is not seen.",
        |s, to| for (runtime, count) in &s.status.sandboxes { to.count(&[runtime.as_str()], *count); }),

    plain("beaconwatch_agent_inputs_total", Counter, "Inputs that the engine handled: kernel records, pods, policies.",
        |s, to| to.count(&[], s.status.engine.inputs)),
    plain("beaconwatch_agent_inputs_late_total", Counter, "Inputs that came with an earlier time than one before, and were given that one's.",
        |s, to| to.count(&[], s.status.engine.late_inputs)),
    plain("beaconwatch_agent_engine_lag_seconds", Gauge, "How far the engine was behind the clock when the values were taken, seconds.",
        |s, to| to.add(&[], s.status.taken.secs_since(s.status.engine_time))),
    by(&["place"], "beaconwatch_agent_lost_total", Counter, "Records lost before the engine, by place. Findings whose window has losses say so.",
        |s, to| for place in PLACES { to.count(&[place.as_str()], lost_at(s, place)); }),

    by(&["what"], "beaconwatch_agent_kubernetes_total", Counter, "What the agent's side of Kubernetes did, by what; none without a cluster.",
        |s, to| for (what, count) in kubernetes(s, false) { to.count(&[what], count); }),
    by(&["what"], "beaconwatch_agent_kubernetes_entries", Gauge, "What the agent's side of Kubernetes holds now, by what; none without a cluster.",
        |s, to| for (what, count) in kubernetes(s, true) { to.count(&[what], count); }),
    plain("beaconwatch_agent_contacts_total", Counter, "Connections, bursts and DNS queries handed to the detectors.",
        |s, to| to.count(&[], s.status.engine.contacts)),
    plain("beaconwatch_agent_passed_on_total", Counter, "Connections and bursts of a mesh's proxies that passed on what a program of their pod asked for: judged as the program's, not again.",
        |s, to| to.count(&[], s.status.engine.passed_on)),
    by(&["table"], "beaconwatch_agent_table_entries", Gauge, "Entries held now.", entries),
    by(&["table"], "beaconwatch_agent_table_evicted_total", Counter, "Entries forgotten because the table was full.", evicted),
    by(&["table"], "beaconwatch_agent_table_refused_total", Counter, "Entries not taken because the table, or the workload's share of it, was full.", refused),
    by(&["table"], "beaconwatch_agent_table_unknown_total", Counter, "Records that refer to an entry which is not there.", unknown),

    by(&["result"], "beaconwatch_agent_checkpoints_total", Counter, "Checkpoints of what was learned, by what became of them: written, failed (the one before stays), or replaced by a later one while the disk was busy.", checkpoints),

    plain("beaconwatch_agent_policies", Gauge, "Policies in force.",
        |s, to| to.count(&[], s.status.policies as u64)),
    plain("beaconwatch_agent_policies_stale", Gauge, "1 if a policy, or a policy file, is wrong as it is now, and the last good ones are in force.",
        |s, to| to.count(&[], u64::from(s.status.policies_stale))),

    by(&["kind", "severity", "state"], "beaconwatch_agent_findings_total", Counter, "Finding states sent to the sinks.",
        |s, to| for (kind, severity, state, count) in s.sinks.findings() { to.count(&[kind.as_str(), severity.as_str(), state.as_str()], count); }),
    plain("beaconwatch_agent_findings_excepted_total", Counter, "Findings that an exception kept silent.",
        |s, to| to.count(&[], s.status.engine.findings_excepted)),
    plain("beaconwatch_agent_findings_dropped_total", Counter, "Finding updates dropped inside the engine because nobody took them.",
        |s, to| to.count(&[], s.status.engine.outputs_dropped)),

    by(&["sink"], "beaconwatch_agent_sink_waiting", Gauge, "Findings that wait in the sink's queue.",
        |s, to| for sink in s.sinks.counters() { to.count(&[sink.name.as_str()], sink.waiting); }),
    by(&["sink"], "beaconwatch_agent_sink_delivered_total", Counter, "Findings that the sink delivered.",
        |s, to| for sink in s.sinks.counters() { to.count(&[sink.name.as_str()], sink.delivered); }),
    by(&["sink"], "beaconwatch_agent_sink_failures_total", Counter, "Failed tries of the sink to deliver; they are repeated.",
        |s, to| for sink in s.sinks.counters() { to.count(&[sink.name.as_str()], sink.failures); }),
    by(&["sink"], "beaconwatch_agent_sink_lost_total", Counter, "Findings that the sink lost: its queue was full, or its peer refused them.",
        |s, to| for sink in s.sinks.counters() { to.count(&[sink.name.as_str()], sink.lost); }),

    plain("process_start_time_seconds", Gauge, "When the agent started, seconds since 1970.",
        |s, to| to.add(&[], s.status.started.as_secs_f64())),
    plain("process_cpu_seconds_total", Counter, "Processor time of the agent, seconds.",
        |s, to| to.add(&[], s.process.cpu_seconds)),
    plain("process_resident_memory_bytes", Gauge, "Memory of the agent.",
        |s, to| to.count(&[], s.process.resident_bytes)),
    plain("process_open_fds", Gauge, "Open file descriptors of the agent.",
        |s, to| to.count(&[], s.process.open_fds)),
];

/// Places in the order of the page.
const PLACES: [LossPlace; 6] = [
    LossPlace::IdentityRing,
    LossPlace::FlowRing,
    LossPlace::PayloadRing,
    LossPlace::Decode,
    LossPlace::InputQueue,
    LossPlace::Capture,
];

fn lost_at(source: &Source<'_>, place: LossPlace) -> u64 {
    source.status.losses.iter().filter(|(at, _)| *at == place).map(|(_, count)| count).sum()
}

fn older_processes(source: &Source<'_>, to: &mut Samples<'_>) {
    let older = source.status.older;
    to.count(&["known"], older.found.saturating_sub(older.nameless));
    to.count(&["unknown"], older.nameless);
}

fn entries(source: &Source<'_>, to: &mut Samples<'_>) {
    for (table, usage) in source.status.engine.tables() {
        to.count(&[table.as_str()], usage.held);
    }
}

fn evicted(source: &Source<'_>, to: &mut Samples<'_>) {
    for (table, usage) in source.status.engine.tables() {
        to.count(&[table.as_str()], usage.evicted);
    }
}

fn refused(source: &Source<'_>, to: &mut Samples<'_>) {
    for (table, usage) in source.status.engine.tables() {
        to.count(&[table.as_str()], usage.refused);
    }
}

fn unknown(source: &Source<'_>, to: &mut Samples<'_>) {
    let engine = &source.status.engine;
    to.count(&["sockets"], engine.sockets_unknown);
    to.count(&["processes"], engine.processes_unknown);
}

fn checkpoints(source: &Source<'_>, to: &mut Samples<'_>) {
    let CheckpointCounters { written, failed, replaced } = source.status.checkpoints;
    to.count(&["written"], written);
    to.count(&["failed"], failed);
    to.count(&["replaced"], replaced);
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// What is counted on the Kubernetes side: what is held now, or what was done.
fn kubernetes(source: &Source<'_>, held: bool) -> impl Iterator<Item = (&'static str, u64)> {
    const HELD: [&str; 2] = ["spool_entries", "pods"];
    source.status.kubernetes.iter().copied().filter(move |(what, _)| HELD.contains(what) == held)
}
