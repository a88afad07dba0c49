//! The bounded queue between the line and one sink, and what is counted there.
//!
//! Whoever puts never waits. When it is full, the oldest update is dropped, since a later state says more; when it
//! holds none, the oldest finding. A finding is held until the sink says what became of it, so that a sink which
//! retries loses nothing below the bound.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use beaconwatch_engine::assess::finding::{Finding, FindingState};
use tokio::sync::Notify;

/// Between two tries once nothing more will come and somebody waits for the end.
const CLOSED_PAUSE: Duration = Duration::from_millis(50);

/// The sinks there are. Also the label of their metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SinkName {
    /// Standard output.
    Stdout,
    /// JSON lines in a file.
    File,
    /// OpenTelemetry logs.
    Otlp,
}

impl SinkName {
    /// `stdout`, `file`, ...
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File => "file",
            Self::Otlp => "otlp",
        }
    }
}

/// What a sink counted since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkCounters {
    /// Which sink.
    pub name: SinkName,
    /// Findings that wait now, the ones being delivered included.
    pub waiting: u64,
    /// Findings delivered.
    pub delivered: u64,
    /// Failed tries of delivery.
    pub failures: u64,
    /// Findings lost: dropped from the full queue, refused by the peer, or left when the agent stopped.
    pub lost: u64,
}

/// What a sink gets when it asks for findings.
#[derive(Debug)]
pub enum Batch {
    /// Findings, oldest first. Say what became of them: [`Queue::delivered`] or [`Queue::lost`].
    Findings(Vec<Arc<Finding>>),
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing more will come.
    Closed,
}

/// The queue of one sink.
#[derive(Debug)]
pub struct Queue {
    name: SinkName,
    findings_max: usize,
    state: Mutex<State>,
    changed: Condvar,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Finding>>,
    in_delivery: usize,
    delivered: u64,
    failures: u64,
    lost: u64,
    closed: bool,
}

impl Queue {
    /// An empty queue that holds at most `findings_max`.
    #[must_use]
    pub fn bounded(name: SinkName, findings_max: usize) -> Self {
        Self { name, findings_max, state: Mutex::default(), changed: Condvar::new(), arrived: Notify::new() }
    }

    /// Puts a finding in. Never waits.
    pub fn put(&self, finding: Arc<Finding>) {
        let mut state = self.lock();
        if state.closed {
            state.lost += 1;
            return;
        }
        if state.waiting.len() + state.in_delivery >= self.findings_max {
            let oldest_update = state.waiting.iter().position(|one| one.state == FindingState::Updated);
            // With nothing to drop (all of it is being delivered) the new one has no place.
            if state.waiting.remove(oldest_update.unwrap_or(0)).is_none() {
                state.lost += 1;
                return;
            }
            state.lost += 1;
        }
        state.waiting.push_back(finding);
        drop(state);
        self.changed.notify_all();
        self.arrived.notify_one();
    }

    /// Takes up to `max` findings, waiting for the first for at most `wait`.
    pub fn take(&self, max: usize, wait: Duration) -> Batch {
        let state = self.lock();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, wait, |state| state.waiting.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        Self::take_now(&mut state, max)
    }

    /// Takes up to `max` findings, waiting for the first.
    pub async fn taken(&self, max: usize) -> Batch {
        loop {
            let arrived = self.arrived.notified();
            match Self::take_now(&mut self.lock(), max) {
                Batch::Nothing => {}
                taken @ (Batch::Findings(_) | Batch::Closed) => return taken,
            }
            arrived.await;
        }
    }

    fn take_now(state: &mut State, max: usize) -> Batch {
        if state.waiting.is_empty() {
            return if state.closed { Batch::Closed } else { Batch::Nothing };
        }
        let count = state.waiting.len().min(max);
        state.in_delivery += count;
        Batch::Findings(state.waiting.drain(..count).collect())
    }

    /// `count` of the findings that were taken arrived.
    pub fn delivered(&self, count: usize) {
        self.settle(count, |state, count| state.delivered += count);
    }

    /// `count` of the findings that were taken will never arrive.
    pub fn lost(&self, count: usize) {
        self.settle(count, |state, count| state.lost += count);
    }

    /// A try of delivery failed; the findings that were taken are still held.
    pub fn failed(&self) {
        self.lock().failures += 1;
    }

    fn settle(&self, count: usize, book: impl FnOnce(&mut State, u64)) {
        let mut state = self.lock();
        // What was abandoned is booked already.
        let count = count.min(state.in_delivery);
        state.in_delivery -= count;
        book(&mut state, count as u64);
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing more will be put in.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
        self.arrived.notify_one();
    }

    /// Whether [`Queue::close`] was called: a sink that retries should then hurry.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits for `pause`, or a moment if the queue is closed: the pause of a sink's thread between two tries.
    pub fn wait_until_closed(&self, pause: Duration) {
        if self.is_closed() {
            std::thread::sleep(pause.min(CLOSED_PAUSE));
            return;
        }
        let waited = self.changed.wait_timeout_while(self.lock(), pause, |state| !state.closed);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until [`Queue::close`] is called.
    pub async fn closed(&self) {
        loop {
            let arrived = self.arrived.notified();
            if self.is_closed() {
                // The wake-up may have been meant for a taker.
                self.arrived.notify_one();
                return;
            }
            arrived.await;
        }
    }

    /// Waits until everything is delivered or lost, for at most `deadline`. True if so.
    pub fn wait_until_empty(&self, deadline: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), deadline, |state| {
                !state.waiting.is_empty() || state.in_delivery > 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting.is_empty() && state.in_delivery == 0
    }

    /// Books what is still held as lost, and says what was counted in all.
    pub fn abandon(&self) -> SinkCounters {
        let mut state = self.lock();
        state.closed = true;
        state.lost += (state.waiting.len() + state.in_delivery) as u64;
        state.waiting.clear();
        state.in_delivery = 0;
        drop(state);
        self.changed.notify_all();
        self.counters()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> SinkCounters {
        let state = self.lock();
        SinkCounters {
            name: self.name,
            waiting: (state.waiting.len() + state.in_delivery) as u64,
            delivered: state.delivered,
            failures: state.failures,
            lost: state.lost,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
