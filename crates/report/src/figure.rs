//! Figures as people read them.

/// Seconds: `0.42 s`, `61 s`, `5.0 min`, `3.2 h`, `2.5 d`.
#[must_use]
pub fn seconds(secs: f64) -> String {
    match secs {
        s if s < 1.0 => format!("{s:.2} s"),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 180.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.1} min", s / 60.0),
        s if s < 129_600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// A range of seconds, fine enough that its ends differ: `54 s to 66 s`, `8.98 s to 9.01 s`.
#[must_use]
pub fn range(from: f64, to: f64) -> String {
    let (low, high) = (seconds(from), seconds(to));
    if low == high && to > from && to < 180.0 {
        return format!("{from:.2} s to {to:.2} s");
    }
    format!("{low} to {high}")
}

/// A chance or a share from 0 to 1, never `0 %` unless it is: `9 %`, `less than 1 %`.
#[must_use]
pub fn percent(part: f64) -> String {
    if part > 0.0 && part < 0.005 { "less than 1 %".to_owned() } else { format!("{:.0} %", part * 100.0) }
}

/// Bytes: `512 B`, `1.5 kB`, `3.2 MB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        c if c < 1e3 => format!("{c:.0} B"),
        c if c < 1e6 => format!("{:.1} kB", c / 1e3),
        c if c < 1e9 => format!("{:.1} MB", c / 1e6),
        c => format!("{:.1} GB", c / 1e9),
    }
}

/// A count with its thousands apart: `1,600`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let all = [0, 999, 1_000, 1_600, 999_999, 1_000_000].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "1,600", "999,999", "1,000,000"]);
    }

    #[test]
    fn figures_have_units_that_fit() {
        for (secs, expect) in [
            (0.42, "0.42 s"),
            (3.0, "3.0 s"),
            (61.0, "61 s"),
            (300.0, "5.0 min"),
            (7200.0, "2.0 h"),
            (2e5, "2.3 d"),
        ] {
            assert_eq!(seconds(secs), expect);
        }
        for (count, expect) in
            [(0, "0 B"), (1500, "1.5 kB"), (3_200_000, "3.2 MB"), (7_000_000_000, "7.0 GB")]
        {
            assert_eq!(bytes(count), expect);
        }
    }

    #[test]
    fn narrow_ranges_and_small_chances_do_not_look_like_nothing() {
        assert_eq!(range(54.2, 66.0), "54 s to 66 s");
        assert_eq!(range(8.981, 9.012), "8.98 s to 9.01 s");
        assert_eq!(
            (percent(0.001), percent(0.09), percent(0.0)),
            ("less than 1 %".into(), "9 %".into(), "0 %".into())
        );
    }
}
