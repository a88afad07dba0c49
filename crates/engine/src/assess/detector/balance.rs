//! Persistent unbalanced exchange: much more sent than received, or the other way.
//!
//! How usual that is for this cluster is weighed by the evidence; this gate only asks for volume and duration.

use crate::assess::detector::ObservedSpan;
use crate::assess::policy::BalanceSettings;
use crate::text::{bytes_text, duration_text};
use crate::track::conversation::Conversation;

/// (sent - received) / (sent + received), from which an exchange is unbalanced.
const UNBALANCED: f32 = 0.9;

/// Enough volume for long enough, nearly all of it one way.
pub(crate) fn gate(c: &Conversation, settings: &BalanceSettings, span: ObservedSpan) -> bool {
    let span = ObservedSpan { span_secs: span.span_secs.max(f64::from(c.longest)), ..span };
    c.bytes.sent.saturating_add(c.bytes.received) >= settings.minimum_bytes
        && producer_consumer_ratio(c).is_some_and(|ratio| ratio.abs() >= UNBALANCED)
        && span.at_least(settings.minimum_span)
}

/// (sent - received) / (sent + received).
#[expect(clippy::cast_precision_loss, reason = "a ratio")]
pub(crate) fn producer_consumer_ratio(c: &Conversation) -> Option<f32> {
    let (sent, received) = (c.bytes.sent as f32, c.bytes.received as f32);
    (sent + received > 0.0).then(|| (sent - received) / (sent + received))
}

/// "sends 40 MiB and receives 5.7 KiB in 74 min".
pub(crate) fn clause(c: &Conversation) -> String {
    format!(
        "sends {} and receives {} in {}",
        bytes_text(c.bytes.sent),
        bytes_text(c.bytes.received),
        duration_text(c.span_secs().max(f64::from(c.longest)))
    )
}
