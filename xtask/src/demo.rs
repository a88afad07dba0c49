//! `cargo xtask demo`: a scene of three "containers" on this machine, watched by the real agent.
//!
//! One beacons every two seconds with jitter, one makes the same requests at memoryless times and with varying
//! sizes, one downloads as a package manager does. The first must be found, the others must stay unnamed.
//! Where eBPF is not available, a recording of the same scene goes through the same engine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::tidy::workspace_root;

mod agent;
mod scene;
pub(crate) mod server;
mod shell;
mod verdict;

use agent::Agent;
use scene::Scene;
use verdict::Verdict;

const SCENE_SECONDS: u64 = 90;
const RECORDING: &str = "demo/scene.bwrec";
const POLICY: &str = "demo/policy.yaml";

/// Plays the scene and judges what the agent said.
pub(crate) fn run(record: Option<&Path>) -> anyhow::Result<()> {
    let root = workspace_root()?;
    let agent = agent_binary(&root);
    if let Err(reason) = can_watch(&agent) {
        eprintln!("demo: eBPF is not to be had here: {reason}");
        eprintln!("demo: playing a recording of the same scene through the same engine instead\n");
        return play_recording(&root, &agent);
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("watch for Ctrl-C")?;
    }
    eprintln!("demo: building a scene of three containers in network namespaces of their own (2 s)");
    let mut scene = Scene::build().context("build the scene")?;
    let mut watching = Agent::start(&agent, &root.join(POLICY), &scene, record).context("start the agent")?;
    watching.wait_until_ready(&stop)?;
    scene.start_clients()?;
    eprintln!("demo: watching for {SCENE_SECONDS} s");
    watch(&mut watching, &scene, &stop)?;
    let findings = watching.stop()?;
    let interrupted = stop.load(Ordering::Relaxed);
    let verdict = Verdict::of(&findings, &scene);
    drop(scene);
    if interrupted {
        bail!("interrupted; everything was cleaned up");
    }
    verdict.print_and_check()
}

fn watch(agent: &mut Agent, scene: &Scene, stop: &AtomicBool) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut reported = 0;
    while start.elapsed() < Duration::from_secs(SCENE_SECONDS) && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(200));
        if !stop.load(Ordering::Relaxed) {
            agent.check_alive()?;
        }
        let seconds = start.elapsed().as_secs();
        if seconds >= reported + 10 {
            reported = seconds;
            eprintln!(
                "demo: {seconds:>3} s  {}  findings so far: {}",
                scene.progress(),
                agent.findings_so_far()
            );
        }
    }
    Ok(())
}

fn play_recording(root: &Path, agent: &Path) -> anyhow::Result<()> {
    let recording = root.join(RECORDING);
    let base = |format: &str| {
        let mut command = Command::new(agent);
        command.arg("replay").arg("--recording").arg(&recording).arg("--policy").arg(root.join(POLICY));
        command.args(["--output", format]);
        command
    };
    let status = base("text").status().context("run the agent's replay")?;
    if !status.success() {
        bail!("the agent's replay ended with {status}");
    }
    let output = base("jsonl").output().context("run the agent's replay")?;
    Verdict::of_recording(&String::from_utf8_lossy(&output.stdout)).print_and_check()
}

/// The agent says itself, in one line, whether it can watch.
fn can_watch(agent: &Path) -> Result<(), String> {
    let output =
        Command::new(agent).args(["doctor", "--json"]).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return scene::can_build();
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let reason = report.get("summary").and_then(serde_json::Value::as_str).map(str::to_owned);
    Err(reason.unwrap_or_else(|| String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn agent_binary(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release/beaconwatch-agent")
}
