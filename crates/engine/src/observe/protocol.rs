//! Protocol metadata from the first bytes of a flow: what is spoken, to whom, by what software.
//!
//! One [`FlowParser`] per flow is fed with payload as it comes ([`FlowParser::push`]) and says what it saw as
//! [`Observation`]s. Whole streams of a capture, and payload prefixes cut by the kernel's ring, go through the
//! same code: partial input is a result, never an error. Memory is bounded per flow, and given back as soon as
//! nothing more is expected.
//!
//! It must not know time, addresses, workloads or where the bytes come from. The port is a hint for naming
//! (DNS over TLS), never a reason to recognise.

mod dns;
mod flow;
mod http;
mod http2;
mod irc;
mod lines;
mod ntp;
mod observation;
mod probe;
mod quic;
mod reader;
#[cfg(test)]
mod sample;
mod socks;
mod text;
mod tls;

#[cfg(fuzzing)]
pub mod fuzzing;

pub use flow::FlowParser;
pub use http::host_and_port;
pub use observation::*;
pub use text::{TEXT_BYTES_MAX, Text};

use crate::codec::choices;

/// Which side of a flow sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the side that opened the flow.
    FromOriginator,
    /// From the side that was called.
    FromResponder,
}

/// How payload is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// A byte stream (TCP): pushes may split and join messages anywhere.
    Stream,
    /// Datagrams (UDP): each push is one.
    Datagram,
}

/// How much the observations carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Detail {
    /// What detection needs.
    #[default]
    Evidence,
    /// Also what only comparison with other tools needs: JA3 texts, what IRC users say.
    Full,
}

/// An application protocol, as far as it was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AppProtocol {
    /// Nothing recognised (yet).
    #[default]
    Unknown,
    /// TLS over a stream.
    Tls,
    /// DTLS.
    Dtls,
    /// HTTP/1.
    Http,
    /// HTTP/2 in the clear.
    Http2,
    /// DNS.
    Dns,
    /// DNS over TLS: TLS on port 853 or with ALPN `dot`.
    Dot,
    /// DNS over HTTPS: TLS or QUIC to a name that is known to serve it.
    Doh,
    /// IRC.
    Irc,
    /// SSH.
    Ssh,
    /// SMTP.
    Smtp,
    /// QUIC (HTTP/3 and others).
    Quic,
    /// NTP.
    Ntp,
    /// gRPC over HTTP/2.
    Grpc,
    /// SOCKS, before the protocol inside is known.
    Socks,
    /// Text lines of no known protocol.
    Text,
}

choices!(AppProtocol {
    0 => Unknown, 1 => Tls, 2 => Dtls, 3 => Http, 4 => Http2, 5 => Dns, 6 => Dot, 7 => Doh, 8 => Irc, 9 => Ssh,
    10 => Smtp, 11 => Quic, 12 => Ntp, 13 => Grpc, 14 => Socks, 15 => Text,
});

impl AppProtocol {
    /// The value of `network.protocol.name`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Dns => "dns",
            Self::Dot => "dot",
            Self::Doh => "doh",
            Self::Irc => "irc",
            Self::Ssh => "ssh",
            Self::Smtp => "smtp",
            Self::Quic => "quic",
            Self::Ntp => "ntp",
            Self::Grpc => "grpc",
            Self::Socks => "socks",
            Self::Text => "text",
        }
    }
}

/// A JA4 TLS client fingerprint: 36 ASCII characters, `t13d1516h2_8daaf6152771_02713d6af862`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ja4(pub(crate) [u8; 36]);

impl Ja4 {
    /// The fingerprint as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl core::fmt::Debug for Ja4 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::fmt::Display for Ja4 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}
