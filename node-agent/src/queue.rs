//! The queue in front of the engine: what live sources and watches put in, the loop takes out in order of time.
//!
//! Records of the kernel come some 27 ms after their time, since their rings are polled and put in order. What is
//! learned elsewhere (pods, policies, lists, digests) would overtake them, and the engine, whose time never goes back,
//! would give them a later time than theirs. So it waits here until the records of its time are through: a later record
//! has come, or [`LAG`] has passed without one.
//!
//! Sources that must never wait use [`InputSender::try_send`] and count what did not fit; watches of things that
//! must not be lost (policies, pods) use [`InputSender::send`] and wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use beaconwatch_engine::input::Input;
use beaconwatch_engine::run::Step;
use beaconwatch_engine::time::Timestamp;

/// Inputs that may wait for the engine.
pub const INPUTS_MAX: usize = 65_536;

/// Timers fire this long after their time, so that kernel records of the same moment, which come by a polled
/// ring, are there before them. What was learned waits as long for a record of its time.
const LAG: Duration = Duration::from_millis(250);
/// How long the loop sleeps at most without an input: it bounds the delay of timers and of stopping.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// What is put into the queue.
#[derive(Debug)]
pub enum Arrival {
    /// A record of the kernel with its time. One source makes them all, in order of time.
    Record(Timestamp, Input),
    /// Something that was learned elsewhere, with the time when it was.
    Learned(Timestamp, Input),
}

impl Arrival {
    /// Its time and what it is.
    #[must_use]
    pub fn into_parts(self) -> (Timestamp, Input) {
        match self {
            Self::Record(now, input) | Self::Learned(now, input) => (now, input),
        }
    }
}

/// The end that sources hold.
pub type InputSender = SyncSender<Arrival>;

/// The end that the loop holds.
pub struct LiveInputs<C: Fn() -> Timestamp> {
    receiver: Receiver<Arrival>,
    stop: Arc<AtomicBool>,
    clock: C,
    /// Learned, and not due yet; in order of time.
    learned: VecDeque<(Timestamp, Input)>,
    /// Comes next, once what was learned before it has.
    record: Option<(Timestamp, Input)>,
    /// Every record up to here has come.
    through: Timestamp,
    /// Once everything is to stop: how much may still be in the queue from before.
    left: Option<usize>,
}

/// A queue with its two ends. The loop ends when every sender is gone, or `stop` is set and what was sent before is
/// taken.
pub fn live_inputs<C: Fn() -> Timestamp>(stop: Arc<AtomicBool>, clock: C) -> (InputSender, LiveInputs<C>) {
    let (sender, receiver) = sync_channel(INPUTS_MAX);
    let inputs = LiveInputs {
        receiver,
        stop,
        clock,
        learned: VecDeque::new(),
        record: None,
        through: Timestamp::ZERO,
        left: None,
    };
    (sender, inputs)
}

