//! The pictures of a finding. Colours come from the page's style; each picture says in words what it shows.

use beaconwatch_engine::assess::finding::{Evidence, Finding};

use super::{escape, put};
use crate::{calendar, chart, figure};

/// Width of a picture in its own units; the page scales it.
const WIDTH: f64 = 640.0;
const BINS: usize = 48;

/// Strip of check-ins: one line each.
pub(super) fn check_ins(out: &mut String, finding: &Finding) {
    const HEIGHT: f64 = 40.0;
    let positions = chart::positions(&finding.recent);
    let (Some(first), Some(last)) = (finding.recent.first(), finding.recent.last()) else { return };
    if positions.is_empty() {
        return;
    }
    let words = format!(
        "The last {} of {} check-ins, from {} to {} UTC",
        positions.len(),
        finding.check_ins,
        calendar::date_time(*first),
        calendar::date_time(*last)
    );
    begin(out, "Check-ins", &words, HEIGHT);
    put(out, format_args!("<path class=\"axis\" d=\"M0 {HEIGHT}H{WIDTH}\"/><path class=\"tick\" d=\""));
    for position in positions {
        put(out, format_args!("M{:.1} 4V{HEIGHT}", 1.0 + position * (WIDTH - 2.0)));
    }
    out.push_str("\"/></svg>");
    end(out, &words);
}

/// Histogram of gaps, the predicted window behind it.
pub(super) fn gaps(out: &mut String, finding: &Finding) {
    const HEIGHT: f64 = 90.0;
    let Some(histogram) = chart::histogram(&finding.recent, finding.rhythm.as_ref(), BINS) else { return };
    let (low, high) = histogram.range_secs;
    let scale = if histogram.logarithmic { ", logarithmic scale" } else { "" };
    let mut words = format!("Gaps from {} to {}{scale}", figure::seconds(low), figure::seconds(high));
    if let Some(rhythm) = &finding.rhythm {
        let (from, to) = rhythm.window_secs;
        words.push_str(&format!(
            "; {} of {} fell into the predicted {} (chance {} each), shaded",
            rhythm.hits,
            rhythm.gaps,
            figure::range(from.into(), to.into()),
            figure::percent(rhythm.chance.into())
        ));
    }
    begin(out, "Gaps between check-ins", &words, HEIGHT);
    if let Some((from, to)) = histogram.window {
        let width = ((to - from) * WIDTH).max(2.0);
        put(
            out,
            format_args!(
                "<rect class=\"window\" x=\"{:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>",
                from * WIDTH
            ),
        );
    }
    let most = f64::from(histogram.counts.iter().copied().max().unwrap_or(1).max(1));
    let bin = WIDTH / f64::from(u32::try_from(BINS).unwrap_or(1));
    for (x, count) in (0_u32..).zip(&histogram.counts).filter(|(_, count)| **count > 0) {
        let height = (f64::from(*count) / most * (HEIGHT - 8.0)).max(2.0);
        put(
            out,
            format_args!(
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                f64::from(x) * bin + 0.5,
                HEIGHT - height,
                bin - 1.0
            ),
        );
    }
    put(out, format_args!("<path class=\"axis\" d=\"M0 {HEIGHT}H{WIDTH}\"/></svg>"));
    let (low, high) = (figure::seconds(low), figure::seconds(high));
    put(
        out,
        format_args!("<div class=\"ends\" aria-hidden=\"true\"><span>{low}</span><span>{high}</span></div>"),
    );
    end(out, &words);
}

/// Bytes each way.
#[expect(clippy::cast_precision_loss, reason = "lengths of bars")]
pub(super) fn bytes(out: &mut String, finding: &Finding) {
    const HEIGHT: f64 = 12.0;
    let (sent, received) = (finding.bytes.sent, finding.bytes.received);
    if sent == 0 && received == 0 {
        return;
    }
    put(out, format_args!("<figure><figcaption>Bytes each way</figcaption><dl class=\"bytes\">"));
    let most = sent.max(received) as f64;
    for (name, bytes, typical) in
        [("sent", sent, finding.bytes_typical.sent), ("received", received, finding.bytes_typical.received)]
    {
        let width = (bytes as f64 / most * WIDTH).max(1.0);
        put(
            out,
            format_args!(
                "<div><dt>{name}</dt><dd>{} ({} a check-in)<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
preserveAspectRatio=\"none\" height=\"{HEIGHT}\" aria-hidden=\"true\"><rect class=\"{name}\" x=\"0\" y=\"0\" \
width=\"{width:.1}\" height=\"{HEIGHT}\"/></svg></dd></div>",
                figure::bytes(bytes),
                figure::bytes(typical)
            ),
        );
    }
    out.push_str("</dl></figure>\n");
}

/// Evidence as a table with a bar per item. Its sign says for or against, as its side and its colour do.
pub(super) fn evidence(out: &mut String, evidence: &[Evidence]) {
    const HALF: f64 = 60.0;
    if evidence.is_empty() {
        return;
    }
    out.push_str(
        "<table class=\"evidence\"><caption>Evidence in bits: each doubles the odds</caption><thead><tr><th scope=\"col\">Item</th>\
<th scope=\"col\" class=\"number\">Bits</th><th scope=\"col\" class=\"sides\">against | for</th>\
<th scope=\"col\">Why</th></tr></thead><tbody>\n",
    );
    for item in evidence {
        // Six bits fill half of the width; single items are not worth more, sums for a group may be.
        let length = (f64::from(item.bits.abs()) / 6.0 * HALF).min(HALF);
        let (class, x) = if item.bits < 0.0 { ("against", HALF - length) } else { ("for", HALF) };
        put(
            out,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td class=\"number\">{:+.1}</td>\
<td><svg viewBox=\"0 0 120 12\" width=\"120\" height=\"12\" aria-hidden=\"true\">\
<rect class=\"{class}\" x=\"{x:.1}\" y=\"1\" width=\"{length:.1}\" height=\"10\"/>\
<path class=\"axis\" d=\"M{HALF} 0V12\"/></svg></td><td>{}</td></tr>\n",
                item.term.as_str(),
                item.bits,
                escape(&item.sentence)
            ),
        );
    }
    out.push_str("</tbody></table>\n");
}

/// A picture and what it shows in words; the words are read out once, as the picture's label.
fn begin(out: &mut String, title: &str, words: &str, height: f64) {
    put(
        out,
        format_args!(
            "<figure><figcaption>{title}</figcaption><svg role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" \
preserveAspectRatio=\"none\" height=\"{height}\" aria-label=\"{}\">",
            escape(words)
        ),
    );
}

fn end(out: &mut String, words: &str) {
    put(out, format_args!("<p aria-hidden=\"true\">{}</p></figure>\n", escape(words)));
}
