//! Times as people read them: UTC, by the Gregorian calendar.

use beaconwatch_engine::time::Timestamp;

/// `2026-01-05 00:12:00`.
#[must_use]
pub fn date_time(time: Timestamp) -> String {
    // Every time that the engine has lies before the year 2555.
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos())).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_dates() {
        for (secs, expect) in [
            (0, "1970-01-01 00:00:00"),
            (951_868_799, "2000-02-29 23:59:59"),
            (1_767_571_200, "2026-01-05 00:00:00"),
            (18_446_744_073, "2554-07-21 23:34:33"),
        ] {
            assert_eq!(date_time(Timestamp::from_nanos(secs * 1_000_000_000)), expect);
        }
    }
}
