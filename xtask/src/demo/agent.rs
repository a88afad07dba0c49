//! The real agent as a child process: its text goes to the terminal, its JSON lines to the verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::scene::Scene;
use super::shell;

/// The running agent.
pub(super) struct Agent {
    child: Child,
    findings: PathBuf,
}

impl Agent {
    /// Starts it on the scene's containers.
    pub(super) fn start(
        binary: &Path,
        policy: &Path,
        scene: &Scene,
        record: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let findings = scene.directory.join("findings.jsonl");
        let mut command = Command::new(binary);
        command.arg("run").arg("--policy").arg(policy).args(["--output", "text", "--metrics-addr", "none"]);
        command.arg("--findings-file").arg(&findings).args(["--cgroup-scope", &scene.cgroup_scope]);
        if let Some(record) = record {
            command.arg("--record").arg(record);
        }
        let child = command.spawn().with_context(|| format!("start {}", binary.display()))?;
        Ok(Self { child, findings })
    }

    /// The agent makes its findings file when it watches.
    pub(super) fn wait_until_ready(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let start = Instant::now();
        while !self.findings.exists() && !stop.load(Ordering::Relaxed) {
            self.check_alive()?;
            if start.elapsed() > Duration::from_secs(20) {
                bail!("the agent is not ready after 20 s");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// An error if it has ended.
    pub(super) fn check_alive(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait().context("look after the agent")? {
            bail!("the agent ended early with {status}");
        }
        Ok(())
    }

    /// Findings opened until now.
    pub(super) fn findings_so_far(&self) -> usize {
        let text = fs::read_to_string(&self.findings).unwrap_or_default();
        text.lines().filter(|line| line.contains("\"finding.state\":\"opened\"")).count()
    }

    /// Asks it to stop as a service manager would, and returns what it found.
    pub(super) fn stop(mut self) -> anyhow::Result<String> {
        // After Ctrl-C it may already be on its way: the terminal signals the whole group.
        let _ = shell::run("kill", &["-TERM", &self.child.id().to_string()]);
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().context("wait for the agent")? {
                break status;
            }
            if start.elapsed() > Duration::from_secs(10) {
                bail!("the agent did not stop within 10 s");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        if !status.success() {
            bail!("the agent ended with {status}");
        }
        fs::read_to_string(&self.findings).context("read the findings")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
