//! A peer that never or rarely answers and is contacted again and again.

use crate::assess::policy::RetrySettings;
use crate::text::duration_text;
use crate::track::conversation::Conversation;

/// Least time over which tries are spread, seconds: a start-up race is no retry loop.
const SPAN_MIN: f64 = 300.0;

/// Enough failed tries, and nine of ten fail.
pub(crate) fn gate(c: &Conversation, settings: &RetrySettings) -> bool {
    c.unanswered >= settings.minimum_tries && c.unanswered / 9 >= c.answered && c.span_secs() >= SPAN_MIN
}

/// "without an answer, 237 of 237 attempts in 45 min".
pub(crate) fn clause(c: &Conversation) -> String {
    let tries = c.answered.saturating_add(c.unanswered);
    format!("without an answer, {} of {tries} attempts in {}", c.unanswered, duration_text(c.span_secs()))
}
