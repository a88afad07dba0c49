//! Request and response heads.

use super::body::Framing;
use crate::observe::protocol::observation::{HttpRequest, HttpResponse};
use crate::observe::protocol::text::Text;

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
    // Not of version 2, whose preface looks like a request.
    let word = trim(line).rsplit(|b| is_blank(*b)).next().unwrap_or_default();
    is_version(word) && matches!(word.get(5), Some(b'0' | b'1'))
}

/// `HTTP/1.1`, and what mangled requests make of it: any case, any number.
fn is_version(word: &[u8]) -> bool {
    let name = word.first_chunk::<5>().is_some_and(|name| name.eq_ignore_ascii_case(b"HTTP/"));
    name && word.get(5).is_some_and(u8::is_ascii_digit)
}

/// What stands between the words of a request line: a space by the standard, a tab to evade.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Reads a request head. `None` when there is no method.
pub(super) fn read_request(head: &[u8], cut: bool) -> Option<(HttpRequest, Framing)> {
    let mut lines = Lines { rest: head };
    let first = trim(lines.next()?);
    let (method, rest) = split_at_blank(first, first.iter().position(|b| is_blank(*b)));
    let last = rest.iter().rposition(|b| is_blank(*b));
    let (target, version) = match split_at_blank(rest, last) {
        (target, version) if is_version(version) => (target, version),
        // The word that stands alone is the version: no target was sent.
        (version, []) if is_version(version) => (&[][..], version),
        _ => split_at_blank(rest, rest.iter().position(|b| is_blank(*b))),
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

/// What stands before and behind the blanks at `at`.
fn split_at_blank(text: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    let (before, behind) = text.split_at_checked(at.unwrap_or(text.len())).unwrap_or((text, &[]));
    (trim(before), trim(behind))
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
