//! How the bytes of a flow are shared out among its contacts: the connect, and a burst for each time it woke up.

use super::Flow;
use crate::observe::contact::{Bytes, ContactEnd};
use crate::observe::session::context::FlowContext;
use crate::observe::session::output::SessionOutput;
use crate::time::Timestamp;

/// A part of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) id: u64,
    pub(super) start: Timestamp,
    /// Totals at its start.
    pub(super) base: Bytes,
}

/// Why a part of a flow is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The next part begins.
    Woke,
    /// The connection is closing.
    Closing,
    /// It is over.
    Closed,
}

impl Flow {
    /// Reports what belongs to the current contact, and to the connect contact if that is another.
    pub(super) fn end_share(
        &mut self,
        now: Timestamp,
        totals: Bytes,
        ending: Ending,
        context: &mut FlowContext<'_>,
    ) {
        let Share { id, start, base } = self.current;
        let bytes = Bytes {
            sent: totals.sent.saturating_sub(base.sent),
            received: totals.received.saturating_sub(base.received),
        };
        let is_connect = id == self.connect_id;
        if id != 0 {
            let provisional = match ending {
                Ending::Woke => is_connect,
                Ending::Closing => true,
                Ending::Closed => false,
            };
            let established = if is_connect { self.established } else { None };
            let duration = now.since(start);
            context.out.push(SessionOutput::End(ContactEnd {
                id,
                bytes,
                duration,
                established,
                provisional,
            }));
        }
        if is_connect {
            self.connect_bytes = bytes;
        } else if ending == Ending::Closed && self.connect_id != 0 {
            context.out.push(SessionOutput::End(ContactEnd {
                id: self.connect_id,
                bytes: self.connect_bytes,
                duration: now.since(self.start),
                established: self.established,
                provisional: false,
            }));
        }
    }
}
