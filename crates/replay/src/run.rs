//! Recorded traffic through the engine: the loop of `run` without the wait.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::assess::policy::PolicySet;
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::events;

use crate::args::ReplayArgs;
use crate::error::ReplayError;
use crate::home_networks::HomeNetworks;
use crate::policy_files::{self, default_policy};
use crate::reading::Reading;
use crate::recording::{RecordingError, RecordingSource};
use crate::span::Span;
use crate::summary::Summary;
use crate::tally::{FindingTally, Tally};
use crate::{inputs, limits};

/// Names and addresses of conversations that are remembered for `--explain`.
const ALIASES_MAX: usize = 1 << 20;

/// A replay that has come to its end.
#[derive(Debug)]
pub struct Replayed {
    /// What was read and found.
    pub summary: Summary,
    /// The engine as it is then, to be asked.
    pub engine: Engine,
}

/// Replays what `args` names; every state of a finding goes to `found`, what is said of policies and lists to `err`.
///
/// # Errors
///
/// When a policy is invalid, an input cannot be opened, or `err` cannot be written to.
pub fn run(
    args: &ReplayArgs,
    err: &mut dyn Write,
    mut found: impl FnMut(Finding),
) -> Result<Replayed, ReplayError> {
    let started = Instant::now();
    let span = Span::of(args)?;
    let mut recording = recording(args)?;
    let limits = recording.as_ref().map_or_else(limits::limits, |recording| *recording.limits());
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
            at_begin(Input::Policies(Arc::new(policies(args, err)?)));
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
        let loaded = beaconwatch_importers::reputation::load(&args.reputation)?;
        for problem in loaded.problems() {
            writeln!(err, "beaconwatch-agent: {problem}")?;
        }
        at_begin(Input::Reputation(Arc::new(loaded.list)));
    }
    for path in &args.baselines {
        inputs::expect_no_directory(path)?;
        let entries = events::read_baseline(path, &mut feed.rejected)
            .map_err(inputs::unopened("the baseline ", path))?;
        if entries.is_empty() {
            inputs::expect_format(path, "--baseline")?;
        }
        for entry in entries {
            at_begin(Input::Baseline(Box::new(entry)));
        }
    }
    let mut tally = Tally::default();
    let mut findings = FindingTally::default();
    let mut reading = Reading::of(feed, span, HomeNetworks::of(&args.home));
    beaconwatch_engine::run::run(
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
    let summary = Summary::of(&feed, &tally, left_out, &findings, &engine, started.elapsed());
    Ok(Replayed { summary, engine })
}

/// The recording that was asked for, if one was.
fn recording(args: &ReplayArgs) -> Result<Option<RecordingSource>, ReplayError> {
    let open = |path: &std::path::PathBuf| {
        inputs::expect_no_directory(path)?;
        RecordingSource::open(path).map_err(|error| match inputs::expect_format(path, "--recording") {
            Err(looks) => looks,
            Ok(()) if matches!(error, RecordingError::NotARecording) && path.is_file() => {
                ReplayError::PackedRecording { path: path.clone() }
            }
            Ok(()) => ReplayError::Recording { path: path.clone(), source: error },
        })
    };
    args.recording.as_ref().map(open).transpose()
}

/// The policies of the files, or the built-in defaults.
fn policies(args: &ReplayArgs, err: &mut dyn Write) -> Result<PolicySet, ReplayError> {
    if args.policies.is_empty() {
        return Ok(PolicySet { policies: vec![default_policy()] });
    }
    let loaded =
        policy_files::load(&args.policies).map_err(|refused| ReplayError::Policies(refused.problems))?;
    for note in &loaded.notes {
        writeln!(err, "{note}")?;
    }
    Ok(loaded.into_policy_set())
}
