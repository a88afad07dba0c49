//! Request and response heads.

use super::{Framing, HttpRequest, HttpResponse};
use crate::protocol::Text;

/// Bytes kept of a method or version.
const WORD_BYTES_MAX: usize = 64;
/// Bytes kept of a host name.
const HOST_BYTES_MAX: usize = 255;

/// Where the head that begins `bytes` ends, behind its empty line; looks from `from` on.
pub(super) fn end_of(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let newline = at + memchr::memchr(b'\n', bytes.get(at..)?)?;
        match bytes.get(newline + 1..)? {
            [b'\n', ..] => return Some(newline + 2),
            [b'\r', b'\n', ..] => return Some(newline + 3),
            _ => at = newline + 1,
        }
    }
}

/// Whether a request line ends in a version.
pub(super) fn line_has_version(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let word = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    word.starts_with(b"HTTP/1.") || word.starts_with(b"HTTP/0.")
}

/// Reads a request head. `None` when there is no method.
pub(super) fn read_request(head: &[u8], cut: bool) -> Option<(HttpRequest, Framing)> {
    let mut lines = Lines { rest: head };
    let first = lines.next()?;
    let mut words = first.splitn(2, |b| *b == b' ');
    let method = words.next()?;
    let rest = trim(words.next().unwrap_or_default());
    let (target, version) = match rest.iter().rposition(|b| *b == b' ') {
        Some(at) if rest.get(at + 1..).is_some_and(|v| v.starts_with(b"HTTP/")) => {
            (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default())
        }
        Some(_) | None => match rest.iter().position(|b| *b == b' ') {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
            None => (rest, &[][..]),
        },
    };
    if method.is_empty() {
        return None;
    }
    let fields = Fields::read(lines);
    let framing = fields.framing();
    let request = HttpRequest {
        method: Text::escape_up_to(method, WORD_BYTES_MAX),
        target: Text::escape(target),
        version: Text::escape_up_to(version, WORD_BYTES_MAX),
        host: fields.host.map(|host| Text::escape_up_to(host, HOST_BYTES_MAX)),
        user_agent: fields.user_agent.map(Text::escape),
        content_type: fields.content_type.map(Text::escape),
        content_length: framing.length,
        cut,
    };
    Some((request, framing))
}

/// Reads a response head. `None` when there is no status.
pub(super) fn read_response(head: &[u8], cut: bool) -> Option<(HttpResponse, Framing)> {
    let mut lines = Lines { rest: head };
    let status = lines.next()?.split(|b| *b == b' ').filter(|word| !word.is_empty()).nth(1)?;
    let status = core::str::from_utf8(status).ok()?.parse().ok()?;
    let fields = Fields::read(lines);
    let framing = fields.framing();
    let response = HttpResponse {
        status,
        server: fields.server.map(Text::escape),
        content_type: fields.content_type.map(Text::escape),
        content_length: framing.length,
        cut,
    };
    Some((response, framing))
}

/// Lines without their ends.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = self.rest.get(..end).unwrap_or_default();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// The header fields that are looked at, first of each name.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    transfer_encoding: Option<&'a [u8]>,
    server: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(lines: Lines<'a>) -> Self {
        let mut fields = Self::default();
        for line in lines {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let name = line.get(..colon).unwrap_or_default();
            let slot = match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => &mut fields.host,
                6 if name.eq_ignore_ascii_case(b"server") => &mut fields.server,
                10 if name.eq_ignore_ascii_case(b"user-agent") => &mut fields.user_agent,
                12 if name.eq_ignore_ascii_case(b"content-type") => &mut fields.content_type,
                14 if name.eq_ignore_ascii_case(b"content-length") => &mut fields.content_length,
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => &mut fields.transfer_encoding,
                _ => continue,
            };
            slot.get_or_insert(trim(line.get(colon + 1..).unwrap_or_default()));
        }
        fields
    }

    fn framing(&self) -> Framing {
        let length = self.content_length.and_then(|text| core::str::from_utf8(text).ok()?.parse().ok());
        let chunked =
            self.transfer_encoding.is_some_and(|codings| codings.to_ascii_lowercase().ends_with(b"chunked"));
        Framing { length, chunked }
    }
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}
