//! Hourly and daily upkeep: idle conversations are forgotten, knowledge ages.

use core::time::Duration;
use std::collections::VecDeque;

use super::Detection;
use crate::assess::finding::Finding;
use crate::observe::workload::Workloads;
use crate::time::Timestamp;
use crate::timer::Deadline;
use crate::track::conversation::Conversation;

/// How often to sweep.
pub(super) const EVERY: Duration = Duration::from_secs(3600);

impl Detection {
    /// Forgets what is idle, looks at connections that are still open, and ages what ages by the day.
    pub(super) fn sweep(&mut self, now: Timestamp, w: &Workloads, out: &mut VecDeque<Finding>) {
        self.timers.set(now + EVERY, Deadline::Sweep);
        let mut long: Vec<u32> = Vec::new();
        for open in self.open.values().filter(|open| open.counted.is_none()) {
            for slot_ref in open.slots.into_iter().flatten() {
                if let Some(conversation) =
                    self.table.get_mut(slot_ref.slot).filter(|c| c.key == slot_ref.key)
                {
                    conversation.longest = conversation.longest.max(now.since(open.start).as_secs_f32());
                    long.push(slot_ref.slot);
                }
            }
        }
        long.sort_unstable();
        long.dedup();
        for slot in long {
            self.consider(slot, now, w, out);
        }
        let idle: Vec<u32> =
            self.table.iter().filter(|(_, c)| self.is_idle(c, now)).map(|(slot, _)| slot).collect();
        for slot in idle {
            self.table.remove(slot);
        }
        let day = now.as_nanos() / (86_400 * 1_000_000_000);
        if day != self.day {
            self.day = day;
            self.table.iter_mut().for_each(Conversation::decay_restarts);
            let policies = &self.policies.policies;
            self.know.forget(now, |id| policies.iter().any(|policy| policy.id == *id));
        }
    }

    fn is_idle(&self, conversation: &Conversation, now: Timestamp) -> bool {
        if conversation.last_assessment.finding.is_some() {
            return false;
        }
        let quiet = now.secs_since(conversation.last);
        let idle = self.limits.conversation_idle.as_secs_f64();
        let proven = conversation.rhythm_bits >= 10.0;
        if quiet <= idle || !proven {
            return quiet > idle;
        }
        let period = f64::from(crate::assess::detector::beacon::period(conversation));
        let most = self.limits.conversation_idle_max.as_secs_f64();
        quiet > (10.0 * period).clamp(idle, most.max(idle))
    }
}
