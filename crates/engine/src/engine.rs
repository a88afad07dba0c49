//! The engine: inputs with their time in, findings out.
//!
//! Contract (as sans-IO protocol libraries have it): call [`Engine::handle`] with each input and its time; before
//! each input call [`Engine::handle_timeout`] for every [`Engine::poll_timeout`] that is due, with the *due*
//! time; after each call drain [`Engine::poll`]. [`crate::engine::drive`] does just that. `now` never goes back:
//! an earlier time is raised to the last one and counted.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::actor::{Actor, Pod};
use crate::assess::finding::Finding;
use crate::assess::policy::PolicyId;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::codec::Dropped;
use crate::counters::Counters;
pub use crate::detection::LOOK_AHEAD;
use crate::detection::{AlertThreshold, Candidate, Detection, Explanation};
use crate::identity::Secret;
use crate::input::Input;
use crate::know::{Bounds, Delta, Merged, Observer};
use crate::limits::Limits;
use crate::observe::session::{Sandbox, SandboxRuntime, SessionOutput, Sessions};
use crate::observe::workload::Workloads;
use crate::time::Timestamp;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    now: Timestamp,
    counters: Counters,
    workloads: Workloads,
    sessions: Sessions,
    /// When sessions are due next. Read with every input, changed by few.
    sessions_due: Option<Timestamp>,
    detection: Detection,
    session_outputs: Vec<SessionOutput>,
    outputs: VecDeque<Finding>,
}

impl Engine {
    /// An empty engine within these limits.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            now: Timestamp::ZERO,
            counters: Counters::default(),
            workloads: Workloads::with_limits(&limits),
            sessions: Sessions::with_limits(&limits),
            sessions_due: None,
            detection: Detection::with_limits(&limits),
            session_outputs: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. Returns the time it was given, which is `now` or later.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Timestamp {
        self.advance(now);
        let now = self.now;
        self.counters.inputs += 1;
        match input {
            Input::Event(event) => {
                self.sessions.handle(now, event, &mut self.session_outputs);
                self.hand_on();
            }
            Input::Contact(contact) => {
                self.counters.contacts += 1;
                self.detection.contact(now, contact, &self.workloads, &mut self.outputs);
            }
            Input::ContactEnd(end) => {
                self.detection.contact_end(now, end, &self.workloads, &mut self.outputs)
            }
            Input::Workload(change) => {
                self.workloads.handle(change);
                self.sessions.set_inside(self.workloads.inside());
            }
            Input::Digest { file, sha256 } => self.sessions.set_digest(file, sha256),
            Input::Policies(policies) => {
                let by_digest =
                    policies.policies.iter().flat_map(|p| &p.exceptions).any(|e| !e.digests.is_empty());
                self.sessions.want_digests(by_digest);
                self.detection.set_policies(policies);
            }
            Input::Baseline(entry) => self.detection.learn(*entry, &self.workloads),
            Input::Reputation(list) => self.detection.set_reputation(list),
            Input::Networks(networks) => {
                self.workloads.set_networks(networks);
                self.sessions.set_inside(self.workloads.inside());
            }
            Input::MeshProxies(named) => self.sessions.set_mesh_proxies(named),
            Input::Rewritten(rewritten) => self.detection.set_rewritten(rewritten),
            Input::Lost { place: _, count } => {
                self.counters.lost = self.counters.lost.saturating_add(count);
                self.detection.lost(now, count);
            }
            Input::Secret(secret) => self.detection.set_secret(secret),
        }
        now
    }