impl<C: Fn() -> Timestamp> LiveInputs<C> {
    /// The next step of the loop.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some((now, input)) = self.due() {
                return Step::Input(now, input);
            }
            match self.receive() {
                Ok(Arrival::Record(now, input)) => {
                    self.through = self.through.max(now);
                    self.record = Some((now, input));
                }
                Ok(Arrival::Learned(now, input)) => self.hold(now, input),
                Err(RecvTimeoutError::Timeout) => {
                    let now = (self.clock)() - LAG;
                    self.through = self.through.max(now);
                    if self.learned.front().is_none_or(|(at, _)| *at > self.through) {
                        return Step::Idle(now);
                    }
                }
                Err(RecvTimeoutError::Disconnected) if self.learned.is_empty() => {
                    return Step::End((self.clock)());
                }
                Err(RecvTimeoutError::Disconnected) => self.through = Timestamp::MAX,
            }
        }
    }

    /// What was learned up to the time of the records, else the record itself.
    fn due(&mut self) -> Option<(Timestamp, Input)> {
        let full = self.learned.len() > INPUTS_MAX;
        let learned = self.learned.pop_front_if(|(at, _)| *at <= self.through || full);
        learned.or_else(|| self.record.take())
    }

    /// Keeps what was learned until its time. Records up to [`Self::through`] are with the engine already: it is new
    /// to the engine after them.
    fn hold(&mut self, learned: Timestamp, input: Input) {
        let at = learned.max(self.through);
        let place = self.learned.partition_point(|(other, _)| *other <= at);
        self.learned.insert(place, (at, input));
        // Also where nothing but this comes, time goes on.
        self.through = self.through.max(learned - LAG);
    }

    /// Waits for what comes next. After the stop it no longer waits, and takes what was sent before.
    fn receive(&mut self) -> Result<Arrival, RecvTimeoutError> {
        if self.left.is_none() && self.stop.load(Ordering::Relaxed) {
            self.left = Some(INPUTS_MAX);
        }
        let Some(left) = &mut self.left else { return self.receiver.recv_timeout(WAIT_MAX) };
        if *left == 0 {
            return Err(RecvTimeoutError::Disconnected);
        }
        *left -= 1;
        match self.receiver.try_recv() {
            Ok(arrival) => Ok(arrival),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                *left = 0;
                Err(RecvTimeoutError::Disconnected)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use beaconwatch_engine::engine::Engine;
    use beaconwatch_engine::input::LossPlace;
    use beaconwatch_engine::limits::Limits;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    fn record(millis: u64) -> Arrival {
        Arrival::Record(at(millis), Input::Lost { place: LossPlace::FlowRing, count: millis })
    }

    fn learned(millis: u64) -> Arrival {
        Arrival::Learned(at(millis), Input::Policies(Arc::default()))
    }

    /// What the engine is given, and how many of it had a time before another's.
    fn taken(arrivals: Vec<Arrival>) -> (Vec<(u64, bool)>, u64) {
        let (sender, mut inputs) = live_inputs(Arc::default(), || at(1000));
        arrivals.into_iter().for_each(|arrival| sender.send(arrival).unwrap());
        drop(sender);
        let mut engine = Engine::with_limits(Limits::default());
        let mut given = Vec::new();
        let tap = |now: Timestamp, input: &Input| {
            given.push((now.as_nanos() / 1_000_000, matches!(input, Input::Policies(_))));
        };
        beaconwatch_engine::run::run(&mut engine, |_| inputs.step(), tap, |_| {}, |_| {});
        (given, engine.counters().late_inputs)
    }

    #[test]
    fn what_is_learned_does_not_overtake_the_records_of_its_time() {
        // Records come 27 ms late: what was learned at 25 and 31 is in the queue before those of 20 and 30.
        let arrivals = vec![record(10), learned(25), record(20), learned(31), record(30), record(40)];
        let expect = [(10, false), (20, false), (25, true), (30, false), (31, true), (40, false)];
        assert_eq!(taken(arrivals), (expect.to_vec(), 0));
    }

    #[test]
    fn what_was_learned_before_a_record_that_is_through_is_new_after_it() {
        let arrivals = vec![record(50), learned(45), learned(44), record(60)];
        let expect = [(50, false), (50, true), (50, true), (60, false)];
        assert_eq!(taken(arrivals), (expect.to_vec(), 0));
    }

    #[test]
    fn what_several_learned_comes_in_order_of_time_also_at_the_end() {
        let arrivals = vec![learned(30), learned(20), learned(20)];
        assert_eq!(taken(arrivals), (vec![(20, true), (20, true), (30, true)], 0));
    }

    #[test]
    fn on_a_quiet_node_it_waits_no_longer_than_the_timers() {
        let now = Cell::new(at(1000));
        let (sender, mut inputs) = live_inputs(Arc::default(), || now.get());
        sender.send(learned(1000)).unwrap();
        assert!(matches!(inputs.step(), Step::Idle(time) if time == at(750)));
        now.set(at(1250));
        assert!(matches!(inputs.step(), Step::Input(time, _) if time == at(1000)));
        // Where only such things come, they are what shows that time goes on.
        for millis in [2000, 2100, 2250] {
            sender.send(learned(millis)).unwrap();
        }
        assert!(matches!(inputs.step(), Step::Input(time, _) if time == at(2000)));
    }

    #[test]
    fn what_was_sent_before_the_stop_is_still_taken_and_what_comes_after_it_keeps_nobody() {
        let stop = Arc::new(AtomicBool::new(true));
        let (sender, mut inputs) = live_inputs(Arc::clone(&stop), || at(9));
        sender.send(record(5)).unwrap();
        sender.send(learned(6)).unwrap();
        assert!(matches!(inputs.step(), Step::Input(time, _) if time == at(5)));
        assert!(matches!(inputs.step(), Step::Input(time, _) if time == at(6)));
        assert!(matches!(inputs.step(), Step::End(time) if time == at(9)));

        let (sender, mut inputs) = live_inputs(stop, || at(9));
        let mut steps = 0;
        sender.send(record(1)).unwrap();
        while matches!(inputs.step(), Step::Input(..)) {
            steps += 1;
            sender.send(record(1)).unwrap();
        }
        assert_eq!(steps, INPUTS_MAX);
    }
}
