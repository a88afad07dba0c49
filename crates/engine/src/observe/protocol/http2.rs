//! HTTP/2 in the clear, recognised by its preface only.

use super::probe::Probe;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether the first bytes of a client are the preface of HTTP/2.
pub(crate) fn probe(bytes: &[u8]) -> Probe {
    if bytes.starts_with(PREFACE) {
        Probe::Yes
    } else if PREFACE.starts_with(bytes) {
        Probe::Maybe
    } else {
        Probe::No
    }
}
