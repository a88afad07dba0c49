//! When and how a conversation was last judged.

use crate::codec::fields;
use crate::keys::FindingId;
use crate::time::Timestamp;

/// The last assessment of a conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastAssessment {
    pub(crate) at: Option<Timestamp>,
    pub(crate) score: f32,
    /// Running mean of the scores, so that one outlier does not count forever.
    pub(crate) mean: f32,
    /// Up to this many contacts it is judged with other conversations (look-ups with connections, an aggregate by its
    /// parts).
    pub(crate) explained_until: u32,
    /// Number of contacts when it was last counted in the usual rates.
    pub(crate) profiled_at: u32,
    pub(crate) profiled: Timestamp,
    /// The open finding that is based on it.
    pub(crate) finding: Option<FindingId>,
}

fields!(LastAssessment { at, score, mean, explained_until, profiled_at, profiled, finding });
