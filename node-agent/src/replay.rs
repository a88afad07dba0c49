//! Recorded traffic through the same engine: the loop of `run` without the wait.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use beaconwatch_engine::assess::finding::{Finding, FindingId};
use beaconwatch_engine::assess::policy::PolicySet;
use beaconwatch_engine::detection::Candidate;
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

use crate::args::{ReplayArgs, ReplayOutput};
use crate::source::events;
use crate::source::recording::{RecordingError, RecordingSource};

pub mod captures;
mod coverage;
pub mod explain;
pub mod feed;
mod home;
pub mod inputs;
pub mod joined;
pub mod merge;
pub mod observations;
mod output;
mod progress;
mod reading;
pub mod reorder;
pub mod score;
mod span;
pub mod suggest;
mod summary;
mod tally;

pub use feed::{Feed, Taken};
pub use inputs::FileKind;
pub use span::LeftOut;
pub use summary::{Summary, default_policy};

use coverage::Coverage;
use explain::Question;
use home::Home;
use observations::Observed;
use output::Output;
use reading::Reading;
use span::Span;
use tally::{FindingTally, Tally};

/// Names and addresses of conversations that are remembered for `--explain`.
const ALIASES_MAX: usize = 1 << 20;

/// Runs `replay`.
///
/// # Errors
///
/// When a policy is invalid, an input cannot be opened, or the output cannot be written.
pub fn main(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    if args.output == ReplayOutput::Observations {
        anyhow::ensure!(
            !args.pcap.is_empty(),
            "--output observations is about captures: name one with --pcap"
        );
        return observe(args);
    }
    if let Some([source, destination]) = args.explain.as_deref() {
        return explain(args, &Question::of(source, destination));
    }
    let mut output = Output::of(args);
    let replayed = run(args, |finding| output.finding(finding))?;
    output.finish(&replayed.summary).context("writing findings")?;
    Ok(conclude(&replayed.summary))
}

