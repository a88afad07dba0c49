//! The kernel's rings, live: polled by timer, decoded, put in order of time, handed to the engine's queue.
//!
//! Never waits for the consumer: what the queue does not take is counted and reported as [`Input::Lost`] as soon as
//! there is room. Records of one moment come through three rings; they are held back until all rings have been
//! read past that moment, so that who is always there before what.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::TrySendError;
use std::thread::JoinHandle;
use std::time::Duration;

use aya::maps::{MapData, PerCpuArray, RingBuf};
use beaconwatch_engine::input::{Event, Input, LossPlace, SocketId};
use beaconwatch_engine::time::Timestamp;
use node_agent_common::map::{CGROUP_PATHS, FLOW_RING, IDENTITY_RING, PAYLOAD_RING};

use crate::clock::NodeClock;
use crate::decode::{DecodeError, Decoded, decode};
use crate::ebpf::counters::read_lost;
use crate::ebpf::{CgroupRoot, Ebpf, EbpfCounters, EbpfError, Older};
use crate::queue::{Arrival, InputSender};
use crate::source::snapshot::{self, OlderProcesses, Walk};

mod cgroups;
mod tree;

use cgroups::KnownCgroups;

/// Time between two looks at the rings. A ring that is one eighth full wakes the thread earlier.
const PERIOD: Duration = Duration::from_millis(25);
/// A program takes its time stamp a moment before its record is in the ring.
const SETTLE_NS: u64 = 2_000_000;
/// Records taken from one ring in one go.
const RECORDS_MAX: usize = 100_000;
/// Looks between two readings of the loss counters.
const LOSS_EVERY: u32 = 20;

/// What this source counts.
#[derive(Debug, Default)]
pub struct RingCounters {
    /// Records decoded.
    pub records: AtomicU64,
    /// Records that were not understood.
    pub undecoded: AtomicU64,
    /// Inputs that the engine's queue had no room for.
    pub queue_full: AtomicU64,
    /// Cgroups whose lost record was repaired from the kernel's own map.
    pub cgroups_repaired: AtomicU64,
    /// Records of other cgroups than the wanted one.
    pub out_of_scope: AtomicU64,
    /// Inputs made by the start-up walk.
    pub snapshot: AtomicU64,
    /// Processes that it found.
    pub processes_found: AtomicU64,
    /// Those of them whose executable stays unknown.
    pub processes_nameless: AtomicU64,
}

impl RingCounters {
    /// Processes that the start-up walk found.
    #[must_use]
    pub fn older(&self) -> OlderProcesses {
        OlderProcesses {
            found: self.processes_found.load(Ordering::Relaxed),
            nameless: self.processes_nameless.load(Ordering::Relaxed),
        }
    }
}

/// The running source.
#[derive(Debug)]
pub struct RingHandle {
    stop: Arc<AtomicBool>,
    counters: Arc<RingCounters>,
    thread: Option<JoinHandle<()>>,
}

impl RingHandle {
    /// Its counters.
    #[must_use]
    pub fn counters(&self) -> &Arc<RingCounters> {
        &self.counters
    }

