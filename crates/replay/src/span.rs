//! The part of the traffic that is asked for with `--from` and `--to`.

use beaconwatch_engine::input::{Event, Input};
use beaconwatch_engine::time::Timestamp;

use crate::args::ReplayArgs;
use crate::error::ReplayError;

/// From when to when, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    from: Timestamp,
    to: Timestamp,
    left_out: Option<LeftOut>,
}

/// What lay outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many inputs.
    pub inputs: u64,
    /// Time of the first.
    pub first: Timestamp,
    /// Time of the last.
    pub last: Timestamp,
}

impl Span {
    /// As it was asked for.
    pub(super) fn of(args: &ReplayArgs) -> Result<Self, ReplayError> {
        let (from, to) = (args.from.unwrap_or(Timestamp::ZERO), args.to.unwrap_or(Timestamp::MAX));
        if from > to {
            return Err(ReplayError::Options("--from is later than --to"));
        }
        Ok(Self { from, to, left_out: None })
    }

    /// Whether an input is part of it; what is not is counted. Before the start, traffic is left out, but what is
    /// known of policies, pods, containers and processes holds whenever it was said. After the end nothing counts.
    pub(super) fn admits(&mut self, time: Timestamp, input: &Input) -> bool {
        if is_traffic(input) { self.admits_traffic(time) } else { time <= self.to }
    }

    /// The same of traffic.
    pub(super) fn admits_traffic(&mut self, time: Timestamp) -> bool {
        let inside = (self.from..=self.to).contains(&time);
        if !inside {
            let none = LeftOut { inputs: 0, first: time, last: time };
            let left_out = self.left_out.get_or_insert(none);
            left_out.inputs += 1;
            left_out.first = left_out.first.min(time);
            left_out.last = left_out.last.max(time);
        }
        inside
    }

    /// The end of a source, if it lies inside.
    pub(super) fn end(&self, end: Timestamp) -> Timestamp {
        end.min(self.to)
    }

    /// What lay outside, if anything did.
    pub(super) fn left_out(&self) -> Option<LeftOut> {
        self.left_out
    }
}

fn is_traffic(input: &Input) -> bool {
    match input {
        Input::Contact(_) | Input::ContactEnd(_) | Input::Lost { .. } => true,
        Input::Event(event) => match event {
            Event::SocketOpened(_)
            | Event::Payload(_)
            | Event::SocketBurst { .. }
            | Event::SocketClosed { .. } => true,
            Event::CgroupCreated { .. }
            | Event::CgroupRemoved { .. }
            | Event::ProcessStarted(_)
            | Event::ProcessForked { .. }
            | Event::ProcessExited { .. }
            | Event::SocketListening { .. } => false,
        },
        Input::Workload(_)
        | Input::Digest { .. }
        | Input::Policies(_)
        | Input::Baseline(_)
        | Input::Reputation(_)
        | Input::Networks(_)
        | Input::MeshProxies(_)
        | Input::Rewritten(_)
        | Input::Secret(_) => false,
    }
}
