//! A peer that never answers (or hardly ever) and is asked again and again.

use crate::assess::policy::RetryKnobs;
use crate::text::duration_text;
use crate::track::conversation::Conversation;

/// Least time over which tries are spread, seconds: a start-up race is no retry loop.
const SPAN_MIN: f64 = 300.0;

/// Enough failed tries, and nine of ten fail.
pub(crate) fn gate(c: &Conversation, knobs: &RetryKnobs) -> bool {
    c.unanswered >= knobs.minimum_tries && c.unanswered / 9 >= c.answered && c.span_secs() >= SPAN_MIN
}

/// "without an answer, 237 of 237 tries in 45 min".
pub(crate) fn clause(c: &Conversation) -> String {
    let tries = c.answered.saturating_add(c.unanswered);
    format!("without an answer, {} of {tries} tries in {}", c.unanswered, duration_text(c.span_secs()))
}
