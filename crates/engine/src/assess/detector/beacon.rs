//! Beacon-like intervals, or repetitive sizes, over connections.

use crate::assess::detector::ObservedSpan;
use crate::assess::policy::BeaconSettings;
use crate::text::duration_text;
use crate::track::conversation::Conversation;
use crate::track::rhythm::Shape;

/// Periods below this need more evidence, seconds: request trains of a page look like short rhythms.
const SHORT_PERIOD: f32 = 10.0;

/// A rhythm or a repeated size is proven, and it lasts.
pub(crate) fn gate(c: &Conversation, settings: &BeaconSettings, span: ObservedSpan) -> bool {
    proven(c, settings) && span.at_least(minimum_span(c, settings))
}

/// Bits that a rhythm of this conversation needs.
pub(crate) fn timing_threshold(c: &Conversation, settings: &BeaconSettings) -> f32 {
    if is_short(c) { settings.short_period_threshold } else { settings.timing_threshold }
}

/// Time that this conversation has to last.
pub(crate) fn minimum_span(c: &Conversation, settings: &BeaconSettings) -> core::time::Duration {
    let exec = c.actor.process.as_ref().and_then(|process| process.exec_session) == Some(true);
    if exec { settings.minimum_span_exec } else { settings.minimum_span }
}

/// About how far check-ins lie apart, seconds.
pub(crate) fn period(c: &Conversation) -> f32 {
    let window = c.best_tracker().window();
    if window.growth > 0.0 {
        return 0.5 * (window.from + window.to);
    }
    let (mut gaps, len) = c.best_tracker().gaps();
    let Some(gaps) = gaps.get_mut(..len).filter(|gaps| !gaps.is_empty()) else { return 0.0 };
    *gaps.select_nth_unstable_by(len / 2, f32::total_cmp).1
}

/// Whether [`period`] is below [`SHORT_PERIOD`]; asked at every judgement, so nothing is sorted for it.
fn is_short(c: &Conversation) -> bool {
    let tracker = c.best_tracker();
    let window = tracker.window();
    if window.growth > 0.0 {
        return 0.5 * (window.from + window.to) < SHORT_PERIOD;
    }
    let gaps = tracker.gaps_unordered();
    let short = gaps.iter().filter(|gap| **gap < SHORT_PERIOD).count();
    gaps.is_empty() || short > gaps.len() / 2
}

/// How far check-ins lie apart over the whole time, seconds: never less than the rhythm's period, and more where
/// short trains are separated by long silence.
pub(crate) fn effective_period(c: &Conversation) -> f64 {
    f64::from(period(c)).max(c.span_secs() / f64::from(c.contacts.max(1)))
}

fn proven(c: &Conversation, settings: &BeaconSettings) -> bool {
    c.size.evidence() >= settings.timing_threshold
        || (c.rhythm_bits >= settings.timing_threshold && c.rhythm_bits >= timing_threshold(c, settings))
}

/// "every 60 s (±20 %), 41 times in 43 min".
pub(crate) fn clause(c: &Conversation) -> String {
    let span = duration_text(c.span_secs());
    match Shape::of(c.best_tracker()) {
        Some(shape) if c.rhythm_bits > 0.0 => {
            let jitter = 50.0 * shape.width;
            let jitter = if jitter < 1.0 { String::new() } else { format!(" (±{jitter:.0} %)") };
            format!(
                "every {}{jitter}, {} times in {span}",
                duration_text(f64::from(shape.period)),
                c.contacts
            )
        }
        Some(_) | None => format!("with requests of the same size, {} times in {span}", c.contacts),
    }
}
