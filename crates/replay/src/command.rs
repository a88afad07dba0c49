//! The commands `replay` and `policy suggest`: what is written where, and whether that is an answer.
//!
//! An answer is what input gave that was understood for the most part. Without one the program fails, whatever was
//! found.

use std::collections::BTreeMap;
use std::io::Write;

use beaconwatch_engine::assess::finding::{Finding, FindingId};
use beaconwatch_engine::detection::Candidate;

use crate::args::{ReplayArgs, ReplayOutput};
use crate::coverage::Coverage;
use crate::error::ReplayError;
use crate::explain::{self, Question};
use crate::observations::{self, Observed};
use crate::output::Output;
use crate::run::run;
use crate::summary::Summary;
use crate::{inputs, suggest};

/// Where a command writes.
pub struct Streams<'a> {
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// What is said beside it.
    pub err: &'a mut dyn Write,
}

/// Runs `replay`. True: there is an answer.
///
/// # Errors
///
/// When a policy is invalid, an input cannot be opened, or the output cannot be written.
pub fn replay(args: &ReplayArgs, streams: Streams<'_>) -> Result<bool, ReplayError> {
    if args.output == ReplayOutput::Observations {
        if args.pcap.is_empty() {
            let about = "--output observations is about captures: name one with --pcap";
            return Err(ReplayError::Options(about));
        }
        return observe(args, streams);
    }
    if let Some([source, destination]) = args.explain.as_deref() {
        return explain(args, &Question::of(source, destination), streams);
    }
    let Streams { out, err } = streams;
    let mut output = Output::of(args, out);
    let replayed = run(args, err, |finding| output.finding(finding))?;
    output.finish(&replayed.summary)?;
    conclude(&replayed.summary, err)
}

/// Writes what the protocol parsers see in each capture; what they cannot see goes to standard error.
fn observe(args: &ReplayArgs, streams: Streams<'_>) -> Result<bool, ReplayError> {
    let Streams { mut out, err } = streams;
    let mut whole = true;
    for capture in inputs::captures(&args.pcap)? {
        let Observed { json: _, counters, rejected } =
            observations::write_observations(&capture, &mut out)
                .map_err(|source| ReplayError::Observe { path: capture.clone(), source })?;
        let coverage = Coverage {
            packets: counters.packets,
            rows: 0,
            contacts: counters.used,
            unjudged: 0,
            rejected: &rejected,
        };
        write!(err, "{coverage}")?;
        whole &= coverage.shortfall().is_none();
    }
    Ok(whole)
}

/// The closing words. Input that was not understood, or held nothing to judge, is no answer: its silence says nothing.
fn conclude(summary: &Summary, err: &mut dyn Write) -> Result<bool, ReplayError> {
    write!(err, "{summary}")?;
    Ok(summary.is_an_answer())
}

/// Answers `--explain`.
fn explain(args: &ReplayArgs, question: &Question, streams: Streams<'_>) -> Result<bool, ReplayError> {
    let Streams { out, err } = streams;
    let mut ended: BTreeMap<FindingId, Finding> = BTreeMap::new();
    let mut replayed = run(args, err, |finding| {
        let (actor, pod, destination) = (&*finding.actor, finding.pod.as_deref(), &finding.destination);
        if question.means(&Candidate { actor, pod, destination, aliases: &[] }) {
            ended.insert(finding.id, finding);
        }
    })?;
    let ended: Vec<Finding> = ended.into_values().collect();
    let explanations = replayed.engine.explain(|candidate| question.means(candidate));
    let others = replayed.engine.explain(|candidate| question.means_source(candidate.actor, candidate.pod));
    write!(out, "{}", explain::text(question, &explanations, &ended, &others))?;
    conclude(&replayed.summary, err)
}

/// Runs `policy suggest`. True: there is an answer.
///
/// # Errors
///
/// As for [`replay`].
pub fn suggest(args: &ReplayArgs, streams: Streams<'_>) -> Result<bool, ReplayError> {
    let Streams { out, err } = streams;
    // Each finding at its strongest: it may have ended, and been forgotten, long before the end.
    let mut strongest: BTreeMap<FindingId, Finding> = BTreeMap::new();
    let mut replayed = run(args, err, |finding| {
        if strongest.get(&finding.id).is_none_or(|kept| kept.score <= finding.score) {
            strongest.insert(finding.id, finding);
        }
    })?;
    let findings: Vec<Finding> = strongest.into_values().collect();
    let explanations = replayed.engine.explain(|_| true);
    write!(out, "{}", suggest::policy(&explanations, &findings))?;
    conclude(&replayed.summary, err)
}
