//! The three trackers of a conversation: of its sessions, of sessions of sessions, and of requests of the modal size.

use super::Conversation;
use crate::codec::choices;
use crate::time::Timestamp;
use crate::track::rhythm::{Tracker, Train};

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrackerKind {
    Sessions,
    /// Sessions of sessions.
    Visits,
    /// Requests of the modal size.
    Modal,
}

choices!(TrackerKind { 0 => Sessions, 1 => Visits, 2 => Modal });

impl TrackerKind {
    /// Events within this many seconds of each other are one session.
    pub(super) const fn dead_time(self) -> f32 {
        match self {
            Self::Sessions | Self::Modal => 0.3,
            Self::Visits => 30.0,
        }
    }
}

impl Conversation {
    /// A contact at `start`, the latest before it at `before`; `modal`: its size is known, and the modal one.
    pub(super) fn track(&mut self, before: Option<Timestamp>, start: Timestamp, modal: bool) {
        if self.modal_is_sessions && !modal {
            self.modal_is_sessions = false;
            self.modal = before.map(|before| Box::new(Train::begin(&self.sessions, before)));
            let [sessions, _, modal] = &mut self.bits;
            *modal = *sessions;
        }
        let begins = [
            self.sessions.event(before, start, TrackerKind::Sessions.dead_time()),
            self.visits.event(before, start, TrackerKind::Visits.dead_time()),
            modal && self.modal_event(start),
        ];
        if begins.contains(&true) {
            self.weigh(begins);
        }
    }

    /// A contact of the modal size; true if it begins a session of them.
    pub(super) fn modal_event(&mut self, start: Timestamp) -> bool {
        // Where all requests have the same size, the gaps are those of the sessions.
        !self.modal_is_sessions
            && self.modal.get_or_insert_default().event(
                Some(&self.sessions),
                start,
                TrackerKind::Modal.dead_time(),
            )
    }

    /// A day passed: restarts of the bets cost less.
    pub(crate) fn decay_restarts(&mut self) {
        self.sessions.decay_restarts();
        self.visits.decay_restarts();
        if let Some(modal) = &mut self.modal {
            modal.decay_restarts();
        }
        let modal = self.modal.as_ref().map_or(0.0, |modal| modal.tracker().evidence());
        self.bits = [self.sessions.evidence(), self.visits.evidence(), modal];
    }

    /// The tracker with the strongest evidence.
    pub(crate) fn best_tracker(&self) -> &Tracker {
        match self.best {
            TrackerKind::Sessions => &self.sessions,
            TrackerKind::Visits => &self.visits,
            TrackerKind::Modal => self.modal.as_ref().map_or(&self.sessions, |modal| modal.tracker()),
        }
    }

    /// The evidence of some trackers may have changed.
    pub(super) fn weigh(&mut self, [sessions, visits, modal]: [bool; 3]) {
        if sessions {
            self.bits[0] = self.sessions.evidence();
        }
        if visits {
            self.bits[1] = self.visits.evidence();
        }
        if let Some(own) = self.modal.as_ref().filter(|_| modal) {
            self.bits[2] = own.tracker().evidence();
        }
        (self.best, self.rhythm_bits) = (TrackerKind::Sessions, self.bits[0].max(0.0));
        for (which, bits) in [(TrackerKind::Visits, self.bits[1]), (TrackerKind::Modal, self.bits[2])] {
            if bits > self.rhythm_bits {
                (self.best, self.rhythm_bits) = (which, bits);
            }
        }
    }
}
