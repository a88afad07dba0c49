//! Fields of logs as numbers, times, addresses and text: exact, without allocation where that is possible.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use beaconwatch_engine::observe::contact::Transport;
use beaconwatch_engine::observe::naming::domain;
use beaconwatch_engine::observe::protocol::{AppProtocol, Text};

mod time;

pub use time::{days_from_civil, duration, nanos, timestamp};

/// The value of at most 19 decimal digits; of none it is 0.
fn digits(text: &[u8]) -> Option<u64> {
    let (mut value, mut others) = (0_u64, false);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        others |= digit > 9;
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    (!others).then_some(value)
}

/// A number without sign.
#[must_use]
pub fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    if text.len() < 20 {
        return digits(text);
    }
    let mut value: u64 = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// A port.
#[must_use]
pub fn port(text: &[u8]) -> Option<u16> {
    unsigned(text).and_then(|port| u16::try_from(port).ok())
}

/// An IPv4 or IPv6 address; a zone (`%eth0`) is dropped.
#[must_use]
pub fn address(text: &[u8]) -> Option<IpAddr> {
    if let Some(v4) = ipv4(text) {
        return Some(IpAddr::V4(v4));
    }
    let end = memchr::memchr(b'%', text).unwrap_or(text.len());
    core::str::from_utf8(text.get(..end)?).ok()?.parse().ok()
}

fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (first, rest) = octet(text)?;
    let (second, rest) = octet(rest.strip_prefix(b".")?)?;
    let (third, rest) = octet(rest.strip_prefix(b".")?)?;
    let (fourth, rest) = octet(rest.strip_prefix(b".")?)?;
    rest.is_empty().then(|| Ipv4Addr::new(first, second, third, fourth))
}

/// One to three digits, and what follows them.
#[inline]
fn octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, mut rest) = leading_digit(text)?;
    let mut value = u16::from(first);
    for _ in 0..2 {
        let Some((digit, behind)) = leading_digit(rest) else { break };
        value = value * 10 + u16::from(digit);
        rest = behind;
    }
    Some((u8::try_from(value).ok()?, rest))
}

#[inline]
fn leading_digit(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, rest) = text.split_first()?;
    let digit = first.wrapping_sub(b'0');
    (digit <= 9).then_some((digit, rest))
}

/// A transport by its name.
#[must_use]
pub fn transport(text: &[u8]) -> Transport {
    match text {
        b"tcp" | b"TCP" => Transport::Tcp,
        b"udp" | b"UDP" => Transport::Udp,
        _ => Transport::Other,
    }
}

/// An application protocol by the names that logs use, also of a list such as Zeek's `http,ssl`.
#[must_use]
pub fn app_protocol(text: &[u8]) -> AppProtocol {
    let mut found = AppProtocol::Unknown;
    for name in text.split(|b| *b == b',') {
        let protocol = match name {
            b"ssl" | b"tls" => AppProtocol::Tls,
            b"dtls" => AppProtocol::Dtls,
            b"http" => AppProtocol::Http,
            b"http2" | b"h2" => AppProtocol::Http2,
            b"dns" => AppProtocol::Dns,
            b"dot" => AppProtocol::Dot,
            b"doh" => AppProtocol::Doh,
            b"irc" | b"irc-dcc-data" => AppProtocol::Irc,
            b"ssh" => AppProtocol::Ssh,
            b"smtp" => AppProtocol::Smtp,
            b"quic" => AppProtocol::Quic,
            b"ntp" => AppProtocol::Ntp,
            b"grpc" => AppProtocol::Grpc,
            b"socks" => AppProtocol::Socks,
            b"text" => AppProtocol::Text,
            _ => continue,
        };
        // What is inside a proxied or upgraded connection says more than what opened it; QUIC carries TLS.
        let inside =
            protocol == AppProtocol::Quic || (protocol == AppProtocol::Tls && found != AppProtocol::Quic);
        if inside || found == AppProtocol::Unknown {
            found = protocol;
        }
    }
    found
}

/// The number of a DNS record type, by its name or as a number; 0: not known.
#[must_use]
pub fn rr_type(name: &[u8]) -> u16 {
    match name {
        b"A" => 1,
        b"NS" => 2,
        b"CNAME" => 5,
        b"SOA" => 6,
        b"NULL" => 10,
        b"PTR" => 12,
        b"MX" => 15,
        b"TXT" => 16,
        b"AAAA" => 28,
        b"SRV" => 33,
        b"HTTPS" => 65,
        b"ANY" | b"*" => 255,
        number => port(number).unwrap_or(0),
    }
}

/// A host name in canonical form: printable, lower case, without the final dot. Empty names are none.
#[must_use]
pub fn host_name(text: &[u8]) -> Option<Arc<str>> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.is_empty() || text.len() > 1024 {
        return None;
    }
    let plain = text.iter().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && *b != b'\\');
    if plain && let Ok(name) = core::str::from_utf8(text) {
        return Some(name.into());
    }
    Some(printable(&text.to_ascii_lowercase()).into())
}