    /// Reads the rings once more, hands everything over, and ends. Takes at most a tenth of a second.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes the rings of a loaded object and starts the thread: first what already runs, then live events.
///
/// # Errors
///
/// The rings were taken before, or the thread cannot be started.
pub fn spawn(ebpf: &mut Ebpf, clock: NodeClock, sender: InputSender) -> Result<RingHandle, EbpfError> {
    let stop = Arc::new(AtomicBool::new(false));
    let counters = Arc::new(RingCounters::default());
    let source = Source {
        identity: take_ring(ebpf, IDENTITY_RING)?,
        flows: take_ring(ebpf, FLOW_RING)?,
        payloads: take_ring(ebpf, PAYLOAD_RING)?,
        lost: ebpf.lost_map().ok_or(EbpfError::Map("LOST"))?,
        known: KnownCgroups::with(ebpf.take_map(CGROUP_PATHS), ebpf.scope()),
        root: ebpf.cgroup_root().clone(),
        older: ebpf.take_older(),
        clock,
        sender,
        counters: Arc::clone(&counters),
        reported: EbpfCounters::default(),
        unsent: 0,
        undecoded: 0,
        pending: Vec::new(),
    };
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new()
        .name("ringbuf".to_owned())
        .spawn(move || source.run(&stopped))
        .map_err(EbpfError::Thread)?;
    Ok(RingHandle { stop, counters, thread: Some(thread) })
}

fn take_ring(ebpf: &mut Ebpf, name: &'static str) -> Result<RingBuf<MapData>, EbpfError> {
    let map = ebpf.take_map(name).ok_or(EbpfError::Map(name))?;
    RingBuf::try_from(map).map_err(|_| EbpfError::Map(name))
}

struct Source {
    identity: RingBuf<MapData>,
    flows: RingBuf<MapData>,
    payloads: RingBuf<MapData>,
    lost: PerCpuArray<MapData, u64>,
    known: KnownCgroups,
    root: CgroupRoot,
    older: Older,
    clock: NodeClock,
    sender: InputSender,
    counters: Arc<RingCounters>,
    /// Losses of the kernel that the engine knows.
    reported: EbpfCounters,
    /// Losses of the queue that it does not know yet.
    unsent: u64,
    /// Records not understood that it does not know yet.
    undecoded: u64,
    /// Read, but not yet past.
    pending: Vec<Decoded>,
}

impl Source {
    fn run(mut self, stop: &AtomicBool) {
        let wake = wake_on_full_ring([self.identity.as_fd(), self.flows.as_fd(), self.payloads.as_fd()]);
        self.report_snapshot();
        let mut looks = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            self.look(self.clock.boot_ns().saturating_sub(SETTLE_NS));
            if looks.is_multiple_of(LOSS_EVERY) {
                self.report_losses();
            }
            looks = looks.wrapping_add(1);
            wait(wake.as_ref());
        }
        self.look(u64::MAX);
        self.report_losses();
    }

    /// What ran already: before every live event. Programs are attached before the walk, so that nothing falls
    /// between; a socket that both saw is new, and comes with its record.
    fn report_snapshot(&mut self) {
        let walked = self.clock.boot_ns();
        let Walk { events, own, processes, nameless } =
            snapshot::take(&self.root, std::mem::take(&mut self.older));
        self.known.see_own(&own);
        self.counters.processes_found.store(processes, Ordering::Relaxed);
        self.counters.processes_nameless.store(nameless, Ordering::Relaxed);
        self.read();
        let begin = self.clock.wall(self.pending.first().map_or(walked, |first| first.boot_ns.min(walked)));
        let opened = |decoded: &Decoded| {
            if let Event::SocketOpened(opened) = &decoded.event { Some(opened.socket) } else { None }
        };
        let new: HashSet<SocketId> = self.pending.iter().filter_map(opened).collect();
        for decoded in events {
            let is_new = opened(&decoded).is_some_and(|socket| new.contains(&socket));
            if !is_new && self.known.admits(decoded.cgroup, &decoded.event) {
                self.counters.snapshot.fetch_add(1, Ordering::Relaxed);
                self.send(begin, Input::Event(self.known.in_node(decoded.event)));
            }
        }
    }

    /// Reads all rings, and hands over what is not later than `until` (boot clock).
    fn look(&mut self, until: u64) {
        self.read();
        let ready = self.pending.partition_point(|decoded| decoded.boot_ns <= until);
        let later = self.pending.split_off(ready);
        for decoded in std::mem::replace(&mut self.pending, later) {
            self.hand_over(decoded);
        }
    }

