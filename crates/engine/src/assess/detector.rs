//! The detectors, in order. Each says whether its gate is open for a conversation; the first that is decides
//! the kind of the finding. Whether a finding is made is decided by the evidence, under the policy.

pub(crate) mod aggregate;
pub(crate) mod balance;
pub(crate) mod beacon;
pub(crate) mod dns;
pub(crate) mod in_connection;
pub(crate) mod irc;
pub(crate) mod long_connection;
pub(crate) mod ports;
pub(crate) mod retries;

use core::time::Duration;

use crate::assess::kind::FindingKind;
use crate::assess::policy::Detectors;
use crate::observe::contact::Destination;
use crate::track::conversation::Conversation;

/// How long a conversation lasts, against how long it could have been watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObservedSpan {
    /// First to last check-in, seconds.
    pub(crate) span_secs: f64,
    /// The whole input lasted this long and has ended; `None` while it goes on.
    pub(crate) input_secs: Option<f64>,
}

/// A conversation that fills this share of an input that was too short lasts.
const FILLS: f64 = 0.6;

impl ObservedSpan {
    /// It lasts for `minimum`; or the input is over and was too short to show that, and it fills most of it.
    pub(crate) fn at_least(&self, minimum: Duration) -> bool {
        let minimum = minimum.as_secs_f64();
        let fills = self.input_secs.is_some_and(|all| all < minimum / FILLS && self.span_secs >= FILLS * all);
        self.span_secs >= minimum || fills
    }
}

/// The kind of the first detector whose gate is open.
pub(crate) fn gate(c: &Conversation, on: &Detectors, span: ObservedSpan) -> Option<FindingKind> {
    let irc = || on.irc.as_ref().filter(|_| irc::gate(c)).map(|_| FindingKind::Irc);
    let dns = || on.dns.as_ref().and_then(|settings| dns::gate(c, settings, on.beacon.as_ref(), span));
    let beacon = || on.beacon.as_ref().filter(|k| beacon::gate(c, k, span)).map(|_| FindingKind::Beacon);
    let retries = || on.retries.as_ref().filter(|k| retries::gate(c, k)).map(|_| FindingKind::FailedRetries);
    let balance =
        || on.balance.as_ref().filter(|k| balance::gate(c, k, span)).map(|_| FindingKind::Unbalanced);
    let ports = || on.ports.as_ref().filter(|k| ports::gate(c, k, span)).map(|_| FindingKind::UnexpectedPort);
    let long = || {
        on.long_connection
            .as_ref()
            .filter(|k| long_connection::gate(c, k))
            .map(|_| FindingKind::LongConnection)
    };
    if c.dns.is_some() {
        return dns();
    }
    if let Some(aggregate) = &c.aggregate {
        let settings = on.beacon.as_ref().filter(|settings| aggregate::gate(c, aggregate, settings, span));
        return settings.map(|_| FindingKind::Beacon);
    }
    irc().or_else(beacon).or_else(retries).or_else(balance).or_else(ports).or_else(long)
}

/// The detector's own explanation: what it saw, in one clause.
pub(crate) fn clause(kind: FindingKind, c: &Conversation) -> String {
    match kind {
        FindingKind::Beacon if in_connection::applies(c) => in_connection::clause(c),
        FindingKind::Beacon | FindingKind::DnsBeacon => beacon::clause(c),
        FindingKind::Unbalanced => balance::clause(c),
        FindingKind::DnsTunnel => dns::clause(c),
        FindingKind::Irc => irc::clause(c),
        FindingKind::LongConnection => long_connection::clause(c),
        FindingKind::UnexpectedPort => ports::clause(c),
        FindingKind::FailedRetries => retries::clause(c),
    }
}

/// The kinds whose claim is a rhythm: for others, a missing rhythm says nothing.
pub(crate) fn claims_rhythm(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Beacon | FindingKind::DnsBeacon => true,
        FindingKind::Unbalanced
        | FindingKind::DnsTunnel
        | FindingKind::Irc
        | FindingKind::LongConnection
        | FindingKind::UnexpectedPort
        | FindingKind::FailedRetries => false,
    }
}

/// `cdn-sync.example:443`, `[2001:db8::1]:443`.
pub(crate) fn destination_text(destination: &Destination) -> String {
    let host = match (&destination.name, destination.address) {
        (Some(name), _) => name.to_string(),
        (None, Some(std::net::IpAddr::V6(address))) if destination.port != 0 => format!("[{address}]"),
        (None, Some(address)) => address.to_string(),
        (None, None) => "an unknown destination".to_owned(),
    };
    if destination.port == 0 { host } else { format!("{host}:{}", destination.port) }
}
