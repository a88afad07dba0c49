//! Why conversations did or did not become findings.

use super::Detection;
use crate::assess::explain::{Candidate, Explanation};
use crate::assess::parts::part_of_others_until;
use crate::observe::workload::Workloads;
use crate::time::Timestamp;

impl Detection {
    /// Explains the conversations that `wanted` selects, in the order in which they began.
    pub fn explain(
        &mut self,
        w: &Workloads,
        now: Timestamp,
        wanted: impl Fn(&Candidate<'_>) -> bool,
    ) -> Vec<Explanation> {
        let input_secs = self.input_secs();
        let slots: Vec<u32> = self.table.iter().map(|(slot, _)| slot).collect();
        let mut explained = Vec::new();
        for slot in slots {
            self.resolve(slot, w);
            let Some(case) = self.case(slot, now, w) else { continue };
            let (c, participant) = (case.conversation, case.participant);
            let aliases = self.aliases.as_ref().map_or(&[][..], |aliases| aliases.of(c.key));
            let (actor, pod, destination) = (&*c.actor, participant.pod.as_deref(), c.latest_destination());
            if !wanted(&Candidate { actor, pod, destination, aliases }) {
                continue;
            }
            let gate = case.gate(input_secs);
            let is_part =
                gate.is_some_and(|gate| part_of_others_until(&self.table, c, gate, participant).is_some());
            explained.push(Explanation::of(&case, gate, is_part, aliases, now));
        }
        explained.sort_by_key(|explanation| explanation.window.0);
        explained
    }
}
