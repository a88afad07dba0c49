//! The API server of the local cluster, which a scenario may stop for a while.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::repository;

/// A stopped API server; it is started again at the latest when this is dropped.
#[derive(Debug)]
pub struct Stopped {
    started: bool,
}

/// Whether the cluster under test is the local one; else the test is skipped.
#[must_use]
#[track_caller]
pub fn is_ours() -> bool {
    let ours = std::env::var_os("BEACONWATCH_E2E_LOCAL").is_some();
    if !ours {
        beaconwatch_skip::skip("only the local cluster's API server can be stopped");
    }
    ours
}

impl Stopped {
    /// Stops the API server.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn now() -> Result<Self> {
        control("stop")?;
        Ok(Self { started: false })
    }

    /// Starts it again and waits until it is ready.
    ///
    /// # Errors
    ///
    /// It does not become ready.
    pub fn start(mut self) -> Result<()> {
        self.started = true;
        control("start")
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if !self.started
            && let Err(error) = control("start")
        {
            eprintln!("the API server stays down: {error:#}");
        }
    }
}

fn control(what: &str) -> Result<()> {
    let output = Command::new(repository().join("e2e/cluster/apiserver.sh")).arg(what).output()?;
    ensure!(
        output.status.success(),
        "apiserver.sh {what}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
