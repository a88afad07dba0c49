//! From raw events (cgroups, processes, sockets, payload) to contacts: attribution and naming.
//!
//! No detection here: what leaves is who turned to whom, when, under which name, and how much was moved.

use crate::actor::FileId;
use crate::contact::{Contact, ContactEnd};
use crate::engine::Counters;
use crate::input::Event;
use crate::limits::Limits;
use crate::time::Timestamp;

/// What the session layer hands on.
#[derive(Clone, Debug)]
pub enum SessionOutput {
    /// A contact, named as far as possible.
    Contact(Box<Contact>),
    /// Totals of a contact delivered before.
    End(ContactEnd),
}

/// Tables of cgroups, processes, sockets and names, all bounded.
#[derive(Debug)]
pub struct Sessions {}

impl Sessions {
    /// Empty tables with these bounds.
    #[must_use]
    pub fn with_limits(_limits: &Limits) -> Self {
        Self {}
    }

    /// Takes one event; what it completes is appended to `out`.
    pub fn handle(&mut self, _now: Timestamp, _event: Event, _out: &mut Vec<SessionOutput>) {}

    /// The digest of an executable became known.
    pub fn set_digest(&mut self, _file: FileId, _sha256: [u8; 32]) {}

    /// The next time something is due (a contact that waits for its name, an ended process to forget).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, _now: Timestamp, _out: &mut Vec<SessionOutput>) {}

    /// Hands out every contact that still waits, with what is known. For the end of a replay or a shutdown.
    pub fn finish(&mut self, _now: Timestamp, _out: &mut Vec<SessionOutput>) {}

    /// Writes its own figures into the counters.
    pub fn count(&self, _counters: &mut Counters) {}
}
