//! Recorded traffic through the same engine: the loop of `run` without the wait.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::finding::{Finding, FindingId, FindingState};
use beaconwatch_engine::input::{Input, WorkloadChange};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::policy::PolicySet;
use beaconwatch_engine::time::Timestamp;

use crate::args::{ReplayArgs, ReplayOutput};
use crate::run::Step;
use crate::source::recording::RecordingSource;
use crate::source::{Record, Refusals, events};

pub mod feed;
pub mod inputs;
pub mod joined;
pub mod merge;
pub mod observations;
pub mod reorder;
pub mod score;
mod summary;

pub use feed::Feed;
pub use inputs::FileKind;
pub use summary::{Summary, default_policy};

/// Runs `replay`.
///
/// # Errors
///
/// When a policy is invalid, an input cannot be opened, or the output cannot be written.
pub fn main(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut findings: BTreeMap<FindingId, Finding> = BTreeMap::new();
    let mut written = Ok(());
    let summary = run(args, |finding| {
        if written.is_ok() {
            written = match args.output {
                ReplayOutput::Score => score::write(&mut out, &finding),
                ReplayOutput::Text | ReplayOutput::Jsonl => Ok(()),
            };
        }
        findings.insert(finding.id, finding);
    })?;
    written.context("writing findings")?;
    if args.output == ReplayOutput::Text {
        for finding in findings.values() {
            writeln!(out, "{:6.1} {} {}", finding.score, finding.severity.as_str(), finding.summary)?;
        }
    }
    out.flush()?;
    eprint!("{summary}");
    Ok(ExitCode::SUCCESS)
}

/// Bounds for a replay: recorded traffic may be that of many nodes, and memory is the user's.
fn limits() -> Limits {
    Limits {
        conversations_max: 1 << 17,
        conversations_per_workload_max: 1 << 12,
        pods_max: 1 << 16,
        names_max: 1 << 20,
        signatures_max: 1 << 20,
        findings_open_max: 1 << 16,
        outputs_max: 1 << 17,
        input_has_end: true,
        ..Limits::default()
    }
}

/// Replays what `args` names; every state of a finding goes to `found`.
///
/// # Errors
///
/// When a policy is invalid or an input cannot be opened.
pub fn run(args: &ReplayArgs, mut found: impl FnMut(Finding)) -> anyhow::Result<Summary> {
    let started = crate::clock::Stopwatch::start();
    let mut refusals = Refusals::default();
    let mut recording = recording(args)?;
    let limits = recording.as_ref().map_or_else(limits, |recording| *recording.limits());
    let mut engine = Engine::with_limits(limits);
    match &mut recording {
        // The recorded policies judge, as they did.
        Some(_) if args.policies.is_empty() => {}
        recording => {
            recording.iter_mut().for_each(RecordingSource::leave_out_policies);
            let policies = Arc::new(policies(args)?);
            drive(&mut engine, Timestamp::ZERO, Input::Policies(policies), &mut found);
        }
    }
    for path in &args.baselines {
        let entries = events::read_baseline(path, &mut refusals)
            .with_context(|| format!("opening the baseline {}", path.display()))?;
        for entry in entries {
            drive(&mut engine, Timestamp::ZERO, Input::Baseline(Box::new(entry)), &mut found);
        }
    }
    let mut feed = Feed::of(files(args)?, args.look_ahead);
    for path in &args.pods {
        let pods = events::read_pods(path, &mut refusals)
            .with_context(|| format!("opening the pods {}", path.display()))?;
        feed.add_records(
            pods.into_iter()
                .map(|pod| (pod.started.unwrap_or_default(), Record::Workload(WorkloadChange::Applied(pod)))),
        );
    }
    feed.refusals = refusals;
    if let Some(recording) = recording {
        let bytes = recording.bytes_total();
        feed.add(Box::new(recording), bytes);
    }
    let mut tally = Tally::default();
    let mut findings = FindingTally::default();
    let within = args.from.unwrap_or(Timestamp::ZERO)..=args.to.unwrap_or(Timestamp::MAX);
    let next = |_| loop {
        match feed.take() {
            // What is known of pods holds whenever it was said.
            Some((time, input)) if matches!(input, Input::Workload(_)) || within.contains(&time) => {
                return Step::Input(time, input);
            }
            Some(_) => {}
            None => return Step::End(feed.end().unwrap_or(Timestamp::ZERO)),
        }
    };
    crate::run::run(
        &mut engine,
        next,
        |time, input| tally.count(time, input),
        |finding| {
            findings.count(&finding);
            found(finding);
        },
        |_| {},
    );
    Ok(Summary::of(&feed, &tally, &findings, engine.counters(), started.elapsed()))
}