/// `host:443` without its port; an IPv6 address in brackets without them.
#[must_use]
pub fn without_port(host: Arc<str>) -> Arc<str> {
    if host.contains(':') { domain::host_name(&host) } else { host }
}

/// Text with everything that is not printable ASCII escaped as `\xNN`; a backslash stays as it is, since logs
/// have escaped once already.
#[must_use]
pub fn printable(text: &[u8]) -> String {
    text.split(|b| *b == b'\\')
        .map(|part| Text::escape(part).as_str().to_owned())
        .collect::<Vec<_>>()
        .join("\\")
}

/// `10.0.0.1:443` or `[2001:db8::1]:443`, also behind `tcp://`; the port may be missing.
#[must_use]
pub fn address_and_port(text: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    let text = text.strip_prefix(b"tcp://").or_else(|| text.strip_prefix(b"udp://")).unwrap_or(text);
    if let Some(inner) = text.strip_prefix(b"[") {
        let end = memchr::memchr(b']', inner)?;
        let after = inner.get(end + 1..)?;
        return Some((address(inner.get(..end)?)?, after.strip_prefix(b":").and_then(port)));
    }
    if let Some(bare) = address(text) {
        return Some((bare, None));
    }
    let colon = memchr::memrchr(b':', text)?;
    Some((address(text.get(..colon)?)?, text.get(colon + 1..).and_then(port)))
}

#[cfg(test)]
mod tests {
    use beaconwatch_engine::time::Timestamp;

    use super::*;

    #[test]
    fn seconds_become_nanoseconds_without_rounding() {
        for (text, expect) in [
            ("1672843056.956541", Some(1_672_843_056_956_541_000)),
            ("0.000005", Some(5_000)),
            ("15", Some(15_000_000_000)),
            ("1588205199.82437", Some(1_588_205_199_824_370_000)),
            ("1.5e-05", Some(15_000)),
            ("-", None),
            ("-1.0", None),
            ("", None),
            (".5", None),
            ("1x", None),
            ("99999999999999", None),
        ] {
            assert_eq!(nanos(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn calendar_times_are_read() {
        for (text, expect) in [
            ("2024-04-19T00:00:01Z", Some(1_713_484_801_000_000_000)),
            ("2024-04-19T02:00:01.5+02:00", Some(1_713_484_801_500_000_000)),
            ("2000-02-29T23:59:59+0000", Some(951_868_799_000_000_000)),
            ("1969-12-31T23:59:59Z", None),
            ("2024-13-19T00:00:01Z", None),
            ("2024-04-19", None),
        ] {
            assert_eq!(timestamp(text.as_bytes()).map(Timestamp::as_nanos), expect, "{text}");
        }
    }

    #[test]
    fn times_in_smaller_units_are_told_by_their_size() {
        for (text, expect) in [
            ("1767571204", Some(1_767_571_204_000_000_000)),
            ("1767571204133", Some(1_767_571_204_133_000_000)),
            ("1767571204133.0625", Some(1_767_571_204_133_062_500)),
            ("1767571204133062", Some(1_767_571_204_133_062_000)),
            ("1767571204133062500", Some(1_767_571_204_133_062_500)),
            ("99999999999999999999", None),
            ("1767571204133x", None),
            ("1767571204133.5x", None),
            ("-1767571204133", None),
        ] {
            assert_eq!(timestamp(text.as_bytes()).map(Timestamp::as_nanos), expect, "{text}");
        }
    }

    #[test]
    fn addresses_of_both_versions_are_read() {
        for text in ["10.0.0.1", "255.255.255.255", "fe80::1", "::ffff:1.2.3.4", "::"] {
            assert_eq!(address(text.as_bytes()), text.parse().ok(), "{text}");
        }
        assert_eq!(address(b"fe80::1%eth0"), "fe80::1".parse().ok());
        for text in ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3", "host", "1234.1.1.1"] {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn names_are_printable_and_canonical() {
        for (text, expect) in [
            (&b"Www.Example.COM."[..], Some("www.example.com")),
            (b"a\x1b[31mb", Some("a\\x1b[31mb")),
            (b"a\\x1bb", Some("a\\x1bb")),
            (b".", None),
            (b"", None),
        ] {
            assert_eq!(host_name(text).as_deref(), expect);
        }
    }

    #[test]
    fn the_inner_protocol_of_a_proxied_connection_counts() {
        assert_eq!(app_protocol(b"http,ssl"), AppProtocol::Tls);
        assert_eq!(app_protocol(b"ssl,quic"), AppProtocol::Quic);
        assert_eq!(app_protocol(b"quic,ssl"), AppProtocol::Quic);
        assert_eq!(app_protocol(b"gssapi,smb"), AppProtocol::Unknown);
    }
}
