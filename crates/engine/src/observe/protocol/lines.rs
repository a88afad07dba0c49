//! Protocols that open with a line of text: SSH, SMTP, and lines of no known protocol.
//!
//! Coarse labels: the first line says what is spoken; the rest is not read.

use super::app_protocol::AppProtocol;
use super::feed::Sender;
use super::text::Text;
use super::{irc, observation::Banner};
use crate::observe::protocol::probe::Probe;

/// Bytes kept of a first line.
const LINE_BYTES_MAX: usize = 256;
/// A first line longer than this is not waited for.
const FIRST_LINE_BYTES_MAX: usize = 512;
/// Shortest first line that makes text.
const TEXT_BYTES_MIN: usize = 4;

/// What the first bytes of one sender say. `last`: no more will come, so that a line may lack its end.
pub(crate) fn probe(bytes: &[u8], sender: Sender, last: bool) -> (Probe, AppProtocol) {
    let last = last || bytes.len() >= FIRST_LINE_BYTES_MAX;
    let ssh = bytes.starts_with(b"SSH-");
    let newline = match memchr::memchr(b'\n', bytes) {
        Some(newline) => newline,
        None if last && !bytes.is_empty() => bytes.len(),
        None if ssh => return (Probe::Maybe, AppProtocol::Ssh),
        None => return (if is_text(bytes) { Probe::Maybe } else { Probe::No }, AppProtocol::Text),
    };
    if ssh {
        return (Probe::Yes, AppProtocol::Ssh);
    }
    let line = bytes.get(..newline).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if is_smtp(line, sender) {
        return (Probe::Yes, AppProtocol::Smtp);
    }
    for line in bytes.split(|b| *b == b'\n') {
        match irc::probe_line(line, sender) {
            Probe::Yes => return (Probe::Yes, AppProtocol::Irc),
            Probe::Maybe => {}
            Probe::No if line.is_empty() => {}
            Probe::No => break,
        }
    }
    match irc::probe_line(line, sender) {
        Probe::Maybe if !last => (Probe::Maybe, AppProtocol::Text),
        Probe::Yes | Probe::Maybe | Probe::No if is_text(line) && line.len() >= TEXT_BYTES_MIN => {
            (Probe::Yes, AppProtocol::Text)
        }
        Probe::Yes | Probe::Maybe | Probe::No => (Probe::No, AppProtocol::Text),
    }
}

fn is_smtp(line: &[u8], sender: Sender) -> bool {
    match sender {
        Sender::Responder => {
            line.starts_with(b"220") && memchr::memmem::find(&line.to_ascii_uppercase(), b"SMTP").is_some()
        }
        Sender::Originator => line
            .first_chunk::<5>()
            .is_some_and(|w| w.eq_ignore_ascii_case(b"EHLO ") || w.eq_ignore_ascii_case(b"HELO ")),
    }
}

/// Printable ASCII or UTF-8 beyond it, with tabs and line ends.
fn is_text(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, b'\t' | b'\r' | b'\n' | 0x20..=0x7e | 0x80..);
    bytes.iter().all(plain) && {
        let ascii = bytes.iter().filter(|b| b.is_ascii()).count();
        // UTF-8 text of any script still has its multi-byte structure; random bytes do not.
        ascii == bytes.len() || core::str::from_utf8(bytes).is_ok()
    }
}

/// The first line of `bytes` as a banner.
pub(crate) fn banner(sender: Sender, bytes: &[u8]) -> Banner {
    let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
    let line = bytes.get(..end).unwrap_or_default();
    Banner { sender, line: Text::escape_up_to(line, LINE_BYTES_MAX) }
}
