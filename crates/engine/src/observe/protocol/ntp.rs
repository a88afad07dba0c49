//! NTP, recognised only: 48 bytes and a known mode, to or from the port of time servers.

/// Port of time servers. The bytes alone say too little to go by them.
pub(crate) const PORT: u16 = 123;

/// Whether a datagram is NTP.
pub(crate) fn probe(datagram: &[u8]) -> bool {
    let (Some(first), Some(stratum)) = (datagram.first(), datagram.get(1)) else { return false };
    let (version, mode) = (first >> 3 & 7, first & 7);
    datagram.len() >= 12
        && (1..=4).contains(&version)
        && (1..=7).contains(&mode)
        && (*stratum <= 16 || mode >= 6)
}
