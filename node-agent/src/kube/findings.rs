//! Writes findings as `BeaconFinding` objects, and Events about their changes.
//!
//! Each state goes to the spool first and leaves it when the API server has taken it and its Events. Names of
//! objects and Events follow from the finding, and writing is server-side apply, so that whatever is written
//! twice (an answer lost, an agent killed between) is there once.
//!
//! RBAC: `beaconfindings`: get, create, patch; `events.k8s.io` `events`: create.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_crds::BeaconFinding;
use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_report::object::{Reporter, object};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::answer::{Answer, answered, judge};
use super::budget::EventBudget;
use super::counters::KubeCounters;
use super::delay::Delay;
use super::events;
use super::ledger::Ledger;
use super::parts::Clock;
use super::spool::Spool;

/// Owner of the fields that agents write.
pub const FIELD_MANAGER: &str = "beaconwatch-agent";
/// Events that one finding may have waiting.
const EVENTS_MAX: usize = 8;
/// Summaries of Events are looked for this often.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(5);

/// A finding on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outgoing {
    /// The object as it is to be written.
    object: BeaconFinding,
    /// What was there before is already added to it.
    entered: bool,
    /// Events that are to be written after it.
    events: Vec<Event>,
}

/// Name of an object that Events regard: namespace and name.
type Regarded = (String, String, String);

/// The writer of findings and their Events.
pub struct FindingWriter {
    client: Client,
    reporter: Reporter,
    clock: Clock,
    counters: Arc<KubeCounters>,
    spool: Spool<Outgoing>,
    ledger: Ledger,
    budget: EventBudget<Regarded>,
    /// The API server does not answer: nothing is tried before this.
    pause: Delay,
    /// Objects that it answers for, but not as wanted: each is tried on its own.
    later: BTreeMap<String, Delay>,
}

impl FindingWriter {
    /// A writer that goes on with what an earlier run left in the spool.
    #[must_use]
    pub fn with_spool(
        client: Client,
        reporter: Reporter,
        clock: Clock,
        counters: Arc<KubeCounters>,
        spool: Spool<Outgoing>,
    ) -> Self {
        let mut ledger = Ledger::default();
        for key in spool.keys() {
            if let Some(outgoing) = spool.get(key).filter(|outgoing| outgoing.entered) {
                ledger.learn(key, Some(&outgoing.object));
            }
        }
        let pause = Delay::default();
        let (budget, later) = (EventBudget::default(), BTreeMap::new());
        Self { client, reporter, clock, counters, spool, ledger, budget, pause, later }
    }

    /// Writes what comes in until the sender is gone, or `stop` holds a deadline that has passed; what is not
    /// written by then stays in the spool.
    pub async fn run(
        mut self,
        mut findings: mpsc::Receiver<Finding>,
        stop: watch::Receiver<Option<Instant>>,
    ) {
        tokio::select! {
            biased;
            () = passed(stop.clone()) => {}
            () = self.write(&mut findings, stop) => {}
        }
        // The API server may not have answered: what came meanwhile waits on disk.
        while let Ok(finding) = findings.try_recv() {
            self.take(&finding);
        }
    }

    async fn write(
        &mut self,
        findings: &mut mpsc::Receiver<Finding>,
        stop: watch::Receiver<Option<Instant>>,
    ) {
        let mut open = true;
        let mut summaries = tokio::time::interval(SUMMARY_INTERVAL);
        loop {
            let deadline = *stop.borrow();
            if !open && (self.spool.is_empty() || deadline.is_none()) {
                return;
            }
            while let Ok(finding) = findings.try_recv() {
                self.take(&finding);
            }
            let next = self.send_due().await;
            let mut changed = stop.clone();
            tokio::select! {
                finding = findings.recv(), if open => match finding {
                    Some(finding) => self.take(&finding),
                    None => open = false,
                },
                () = tokio::time::sleep_until(next) => {}
                () = async { drop(changed.wait_for(|now| *now != deadline).await) } => {}
                _ = summaries.tick() => self.send_summaries().await,
            }
        }
    }

    /// Puts a new state of a finding into the spool.
    pub fn take(&mut self, finding: &Finding) {
        self.counters.findings_taken.inc();
        let object = object(finding, &self.reporter);
        let key = key_of(&object);
        let events = self.spool.get(&key).map(|waiting| waiting.events.clone()).unwrap_or_default();
        let outgoing = Outgoing { object, entered: false, events };
        if self.ledger.knows(&key) {
            // At once: after a restart nobody could tell whether its counts are in the object already.
            self.add_to_ledger(&key, outgoing);
        } else {
            self.put(&key, outgoing);
        }
        self.later.remove(&key);
    }

    /// Sends everything that is due; says when to try again.
    pub async fn send_due(&mut self) -> Instant {
        if !self.pause.is_over() {
            return self.pause.until();
        }
        let keys: Vec<String> = self.spool.keys().cloned().collect();
        let mut next = Instant::now() + Duration::from_secs(3600);
        for key in keys {
            if let Some(delay) = self.later.get(&key).filter(|delay| !delay.is_over()) {
                next = next.min(delay.until());
                continue;
            }
            match self.send(&key).await {
                Answer::Done | Answer::Refused => {
                    self.later.remove(&key);
                    self.pause.reset();
                }
                Answer::TryObjectLater => {
                    let delay = self.later.entry(key).or_default();
                    delay.grow();
                    next = next.min(delay.until());
                }
                Answer::TryAllLater => {
                    self.pause.grow();
                    next = self.pause.until();
                    break;
                }
            }
        }
        self.counters.spool_entries.set(self.spool.len() as u64);
        next
    }

