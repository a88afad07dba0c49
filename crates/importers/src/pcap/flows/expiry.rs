//! When flows are forgotten: queues of deadlines, looked at lazily.
//!
//! Each flow has one entry per queue it is in. A deadline that comes due is compared with the flow's last
//! packet, and put off when that was later: a packet costs nothing here.

use std::collections::VecDeque;
use std::time::Duration;

use beaconwatch_engine::time::Timestamp;

use super::FlowProtocol;

/// Silence after which a TCP flow is closed.
const STREAM_IDLE: Duration = Duration::from_secs(3600);
/// Silence after which any other flow is closed.
const DATAGRAM_IDLE: Duration = Duration::from_secs(300);
/// How long late packets of a flow that ended are taken for its own.
const ENDED_LINGER: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    slot: u32,
    id: u64,
}

#[derive(Debug)]
pub(super) struct Expiry {
    streams: VecDeque<Due>,
    datagrams: VecDeque<Due>,
    ended: VecDeque<Due>,
    /// When the first of the queues' heads is due; kept here, since it is asked for each packet.
    first: Timestamp,
}

impl Default for Expiry {
    fn default() -> Self {
        let (streams, datagrams, ended) = Default::default();
        Self { streams, datagrams, ended, first: Timestamp::MAX }
    }
}

impl Expiry {
    pub(super) fn note_open(&mut self, slot: u32, id: u64, protocol: FlowProtocol, now: Timestamp) {
        let due = Due { at: after(now, idle_of(protocol)), slot, id };
        match protocol {
            FlowProtocol::Tcp => self.streams.push_back(due),
            FlowProtocol::Udp | FlowProtocol::Sctp => self.datagrams.push_back(due),
        }
        self.look();
    }

    pub(super) fn note_ending(&mut self, slot: u32, id: u64, now: Timestamp) {
        self.ended.push_back(Due { at: after(now, ENDED_LINGER), slot, id });
        self.look();
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.first <= now
    }

    /// The next flow to look at.
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<(u32, u64)> {
        let due = [&mut self.ended, &mut self.datagrams, &mut self.streams]
            .into_iter()
            .find_map(|queue| queue.pop_front_if(|due| due.at <= now));
        self.look();
        due.map(|due| (due.slot, due.id))
    }

    /// Whether a flow that came due is kept, and then noted again.
    pub(super) fn keep(
        &mut self,
        slot: u32,
        id: u64,
        protocol: FlowProtocol,
        ending: bool,
        last: Timestamp,
        now: Timestamp,
    ) -> bool {
        if ending {
            let at = after(last, ENDED_LINGER);
            if at > now {
                self.ended.push_back(Due { at, slot, id });
                self.look();
            }
            return at > now;
        }
        let at = after(last, idle_of(protocol));
        if at > now {
            self.note_open(slot, id, protocol, last);
        }
        at > now
    }

    /// The flow that was due first, to make room.
    pub(super) fn oldest(&mut self) -> Option<(u32, u64)> {
        let oldest = [&mut self.ended, &mut self.datagrams, &mut self.streams]
            .into_iter()
            .find_map(VecDeque::pop_front);
        self.look();
        oldest.map(|due| (due.slot, due.id))
    }

    fn look(&mut self) {
        let heads = [&self.ended, &self.datagrams, &self.streams];
        self.first =
            heads.iter().filter_map(|queue| queue.front()).map(|due| due.at).min().unwrap_or(Timestamp::MAX);
    }
}

fn idle_of(protocol: FlowProtocol) -> Duration {
    match protocol {
        FlowProtocol::Tcp => STREAM_IDLE,
        FlowProtocol::Udp | FlowProtocol::Sctp => DATAGRAM_IDLE,
    }
}

fn after(time: Timestamp, idle: Duration) -> Timestamp {
    let nanos = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
    Timestamp::from_nanos(time.as_nanos().saturating_add(nanos))
}
