//! What is spoken.

use crate::codec::choices;

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
