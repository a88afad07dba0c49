//! Destinations of an aggregate: what it knows besides what every conversation does.

use crate::codec::fields;
use crate::distinct::DistinctCount;
use crate::identity;
use crate::keys::ConversationKey;
use crate::observe::contact::{Contact, Destination};

/// The destinations of an aggregate.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    /// How many different ones.
    places: DistinctCount,
    /// The last one.
    pub(crate) latest: Destination,
}

fields!(Aggregate { places, latest });

impl Aggregate {
    /// After a first contact.
    pub(super) fn begin(contact: &Contact) -> Self {
        Self { places: DistinctCount::default(), latest: contact.destination.clone() }
    }

    /// Adds a contact of the aggregate with this key.
    pub(super) fn contact(&mut self, key: ConversationKey, contact: &Contact) {
        let to = &contact.destination;
        let hash = identity::place_in_sketch(key.0, to.name.as_deref(), to.address);
        self.places.add(hash);
        if self.latest != *to {
            self.latest.clone_from(to);
        }
    }

    /// About how many destinations there are; saturates at some 3200.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    pub(crate) fn destinations(&self) -> u32 {
        self.places.about().round() as u32
    }
}
