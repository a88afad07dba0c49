//! A connection that stays open for long.

use crate::assess::policy::LongConnectionSettings;
use crate::text::duration_text;
use crate::track::conversation::Conversation;

/// The longest connection is long enough.
pub(crate) fn gate(c: &Conversation, settings: &LongConnectionSettings) -> bool {
    f64::from(c.longest) >= settings.minimum_duration.as_secs_f64()
}

/// "over a connection that has been open for 5.2 h".
pub(crate) fn clause(c: &Conversation) -> String {
    format!("over a connection that has been open for {}", duration_text(f64::from(c.longest)))
}
