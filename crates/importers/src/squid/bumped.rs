//! CONNECTs that Squid writes itself where it looks into TLS: each waits for the first request inside, or for the tunnel
//! that it became, which says all that it says and more.

use core::time::Duration;
use std::collections::VecDeque;

use beaconwatch_engine::observe::contact::Contact;
use beaconwatch_engine::time::Timestamp;

/// What follows begins so much later at most.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(60);
/// Clocks of the lines are those of their ends, less a duration in milliseconds.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);
/// What follows is written when it ends: so long is it waited for.
const WAIT: Duration = Duration::from_secs(600);
/// CONNECTs that wait at once; the oldest gives way.
const WAITING_MAX: usize = 1024;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A request in the clear.
    Plain,
    /// A CONNECT of Squid itself, which was through at this time.
    Announcement {
        /// End of the line.
        end: Timestamp,
    },
    /// A tunnel that a client asked for, or that was found to be none to look into.
    Tunnel,
    /// A request inside TLS.
    Inside,
}

/// CONNECTs that wait.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// In the order of the log, each with its end.
    waiting: VecDeque<(Timestamp, Box<Contact>)>,
    now: Timestamp,
}

impl Announced {
    /// A line: the contact that it is, unless it waits.
    pub(super) fn take(&mut self, part: Part, contact: Box<Contact>) -> Option<Box<Contact>> {
        self.now = self.now.max(contact.start);
        match part {
            Part::Announcement { end } => {
                self.waiting.push_back((end, contact));
                None
            }
            Part::Tunnel | Part::Inside => {
                self.waiting.retain(|(end, announced)| !is_announced(announced, *end, &contact));
                Some(contact)
            }
            Part::Plain => Some(contact),
        }
    }

    /// One that nothing followed.
    pub(super) fn overdue(&mut self) -> Option<Box<Contact>> {
        let (end, _) = self.waiting.front()?;
        let due = self.now.since(*end) >= WAIT || self.waiting.len() > WAITING_MAX;
        if due { self.last() } else { None }
    }

    /// The oldest that waits; at the end of the log, one after the other.
    pub(super) fn last(&mut self) -> Option<Box<Contact>> {
        self.waiting.pop_front().map(|(_, contact)| contact)
    }
}

/// Whether a contact is what a CONNECT announced.
fn is_announced(announced: &Contact, end: Timestamp, contact: &Contact) -> bool {
    let (from, to) = (&announced.destination, &contact.destination);
    announced.actor_key == contact.actor_key
        && from.port == to.port
        && (from.address.is_some() && from.address == to.address
            || from.name.is_some() && from.name == to.name)
        && contact.start + CLOCKS_DIFFER >= end
        && contact.start.since(end) <= FOLLOWS_WITHIN
}
