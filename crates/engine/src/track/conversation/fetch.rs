//! Asking for the memory of a conversation before it is needed (docs/decisions/33-looking-ahead.md).

use super::Conversation;
use super::trackers::TrackerKind;
use crate::time::Timestamp;

impl Conversation {
    /// Reads a word of every line of memory that the next contact needs, so that they are waited for together, not one
    /// after the other.
    #[inline]
    pub(crate) fn fetch(&self) -> u32 {
        let words = [
            self.contacts,
            self.bits[2].to_bits(),
            self.last_assessment.score.to_bits(),
            self.sessions.fetch(),
        ];
        words.iter().fold(0, |all, word| all ^ word)
    }

    /// The same of what only some contacts need; which those are depends on what [`Self::fetch`] read.
    #[inline]
    pub(crate) fn fetch_rest(&self, start: Timestamp) -> u32 {
        let visit = start.secs_since(self.last) > f64::from(TrackerKind::Visits.dead_time());
        let visits = if visit { self.visits.fetch() } else { 0 };
        visits ^ self.modal.as_ref().map_or(0, |modal| modal.tracker().fetch())
    }
}
