//! Check-ins that move from destination to destination: what the aggregate of an executable knows besides.

use crate::codec::fields;
use crate::identity;
use crate::keys::ConversationKey;
use crate::observe::contact::{Contact, Destination};

/// The destinations of an aggregate.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    /// Distinct ones, by linear counting.
    places: [u64; 8],
    /// The last one.
    pub(crate) latest: Destination,
}

fields!(Spread { places, latest });

const BITS: u32 = 512;

impl Spread {
    /// Of a first contact.
    pub(super) fn begin(contact: &Contact) -> Self {
        Self { places: [0; 8], latest: contact.destination.clone() }
    }

    /// Takes a contact of the aggregate with this key.
    pub(super) fn contact(&mut self, key: ConversationKey, contact: &Contact) {
        let to = &contact.destination;
        let hash = identity::place_in_sketch(key.0, to.name.as_deref(), to.address);
        if let Some(word) = self.places.get_mut(usize::try_from(hash % 8).unwrap_or_default()) {
            *word |= 1 << ((hash >> 3) % 64);
        }
        if self.latest != *to {
            self.latest.clone_from(to);
        }
    }

    /// About how many destinations there are; saturates at some 3200.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 512 bits are counted"
    )]
    pub(crate) fn destinations(&self) -> u32 {
        let zeros: u32 = self.places.iter().map(|word| word.count_zeros()).sum();
        (BITS as f32 * (BITS as f32 / zeros.max(1) as f32).ln()).round() as u32
    }
}
