//! Asking for the memory of conversations before contacts need it (docs/decisions/33-looking-ahead.md).

use super::Detection;
use crate::observe::contact::Contact;

/// Contacts that are looked at together: what they need fits into the first cache of a core, with room for the rest.
pub const LOOK_AHEAD: usize = 16;

impl Detection {
    /// Reads a word of each line of memory that these contacts, at most [`LOOK_AHEAD`], will need. One thing is looked
    /// up for all of them before the next, so that the processor waits for all at once.
    pub fn look_ahead<'c>(&mut self, contacts: impl Iterator<Item = &'c Contact>) {
        self.ahead.start_over();
        let mut wanted = [None; LOOK_AHEAD];
        for (wanted, contact) in wanted.iter_mut().zip(contacts) {
            let Some(participant) = self.participants.known(contact.actor_key) else { continue };
            let key = self.ahead.look_at(contact, participant.scope);
            *wanted = Some((key, contact.start));
        }
        let slots =
            wanted.map(|wanted| wanted.and_then(|(key, start)| Some((self.table.slot_of(key)?, start))));
        let found =
            || slots.iter().flatten().filter_map(|(slot, start)| Some((self.table.get(*slot)?, *start)));
        core::hint::black_box(found().fold(0, |all, (conversation, _)| all ^ conversation.fetch()));
        core::hint::black_box(found().fold(0, |all, (c, start)| all ^ c.fetch_rest(start)));
    }
}
