//! Asking for the memory of conversations before contacts need it (docs/decisions/33-looking-ahead.md).

use super::Detection;
use super::identity::key_of;
use crate::contact::Contact;
use crate::engine::LOOK_AHEAD;

impl Detection {
    /// Reads a word of each line of memory that these contacts, at most [`LOOK_AHEAD`], will need. One thing is looked
    /// up for all of them before the next, so that the processor waits for all at once.
    pub fn look_ahead<'c>(&self, contacts: impl Iterator<Item = &'c Contact>) {
        let mut wanted = [None; LOOK_AHEAD];
        for (wanted, contact) in wanted.iter_mut().zip(contacts) {
            let participant = self.participants.known(contact.actor_key);
            *wanted = participant.map(|participant| (key_of(contact, participant.scope), contact.start));
        }
        let slots =
            wanted.map(|wanted| wanted.and_then(|(key, start)| Some((self.table.slot_of(key)?, start))));
        let found =
            || slots.iter().flatten().filter_map(|(slot, start)| Some((self.table.get(*slot)?, *start)));
        core::hint::black_box(found().fold(0, |all, (conversation, _)| all ^ conversation.fetch()));
        core::hint::black_box(found().fold(0, |all, (c, start)| all ^ c.fetch_rest(start)));
    }
}
