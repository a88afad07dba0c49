//! Protocols on unexpected ports (KnownPortsToMonitor).

use core::ops::RangeInclusive;
use core::time::Duration;

use crate::assess::detector::ObservedSpan;
use crate::assess::policy::PortSettings;
use crate::observe::protocol::AppProtocol;
use crate::track::conversation::Conversation;

/// How a port fits what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortFit {
    /// The protocol's own port.
    Usual,
    /// A port above 1023 that software is registered for or customarily uses.
    Registered,
    /// Neither.
    Unusual,
    /// Another protocol's port.
    Mismatch,
}

use AppProtocol as P;

/// A few connections to an odd port in passing are no habit.
const SPAN_MIN: Duration = Duration::from_secs(900);

/// Ports of the system range and what is spoken there.
const WELL_KNOWN: &[(u16, &[AppProtocol])] = &[
    (20, &[]),
    (21, &[]),
    (22, &[P::Ssh]),
    (25, &[P::Smtp]),
    (37, &[]),
    (53, &[P::Dns]),
    (67, &[]),
    (68, &[]),
    (80, &[P::Http, P::Http2]),
    (88, &[]),
    (110, &[]),
    (111, &[]),
    (123, &[P::Ntp]),
    (135, &[]),
    (137, &[]),
    (138, &[]),
    (139, &[]),
    (143, &[]),
    (161, &[]),
    (179, &[]),
    (389, &[]),
    (443, &[P::Tls, P::Quic, P::Doh, P::Dtls]),
    (445, &[]),
    (464, &[]),
    (465, &[P::Tls, P::Smtp]),
    (514, &[]),
    (515, &[]),
    (546, &[]),
    (547, &[]),
    (587, &[P::Smtp]),
    (631, &[]),
    (636, &[P::Tls]),
    (853, &[P::Dot, P::Tls, P::Quic]),
    (873, &[]),
    (993, &[P::Tls]),
    (995, &[P::Tls]),
];

/// Ports above 1023 that common software uses.
const REGISTERED: &[u16] = &[
    1433, 1521, 1883, 2181, 2375, 2376, 2379, 2380, 3000, 3128, 3306, 3389, 3478, 4317, 4318, 4443, 5000,
    5044, 5222, 5223, 5228, 5432, 5601, 5671, 5672, 6379, 6443, 6514, 8000, 8008, 8080, 8081, 8086, 8125,
    8200, 8222, 8300, 8301, 8443, 8500, 8530, 8531, 8600, 8883, 8888, 9000, 9042, 9090, 9091, 9092, 9093,
    9094, 9100, 9200, 9300, 9411, 9418, 10250, 10443, 11211, 14268, 15692, 16379, 24224, 27017, 30443, 50051,
];

/// Ports that one protocol customarily uses, though none of them is its own alone.
const CUSTOMARY: &[(RangeInclusive<u16>, AppProtocol)] =
    &[(6660..=6669, P::Irc), (6697..=6697, P::Irc), (7000..=7000, P::Irc)];

/// How `port` fits `protocol`; `None`: no port, or nothing to compare. The policy's own list wins over the built-in one.
pub(crate) fn fit(port: u16, protocol: AppProtocol, settings: Option<&PortSettings>) -> Option<PortFit> {
    if port == 0 {
        return None;
    }
    if let Some((_, protocols)) =
        settings.and_then(|settings| settings.known.iter().find(|(known, _)| *known == port))
    {
        return Some(if matches(protocols, protocol) { PortFit::Usual } else { PortFit::Mismatch });
    }
    if let Ok(index) = WELL_KNOWN.binary_search_by_key(&port, |(known, _)| *known)
        && let Some((_, protocols)) = WELL_KNOWN.get(index)
    {
        return Some(if matches(protocols, protocol) { PortFit::Usual } else { PortFit::Mismatch });
    }
    Some(match CUSTOMARY.iter().find(|(ports, _)| ports.contains(&port)) {
        Some((_, customary)) if *customary == protocol => PortFit::Usual,
        Some(_) => PortFit::Registered,
        None if REGISTERED.binary_search(&port).is_ok() => PortFit::Registered,
        None => PortFit::Unusual,
    })
}

/// A recognised protocol on another protocol's port, more than once and for long enough.
pub(crate) fn gate(c: &Conversation, settings: &PortSettings, span: ObservedSpan) -> bool {
    c.protocol != AppProtocol::Unknown
        && c.dns.is_none()
        && c.contacts >= 3
        && span.at_least(SPAN_MIN)
        && fit(c.destination.port, c.protocol, Some(settings)) == Some(PortFit::Mismatch)
}

/// "speaks ssh on port 443, 12 times".
pub(crate) fn clause(c: &Conversation) -> String {
    format!("speaks {} on port {}, {} times", c.protocol.as_str(), c.destination.port, c.contacts)
}

/// A protocol that was not recognised contradicts nothing.
fn matches(expected: &[AppProtocol], protocol: AppProtocol) -> bool {
    protocol == AppProtocol::Unknown || expected.is_empty() || expected.contains(&protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_for_the_search() {
        assert!(WELL_KNOWN.is_sorted_by_key(|(port, _)| *port));
        assert!(REGISTERED.is_sorted());
    }

    #[test]
    fn ports_fit_protocols() {
        let check = |port, protocol, expected: PortFit| {
            assert_eq!(fit(port, protocol, None), Some(expected), "{port}");
        };
        check(443, P::Tls, PortFit::Usual);
        check(443, P::Ssh, PortFit::Mismatch);
        check(443, P::Unknown, PortFit::Usual);
        check(8443, P::Tls, PortFit::Registered);
        check(1337, P::Tls, PortFit::Unusual);
        assert_eq!(fit(0, P::Unknown, None), None);
        for port in (6660..=6669).chain([6697, 7000]) {
            check(port, P::Irc, PortFit::Usual);
            check(port, P::Tls, PortFit::Registered);
        }
        check(6659, P::Irc, PortFit::Unusual);
        check(6670, P::Irc, PortFit::Unusual);
    }

    #[test]
    fn the_policys_list_wins() {
        let settings = PortSettings { known: vec![(1337, vec![P::Tls]), (443, vec![P::Ssh])] };
        assert_eq!(fit(1337, P::Tls, Some(&settings)), Some(PortFit::Usual));
        assert_eq!(fit(443, P::Tls, Some(&settings)), Some(PortFit::Mismatch));
    }
}
