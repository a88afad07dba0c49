//! Times as people read them: UTC, by the Gregorian calendar.

use beaconwatch_engine::time::Timestamp;

/// `2026-01-05 00:12:00`.
#[must_use]
pub fn date_time(time: Timestamp) -> String {
    let seconds = time.as_nanos() / 1_000_000_000;
    let (days, in_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", in_day / 3600, in_day / 60 % 60, in_day % 60)
}

/// Year, month, day of a number of days since 1970-01-01 (Hinnant, "chrono-compatible date algorithms").
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
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
        ] {
            assert_eq!(date_time(Timestamp::from_nanos(secs * 1_000_000_000)), expect);
        }
    }
}
