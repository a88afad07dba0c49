//! What a plain value means: as kubectl reads it, which is YAML 1.1 with the octal and binary numbers of Go.
//!
//! The API server is sent JSON that was made from the YAML by these rules. Whoever reads `0443` or `off` otherwise
//! checks a policy that is not the one that will be applied.

use serde_json::Number;

use super::tree::Content;

/// A plain value without a tag; `None`: a number that JSON does not have.
pub(super) fn plain(text: &str) -> Option<Content> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Content::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Content::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return None,
        _ => match number(text) {
            Some(number) => Content::Number(number),
            None => Content::Text(text.to_owned()),
        },
    })
}

/// `0443`: read as octal, which few people expect.
pub(super) fn is_old_octal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| matches!(b, b'0'..=b'7' | b'_'))
}

fn number(text: &str) -> Option<Number> {
    let first = text.bytes().next()?;
    if first == b'.' {
        return decimal(text);
    }
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-')) {
        return None;
    }
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    integer(&digits).or_else(|| decimal(&digits))
}

/// Decimal, `0x1bb`, `0o673`, `0673` or `0b11`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some(_) if digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // A second sign is not part of a number, though parsing would take it.
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(size).map(Number::from);
    }
    Some(Number::from(size))
}

/// `1.5`, `.5`, `1e3`, and what is too large for a whole number. JSON writes 443.0 as 443, and so is it read there.
fn decimal(text: &str) -> Option<Number> {
    /// Beyond, whole numbers are written with an exponent.
    const WHOLE_MAX: f64 = 1e15;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = if plain { text.parse().ok()? } else { return None };
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough to be exact")]
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_mean_what_kubectl_takes_them_for() {
        for (text, expect) in [
            ("443", "443"),
            ("0443", "291"),
            ("0o443", "291"),
            ("0x1bb", "443"),
            ("0b11", "3"),
            ("-017", "-15"),
            ("1_000", "1000"),
            ("+7", "7"),
            ("0", "0"),
            ("08", "8"),
            ("1e3", "1000"),
            ("443.0", "443"),
            (".5", "0.5"),
            ("1.5", "1.5"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("off", "false"),
            ("Yes", "true"),
            ("n", "false"),
            ("~", "null"),
            ("", "null"),
            ("15m", "\"15m\""),
            ("1.2.3", "\"1.2.3\""),
            ("2027-03-31T00:00:00Z", "\"2027-03-31T00:00:00Z\""),
            ("10.0.0.0/8", "\"10.0.0.0/8\""),
            ("+-7", "\"+-7\""),
            ("0x", "\"0x\""),
            ("-", "\"-\""),
            ("oN", "\"oN\""),
            ("inf", "\"inf\""),
            ("nan", "\"nan\""),
        ] {
            let read = plain(text).unwrap();
            let node = super::super::tree::Node { line: 1, content: read };
            assert_eq!(node.to_json().to_string(), expect, "{text}");
        }
        assert!(plain(".inf").is_none() && plain("-.INF").is_none() && plain(".nan").is_none());
    }

    #[test]
    fn old_octal_numbers_are_known() {
        for (text, is) in
            [("0443", true), ("-017", true), ("0", false), ("443", false), ("08", false), ("0o17", false)]
        {
            assert_eq!(is_old_octal(text), is, "{text}");
        }
    }
}