    /// Moves what the rings hold to what is pending, in order of time.
    fn read(&mut self) {
        // Who must be there before what: the ring of identities is read last.
        let Self { payloads, flows, identity, pending, counters, .. } = self;
        for ring in [payloads, flows, identity] {
            for _ in 0..RECORDS_MAX {
                let Some(record) = ring.next() else { break };
                match decode(&record) {
                    Ok(decoded) => pending.push(decoded),
                    Err(error) => {
                        self.undecoded += 1;
                        refused(counters, error);
                    }
                }
            }
        }
        // Stable: records of one ring stay in their order.
        self.pending.sort_by_key(|decoded| decoded.boot_ns);
    }

    fn hand_over(&mut self, decoded: Decoded) {
        let Decoded { boot_ns, cgroup, root_level, event } = decoded;
        let event = self.known.of_record(event, root_level);
        self.counters.records.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.wall(boot_ns);
        if !matches!(event, Event::CgroupCreated { .. } | Event::CgroupRemoved { .. })
            && let Some(path) = self.known.repair(cgroup)
        {
            self.counters.cgroups_repaired.fetch_add(1, Ordering::Relaxed);
            self.send(now, Input::Event(self.known.in_node(Event::CgroupCreated { cgroup, path })));
        }
        if self.known.admits(cgroup, &event) {
            self.send(now, Input::Event(self.known.in_node(event)));
        } else {
            self.counters.out_of_scope.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn report_losses(&mut self) {
        let now = self.clock.wall(self.clock.boot_ns().saturating_sub(SETTLE_NS));
        let lost = read_lost(&self.lost);
        for place in [LossPlace::IdentityRing, LossPlace::FlowRing, LossPlace::PayloadRing] {
            let count = lost.lost_at(place).saturating_sub(self.reported.lost_at(place));
            self.report_loss(now, place, count);
        }
        self.reported = lost;
        let (undecoded, unsent) = (std::mem::take(&mut self.undecoded), std::mem::take(&mut self.unsent));
        self.report_loss(now, LossPlace::Decode, undecoded);
        self.report_loss(now, LossPlace::InputQueue, unsent);
    }

    fn report_loss(&mut self, now: Timestamp, place: LossPlace, count: u64) {
        if count > 0 {
            self.send(now, Input::Lost { place, count });
        }
    }

    /// Puts an input into the queue, or counts it.
    fn send(&mut self, now: Timestamp, input: Input) {
        match self.sender.try_send(Arrival::Record(now, input)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(back)) => {
                let (_, input) = back.into_parts();
                // A loss that could not be reported is added to the next one.
                self.unsent += if let Input::Lost { count, .. } = input { count } else { 1 };
                self.counters.queue_full.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn refused(counters: &RingCounters, error: DecodeError) {
    let count = counters.undecoded.fetch_add(1, Ordering::Relaxed);
    if count == 0 {
        tracing::warn!(%error, "a record of the kernel was not understood; further ones are only counted");
    }
}

/// Wakes once for each forced wake-up of a ring: edge-triggered, since every ring mostly has something in it.
fn wake_on_full_ring(rings: [std::os::fd::BorrowedFd<'_>; 3]) -> Option<OwnedFd> {
    use rustix::event::epoll;
    let wake = epoll::create(epoll::CreateFlags::CLOEXEC).ok()?;
    for (ring, number) in rings.into_iter().zip(0_u64..) {
        let data = epoll::EventData::new_u64(number);
        epoll::add(&wake, ring, data, epoll::EventFlags::IN | epoll::EventFlags::ET).ok()?;
    }
    Some(wake)
}

/// Waits for the period, or less if a ring fills.
fn wait(wake: Option<&OwnedFd>) {
    let Some(wake) = wake else {
        std::thread::sleep(PERIOD);
        return;
    };
    let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: PERIOD.subsec_nanos().into() };
    let mut events = Vec::with_capacity(3);
    let _ = rustix::event::epoll::wait(wake, rustix::buffer::spare_capacity(&mut events), Some(&timeout));
}
