//! Durations, byte quantities and times as users write them: text on the wire, parsed by [`crate::compile`].
//!
//! They stay text in the API types so that an object which holds a wrong one can still be read, named and
//! reported.

use core::time::Duration;
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::cel;

/// What is wrong with a duration.
pub const DURATION_ALLOWED: &str = "must be a duration such as 90s, 15m or 1h30m (units h, m, s, ms)";
/// Rule and message for a duration.
pub(crate) const DURATION_RULE: (&str, &str) =
    ("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$')", DURATION_ALLOWED);
/// What is wrong with a quantity of bytes.
pub const BYTES_ALLOWED: &str = "must be a number of bytes such as 512, 64k, 10Mi or 1Gi";
/// What is wrong with a point in time.
pub const TIME_ALLOWED: &str = "must be a time in RFC 3339, such as 2027-03-31T00:00:00Z";

/// A duration such as `90s`, `15m` or `1h30m`; units are `h`, `m`, `s`, `ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DurationText(pub String);

impl DurationText {
    /// The duration; `None` if the text is none.
    #[must_use]
    pub fn parse(&self) -> Option<Duration> {
        let mut rest = self.0.as_str();
        let mut total = Duration::ZERO;
        let mut parts = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at_checked(digits)?;
            if digits == 0 || digits > 5 || parts == 4 {
                return None;
            }
            let number: u32 = number.parse().ok()?;
            let (unit, tail) = [("ms", 1_u64), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
                .into_iter()
                .find_map(|(unit, millis)| tail.strip_prefix(unit).map(|tail| (millis, tail)))?;
            total = total.checked_add(Duration::from_millis(unit * u64::from(number)))?;
            rest = tail;
            parts += 1;
        }
        (parts > 0).then_some(total)
    }
}

impl From<Duration> for DurationText {
    /// Whole hours, minutes, seconds and milliseconds, the shortest way.
    fn from(duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let parts = [
            (millis / 3_600_000, "h"),
            (millis / 60_000 % 60, "m"),
            (millis / 1000 % 60, "s"),
            (millis % 1000, "ms"),
        ];
        let text: String =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
        Self(if text.is_empty() { "0s".into() } else { text })
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 24,
            "x-kubernetes-validations": cel(&[DURATION_RULE]),
        })
    }
}

/// A number of bytes such as `512`, `64k`, `10Mi`; suffixes are those of Kubernetes quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BytesText(pub String);

impl BytesText {
    /// The number; `None` if the text is none, or too large.
    #[must_use]
    pub fn parse(&self) -> Option<u64> {
        const SUFFIXES: [(&str, u64); 10] = [
            ("Ki", 1 << 10),
            ("Mi", 1 << 20),
            ("Gi", 1 << 30),
            ("Ti", 1 << 40),
            ("k", 1000),
            ("K", 1000),
            ("M", 1_000_000),
            ("G", 1_000_000_000),
            ("T", 1_000_000_000_000),
            ("", 1),
        ];
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, suffix) = self.0.split_at_checked(digits)?;
        let (_, factor) = SUFFIXES.into_iter().find(|(name, _)| *name == suffix)?;
        number.parse::<u64>().ok()?.checked_mul(factor)
    }
}

impl From<u64> for BytesText {
    /// With the largest binary suffix that leaves a whole number.
    fn from(bytes: u64) -> Self {
        let suffix = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)]
            .into_iter()
            .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
        match suffix {
            Some((name, shift)) => Self(format!("{}{name}", bytes >> shift)),
            None => Self(bytes.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for BytesText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum NumberOrText {
            Number(i64),
            Text(String),
        }
        Ok(match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(number) => Self(number.to_string()),
            NumberOrText::Text(text) => Self(text),
        })
    }
}

impl JsonSchema for BytesText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 20,
            "x-kubernetes-validations": cel(&[(
                "type(self) == int ? self >= 0 : self.matches('^[0-9]{1,15}([kKMGT]|[KMGT]i)?$')",
                BYTES_ALLOWED,
            )]),
        })
    }
}

/// A point in time, RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeText(pub String);

impl TimeText {
    /// Nanoseconds since the Unix epoch; `None` if the text is no time, or one before 1970.
    #[must_use]
    pub fn parse_nanos(&self) -> Option<u64> {
        let time: jiff::Timestamp = self.0.parse().ok()?;
        u64::try_from(time.as_nanosecond()).ok()
    }

    /// The time of a number of nanoseconds since the Unix epoch, in whole milliseconds, UTC.
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Self {
        let millis = i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        Self(time.to_string())
    }
}

impl JsonSchema for TimeText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubernetes_writes_them() {
        let parse = |text: &str| DurationText(text.into()).parse().map(|d| d.as_millis());
        assert_eq!(parse("15m"), Some(900_000));
        assert_eq!(parse("1h30m"), Some(5_400_000));
        assert_eq!(parse("1s500ms"), Some(1500));
        for wrong in ["", "15", "m", "15min", "1.5h", "-3s", "2d", "15 m", "123456s", "1s1s1s1s1s"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for secs in [0, 1, 59, 60, 900, 3600, 5400, 14_400, 86_399] {
            let duration = Duration::from_secs(secs);
            assert_eq!(DurationText::from(duration).parse(), Some(duration));
        }
        assert_eq!(DurationText::from(Duration::from_secs(900)).0, "15m");
    }

    #[test]
    fn quantities_have_kubernetes_suffixes() {
        let parse = |text: &str| BytesText(text.into()).parse();
        assert_eq!(parse("10Mi"), Some(10 << 20));
        assert_eq!(parse("64k"), Some(64_000));
        assert_eq!(parse("512"), Some(512));
        for wrong in ["", "Mi", "10MB", "10 Mi", "-1", "1.5Gi", "99999999999999999999"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(BytesText::from(10 << 20).0, "10Mi");
    }

    #[test]
    fn a_quantity_may_be_a_bare_number() {
        let bytes: BytesText = serde_json::from_str("4096").unwrap();
        assert_eq!(bytes.parse(), Some(4096));
    }

    #[test]
    fn times_are_rfc_3339() {
        let parse = |text: &str| TimeText(text.into()).parse_nanos();
        assert_eq!(parse("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(parse("1970-01-01T01:00:01+01:00"), Some(1_000_000_000));
        assert_eq!(parse("tomorrow"), None);
        assert_eq!(parse("2027-03-31"), None);
        assert_eq!(TimeText::from_nanos(1_500_000_000).0, "1970-01-01T00:00:01.5Z");
    }
}
