//! Data in DNS names ([`crate::track::dns_volume`]), and trains of queries with a rhythm.

use core::time::Duration;

use crate::assess::detector::{ObservedSpan, beacon};
use crate::assess::kind::FindingKind;
use crate::assess::policy::{BeaconSettings, DnsSettings};
use crate::text::duration_text;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::dns_volume::DnsVolume;

/// How much data names seem to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DnsPayloadLevel {
    /// More than ordinary software asks for.
    High,
    /// More than a handful of names.
    Some,
    /// None to speak of.
    None,
}

/// Bytes an hour from which the payload is "high" whatever the record types.
const HIGH: f32 = 2000.0;
/// ... and from which it is so if a fifth of the questions ask for types that carry data.
const HIGH_WITH_ODD_TYPES: f32 = 200.0;
/// How long a query train has to last where no beacon policy says so.
const SPAN_MIN: Duration = Duration::from_secs(900);
const SOME: f32 = 150.0;
const ODD_SHARE: f32 = 0.2;

/// How much data the names of a conversation seem to carry.
pub(crate) fn payload_level(dns: &DnsVolume, now: Timestamp) -> DnsPayloadLevel {
    let information = dns.information(now);
    if information > HIGH || (information > HIGH_WITH_ODD_TYPES && dns.odd_share() > ODD_SHARE) {
        DnsPayloadLevel::High
    } else if information > SOME {
        DnsPayloadLevel::Some
    } else {
        DnsPayloadLevel::None
    }
}

/// A tunnel by information rate, or a query train with a beacon's rhythm.
pub(crate) fn gate(
    c: &Conversation,
    settings: &DnsSettings,
    beacon: Option<&BeaconSettings>,
    span: ObservedSpan,
) -> Option<FindingKind> {
    let dns = c.dns.as_deref()?;
    let information = dns.information(c.last);
    let minimum = beacon.map_or(SPAN_MIN, |settings| settings.minimum_span);
    // Data that carries types of its own, or far more of it than needed, does not have to last.
    let plain = information > 5.0 * settings.information_rate
        || (information > settings.information_rate && dns.odd_share() > ODD_SHARE);
    if information > settings.information_rate && (plain || span.at_least(minimum)) {
        return Some(FindingKind::DnsTunnel);
    }
    beacon.filter(|settings| beacon::gate(c, settings, span)).map(|_| FindingKind::DnsBeacon)
}

/// "with about 310 distinct names an hour that carry 12288 bytes, 310 queries in 24 s".
pub(crate) fn clause(c: &Conversation) -> String {
    let Some(dns) = &c.dns else { return String::new() };
    format!(
        "with about {:.0} distinct names an hour that carry {:.0} bytes, {} queries in {}",
        dns.unique(),
        dns.information(c.last),
        c.contacts,
        duration_text(c.span_secs())
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::{self, Id};
    use crate::keys::ConversationKey;
    use crate::observe::contact::DnsQuestion;

    const KEY: ConversationKey = ConversationKey(Id::from_bytes([7; 16]));

    /// A name that carries 128 bits.
    fn data(n: u64) -> String {
        format!("{}.t.example", identity::executable(&n.to_string()))
    }

    fn question(name: &str, rr_type: u16) -> DnsQuestion {
        DnsQuestion { name: Arc::from(name), rr_type, rcode: Some(0) }
    }

    #[test]
    fn names_that_carry_data_are_told_from_names_that_repeat() {
        let (mut tunnel, mut plain) = (DnsVolume::default(), DnsVolume::default());
        for i in 0..200_u64 {
            let at = Timestamp::from_secs_f64(1000.0 + 10.0 * i as f64);
            tunnel.question(KEY, at, &question(&data(i), 16));
            plain.question(KEY, at, &question("www.shop.example", 1));
        }
        let now = Timestamp::from_secs_f64(3000.0);
        assert_eq!(payload_level(&tunnel, now), DnsPayloadLevel::High);
        assert_eq!(payload_level(&plain, now), DnsPayloadLevel::None);
    }

    #[test]
    fn an_hour_is_forgotten_after_the_next() {
        let mut dns = DnsVolume::default();
        for i in 0..200_u64 {
            dns.question(KEY, Timestamp::from_secs_f64(1.0 + i as f64), &question(&data(i), 1));
        }
        assert!(dns.information(Timestamp::from_secs_f64(300.0)) > HIGH);
        assert!(dns.information(Timestamp::from_secs_f64(9000.0)) < 1.0);
    }
}
