//! `run`: the live line, from this kernel to the sinks.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::finding::Finding;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

use super::control::{self, Control};
use super::policies;
use crate::args::RunArgs;
use crate::clock::NodeClock;
use crate::ebpf::{Ebpf, HookReport, HookState};
use crate::queue::live_inputs;
use crate::recording::Recorder;
use crate::source::ringbuf;

/// How long sinks may take to hand over what they hold, once everything else has stopped.
const FLUSH_MAX: Duration = Duration::from_millis(1500);

/// Runs until a signal, or until `--seconds` are over.
///
/// # Errors
///
/// What kept the agent from starting.
pub(super) fn main(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let Some(policies) = policies::load(&args.policies) else { return Ok(policies::INVALID) };
    let reputation = policies::load_lists(&args.reputation)?;
    let clock = NodeClock::start();
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, mut inputs) = live_inputs(Arc::clone(&stop), move || clock.now());

    let (mut ebpf, hooks) = Ebpf::load(&args.kernel.options()).context("watch this kernel")?;
    sender.send((clock.now(), Input::Policies(Arc::clone(&policies)))).context("start the engine")?;
    sender.send((clock.now(), Input::Reputation(reputation))).context("start the engine")?;
    let rings = ringbuf::spawn(&mut ebpf, clock, sender.clone()).context("read the kernel's rings")?;
    let control = Control {
        rings,
        stop,
        sender,
        clock,
        policies: args.policies.clone(),
        lists: args.reputation.clone(),
    };
    control::spawn(control, args.seconds.map(Duration::from_secs))?;
    tell_start(&ebpf, &hooks, policies.policies.len());

    let mut engine = Engine::with_limits(Limits::default());
    let mut file = args.findings_file.as_ref().map(std::fs::File::create).transpose()?;
    let found = |finding: Finding| {
        use std::io::Write;
        println!("{}", crate::render::text::finding(&finding, &crate::render::text::Style::PLAIN));
        if let Some(file) = &mut file {
            let _ = writeln!(
                file,
                "{{\"finding.state\":\"{}\",\"kind\":\"{}\",\"server.name\":\"{}\",\"score\":{},\"container.id\":\"{}\"}}",
                finding.state.as_str(),
                finding.kind.as_str(),
                finding.destination.name.as_deref().unwrap_or_default(),
                finding.score,
                finding.actor.container.as_deref().unwrap_or_default()
            );
        }
    };
    let mut recorder = args.record.as_deref().map(|path| record_to(path, engine.limits())).transpose()?;
    let tap = |now: Timestamp, input: &Input| {
        if let Some(recorder) = &mut recorder {
            recorder.write(now, input);
        }
    };
    let end = crate::run::run(&mut engine, |_| inputs.step(), tap, found, |_| {});
    if let Some(recorder) = recorder {
        finish_recording(recorder, end)?;
    }
    for e in engine.explain(|_, _, _| true) {
        eprintln!(
            "{} {:?} {:?} bits {:?} score {} {:?} {:?}",
            e.summary, e.kind, e.outcome, e.bits, e.score, e.rhythm, e.evidence
        );
    }
    drop(ebpf);
    let _ = FLUSH_MAX;
    Ok(ExitCode::SUCCESS)
}

/// Says on standard error what is watched, and what is not.
fn tell_start(ebpf: &Ebpf, hooks: &[HookReport], policies: usize) {
    let attached = hooks.iter().filter(|report| report.state == HookState::Attached).count();
    let root = ebpf.cgroup_root().path.display();
    let scope = ebpf.scope().map_or_else(String::new, |scope| format!(", only {scope}"));
    eprintln!(
        "beaconwatch {}: watching with {attached} of {} hooks, cgroups at {root}{scope}, {policies} {}",
        crate::VERSION,
        hooks.len(),
        if policies == 1 { "policy" } else { "policies" },
    );
    for report in hooks {
        if let (HookState::Failed { reason }, Some(invisible)) = (&report.state, report.invisible()) {
            eprintln!("beaconwatch: {} does not work here ({reason}): {invisible}", report.hook.name);
        }
    }
}

fn record_to(path: &Path, limits: &Limits) -> anyhow::Result<Recorder> {
    Recorder::create(path, limits).with_context(|| format!("create recording {}", path.display()))
}

fn finish_recording(mut recorder: Recorder, end: Timestamp) -> anyhow::Result<()> {
    let totals = recorder.finish(end).context("write the recording")?;
    eprintln!("beaconwatch: recorded {} inputs in {} bytes", totals.inputs, totals.bytes);
    if totals.blocks_lost > 0 {
        eprintln!(
            "beaconwatch: the disk did not keep up: {} blocks of the recording are missing",
            totals.blocks_lost
        );
    }
    Ok(())
}
