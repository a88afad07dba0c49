//! The part of detection that survives a restart.

use super::Detection;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::codec::{Coded, Dropped};
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::table::Admission;

/// The sections of a checkpoint.
const SECRET: &str = "secret";
const WATCHED: &str = "watched";
const POPULATION: &str = "population";
const BUDGETS: &str = "budgets";
const CONVERSATIONS: &str = "conversations";
const SECTIONS: [&str; 5] = [SECRET, WATCHED, POPULATION, BUDGETS, CONVERSATIONS];

impl Detection {
    /// Writes conversations and what was learned.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::empty();
        checkpoint.add(SECRET, |out| self.secret().put(out));
        checkpoint.add(WATCHED, |out| self.watched.put(out));
        checkpoint.add(POPULATION, |out| self.know.put(out));
        checkpoint.add(BUDGETS, |out| self.know.put_budgets(out));
        checkpoint.add(CONVERSATIONS, |out| {
            self.table.len().put(out);
            self.table.iter().for_each(|(_, conversation)| conversation.put(out));
        });
        checkpoint
    }

    /// Reads them into a detection that has seen nothing yet. What finds no room within the bounds in force is left
    /// out, as is what this version no longer has: both are reported.
    pub(crate) fn restore(&mut self, from: &Checkpoint) -> Result<Dropped, CheckpointError> {
        let mut dropped = Dropped::default();
        if let Some(secret) = from.read(SECRET, &mut dropped, Coded::take)? {
            self.set_secret(secret);
        }
        let watched: Option<(Timestamp, Timestamp)> =
            from.read(WATCHED, &mut dropped, Coded::take)?.flatten();
        let learned = from.read(POPULATION, &mut dropped, |from| self.know.take(from))?;
        let scores = from.read(BUDGETS, &mut dropped, |from| self.know.take_budgets(from))?;
        let conversations: Vec<Conversation> =
            from.read(CONVERSATIONS, &mut dropped, Coded::take)?.unwrap_or_default();
        for section in from.sections.iter().filter(|section| !SECTIONS.contains(&&*section.name)) {
            dropped.note(format!("section {}", section.name), 1);
        }
        if let Some(learned) = learned {
            dropped.add(learned);
        }
        dropped.note("scores behind a budget", scores.unwrap_or_default());
        if let Some((first, last)) = watched {
            self.watch(last);
            self.watched = Some((first, last));
        }
        let written = conversations.len();
        for mut conversation in conversations {
            let (key, tenant, last) = (conversation.key, conversation.tenant, conversation.last);
            conversation.last_assessment.finding = None;
            // What was open is published again: the pause of what showed little would keep it silent for minutes.
            conversation.last_assessment.at = conversation.last_assessment.at.map(|_| Timestamp::ZERO);
            conversation.lost_before = self.lost;
            match self.table.admit(key, tenant, last, || conversation) {
                Admission::Slot(_) | Admission::Refused => {}
            }
        }
        dropped.note("conversations", (written - self.table.len()) as u64);
        Ok(dropped)
    }
}
