//! Looks at the engine from time to time: publishes the agent's status, and saves what was learned.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use beaconwatch_engine::assess::finding::{Finding, FindingState};
use beaconwatch_engine::assess::policy::PolicySet;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::input::{Input, LossPlace};
use beaconwatch_engine::time::Timestamp;

use crate::chain::chain;
use crate::checkpoint::{self, CheckpointWriter};
use crate::clock::NodeClock;
use crate::ebpf::{Ebpf, HookReport, HookState};
use crate::sandboxes::{self, Sandboxed};
use crate::source::ringbuf::RingCounters;
use crate::status::{AgentStatus, HookStatus, StatusBoard};

/// Time between two snapshots.
const SNAPSHOT: Duration = Duration::from_secs(1);
/// Time between two savings of what was learned.
const CHECKPOINT: Duration = Duration::from_secs(300);
/// The same where a finding was opened meanwhile: an agent that is killed should not publish it a second time.
const CHECKPOINT_AFTER_FINDING: Duration = Duration::from_secs(30);
/// How long the disk may take for the last one.
const DISK_MAX: Duration = Duration::from_millis(1500);

/// What is known beside the engine's own counters.
#[derive(Debug)]
pub(super) struct StatusPublisher {
    board: StatusBoard,
    clock: NodeClock,
    started: Timestamp,
    hooks: Vec<HookReport>,
    /// Executables of other processes can be opened.
    may_trace: bool,
    rings: Arc<RingCounters>,
    losses: BTreeMap<LossPlace, u64>,
    policies: Arc<PolicySet>,
    last: AgentStatus,
    checkpoints: Option<CheckpointWriter>,
    saved: Timestamp,
    /// A finding was opened since.
    opened: bool,
}

impl StatusPublisher {
    /// Begins now.
    pub(super) fn begin(
        hooks: Vec<HookReport>,
        rings: Arc<RingCounters>,
        clock: NodeClock,
        checkpoints: Option<CheckpointWriter>,
    ) -> Self {
        let now = clock.now();
        Self {
            board: StatusBoard::default(),
            clock,
            started: now,
            hooks,
            may_trace: crate::host::may_trace(),
            rings,
            losses: BTreeMap::new(),
            policies: Arc::default(),
            last: AgentStatus::default(),
            checkpoints,
            saved: now,
            opened: false,
        }
    }

    /// Where snapshots are published.
    pub(super) fn board(&self) -> StatusBoard {
        self.board.clone()
    }

    /// Sees an input on its way to the engine.
    pub(super) fn see(&mut self, input: &Input) {
        if let Input::Lost { place, count } = input {
            *self.losses.entry(*place).or_default() += count;
        } else if let Input::Policies(policies) = input {
            self.policies = Arc::clone(policies);
        }
    }

    /// Sees a finding on its way out.
    pub(super) fn published(&mut self, finding: &Finding) {
        self.opened |= finding.state == FindingState::Opened;
    }

    /// Looks at the engine; does something only when it is time.
    pub(super) fn look(
        &mut self,
        engine: &Engine,
        ebpf: &Ebpf,
        kubernetes: impl Fn(&Engine) -> Vec<(&'static str, u64)>,
        policies_stale: impl Fn() -> bool,
    ) {
        let now = self.clock.now();
        if now.since(self.last.taken) < SNAPSHOT {
            return;
        }
        let run_time = ebpf.counters().run_time;
        let hooks = self.hooks.iter().map(|report| {
            let measured = run_time.iter().find(|time| time.hook == report.hook.name);
            HookStatus {
                name: report.hook.name,
                shows: report.hook.shows,
                invisible: report.invisible(),
                attached: report.state == HookState::Attached,
                error: match &report.state {
                    HookState::Failed { .. } => report.fault(),
                    HookState::Off => Some("switched off".to_owned()),
                    HookState::Attached => None,
                },
                runs: measured.map_or(0, |time| time.runs),
                run_time_ns: measured
                    .map_or(0, |time| u64::try_from(time.time.as_nanos()).unwrap_or(u64::MAX)),
            }
        });
        let counters = engine.counters();
        let sandboxed = engine.sandboxes();
        let status = AgentStatus {
            started: self.started,
            taken: now,
            engine_time: engine.now(),
            engine: counters,
            losses: self.losses(),
            hooks: hooks.collect(),
            older: self.rings.older(),
            sandboxes: sandboxes::count(&sandboxed),
            limits: self.limits(ebpf, &sandboxed),
            policies: self.policies.policies.len(),
            policies_stale: policies_stale(),
            kubernetes: kubernetes(engine),
            checkpoints: self.checkpoints.as_ref().map(CheckpointWriter::counters).unwrap_or_default(),
            contacts_per_second: self.contacts_per_second(counters.contacts, now),
        };
        self.last = status.clone();
        self.board.publish(status);
        let soon = if self.opened { CHECKPOINT_AFTER_FINDING } else { CHECKPOINT };
        if now.since(self.saved) >= soon {
            self.save(engine);
        }
    }

    /// Hands what was learned to the disk, if a file was named.
    pub(super) fn save(&mut self, engine: &Engine) {
        (self.saved, self.opened) = (self.clock.now(), false);
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.put(engine.checkpoint());
        }
    }

    /// Waits until what was handed to the disk is there, for a moment at most.
    pub(super) fn finish(self) {
        if let Some(checkpoints) = self.checkpoints
            && !checkpoints.finish(DISK_MAX)
        {
            tracing::warn!("the checkpoint was not saved in time; the one before stays");
        }
    }

    fn losses(&self) -> Vec<(LossPlace, u64)> {
        let mut losses = self.losses.clone();
        // The queue may be too full to be told that it was full.
        let queue = losses.entry(LossPlace::InputQueue).or_default();
        *queue = (*queue).max(self.rings.queue_full.load(Ordering::Relaxed));
        losses.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// What stays invisible although every hook works.
    fn limits(&self, ebpf: &Ebpf, sandboxed: &[Sandboxed]) -> Vec<String> {
        let by_digest =
            self.policies.policies.iter().flat_map(|p| &p.exceptions).any(|e| !e.digests.is_empty());
        let digests = (by_digest && !self.may_trace).then(|| crate::digest::NOT_KNOWN.to_owned());
        ebpf.limits().map(str::to_owned).chain(digests).chain(sandboxes::limits(sandboxed)).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn contacts_per_second(&self, contacts: u64, now: Timestamp) -> f64 {
        let seconds = now.secs_since(self.last.taken);
        let more = contacts.saturating_sub(self.last.engine.contacts) as f64;
        if self.last.taken == Timestamp::ZERO || seconds <= 0.0 {
            return 0.0;
        }
        // A mean that forgets within about ten snapshots.
        self.last.contacts_per_second * 0.9 + more / seconds * 0.1
    }
}

/// Takes up what an earlier run learned; what does not fit is left, and said.
pub(super) fn restore(path: Option<&Path>, engine: &mut Engine) {
    let Some(path) = path else { return };
    let restored = match checkpoint::read(path) {
        Ok(None) => return,
        Ok(Some(checkpoint)) => engine.restore(&checkpoint).map_err(|error| error.to_string()),
        Err(error) => Err(chain(&error)),
    };
    match restored {
        Ok(dropped) if dropped.is_empty() => {
            tracing::info!("loaded the checkpoint {}", path.display());
        }
        Ok(dropped) => {
            tracing::warn!("loaded the checkpoint {} without: {dropped}", path.display());
        }
        Err(error) => tracing::warn!("no checkpoint is loaded: {error}"),
    }
}
