//! Types of Suricata's events of which nothing is used.

use core::fmt;

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

impl UnusedEvent {
    /// By its name in `event_type`.
    pub(crate) fn by_name(name: &[u8]) -> Self {
        Self(UNUSED.into_iter().find(|known| known.as_bytes() == name).unwrap_or("other"))
    }
}

impl fmt::Display for UnusedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Suricata {} event", self.0)
    }
}
