//! Times and durations of logs.

use core::time::Duration;

use beaconwatch_engine::time::Timestamp;

use super::unsigned;

/// A decimal number of seconds as nanoseconds, digit by digit, so that nothing is rounded: `1672843056.956541`.
/// Negative numbers and those beyond 584 years are refused; digits below a nanosecond are dropped.
#[must_use]
pub fn nanos(text: &[u8]) -> Option<u64> {
    /// By the number of digits behind the point.
    const SCALES: [u64; 10] =
        [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let (mut value, mut point) = (0_u64, text.len());
    for (at, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if *byte == b'.' && point == text.len() {
            point = at;
        } else {
            return unusual_nanos(text);
        }
    }
    match SCALES.get(text.len().saturating_sub(point + 1)) {
        // At most ten digits before the point, and nine behind it: no overflow.
        Some(scale) if (1..=10).contains(&point) => Some(value * scale),
        _ => unusual_nanos(text),
    }
}

/// [`nanos`] of numbers that are very long or have an exponent.
fn unusual_nanos(text: &[u8]) -> Option<u64> {
    let mut whole: u64 = 0;
    let mut index = 0;
    while let Some(digit) = text.get(index).filter(|b| b.is_ascii_digit()) {
        whole = whole.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        index += 1;
    }
    if index == 0 {
        return None;
    }
    let mut fraction: u64 = 0;
    if text.get(index) == Some(&b'.') {
        index += 1;
        let mut scale: u64 = 100_000_000;
        while let Some(digit) = text.get(index).filter(|b| b.is_ascii_digit()) {
            fraction += scale * u64::from(digit - b'0');
            scale /= 10;
            index += 1;
        }
    }
    if index == text.len() {
        return whole.checked_mul(1_000_000_000)?.checked_add(fraction);
    }
    // An exponent, as JSON may write small numbers.
    let value: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    (0.0..1.8e10).contains(&value).then(|| Timestamp::from_secs_f64(value).as_nanos())
}

/// A time: seconds since 1970 as a decimal number (milliseconds, microseconds or nanoseconds where it is too large for
/// seconds), or RFC 3339 in UTC or with an offset.
#[must_use]
pub fn timestamp(text: &[u8]) -> Option<Timestamp> {
    nanos(text).or_else(|| small_units_nanos(text)).or_else(|| rfc3339_nanos(text)).map(Timestamp::from_nanos)
}

/// A time in units that are smaller than seconds: as seconds it would lie beyond the year 2554.
fn small_units_nanos(text: &[u8]) -> Option<u64> {
    let point = memchr::memchr(b'.', text).unwrap_or(text.len());
    let whole = text.get(..point).and_then(unsigned)?;
    let digits = text.get(point + 1..).unwrap_or_default();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Milliseconds until the year 5138, microseconds until the same.
    let unit = match whole {
        0..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        100_000_000_000_000_000.. => 1,
    };
    let fraction = digits.iter().fold((0, unit), |(sum, unit): (u64, u64), digit| {
        (sum + unit / 10 * u64::from(digit.wrapping_sub(b'0')), unit / 10)
    });
    whole.checked_mul(unit)?.checked_add(fraction.0)
}

/// A duration in decimal seconds.
#[must_use]
pub fn duration(text: &[u8]) -> Option<Duration> {
    nanos(text).map(Duration::from_nanos)
}

/// `2024-04-19T00:00:01.5Z`, `2024-04-19 00:00:01+02:00`: nanoseconds since 1970; earlier times are refused.
fn rfc3339_nanos(text: &[u8]) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to).and_then(unsigned);
    let is = |at: usize, set: &[u8]| text.get(at).is_some_and(|b| set.contains(b));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let digits =
        rest.strip_prefix(b".").map_or(0, |d| d.iter().take_while(|b| b.is_ascii_digit()).count() + 1);
    let fraction = if digits > 1 { nanos(&[b"0", rest.get(..digits)?].concat())? } else { 0 };
    let offset_s = match rest.get(digits..)? {
        b"" | b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let hours = i64::try_from(zone.get(..2).and_then(unsigned)?).ok()?;
            let colon = usize::from(zone.get(2) == Some(&b':'));
            let minutes = i64::try_from(zone.get(2 + colon..4 + colon).and_then(unsigned)?).ok()?;
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let days = days_from_civil(i64::try_from(year).ok()?, month, day);
    let in_day = i64::try_from(hour * 3600 + minute * 60 + second).ok()?;
    let seconds = u64::try_from(days * 86_400 + in_day - offset_s).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Hinnant, "chrono-compatible date algorithms").
#[must_use]
pub fn days_from_civil(year: i64, month: u64, day: u64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = i64::try_from((month + 9) % 12).unwrap_or(0);
    let day_of_year = (153 * shifted + 2) / 5 + i64::try_from(day).unwrap_or(1) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
