//! Several captures at once. One that begins where another ended goes on with its flows, as if they had never been
//! cut apart; those that overlap in time are apart, and their flows must not share numbers.
//!
//! A capture is opened when its time has come, so that a year of hourly captures needs few open files.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use beaconwatch_engine::input::{Event, Input, SocketId};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::pcap::{Capture, CaptureError, PayloadLimit, PcapInputs};
use beaconwatch_importers::{OrderedSource, Reason, RejectedRows, Unit};

/// Flows of one capture before the numbers of the next begin.
const FLOWS_SHIFT: u32 = 48;

/// A capture that begins later than this after another does not go on with its flows.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// The captures.
pub struct Captures {
    pending: Rc<RefCell<VecDeque<Pending>>>,
    running: Vec<Running>,
    begun: u64,
    /// Bytes and packets of those that ended.
    ended: (u64, u64),
}

/// A capture whose time has not come.
struct Pending {
    path: PathBuf,
    first: Timestamp,
    /// What can be read only once stays open.
    open: Option<Capture>,
}

/// A capture that is read, with those that go on from it.
struct Running {
    inputs: PcapInputs,
    base: u64,
    head: (Timestamp, Input),
}

impl Captures {
    /// Looks at the start of each. The order of `paths` makes no difference; what is no capture is refused.
    ///
    /// # Errors
    ///
    /// When one cannot be opened.
    pub fn of(paths: &[PathBuf], rejected: &mut RejectedRows) -> Result<Self, CaptureError> {
        let mut paths = paths.to_vec();
        paths.sort();
        paths.dedup();
        let mut pending = Vec::new();
        for path in paths {
            match Pending::look(&path) {
                Ok(capture) => pending.push(capture),
                Err(error @ CaptureError::Open { .. }) => return Err(error),
                Err(CaptureError::Read(_)) => rejected.add(Reason::Unreadable, &name_of(&path), 0),
                Err(CaptureError::Format { looks }) => {
                    rejected.add(Reason::WrongFormat(looks), &name_of(&path), 0);
                }
            }
        }
        pending.sort_by_key(|capture| capture.first);
        let pending = Rc::new(RefCell::new(VecDeque::from(pending)));
        Ok(Self { pending, running: Vec::new(), begun: 0, ended: (0, 0) })
    }

    /// Begins with every capture whose time has come.
    fn begin(&mut self, rejected: &mut RejectedRows) {
        loop {
            let earliest = self.running.iter().map(|running| running.head.0).min();
            let mut pending = self.pending.borrow_mut();
            let due = |next: &Pending| earliest.is_none_or(|earliest| next.first < earliest);
            let Some(next) = pending.pop_front_if(|next| due(next)) else { return };
            drop(pending);
            let Some((capture, name)) = next.open(rejected) else { continue };
            let waiting = Rc::clone(&self.pending);
            let following = move |end: Timestamp, rejected: &mut RejectedRows| {
                let goes_on = |next: &Pending| next.first >= end && next.first.since(end) <= PAUSE_MAX;
                let mut waiting = waiting.borrow_mut();
                let at = waiting.iter().position(goes_on)?;
                waiting.remove(at)?.open(rejected)
            };
            let mut inputs =
                PcapInputs::over(capture, &name, PayloadLimit::LIVE).followed_by(Box::new(following));
            let base = self.begun << FLOWS_SHIFT;
            self.begun += 1;
            match inputs.next(rejected) {
                Some(head) => self.running.push(Running { inputs, base, head }),
                None => self.count_ended(&inputs),
            }
        }
    }

    fn count_ended(&mut self, inputs: &PcapInputs) {
        self.ended.0 += inputs.bytes_read();
        self.ended.1 += inputs.rows_read();
    }
}

impl Pending {
    fn look(path: &Path) -> Result<Self, CaptureError> {
        let mut capture = Capture::open(path)?;
        let path = path.to_owned();
        if !std::fs::metadata(&path).is_ok_and(|meta| meta.is_file()) {
            return Ok(Self { path, first: Timestamp::ZERO, open: Some(capture) });
        }
        let first = capture.next_packet()?.map_or(Timestamp::ZERO, |packet| packet.time);
        Ok(Self { path, first, open: None })
    }

    fn open(self, rejected: &mut RejectedRows) -> Option<(Capture, Arc<str>)> {
        let name = name_of(&self.path);
        let capture = self.open.map_or_else(|| Capture::open(&self.path), Ok);
        let capture = capture.inspect_err(|_| rejected.add(Reason::Unreadable, &name, 0)).ok()?;
        Some((capture, name))
    }
}

impl OrderedSource for Captures {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Input)> {
        self.begin(rejected);
        let earliest =
            self.running.iter().enumerate().min_by_key(|(index, running)| (running.head.0, *index));
        let at = earliest?.0;
        let running = self.running.get_mut(at)?;
        let base = running.base;
        let (time, mut input) = match running.inputs.next(rejected) {
            Some(next) => core::mem::replace(&mut running.head, next),
            None => {
                let ended = self.running.remove(at);
                self.count_ended(&ended.inputs);
                ended.head
            }
        };
        if let Input::Event(event) = &mut input
            && let Some(socket) = socket_of(event)
        {
            socket.0 += base;
        }
        Some((time, input))
    }

    fn bytes_read(&self) -> u64 {
        self.ended.0 + self.running.iter().map(|running| running.inputs.bytes_read()).sum::<u64>()
    }

    fn unit(&self) -> Unit {
        Unit::Packet
    }

    fn rows_read(&self) -> u64 {
        self.ended.1 + self.running.iter().map(|running| running.inputs.rows_read()).sum::<u64>()
    }
}

fn name_of(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}

fn socket_of(event: &mut Event) -> Option<&mut SocketId> {
    match event {
        Event::SocketOpened(opened) => Some(&mut opened.socket),
        Event::Payload(payload) => Some(&mut payload.socket),
        Event::SocketBurst { socket, .. } | Event::SocketClosed { socket, .. } => Some(socket),
        Event::CgroupCreated { .. }
        | Event::CgroupRemoved { .. }
        | Event::ProcessStarted(_)
        | Event::ProcessForked { .. }
        | Event::ProcessExited { .. }
        | Event::SocketListening { .. } => None,
    }
}
