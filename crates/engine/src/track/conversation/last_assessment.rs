//! What became of the last judgement of a conversation.

use crate::codec::fields;
use crate::keys::FindingId;
use crate::time::Timestamp;

/// When and how a conversation was judged last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastAssessment {
    pub(crate) at: Option<Timestamp>,
    pub(crate) score: f32,
    /// Running mean of the scores, so that a fluke of one minute does not count for all times.
    pub(crate) mean: f32,
    /// What was judged with others (look-ups with connections, an aggregate by its parts) is judged with them up to this
    /// many contacts.
    pub(crate) explained_until: u32,
    /// It was counted among what the cluster does at this many contacts.
    pub(crate) profiled_at: u32,
    pub(crate) profiled: Timestamp,
    /// An open finding stands on it.
    pub(crate) finding: Option<FindingId>,
}

fields!(LastAssessment { at, score, mean, explained_until, profiled_at, profiled, finding });
