//! A contact: one time that an actor contacted a destination. The unit that detectors count.
//!
//! Live and pcap contacts are made by [`crate::observe::session`] from socket events and payload; log importers (Zeek,
//! flow logs, recorded events) make them directly, since their rows are already understood.

use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;

use crate::actor::{Actor, ActorKey};
use crate::codec::{choices, fields};
use crate::observe::protocol::AppProtocol;
use crate::time::Timestamp;
pub use crate::transport::Transport;

/// Where a destination's name came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameSource {
    /// The workload looked the name up and got this address.
    Dns,
    /// TLS or QUIC server name indication.
    Sni,
    /// HTTP `Host` header.
    HttpHost,
    /// Asked of a proxy by `CONNECT`.
    Proxy,
}

/// How the destination was named, as evidence: did the client look the name up, and does its SNI agree?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Naming {
    /// Not known (no payload, no DNS visibility): no evidence.
    #[default]
    Unknown,
    /// Looked up, and the SNI (if TLS) is the looked-up name.
    Consistent,
    /// Connected to an address that was never looked up, though look-ups are visible.
    NoLookup,
    /// The SNI is another name than the one looked up.
    SniMismatch,
    /// TLS without SNI.
    SniMissing,
}

/// Where a contact goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Address as the client used it (before NAT of a Service); `None` if only a name is known (proxy logs).
    pub address: Option<IpAddr>,
    /// Port; 0 for transports without ports.
    pub port: u16,
    /// Transport.
    pub transport: Transport,
    /// Name, lower case without the final dot; for DNS the registered domain asked for.
    pub name: Option<Arc<str>>,
    /// Where `name` came from.
    pub name_source: Option<NameSource>,
}

/// A pause that makes the next sending on a connection a contact of its own. The probes in the kernel wait for it too.
pub const BURST_PAUSE: Duration = Duration::from_nanos(BURST_PAUSE_NS);
/// [`BURST_PAUSE`] in nanoseconds.
pub const BURST_PAUSE_NS: u64 = 250_000_000;

/// What kind of contact it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactKind {
    /// A connection was opened (UDP: the first datagram to this peer on this socket).
    Connect {
        /// `Some(false)`: the peer never answered or refused; `None`: not known yet.
        established: Option<bool>,
    },
    /// On a connection already open, the first sending after a pause of at least [`BURST_PAUSE`].
    Burst,
    /// A question to a resolver.
    DnsQuery(DnsQuestion),
}

/// A DNS question with its answer, as far as seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The name asked for, in canonical escaped form (RFC 4343), lower case, no final dot.
    pub name: Arc<str>,
    /// RR type number (1 A, 16 TXT, 28 AAAA, ...).
    pub rr_type: u16,
    /// RCODE of the answer (0 NOERROR, 3 NXDOMAIN); `None` if unanswered or unknown.
    pub rcode: Option<u16>,
}

/// Whether a connection to there can be judged at all, whatever else becomes known of it. There must be somebody who
/// answers, and what is asked of a resolver is judged by its questions, not by the flow that carries them.
#[must_use]
pub fn is_judged(address: Option<IpAddr>, port: u16, transport: Transport, protocol: AppProtocol) -> bool {
    let resolver = protocol == AppProtocol::Dns && port == 53;
    is_unicast_peer(address, transport) && !resolver
}

/// Whether there can be somebody who answers. Multicast, broadcast and unspecified destinations are nobody's home, and
/// ICMP is no call: an address that is "called" in a message about unreachable ports is not.
pub(crate) fn is_unicast_peer(address: Option<IpAddr>, transport: Transport) -> bool {
    let nobody = match address {
        Some(IpAddr::V4(v4)) => {
            // In private networks the last address is, nearly always, everybody.
            let everybody = transport == Transport::Udp
                && (v4.is_private() || v4.is_link_local())
                && v4.octets().last() == Some(&255);
            v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified() || everybody
        }
        Some(IpAddr::V6(v6)) => v6.is_multicast() || v6.is_unspecified(),
        None => false,
    };
    !nobody && transport != Transport::Other
}

/// Payload bytes of a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Sent by the actor.
    pub sent: u64,
    /// Received by the actor.
    pub received: u64,
}

/// Packets that carried the payload of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Sent by the actor.
    pub sent: u64,
    /// Received by the actor.
    pub received: u64,
}

/// One contact. Delivered once with what is known early (name, protocol); its totals may follow.
#[derive(Clone, Debug)]
pub struct Contact {
    /// Ties a later [`ContactEnd`] to this contact; unique among open contacts. 0: no end will follow.
    pub id: u64,
    /// When it began. May be a little earlier than `now` of the input, since a name may need a packet or two.
    pub start: Timestamp,
    /// Who.
    pub actor: Arc<Actor>,
    /// `actor.key()`, computed once.
    pub actor_key: ActorKey,
    /// Where to.
    pub destination: Destination,
    /// What.
    pub kind: ContactKind,
    /// Recognised application protocol.
    pub protocol: AppProtocol,
    /// How the destination was named.
    pub naming: Naming,
    /// Server name that the client indicated (TLS or QUIC), also where `destination.name` is another one.
    pub sni: Option<Arc<str>>,
    /// JA4 TLS client fingerprint, if a whole ClientHello was seen.
    pub ja4: Option<Arc<str>>,
    /// Somebody who knows the image says that the fingerprint is unusual for it (imported logs only).
    pub ja4_odd: Option<bool>,
    /// HTTP user agent, if seen.
    pub user_agent: Option<Arc<str>>,
    /// Totals, if already known (logs); otherwise [`ContactEnd`] brings them.
    pub bytes: Option<Bytes>,
    /// Duration, if already known.
    pub duration: Option<Duration>,
}

/// Totals of a contact that was delivered before. A later one for the same contact replaces the earlier.
///
/// The contacts of one connection (its connect and its bursts) share its bytes: each gets what was moved from its
/// start to the start of the next. A burst ends where the next one starts. A connect is reported provisionally
/// there, and finally at the close, with the duration of the whole connection.
#[derive(Clone, Copy, Debug)]
pub struct ContactEnd {
    /// [`Contact::id`].
    pub id: u64,
    /// Totals of payload.
    pub bytes: Bytes,
    /// How long it lasted.
    pub duration: Duration,
    /// For [`ContactKind::Connect`]: did the peer answer?
    pub established: Option<bool>,
    /// More may follow (a provisional record, for example at FIN_WAIT1).
    pub provisional: bool,
}

choices!(NameSource { 0 => Dns, 1 => Sni, 2 => HttpHost, 3 => Proxy });
choices!(Naming { 0 => Unknown, 1 => Consistent, 2 => NoLookup, 3 => SniMismatch, 4 => SniMissing });
fields!(Destination { address, port, transport, name, name_source });
choices!(ContactKind { 0 => Connect { established }, 1 => Burst, 2 => DnsQuery(question) });
fields!(DnsQuestion { name, rr_type, rcode });
fields!(Bytes { sent, received });
fields!(Packets { sent, received });
fields!(Contact {
    id,
    start,
    actor,
    [actor_key: u64, until 1] actor_key = made(Arc::<Actor>::as_ref(&actor).key()),
    destination,
    kind,
    protocol,
    naming,
    sni,
    ja4,
    ja4_odd,
    user_agent,
    bytes,
    duration,
});
fields!(ContactEnd { id, bytes, duration, established, provisional });