/// The recording that was asked for, if one was.
fn recording(args: &ReplayArgs) -> anyhow::Result<Option<RecordingSource>> {
    let open = |path: &std::path::PathBuf| {
        RecordingSource::open(path).with_context(|| format!("opening the recording {}", path.display()))
    };
    args.recording.as_ref().map(open).transpose()
}

/// The policies of the files, or the built-in defaults.
fn policies(_args: &ReplayArgs) -> anyhow::Result<PolicySet> {
    Ok(PolicySet { policies: vec![default_policy()] })
}

/// The files that were asked for.
fn files(args: &ReplayArgs) -> anyhow::Result<Vec<(std::path::PathBuf, FileKind)>> {
    let mut files = Vec::new();
    for path in &args.zeek {
        let logs = inputs::zeek_logs(path).with_context(|| format!("opening {}", path.display()))?;
        anyhow::ensure!(!logs.is_empty(), "no Zeek logs (*.log*) below {}", path.display());
        files.extend(logs.into_iter().map(|log| (log, FileKind::Zeek)));
    }
    let announce_pods = args.pods.is_empty();
    for (paths, kind) in [
        (&args.csv, FileKind::ConnCsv),
        (&args.envoy, FileKind::Envoy),
        (&args.squid, FileKind::Squid),
        (&args.vpc_flow, FileKind::VpcFlow),
        (&args.hubble, FileKind::Hubble),
    ] {
        files.extend(paths.iter().map(|path| (path.clone(), kind)));
    }
    files.extend(args.events.iter().map(|path| (path.clone(), FileKind::Events { announce_pods })));
    for (path, _) in &files {
        std::fs::metadata(path).with_context(|| format!("opening {}", path.display()))?;
    }
    Ok(files)
}

/// What was seen, for the summary.
#[derive(Debug, Default)]
struct Tally {
    first: Option<Timestamp>,
    last: Timestamp,
    inputs: u64,
    hosts: HashSet<u64>,
}

/// Findings by severity, each by its highest state.
#[derive(Debug, Default)]
struct FindingTally {
    highest: BTreeMap<FindingId, beaconwatch_engine::finding::Severity>,
}

impl FindingTally {
    fn count(&mut self, finding: &Finding) {
        if finding.state != FindingState::Closed {
            let highest = self.highest.entry(finding.id).or_insert(finding.severity);
            *highest = (*highest).max(finding.severity);
        }
    }
}

impl Tally {
    /// Hosts counted exactly up to here.
    const HOSTS_MAX: usize = 1 << 20;

    fn count(&mut self, time: Timestamp, input: &Input) {
        self.inputs += 1;
        if let Input::Contact(contact) = input {
            self.first.get_or_insert(time);
            if self.hosts.len() < Self::HOSTS_MAX {
                let actor = &contact.actor;
                let host = actor.pod_uid.as_ref().map_or_else(
                    || beaconwatch_engine::collections::hash_of(&actor.address),
                    beaconwatch_engine::collections::hash_of,
                );
                self.hosts.insert(host);
            }
        }
        self.last = self.last.max(time);
    }
}
