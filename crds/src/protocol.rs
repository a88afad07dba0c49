//! Application protocols as users name them.

use std::borrow::Cow;

use beaconwatch_engine::observe::protocol::AppProtocol;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An application protocol that beaconwatch can tell apart by its first bytes, or `other`: whatever it does not
/// recognise, such as the protocol of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TLS over a stream.
    Tls,
    /// DTLS.
    Dtls,
    /// HTTP/1.
    Http,
    /// HTTP/2 in the clear.
    Http2,
    /// gRPC over HTTP/2 in the clear.
    Grpc,
    /// QUIC (HTTP/3 and others).
    Quic,
    /// DNS.
    Dns,
    /// DNS over TLS.
    Dot,
    /// DNS over HTTPS.
    Doh,
    /// IRC.
    Irc,
    /// SSH.
    Ssh,
    /// SMTP.
    Smtp,
    /// NTP.
    Ntp,
    /// SOCKS, before the protocol inside is known.
    Socks,
    /// Text lines of no known protocol.
    Text,
    /// Not recognised.
    Other,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Tls,
        Self::Dtls,
        Self::Http,
        Self::Http2,
        Self::Grpc,
        Self::Quic,
        Self::Dns,
        Self::Dot,
        Self::Doh,
        Self::Irc,
        Self::Ssh,
        Self::Smtp,
        Self::Ntp,
        Self::Socks,
        Self::Text,
        Self::Other,
    ];

    /// The word users write.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        if self == Self::Other { "other" } else { AppProtocol::from(self).as_str() }
    }
}

impl From<Protocol> for AppProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tls => Self::Tls,
            Protocol::Dtls => Self::Dtls,
            Protocol::Http => Self::Http,
            Protocol::Http2 => Self::Http2,
            Protocol::Grpc => Self::Grpc,
            Protocol::Quic => Self::Quic,
            Protocol::Dns => Self::Dns,
            Protocol::Dot => Self::Dot,
            Protocol::Doh => Self::Doh,
            Protocol::Irc => Self::Irc,
            Protocol::Ssh => Self::Ssh,
            Protocol::Smtp => Self::Smtp,
            Protocol::Ntp => Self::Ntp,
            Protocol::Socks => Self::Socks,
            Protocol::Text => Self::Text,
            Protocol::Other => Self::Unknown,
        }
    }
}

impl From<AppProtocol> for Protocol {
    fn from(protocol: AppProtocol) -> Self {
        match protocol {
            AppProtocol::Tls => Self::Tls,
            AppProtocol::Dtls => Self::Dtls,
            AppProtocol::Http => Self::Http,
            AppProtocol::Http2 => Self::Http2,
            AppProtocol::Grpc => Self::Grpc,
            AppProtocol::Quic => Self::Quic,
            AppProtocol::Dns => Self::Dns,
            AppProtocol::Dot => Self::Dot,
            AppProtocol::Doh => Self::Doh,
            AppProtocol::Irc => Self::Irc,
            AppProtocol::Ssh => Self::Ssh,
            AppProtocol::Smtp => Self::Smtp,
            AppProtocol::Ntp => Self::Ntp,
            AppProtocol::Socks => Self::Socks,
            AppProtocol::Text => Self::Text,
            AppProtocol::Unknown => Self::Other,
        }
    }
}

impl JsonSchema for Protocol {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Protocol".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = Self::ALL.iter().map(|protocol| protocol.as_str()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_is_written_as_it_is_read() {
        for protocol in Protocol::ALL {
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.as_str());
            assert_eq!(Protocol::from(AppProtocol::from(protocol)), protocol);
        }
    }
}
