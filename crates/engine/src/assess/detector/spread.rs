//! A rhythm that moves from destination to destination: each has too few check-ins to show it, all of them together,
//! as the aggregate of their executable counts them, have it.

use crate::assess::detector::{Lasting, beacon, destination_text};
use crate::assess::policy::BeaconKnobs;
use crate::track::conversation::{Conversation, Spread};

/// Fewer destinations have enough check-ins each to be judged by themselves.
pub(crate) const DESTINATIONS_MIN: u8 = 4;
/// Check-ins that a conversation with a way of its own has left in the aggregate, at most.
pub(crate) const SHARED_MAX: u32 = 16;
/// A conversation with more than this part of the aggregate's check-ins is judged by itself.
const PART: u32 = 4;
/// An aggregate with less evidence than this, bits, takes in fresh destinations only.
const HOPEFUL: f32 = 4.0;

/// A rhythm over changing destinations is proven, and it lasts. Equal sizes alone say nothing of what is sent to many.
pub(crate) fn gate(c: &Conversation, spread: &Spread, knobs: &BeaconKnobs, lasting: Lasting) -> bool {
    let proven = c.rhythm_bits >= beacon::timing_threshold(c, knobs).max(knobs.timing_threshold);
    proven
        && spread.destinations() >= u32::from(DESTINATIONS_MIN)
        && lasting.at_least(beacon::minimum_span(c, knobs))
}

/// Whether a conversation has a rhythm of its own, or is too large a part of its executable's aggregate to be counted
/// there any longer.
pub(crate) fn goes_its_own_way(c: &Conversation, aggregate: Option<&Conversation>) -> bool {
    const RHYTHM: f32 = 10.0;
    let large =
        |all: &Conversation| c.contacts.saturating_mul(PART) > all.contacts || all.rhythm_bits < HOPEFUL;
    c.rhythm_bits >= RHYTHM || (c.contacts > SHARED_MAX && aggregate.is_none_or(large))
}

/// Most of the aggregate is one conversation, or conversations with a rhythm of their own, which are judged.
pub(crate) fn is_explained<'a>(
    aggregate: &Conversation,
    parts: impl Iterator<Item = &'a Conversation>,
) -> bool {
    let (mut most, mut regular) = (0, 0_u32);
    for part in parts {
        let shared = if part.apart { part.contacts.min(SHARED_MAX) } else { part.contacts };
        most = most.max(shared);
        if part.rhythm_bits >= HOPEFUL {
            regular = regular.saturating_add(shared);
        }
        if most.max(regular) > aggregate.contacts / 2 {
            return true;
        }
    }
    false
}

/// "23 changing destinations (lately 203.0.113.7:443)".
pub(crate) fn destinations_text(spread: &Spread) -> String {
    format!("{} changing destinations (lately {})", spread.destinations(), destination_text(&spread.latest))
}
