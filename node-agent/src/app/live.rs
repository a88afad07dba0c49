//! `run`: the live line, from this kernel to the sinks.

use std::cell::RefCell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::identity::Secret;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

use super::control::{self, Control};
use super::outputs::Outputs;
use super::status_publisher::{self, StatusPublisher};

use super::{cluster, lists, log, policies};
use crate::args::RunArgs;
use crate::checkpoint::CheckpointWriter;
use crate::clock::NodeClock;
use crate::digest::Digests;
use crate::ebpf::{Ebpf, HookReport, HookState};
use crate::queue::{Arrival, live_inputs};
use crate::recording::Recorder;
use crate::source::ringbuf;

/// Runs until a signal, or until `--seconds` are over.
///
/// # Errors
///
/// What kept the agent from starting.
pub(super) fn main(args: &RunArgs) -> anyhow::Result<ExitCode> {
    log::start(&args.log);
    let Some(policies) = policies::load(&args.policies) else { return Ok(ExitCode::FAILURE) };
    // Looked at before they are read: what changes in between is read again.
    let list_files = super::lists::ListFiles::of(args.reputation.clone());
    let lists = lists::first(&args.reputation, args.kubernetes)?;
    let clock = NodeClock::start();
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, mut inputs) = live_inputs(Arc::clone(&stop), move || clock.now());
    let mut engine = Engine::with_limits(Limits { loopback_contacts: args.loopback, ..Limits::default() });
    status_publisher::restore(checkpoint(args).as_deref(), &mut engine);

    let (mut ebpf, hooks) = Ebpf::load(&args.kernel.options()).context("watch this kernel")?;
    // Before anything that is seen, and recorded like it.
    sender
        .send(Arrival::Learned(clock.now(), Input::Secret(secret(&engine)?)))
        .context("start the engine")?;
    let first = [Input::Policies(Arc::clone(&policies)), Input::Reputation(lists)];
    for input in first.into_iter().skip(usize::from(args.kubernetes)).chain(surroundings(args, &ebpf)) {
        sender.send(Arrival::Learned(clock.now(), input)).context("start the engine")?;
    }
    let rings = ringbuf::spawn(&mut ebpf, clock, sender.clone()).context("read the kernel's rings")?;
    let digests = Digests::live(sender.clone(), move || clock.now()).context("start the digests' thread")?;
    let checkpoints = checkpoint(args).map(CheckpointWriter::start).transpose();
    let checkpoints = checkpoints.context("start the thread that saves what is learned")?;
    let publisher = StatusPublisher::begin(hooks.clone(), Arc::clone(rings.counters()), clock, checkpoints);
    let cluster = cluster::start(args, &sender, clock, publisher.board())?;
    let outputs = Outputs::start(args, publisher.board(), clock, cluster)?;
    let recorder = args.record.as_deref().map(|path| record_to(path, engine.limits())).transpose()?;
    let (policies_files, lists) = (args.policies.clone(), args.reputation.clone());
    super::lists::watch(list_files, sender.clone(), clock)?;
    let files_stale = Arc::new(AtomicBool::new(false));
    let policies_stale = Arc::clone(&files_stale);
    let control = Control { rings, stop, sender, clock, policies: policies_files, policies_stale, lists };
    control::spawn(control, args.seconds.map(Duration::from_secs))?;
    tell_start(&ebpf, &hooks, &policies, args.kubernetes);

    let (publisher, recorder) = (RefCell::new(publisher), RefCell::new(recorder));
    let end = beaconwatch_engine::run::run(
        &mut engine,
        |_| inputs.step(),
        |now, input| {
            publisher.borrow_mut().see(input);
            if let Some(recorder) = recorder.borrow_mut().as_mut() {
                recorder.write(now, input);
            }
        },
        |finding| {
            publisher.borrow_mut().published(&finding);
            outputs.send(finding)
        },
        |engine| {
            digests.answer(engine);
            let stale = || files_stale.load(Ordering::Relaxed) || outputs.policies_refused();
            publisher.borrow_mut().look(engine, &ebpf, |engine| outputs.kubernetes(engine), stale);
        },
    );
    // First of all: who ends the agent may give it little time, and the kernel takes its own to let programs go.
    let mut publisher = publisher.into_inner();
    publisher.save(&engine);
    drop(ebpf);
    outputs.shutdown();
    publisher.finish();
    if let Some(recorder) = recorder.into_inner() {
        finish_recording(recorder, end)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is known of the cluster and of this node from the start.
fn surroundings(args: &RunArgs, ebpf: &Ebpf) -> impl Iterator<Item = Input> {
    let networks = &args.cluster_network;
    let networks = (!networks.is_empty()).then(|| Input::Networks(networks.clone().into()));
    let proxies: Arc<[Box<str>]> = args.mesh_proxy.iter().map(|name| name.as_str().into()).collect();
    let proxies = (!proxies.is_empty()).then_some(Input::MeshProxies(proxies));
    let rewritten = ebpf.may_see_backends().then_some(Input::Rewritten(true));
    networks.into_iter().chain(proxies).chain(rewritten)
}

/// What keeps others from steering the identities of conversations: that of what was learned, else a new one.
fn secret(engine: &Engine) -> anyhow::Result<Secret> {
    let mut secret = engine.secret();
    if secret == Secret::default() {
        let mut random = std::fs::File::open("/dev/urandom").context("open /dev/urandom")?;
        random.read_exact(&mut secret.0).context("read random bytes from /dev/urandom")?;
    }
    Ok(secret)
}

/// Where what was learned is saved: as asked for, and in a cluster beside the spool.
fn checkpoint(args: &RunArgs) -> Option<PathBuf> {
    let in_cluster = || args.kubernetes.then(|| args.state_dir.join("learned.bwck"));
    args.checkpoint.clone().or_else(in_cluster)
}

/// Says on standard error what is watched, and what is not.
fn tell_start(
    ebpf: &Ebpf,
    hooks: &[HookReport],
    policies: &beaconwatch_engine::assess::policy::PolicySet,
    cluster: bool,
) {
    let attached = hooks.iter().filter(|report| report.state == HookState::Attached).count();
    let root = ebpf.cgroup_root().path.display();
    let scope = ebpf.scope().map_or_else(String::new, |scope| format!(", only {scope}"));
    let policies = match policies.policies.len() {
        _ if cluster => "policies from the cluster".to_owned(),
        1 => "1 policy".to_owned(),
        count => format!("{count} policies"),
    };
    let (version, hooks_all) = (crate::VERSION, hooks.len());
    eprintln!(
        "beaconwatch {version}: watching with {attached} of {hooks_all} hooks, cgroups at {root}{scope}, {policies}"
    );
    for report in hooks {
        if let (Some(fault), Some(invisible)) = (report.fault(), report.invisible()) {
            eprintln!("beaconwatch: {} does not work here ({fault}): {invisible}", report.hook.name);
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
        let lost = totals.blocks_lost;
        eprintln!("beaconwatch: the disk did not keep up: {lost} blocks of the recording are missing");
    }
    Ok(())
}