/// Writes what the protocol parsers see in each capture; what they cannot see goes to standard error.
fn observe(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let mut whole = true;
    for capture in inputs::captures(&args.pcap)? {
        let Observed { json: _, counters, refusals } =
            observations::write_observations(&capture, &mut std::io::stdout().lock())
                .with_context(|| format!("observing {}", capture.display()))?;
        let coverage = Coverage {
            packets: counters.packets,
            rows: 0,
            contacts: counters.used,
            unjudged: 0,
            refusals: &refusals,
        };
        eprint!("{coverage}");
        whole &= coverage.shortfall().is_none();
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The closing words. Input that was not understood, or held nothing to judge, is a failure: its silence says nothing.
fn conclude(summary: &Summary) -> ExitCode {
    eprint!("{summary}");
    if summary.is_of_use() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Answers `--explain`.
fn explain(args: &ReplayArgs, question: &Question) -> anyhow::Result<ExitCode> {
    let mut ended: BTreeMap<FindingId, Finding> = BTreeMap::new();
    let mut replayed = run(args, |finding| {
        let (actor, pod, destination) = (&*finding.actor, finding.pod.as_deref(), &finding.destination);
        if question.means(&Candidate { actor, pod, destination, aliases: &[] }) {
            ended.insert(finding.id, finding);
        }
    })?;
    let ended: Vec<Finding> = ended.into_values().collect();
    let explanations = replayed.engine.explain(|candidate| question.means(candidate));
    let others = replayed.engine.explain(|candidate| question.means_source(candidate.actor, candidate.pod));
    print!("{}", explain::text(question, &explanations, &ended, &others));
    Ok(conclude(&replayed.summary))
}

/// Runs `policy suggest`.
///
/// # Errors
///
/// As for [`main`].
pub fn suggest(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    // Each finding at its strongest: it may have ended, and been forgotten, long before the end.
    let mut strongest: BTreeMap<FindingId, Finding> = BTreeMap::new();
    let mut replayed = run(args, |finding| {
        if strongest.get(&finding.id).is_none_or(|kept| kept.score <= finding.score) {
            strongest.insert(finding.id, finding);
        }
    })?;
    let findings: Vec<Finding> = strongest.into_values().collect();
    let explanations = replayed.engine.explain(|_| true);
    print!("{}", suggest::policy(&explanations, &findings));
    Ok(conclude(&replayed.summary))
}

/// A replay that has come to its end.
#[derive(Debug)]
pub struct Replayed {
    /// What was read and found.
    pub summary: Summary,
    /// The engine as it is then, to be asked.
    pub engine: Engine,
}

/// Bounds for a replay: recorded traffic may be that of many nodes, and memory is the user's.
fn limits() -> Limits {
    Limits {
        conversations_max: 1 << 17,
        conversations_per_workload_max: 1 << 12,
        cgroups_max: 1 << 17,
        pods_max: 1 << 16,
        names_max: 1 << 20,
        names_per_workload_max: 1 << 16,
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
pub fn run(args: &ReplayArgs, mut found: impl FnMut(Finding)) -> anyhow::Result<Replayed> {
    let stopwatch = crate::clock::Stopwatch::start();
    let span = Span::of(args)?;
    let mut recording = recording(args)?;
    let limits = recording.as_ref().map_or_else(limits, |recording| *recording.limits());
    let mut engine = Engine::with_limits(limits);
    if args.explain.is_some() {
        engine.keep_aliases(ALIASES_MAX);
    }
    let mut feed = inputs::feed(args)?;
    let mut at_begin = |input| drive(&mut engine, Timestamp::ZERO, input, &mut found);
    match &mut recording {
        // The recorded policies judge, as they did.
        Some(_) if args.policies.is_empty() => {}
        recording => {
            recording.iter_mut().for_each(RecordingSource::leave_out_policies);
            at_begin(Input::Policies(Arc::new(policies(args)?)));
        }
    }
    if !args.cluster_network.is_empty() {
        at_begin(Input::Networks(args.cluster_network.clone().into()));
    }
    if let Some(recording) = recording {
        let bytes = recording.bytes_total();
        feed.add(Box::new(recording), bytes);
    }
    if !args.reputation.is_empty() {
        let loaded = crate::reputation::load(&args.reputation)?;
        for problem in loaded.problems() {
            eprintln!("beaconwatch-agent: {problem}");
        }
        at_begin(Input::Reputation(Arc::new(loaded.list)));
    }
    for path in &args.baselines {
        inputs::expect_no_directory(path)?;
        let entries = events::read_baseline(path, &mut feed.refusals)
            .with_context(|| format!("opening the baseline {}", path.display()))?;
        if entries.is_empty() {
            inputs::expect_format(path, "--baseline")?;
        }
        for entry in entries {
            at_begin(Input::Baseline(Box::new(entry)));
        }
    }
    let mut tally = Tally::default();
    let mut findings = FindingTally::default();
    let mut reading = Reading::of(feed, span, Home::of(&args.home));
    crate::run::run(
        &mut engine,
        |_| reading.step(),
        |time, input| tally.count(time, input),
        |finding| {
            findings.count(&finding);
            found(finding);
        },
        |_| {},
    );
    let Reading { feed, span, home, unjudged, .. } = reading;
    tally.join(unjudged);
    let left_out = (span.left_out(), home.left_out());
    let summary = Summary::of(&feed, &tally, left_out, &findings, &engine, stopwatch.elapsed());
    Ok(Replayed { summary, engine })
}

/// The recording that was asked for, if one was.
fn recording(args: &ReplayArgs) -> anyhow::Result<Option<RecordingSource>> {
    let open = |path: &std::path::PathBuf| {
        inputs::expect_no_directory(path)?;
        RecordingSource::open(path).map_err(|error| match inputs::expect_format(path, "--recording") {
            Err(looks) => looks,
            Ok(()) if matches!(error, RecordingError::NotARecording) && path.is_file() => {
                anyhow::anyhow!("{} is a recording that was compressed: unpack it first", path.display())
            }
            Ok(()) => anyhow::Error::new(error).context(format!("opening the recording {}", path.display())),
        })
    };
    args.recording.as_ref().map(open).transpose()
}

/// The policies of the files, or the built-in defaults.
fn policies(args: &ReplayArgs) -> anyhow::Result<PolicySet> {
    if args.policies.is_empty() {
        return Ok(PolicySet { policies: vec![default_policy()] });
    }
    let loaded = crate::policy_files::load(&args.policies).map_err(|refused| match &*refused.problems {
        [only] => anyhow::anyhow!("the policies are not valid: {only}"),
        several => anyhow::anyhow!("the policies are not valid\n{}", several.join("\n")),
    })?;
    loaded.notes.iter().for_each(|note| eprintln!("{note}"));
    Ok(loaded.into_policy_set())
}