    /// Prefetches the memory that the first [`LOOK_AHEAD`] of these inputs will need: most conversations have left the
    /// caches since their last contact. For sources that know what comes next; it changes no result.
    pub fn look_ahead<'i>(&mut self, inputs: impl Iterator<Item = &'i Input>) {
        self.detection.look_ahead(inputs.take(LOOK_AHEAD).filter_map(Input::contact));
    }

    /// When [`Engine::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match (self.sessions_due, self.detection.poll_timeout()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Runs what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance(now);
        self.sessions.handle_timeout(self.now, &mut self.session_outputs);
        self.hand_on();
        self.detection.handle_timeout(self.now, &self.workloads, &mut self.outputs);
    }

    /// The next finding state, if there is one.
    pub fn poll(&mut self) -> Option<Finding> {
        self.outputs.pop_front()
    }

    /// Sandboxes that run now, with their pods where known: what happens inside them cannot be seen. A pod whose
    /// RuntimeClass names a sandbox counts as one even before a program that serves it is seen.
    #[must_use]
    pub fn sandboxes(&self) -> Vec<(Sandbox, Option<Arc<Pod>>)> {
        let mut found: Vec<(Sandbox, Option<Arc<Pod>>)> = Vec::new();
        let mut add = |sandbox: Sandbox, pod: Option<Arc<Pod>>| {
            let same = |other: &Pod| pod.as_ref().is_some_and(|pod| pod.uid == other.uid);
            if !found.iter().any(|(_, other)| other.as_deref().is_some_and(same)) {
                found.push((sandbox, pod));
            }
        };
        for sandbox in self.sessions.sandboxes() {
            let (pod_uid, container) = (sandbox.pod_uid.clone(), sandbox.container.clone());
            let pod = self.workloads.pod_of(&Actor { pod_uid, container, ..Actor::default() }).cloned();
            add(sandbox, pod);
        }
        for pod in self.workloads.pods() {
            if let Some(runtime) = pod.runtime_class.as_deref().and_then(SandboxRuntime::of_class) {
                let sandbox = Sandbox { runtime, pod_uid: Some(Arc::clone(&pod.uid)), container: None };
                add(sandbox, Some(Arc::clone(pod)));
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }

    /// The next new actor whose executable's digest a policy may ask for. The answer is [`Input::Digest`]; nothing waits
    /// for it.
    pub fn poll_digest_wanted(&mut self) -> Option<Arc<Actor>> {
        self.sessions.poll_digest_wanted()
    }

    /// Closes every open finding; drain [`Engine::poll`] afterwards. For the end of a replay or a shutdown.
    pub fn finish(&mut self, now: Timestamp) {
        self.advance(now);
        self.sessions.finish(self.now, &mut self.session_outputs);
        self.hand_on();
        self.detection.finish(self.now, &self.workloads, &mut self.outputs);
    }

    /// The engine's time: no input gets an earlier one.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// From now on, keeps the names and addresses of conversations for [`Engine::explain`], up to this many in all.
    pub fn keep_aliases(&mut self, aliases_max: usize) {
        self.detection.keep_aliases(aliases_max);
    }

    /// Why the conversations that `wanted` selects did or did not become findings.
    pub fn explain(&mut self, wanted: impl Fn(&Candidate<'_>) -> bool) -> Vec<Explanation> {
        self.detection.explain(&self.workloads, self.now, wanted)
    }

    /// Exceptions that tolerated something since the start, by policy and name, and when they last did.
    pub fn exceptions_used(&self) -> impl Iterator<Item = (&PolicyId, &str, Timestamp)> {
        self.detection.exceptions_used()
    }

    /// Alert thresholds in force, for policies with a budget of alarms that have judged something.
    pub fn alert_thresholds(&self) -> impl Iterator<Item = AlertThreshold> {
        self.detection.alert_thresholds()
    }

    /// Conversations and what was learned, for [`Engine::restore`].
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.detection.checkpoint()
    }

    /// Restores a checkpoint and returns what of it is not kept. Call it before the first input. On an error the engine
    /// is unchanged.
    ///
    /// # Errors
    ///
    /// When a section is damaged.
    pub fn restore(&mut self, from: &Checkpoint) -> Result<Dropped, CheckpointError> {
        let mut detection = Detection::with_limits(&self.limits);
        let dropped = detection.restore(from)?;
        self.detection = detection;
        Ok(dropped)
    }

    /// Starts an exchange of knowledge: from now on, news are collected for [`Engine::take_delta`] under the name of
    /// `observer`. All participants must use the same bounds. Call it after [`Engine::restore`]; what was known before is
    /// not part of a delta.
    ///
    /// Findings do not change by it: they come from what this engine saw itself.
    pub fn exchange(&mut self, observer: Observer, bounds: Bounds) {
        self.detection.exchange(observer, bounds);
    }

    /// What was newly learned since the last call, for [`Engine::merge`] elsewhere; empty without an exchange. Its size is
    /// within the bounds of the exchange.
    pub fn take_delta(&mut self) -> Delta {
        self.detection.take_delta()
    }

    /// Adds another observer's delta to the merged view. Order and repetition make no difference. Without an exchange,
    /// nothing is kept.
    pub fn merge(&mut self, delta: &Delta) {
        self.detection.merge(delta);
    }

    /// The merged view, with this engine's own deltas up to the last [`Engine::take_delta`]; `None` without an exchange.
    #[must_use]
    pub fn merged(&self) -> Option<&Merged> {
        self.detection.merged()
    }

    /// The secret in force; all zeros if none was given.
    #[must_use]
    pub fn secret(&self) -> Secret {
        self.detection.secret()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        self.workloads.count(&mut counters);
        self.sessions.count(&mut counters);
        self.detection.count(&mut counters);
        counters
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Passes contacts from the session layer to the detectors.
    fn hand_on(&mut self) {
        self.sessions_due = self.sessions.poll_timeout();
        for output in self.session_outputs.drain(..) {
            match output {
                SessionOutput::Contact(contact) => {
                    self.counters.contacts += 1;
                    self.detection.contact(self.now, contact, &self.workloads, &mut self.outputs);
                }
                SessionOutput::End(end) => {
                    self.detection.contact_end(self.now, end, &self.workloads, &mut self.outputs);
                }
            }
        }
    }

    fn advance(&mut self, now: Timestamp) {
        if now < self.now {
            self.counters.late_inputs += 1;
        } else {
            self.now = now;
        }
    }
}

/// Feeds one input as the contract wants it: due timers first, then the input; each finding goes to `found`.
/// Returns the (clamped) time the input was given: what a recording has to store.
pub fn drive(
    engine: &mut Engine,
    now: Timestamp,
    input: Input,
    found: &mut impl FnMut(Finding),
) -> Timestamp {
    catch_up(engine, now, found);
    let stamped = engine.handle(now, input);
    while let Some(finding) = engine.poll() {
        found(finding);
    }
    stamped
}

/// Fires every timer that is due by `now`, each with its due time.
pub fn catch_up(engine: &mut Engine, now: Timestamp, found: &mut impl FnMut(Finding)) {
    while let Some(due) = engine.poll_timeout().filter(|due| *due <= now) {
        engine.handle_timeout(due);
        while let Some(finding) = engine.poll() {
            found(finding);
        }
    }
}
