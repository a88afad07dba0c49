//! Numbers as people read them.

/// `310 B`, `1.2 KiB`, `40 MiB`.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for next in UNITS.into_iter().skip(1) {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// `48 s`, `43 min`, `5.2 h`, `3.0 d`.
pub(crate) fn duration_text(secs: f64) -> String {
    if secs < 10.0 {
        format!("{secs:.1} s")
    } else if secs < 120.0 {
        format!("{secs:.0} s")
    } else if secs < 7200.0 {
        format!("{:.0} min", secs / 60.0)
    } else if secs < 172_800.0 {
        format!("{:.1} h", secs / 3600.0)
    } else {
        format!("{:.1} d", secs / 86_400.0)
    }
}

/// `48-71 s`, `1.9-2.2 s`, `50-60 min`; with more digits where the ends look alike: `4.98-5.02 s`.
pub(crate) fn gap_range(from: f32, to: f32) -> String {
    if to < 600.0 {
        let coarse = if to < 10.0 { 1 } else { 0 };
        let tell_apart = if to - from < 0.02 { 3 } else { 2 };
        let alike = format!("{from:.coarse$}") == format!("{to:.coarse$}");
        let digits = if alike { tell_apart } else { coarse };
        format!("{from:.digits$}-{to:.digits$} s")
    } else if to < 7200.0 {
        format!("{:.1}-{:.1} min", from / 60.0, to / 60.0)
    } else {
        format!("{:.1}-{:.1} h", from / 3600.0, to / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes_text(310), "310 B");
        assert_eq!(bytes_text(1229), "1.2 KiB");
        assert_eq!(bytes_text(42 << 20), "42 MiB");
        assert_eq!(duration_text(2.21), "2.2 s");
        assert_eq!(duration_text(2580.0), "43 min");
        assert_eq!(gap_range(48.2, 70.9), "48-71 s");
    }

    #[test]
    fn the_ends_of_a_window_are_told_apart() {
        for (from, to, expected) in [
            (1.74, 2.31, "1.7-2.3 s"),
            (4.98, 5.02, "4.98-5.02 s"),
            (4.996, 5.004, "4.996-5.004 s"),
            (59.9, 60.1, "59.90-60.10 s"),
        ] {
            assert_eq!(gap_range(from, to), expected);
        }
    }
}