    /// Findings that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.spool.len()
    }

    async fn send(&mut self, key: &str) -> Answer {
        let Some(outgoing) = self.spool.get(key).cloned() else { return Answer::Done };
        let outgoing = match self.enter(key, outgoing).await {
            Ok(outgoing) => outgoing,
            Err(error) => return self.failed(key, &error, "read"),
        };
        let namespace = outgoing.object.namespace().unwrap_or_default();
        let api: Api<BeaconFinding> = Api::namespaced(self.client.clone(), &namespace);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let name = outgoing.object.name_any();
        if let Err(error) = answered(api.patch(&name, &params, &Patch::Apply(&outgoing.object))).await {
            return self.failed(key, &error, "write");
        }
        for event in &outgoing.events {
            if let Err(error) = self.send_event(event).await {
                return self.failed(key, &error, "write the Event of");
            }
        }
        self.counters.findings_written.inc();
        self.spool.remove(key);
        Answer::Done
    }

    /// Adds what is known from before, once, and decides what is published.
    async fn enter(&mut self, key: &str, outgoing: Outgoing) -> kube::Result<Outgoing> {
        if outgoing.entered {
            return Ok(outgoing);
        }
        if !self.ledger.knows(key) {
            let namespace = outgoing.object.namespace().unwrap_or_default();
            let api: Api<BeaconFinding> = Api::namespaced(self.client.clone(), &namespace);
            let held = match answered(api.get_opt(&outgoing.object.name_any())).await {
                // One that cannot be read is overwritten as if there were none.
                Err(kube::Error::SerdeError(_)) => None,
                held => held?,
            };
            self.ledger.learn(key, held.as_ref());
        }
        Ok(self.add_to_ledger(key, outgoing))
    }

    fn add_to_ledger(&mut self, key: &str, mut outgoing: Outgoing) -> Outgoing {
        let now = (self.clock)();
        for transition in self.ledger.enter(key, &mut outgoing.object) {
            let regarding = regarded(&events::regarding(&outgoing.object, &self.reporter));
            if outgoing.events.len() < EVENTS_MAX && self.budget.take(&regarding, now) {
                outgoing.events.push(events::about(&outgoing.object, transition, &self.reporter, now));
            } else {
                self.counters.events_suppressed.inc();
            }
        }
        outgoing.entered = true;
        self.put(key, outgoing.clone());
        outgoing
    }

    async fn send_event(&self, event: &Event) -> kube::Result<()> {
        let namespace = event.namespace().unwrap_or_else(|| "default".into());
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        match answered(api.create(&PostParams::default(), event)).await {
            Ok(_) => self.counters.events_written.inc(),
            // It was written before.
            Err(kube::Error::Api(answer)) if answer.code == 409 => {}
            Err(error) if judge(&error) == Answer::Refused => {
                self.counters.events_refused.inc();
                tracing::warn!(name = event.name_any(), %error, "an event is refused");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Tells how many Events did not fit. A summary that cannot be written is given up: it is counted.
    async fn send_summaries(&mut self) {
        while let Some((regarded, count)) = self.budget.next_summary((self.clock)()) {
            let (namespace, kind, name) = regarded;
            let api_version = if kind == "Pod" { "v1" } else { beaconwatch_crds::API_VERSION };
            let regarding = ObjectReference {
                api_version: Some(api_version.into()),
                kind: Some(kind),
                namespace: Some(namespace),
                name: Some(name),
                ..ObjectReference::default()
            };
            let event = events::summary(&regarding, count, &self.reporter, (self.clock)());
            if let Err(error) = self.send_event(&event).await {
                self.counters.events_refused.inc();
                tracing::warn!(%error, count, "a summary of events cannot be written");
            }
        }
    }

    fn failed(&mut self, key: &str, error: &kube::Error, what: &'static str) -> Answer {
        let answer = judge(error);
        match answer {
            Answer::Refused => {
                self.counters.findings_refused.inc();
                tracing::warn!(finding = key, %error, "cannot {what} a finding, and will not be able to");
                self.spool.remove(key);
            }
            Answer::Done | Answer::TryObjectLater | Answer::TryAllLater => {
                self.counters.write_failures.inc();
                tracing::warn!(finding = key, %error, "cannot {what} a finding yet");
            }
        }
        answer
    }

    fn put(&mut self, key: &str, outgoing: Outgoing) {
        let worth =
            |outgoing: &Outgoing| outgoing.object.spec.severity.known().map_or(0, |severity| severity as u64);
        if let Err(error) = self.spool.put(key, outgoing, worth) {
            self.counters.spool_failures.inc();
            tracing::warn!(finding = key, %error, "a finding waits in memory only");
        }
        self.counters.spool_evicted.set(self.spool.evicted());
        self.counters.spool_entries.set(self.spool.len() as u64);
    }
}

/// Key in the spool: namespace and name; neither holds a dot that the other could take for its own, since names
/// of findings hold none.
fn key_of(object: &BeaconFinding) -> String {
    format!("{}.{}", object.namespace().unwrap_or_default(), object.name_any())
}

fn regarded(reference: &ObjectReference) -> Regarded {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    (part(&reference.namespace), part(&reference.kind), part(&reference.name))
}

/// Waits until `stop` holds a deadline and that has passed.
async fn passed(mut stop: watch::Receiver<Option<Instant>>) {
    let deadline = stop.wait_for(Option::is_some).await.map(|deadline| *deadline);
    match deadline {
        Ok(Some(deadline)) => tokio::time::sleep_until(deadline).await,
        // Nobody can stop it any more: it ends with its findings.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}
