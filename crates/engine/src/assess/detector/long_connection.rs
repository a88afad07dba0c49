//! A connection that stays open for long.

use crate::assess::policy::LongConnectionKnobs;
use crate::text::duration_text;
use crate::track::conversation::Conversation;

/// The longest connection is long enough.
pub(crate) fn gate(c: &Conversation, knobs: &LongConnectionKnobs) -> bool {
    f64::from(c.longest) >= knobs.minimum_duration.as_secs_f64()
}

/// "over a connection that is open for 5.2 h".
pub(crate) fn clause(c: &Conversation) -> String {
    format!("over a connection that is open for {}", duration_text(f64::from(c.longest)))
}
