//! The arithmetic of the pictures, the same for terminal and page: no characters, no pixels.

use beaconwatch_engine::assess::finding::Rhythm;
use beaconwatch_engine::time::Timestamp;

/// Where each time lies between the first and the last, from 0 to 1. Empty for fewer than two times.
#[must_use]
pub fn positions(times: &[Timestamp]) -> Vec<f64> {
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Vec::new() };
    let span = last.secs_since(*first);
    if span <= 0.0 {
        return Vec::new();
    }
    times.iter().map(|time| time.secs_since(*first) / span).collect()
}

/// How many of the times fall into each of `cells` equal parts of the span.
#[must_use]
pub fn strip(times: &[Timestamp], cells: usize) -> Vec<u32> {
    let mut counts = vec![0; cells];
    for position in positions(times) {
        if let Some(count) = counts.get_mut(cell(position, cells)) {
            *count += 1;
        }
    }
    counts
}

/// A histogram of gaps between check-ins.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Smallest and largest gap shown, seconds.
    pub range_secs: (f64, f64),
    /// Gaps per bin; bins are equally wide, or equally wide in the logarithm.
    pub counts: Vec<u32>,
    /// Bins are equally wide in the logarithm.
    pub logarithmic: bool,
    /// Where the predicted window begins and ends, from 0 to 1 of the range.
    pub window: Option<(f64, f64)>,
}

/// The histogram of the gaps between sorted `times`, wide enough for the predicted window; `None`: no gaps.
#[must_use]
pub fn histogram(times: &[Timestamp], rhythm: Option<&Rhythm>, bins: usize) -> Option<Histogram> {
    let gaps: Vec<f64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(before, after)| after.secs_since(*before))
        .filter(|gap| *gap > 0.0)
        .collect();
    let window = rhythm.map(|rhythm| (f64::from(rhythm.window_secs.0), f64::from(rhythm.window_secs.1)));
    let window = window.filter(|(from, to)| *from > 0.0 && to >= from && to.is_finite());
    let edges = gaps.iter().copied().chain(window.into_iter().flat_map(|(from, to)| [from, to]));
    let (low, high) = edges.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    if gaps.is_empty() || bins == 0 {
        return None;
    }
    let logarithmic = high / low > 8.0;
    // A margin at both ends, so that nothing sits on the edge.
    let (low, high) = if logarithmic {
        (low / 1.15, high * 1.15)
    } else {
        let margin = ((high - low) * 0.1).max(high * 0.02);
        ((low - margin).max(0.0), high + margin)
    };
    let place = |x: f64| {
        let part = if logarithmic { (x / low).ln() / (high / low).ln() } else { (x - low) / (high - low) };
        part.clamp(0.0, 1.0)
    };
    let mut counts = vec![0; bins];
    for gap in gaps {
        if let Some(count) = counts.get_mut(cell(place(gap), bins)) {
            *count += 1;
        }
    }
    let window = window.map(|(from, to)| (place(from), place(to)));
    Some(Histogram { range_secs: (low, high), counts, logarithmic, window })
}

/// The cell of a part from 0 to 1.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of a small number of cells"
)]
pub fn cell(part: f64, cells: usize) -> usize {
    ((part * cells as f64) as usize).min(cells.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: &[u64]) -> Vec<Timestamp> {
        secs.iter().map(|s| Timestamp::from_nanos(s * 1_000_000_000)).collect()
    }

    #[test]
    fn a_strip_counts_each_check_in_once() {
        assert_eq!(strip(&at(&[0, 10, 20, 40]), 4), [1, 1, 1, 1]);
        assert_eq!(strip(&at(&[5]), 4), [0, 0, 0, 0]);
        assert_eq!(strip(&[], 0), [0_u32; 0]);
    }

    #[test]
    fn a_histogram_holds_all_gaps_and_shows_the_window() {
        let rhythm = Rhythm {
            kind: beaconwatch_engine::assess::finding::RhythmKind::Fixed,
            bits: 12.0,
            period_secs: 60.0,
            window_secs: (58.0, 62.0),
            hits: 3,
            gaps: 3,
            chance: 0.1,
        };
        let histogram = histogram(&at(&[0, 60, 121, 180, 1380]), Some(&rhythm), 20).unwrap();
        assert_eq!(histogram.counts.iter().sum::<u32>(), 4);
        assert!(histogram.logarithmic);
        let (from, to) = histogram.window.unwrap();
        assert!(0.0 < from && from < to && to < 1.0, "{histogram:?}");
    }

    #[test]
    fn equal_gaps_and_no_gaps_are_no_trouble() {
        assert_eq!(histogram(&at(&[0, 60, 120]), None, 10).unwrap().counts.iter().sum::<u32>(), 2);
        assert_eq!(histogram(&at(&[7, 7]), None, 10), None);
    }
}
