//! Types of events.

use core::fmt;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    Flow,
    Dns,
    Tls,
    Quic,
    Http,
    Ssh,
    Smtp,
    Unused(UnusedEvent),
}

/// A type of events of which nothing is used; all that are not known are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnusedEvent(&'static str);

/// Types that Suricata has and that are not used.
const UNUSED: [&str; 34] = [
    "alert",
    "anomaly",
    "arp",
    "bittorrent_dht",
    "dcerpc",
    "dhcp",
    "dnp3",
    "drop",
    "engine",
    "enip",
    "fileinfo",
    "ftp",
    "ftp_data",
    "ike",
    "krb5",
    "ldap",
    "mdns",
    "metadata",
    "modbus",
    "mqtt",
    "netflow",
    "nfs",
    "packet",
    "pgsql",
    "pop3",
    "rdp",
    "rfb",
    "sip",
    "smb",
    "snmp",
    "stats",
    "tftp",
    "verdict",
    "websocket",
];

impl EventType {
    /// By its name in `event_type`.
    pub(super) fn by_name(name: &[u8]) -> Self {
        match name {
            b"flow" => Self::Flow,
            b"dns" => Self::Dns,
            b"tls" => Self::Tls,
            b"quic" => Self::Quic,
            b"http" => Self::Http,
            b"ssh" => Self::Ssh,
            b"smtp" => Self::Smtp,
            other => {
                let known = UNUSED.into_iter().find(|known| known.as_bytes() == other);
                Self::Unused(UnusedEvent(known.unwrap_or("other")))
            }
        }
    }
}

impl fmt::Display for UnusedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Suricata {} event", self.0)
    }
}
