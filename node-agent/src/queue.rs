//! The queue in front of the engine: what live sources and watches put in, the loop takes out.
//!
//! Sources that must never wait use [`InputSender::try_send`] and count what did not fit; watches of things that
//! must not be lost (policies, pods) use [`InputSender::send`] and wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use beaconwatch_engine::input::Input;
use beaconwatch_engine::time::Timestamp;

use crate::run::Step;

/// Inputs that may wait for the engine.
pub const INPUTS_MAX: usize = 65_536;

/// Timers fire this long after their time, so that kernel records of the same moment, which come by a polled
/// ring, are there before them.
const LAG: Duration = Duration::from_millis(250);
/// How long the loop sleeps at most without an input: it bounds the delay of timers and of stopping.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// The end that sources hold.
pub type InputSender = SyncSender<(Timestamp, Input)>;

/// The end that the loop holds.
pub struct LiveInputs<C: Fn() -> Timestamp> {
    receiver: Receiver<(Timestamp, Input)>,
    stop: Arc<AtomicBool>,
    clock: C,
}

/// A queue with its two ends. The loop ends when every sender is gone, or `stop` is set and the queue is empty.
pub fn live_inputs<C: Fn() -> Timestamp>(stop: Arc<AtomicBool>, clock: C) -> (InputSender, LiveInputs<C>) {
    let (sender, receiver) = sync_channel(INPUTS_MAX);
    (sender, LiveInputs { receiver, stop, clock })
}

impl<C: Fn() -> Timestamp> LiveInputs<C> {
    /// The next step of the loop.
    pub fn step(&mut self) -> Step {
        match self.receiver.recv_timeout(WAIT_MAX) {
            Ok((now, input)) => Step::Input(now, input),
            Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => Step::End((self.clock)()),
            Err(RecvTimeoutError::Timeout) => Step::Idle((self.clock)() - LAG),
            Err(RecvTimeoutError::Disconnected) => Step::End((self.clock)()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beaconwatch_engine::input::LossPlace;

    #[test]
    fn what_was_sent_before_the_stop_is_still_taken() {
        let stop = Arc::new(AtomicBool::new(true));
        let (sender, mut inputs) = live_inputs(Arc::clone(&stop), || Timestamp::from_nanos(9));
        let lost = || Input::Lost { place: LossPlace::FlowRing, count: 1 };
        sender.send((Timestamp::from_nanos(5), lost())).unwrap();
        assert!(matches!(inputs.step(), Step::Input(now, _) if now == Timestamp::from_nanos(5)));
        assert!(matches!(inputs.step(), Step::End(now) if now == Timestamp::from_nanos(9)));
    }
}
