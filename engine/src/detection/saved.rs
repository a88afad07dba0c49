//! What of the detection survives a restart.

use super::Detection;
use crate::checkpoint::{CheckpointError, Reader, Saved, Writer};
use crate::conversation::{Admission, Conversation};
use crate::evidence::Denominators;
use crate::time::Timestamp;

impl Detection {
    /// Writes conversations and what was learned.
    pub(crate) fn save(&self, out: &mut Writer) {
        self.secret().save(out);
        self.watched.save(out);
        self.population.save(out);
        self.budgets.save(out);
        crate::checkpoint::save_all(self.table.len(), self.table.iter().map(|(_, c)| c), out);
    }

    /// Reads them into a detection that has seen nothing yet. Beyond the bounds in force, the rest is left out.
    pub(crate) fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.set_secret(Saved::load(from).ok_or(CheckpointError::Damaged)?);
        let watched: Option<(Timestamp, Timestamp)> = Saved::load(from).ok_or(CheckpointError::Damaged)?;
        let learned = self.population.load(from).ok_or(CheckpointError::Damaged)?;
        self.budgets.load(from).ok_or(CheckpointError::Damaged)?;
        let conversations: Vec<Conversation> = Saved::load(from).ok_or(CheckpointError::Damaged)?;
        self.denominators = Denominators::of_votes(&learned);
        if let Some((first, last)) = watched {
            self.watch(last);
            self.watched = Some((first, last));
        }
        for mut conversation in conversations {
            let (key, originator, last) = (conversation.key, conversation.originator, conversation.last);
            conversation.judged.finding = None;
            conversation.lost_before = self.lost;
            match self.table.admit(key, originator, last, || conversation) {
                Admission::Slot(_) | Admission::Refused => {}
            }
        }
        Ok(())
    }
}
