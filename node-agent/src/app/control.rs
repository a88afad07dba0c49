//! Signals: SIGHUP reads policies and lists again, SIGINT and SIGTERM stop in order, a second one at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use beaconwatch_engine::input::Input;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{lists, policies};
use crate::clock::NodeClock;
use crate::queue::{Arrival, InputSender};
use crate::source::ringbuf::RingHandle;

/// What signals act on.
pub(super) struct Control {
    pub(super) rings: RingHandle,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) sender: InputSender,
    pub(super) clock: NodeClock,
    pub(super) policies: Vec<PathBuf>,
    /// Set while policy files are wrong, and the last good ones are in force.
    pub(super) policies_stale: Arc<AtomicBool>,
    pub(super) lists: Vec<PathBuf>,
}

/// Starts the thread that waits for signals. After `limit` it stops the agent by itself.
pub(super) fn spawn(control: Control, limit: Option<Duration>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("watch for signals")?;
    // A second signal while stopping ends the process at once.
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&control.stop))
            .context("watch for signals")?;
    }
    if let Some(limit) = limit {
        std::thread::Builder::new().name("limit".to_owned()).spawn(move || {
            std::thread::sleep(limit);
            let _ = signal_hook::low_level::raise(SIGTERM);
        })?;
    }
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                control.reload();
            } else {
                break;
            }
        }
        // Sources first: what they hold goes to the engine before it is told to end.
        control.rings.stop();
        control.stop.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}

impl Control {
    fn reload(&self) {
        // In a cluster there are no files, and the API server's policies stay in force.
        if !self.policies.is_empty() {
            self.reload_policies();
        }
        if !self.lists.is_empty() {
            lists::reload(&self.lists, &self.sender, self.clock);
        }
    }

    fn reload_policies(&self) {
        let loaded = policies::load(&self.policies);
        self.policies_stale.store(loaded.is_none(), Ordering::Relaxed);
        if let Some(policies) = loaded {
            eprintln!("beaconwatch: {} policies read again", policies.policies.len());
            let _ = self.sender.send(Arrival::Learned(self.clock.now(), Input::Policies(policies)));
        } else {
            eprintln!("beaconwatch: the last good policies stay in force");
        }
    }
}
