//! Which protocol the first bytes are: the probes in the order of how sure they are.

use crate::observe::protocol::app_protocol::AppProtocol;
use crate::observe::protocol::feed::Sender;
use crate::observe::protocol::probe::Probe;
use crate::observe::protocol::quic::{self, QuicProbe};
use crate::observe::protocol::tls::dtls;
use crate::observe::protocol::{dns, http, http2, lines, ntp, socks, tls};

/// What the bytes of one sender say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Is(AppProtocol),
    /// More bytes may decide.
    Open,
    No,
}

/// Names of public DNS over HTTPS services; a name below one of them counts too.
const DOH_SERVERS: [&str; 22] = [
    "dns.google",
    "dns.google.com",
    "cloudflare-dns.com",
    "one.one.one.one",
    "dns.quad9.net",
    "dns9.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "doh.opendns.com",
    "doh.familyshield.opendns.com",
    "doh.umbrella.com",
    "dns.nextdns.io",
    "dns.adguard.com",
    "dns.adguard-dns.com",
    "doh.cleanbrowsing.org",
    "doh.xfinity.com",
    "doh.dns.sb",
    "dns.alidns.com",
    "doh.pub",
    "doh.360.cn",
    "dns.mullvad.net",
    "doh.li",
];

pub(super) fn is_doh_server(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    DOH_SERVERS.iter().any(|server| {
        let start = name.len().checked_sub(server.len());
        start.and_then(|at| name.split_at_checked(at)).is_some_and(|(before, end)| {
            end.eq_ignore_ascii_case(server) && (before.is_empty() || before.ends_with('.'))
        })
    })
}

/// The protocol of a stream by the first bytes of one sender. `last`: no more bytes are waited for.
pub(super) fn stream(bytes: &[u8], sender: Sender, last: bool) -> Verdict {
    let mut open = bytes.is_empty();
    for ask in ORDER {
        match ask(bytes, sender, last) {
            // What may still become a better-known protocol is not called text.
            (Probe::Yes, AppProtocol::Text) if open && !last => {}
            (Probe::Yes, protocol) => return Verdict::Is(protocol),
            (Probe::Maybe, _) => open = true,
            (Probe::No, _) => {}
        }
    }
    if open { Verdict::Open } else { Verdict::No }
}

type Ask = fn(&[u8], Sender, bool) -> (Probe, AppProtocol);

/// Who is asked, the surest first.
const ORDER: [Ask; 6] = [
    |bytes, _, _| (tls::probe(bytes), AppProtocol::Tls),
    |bytes, _, _| (http2::probe(bytes), AppProtocol::Http2),
    |bytes, _, _| (http::probe(bytes), AppProtocol::Http),
    lines::probe,
    |bytes, _, _| (dns::probe_stream(bytes), AppProtocol::Dns),
    |bytes, sender, _| (socks::probe(bytes, sender), AppProtocol::Socks),
];

/// What may begin in the middle of a flow: TLS after a greeting (STARTTLS and its like), and HTTP where the
/// start of the flow was not seen.
pub(super) fn late(bytes: &[u8]) -> Option<AppProtocol> {
    if tls::probe(bytes) == Probe::Yes {
        Some(AppProtocol::Tls)
    } else if http::is_certain(bytes) {
        Some(AppProtocol::Http)
    } else {
        None
    }
}

/// The protocol of a datagram flow by one datagram.
pub(super) fn datagram(bytes: &[u8], responder_port: u16) -> AppProtocol {
    if dtls::probe(bytes) {
        return AppProtocol::Dtls;
    }
    match quic::probe(bytes) {
        QuicProbe::Initial(_) | QuicProbe::Other => return AppProtocol::Quic,
        QuicProbe::No => {}
    }
    if responder_port == ntp::PORT && ntp::probe(bytes) {
        return AppProtocol::Ntp;
    }
    // Names of NetBIOS have the form of DNS messages, but are no names of hosts, and look like a tunnel's.
    if responder_port == 137 {
        return AppProtocol::Unknown;
    }
    let dns_port = matches!(responder_port, 53 | 5353 | 5355);
    if dns::probe(bytes) || dns_port && bytes.len() >= dns::HEADER_BYTES {
        return AppProtocol::Dns;
    }
    AppProtocol::Unknown
}
