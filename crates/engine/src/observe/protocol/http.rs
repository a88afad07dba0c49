//! HTTP/1: request and response heads, with bodies passed over.
//!
//! Our own reading of heads and not httparse: that one refuses a head for one bad byte and wants all of it at
//! once, where a head that was cut by the ring, or mangled to evade, must still say what it holds.
//!
//! It must not know what is inside a tunnel: CONNECT hands the flow back.

mod body;
mod head;

use std::collections::VecDeque;

use body::Body;

use super::feed::Sender;
use super::observation::Observation;
use super::observation::{HttpRequest, ProxyKind, ProxyTarget};
use super::probe::Probe;
use super::text::Text;

/// Longest head that is put together; a longer one is read as cut.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Requests remembered until their responses come.
const OPEN_REQUESTS_MAX: usize = 64;

/// Blanks and empty lines before a request that are passed over.
const BLANKS_MAX: usize = 16;

/// Methods by which one look at the first word is enough.
const METHODS: [&[u8]; 39] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"PATCH",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"POLL",
    b"BCOPY",
    b"BMOVE",
    b"SEARCH",
    b"BDELETE",
    b"BPROPFIND",
    b"BPROPPATCH",
    b"LABEL",
    b"MERGE",
    b"REPORT",
    b"UPDATE",
    b"CHECKIN",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"MKACTIVITY",
    b"MKWORKSPACE",
    b"VERSION-CONTROL",
    b"BASELINE-CONTROL",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"M-SEARCH",
    b"RPC_CONNECT",
];

/// Whether bytes begin with a request line or a status line.
pub(crate) fn probe(bytes: &[u8]) -> Probe {
    // Servers pass over empty lines and blanks before a request, and so do we, within reason.
    let text = skip_blanks(bytes);
    if text.is_empty() || bytes.len() - text.len() > BLANKS_MAX {
        return if bytes.len() > BLANKS_MAX { Probe::No } else { Probe::Maybe };
    }
    let bytes = text;
    if bytes.starts_with(b"HTTP/1.") {
        return Probe::Yes;
    }
    if b"HTTP/1.".starts_with(bytes) {
        return Probe::Maybe;
    }
    let word_end = bytes.iter().take(24).position(|b| head::is_blank(*b));
    let word = bytes.get(..word_end.unwrap_or(bytes.len())).unwrap_or_default();
    if word.is_empty() || word.len() > 20 || !word.iter().all(|b| is_method_byte(*b)) {
        return Probe::No;
    }
    let Some(word_end) = word_end else { return Probe::Maybe };
    let target = bytes.get(word_end + 1..).unwrap_or_default();
    let likely_target = match target.first() {
        None => return Probe::Maybe,
        Some(b'/' | b'*') => true,
        Some(_) => word == b"CONNECT" || target.starts_with(b"http://") || target.starts_with(b"https://"),
    };
    if likely_target && METHODS.contains(&word) {
        return Probe::Yes;
    }
    match bytes.iter().position(|b| *b == b'\n') {
        Some(line_end) if head::line_has_version(bytes.get(..line_end).unwrap_or_default()) => Probe::Yes,
        Some(_) => Probe::No,
        None if bytes.len() < 2048 => Probe::Maybe,
        None => Probe::No,
    }
}

/// Whether bytes begin with a status line, or with a well-known method and a whole request line.
pub(crate) fn is_certain(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"HTTP/1.") {
        return true;
    }
    let known = METHODS.iter().any(|m| bytes.strip_prefix(*m).is_some_and(|rest| rest.starts_with(b" ")));
    let line_end = memchr::memchr(b'\n', bytes).filter(|_| known);
    line_end.is_some_and(|end| head::line_has_version(bytes.get(..end).unwrap_or_default()))
}

fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')
}

/// What a request means for its response and for the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Head,
    Connect,
    Other,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All bytes were used.
    Went,
    /// The flow is a tunnel from here on; this many of the last bytes belong to what is inside.
    Tunnel { left: usize },
}

/// The HTTP/1 parser of a flow.
#[derive(Debug, Default)]
pub(crate) struct HttpStream {
    originator: Half,
    responder: Half,
    open: VecDeque<Asked>,
    tunnel_asked: bool,
    /// The protocol was upgraded away, or is not HTTP after all.
    over: bool,
}

#[derive(Debug, Default)]
struct Half {
    /// A head under way.
    head: Vec<u8>,
    /// Bytes of `head` that were looked at for its end.
    searched: usize,
    body: Body,
    /// After a gap: bytes are dropped until a push begins with a head.
    lost: bool,
}

impl HttpStream {
    pub(crate) fn push(
        &mut self,
        sender: Sender,
        bytes: &[u8],
        missing: bool,
        seen: &mut Vec<Observation>,
    ) -> Outcome {
        let mut rest = bytes;
        while !rest.is_empty() && !self.over {
            if self.tunnel_asked && sender == Sender::Originator && super::tls::probe(rest) == Probe::Yes {
                return Outcome::Tunnel { left: rest.len() };
            }
            let half = self.half(sender);
            if half.lost && half.head.is_empty() {
                if probe(rest) == Probe::No {
                    break;
                }
                half.lost = false;
            }
            let used = half.body.pass(rest);
            rest = rest.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let Some((head, left)) = half.take_head(rest) else { break };
            rest = left;
            let head = head.as_ref();
            if let Some(outcome) = self.read_head(sender, head, false, rest.len(), seen) {
                return outcome;
            }
        }
        if missing {
            self.lose(sender, seen);
        }
        Outcome::Went
    }

    fn read_head(
        &mut self,
        sender: Sender,
        head: &[u8],
        cut: bool,
        left: usize,
        seen: &mut Vec<Observation>,
    ) -> Option<Outcome> {
        if !cut && probe(head) == Probe::No {
            self.half(sender).lost = true;
            return None;
        }
        if head.starts_with(b"HTTP/") {
            let answers = self.read_response(sender, head, cut, seen)?;
            return (answers == Asked::Connect).then_some(Outcome::Tunnel { left });
        }
        self.read_request(sender, head, cut, seen);
        None
    }

    fn read_request(&mut self, sender: Sender, head: &[u8], cut: bool, seen: &mut Vec<Observation>) {
        let Some((request, framing)) = head::read_request(head, cut) else {
            self.half(sender).lost = true;
            return;
        };
        let asked = match request.method.as_str() {
            "HEAD" => Asked::Head,
            "CONNECT" => Asked::Connect,
            _ => Asked::Other,
        };
        if self.open.len() < OPEN_REQUESTS_MAX {
            self.open.push_back(asked);
        }
        self.tunnel_asked |= asked == Asked::Connect;
        self.half(sender).body = Body::of_request(framing);
        let target = proxy_target(&request, asked);
        seen.push(Observation::HttpRequest(request));
        seen.extend(target.map(Observation::ProxyTarget));
    }

    /// Reads a response head; says what it answers when it is the final, good answer.
    fn read_response(
        &mut self,
        sender: Sender,
        head: &[u8],
        cut: bool,
        seen: &mut Vec<Observation>,
    ) -> Option<Asked> {
        let Some((response, framing)) = head::read_response(head, cut) else {
            self.half(sender).lost = true;
            return None;
        };
        let status = response.status;
        seen.push(Observation::HttpResponse(response));
        if status == 101 {
            self.over = true;
            return None;
        }
        if (100..200).contains(&status) {
            return None;
        }
        let asked = self.open.pop_front().unwrap_or(Asked::Other);
        let bodyless = matches!(status, 204 | 304) || asked == Asked::Head;
        self.half(sender).body = if bodyless { Body::default() } else { Body::of_response(framing) };
        (asked != Asked::Connect || (200..300).contains(&status)).then_some(asked)
    }

    fn half(&mut self, sender: Sender) -> &mut Half {
        match sender {
            Sender::Originator => &mut self.originator,
            Sender::Responder => &mut self.responder,
        }
    }

    /// A known number of bytes is missing here.
    pub(crate) fn skip(&mut self, sender: Sender, bytes: u64, seen: &mut Vec<Observation>) {
        if !self.half(sender).body.skip(bytes) {
            self.lose(sender, seen);
        }
    }

    fn lose(&mut self, sender: Sender, seen: &mut Vec<Observation>) {
        let half = self.half(sender);
        half.lost = true;
        half.body = Body::default();
        half.searched = 0;
        let head = core::mem::take(&mut half.head);
        if !head.is_empty() && probe(&head) == Probe::Yes {
            self.read_head(sender, &head, true, 0, seen);
            self.half(sender).lost = true;
            self.half(sender).body = Body::default();
        }
    }

    /// Says what is left of heads that will not be completed.
    pub(crate) fn finish(&mut self, seen: &mut Vec<Observation>) {
        self.lose(Sender::Originator, seen);
        self.lose(Sender::Responder, seen);
    }

    pub(crate) fn wants_more(&self) -> bool {
        !self.over
    }
}

/// A head: borrowed when it came in one piece.
enum HeadBytes<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
}

impl HeadBytes<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            HeadBytes::Borrowed(head) => head,
            HeadBytes::Owned(head) => head,
        }
    }
}

impl Half {
    /// Takes a head from the front of `bytes`, together with what came of it before; `None` when it goes on.
    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> Option<(HeadBytes<'a>, &'a [u8])> {
        if self.head.is_empty() {
            let bytes = skip_blanks(bytes);
            if let Some(len) = head::end_of(bytes, 0) {
                let (head, rest) = bytes.split_at_checked(len)?;
                return Some((HeadBytes::Borrowed(head), rest));
            }
            self.head = bytes.to_vec();
            return self.take_long_head();
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(len) = head::end_of(&self.head, self.searched.saturating_sub(3)) else {
            return self.take_long_head();
        };
        let mut head = core::mem::take(&mut self.head);
        self.searched = 0;
        head.truncate(len);
        Some((HeadBytes::Owned(head), bytes.get(len.saturating_sub(before)..).unwrap_or_default()))
    }

    /// A head that is too long is taken as it is; what follows of it is dropped.
    fn take_long_head<'a>(&mut self) -> Option<(HeadBytes<'a>, &'a [u8])> {
        self.searched = self.head.len();
        if self.head.len() < HEAD_BYTES_MAX {
            return None;
        }
        self.lost = true;
        self.searched = 0;
        Some((HeadBytes::Owned(core::mem::take(&mut self.head)), &[]))
    }
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let text = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n' | b' ' | b'\t')).unwrap_or(bytes.len());
    bytes.get(text..).unwrap_or_default()
}

fn proxy_target(request: &HttpRequest, asked: Asked) -> Option<ProxyTarget> {
    let target = request.target.as_str();
    let (via, authority, default_port) = match (asked, target.strip_prefix("http://")) {
        (Asked::Connect, _) => (ProxyKind::HttpConnect, target, 443),
        (Asked::Head | Asked::Other, Some(rest)) => {
            (ProxyKind::HttpAbsolute, rest.split(['/', '?']).next().unwrap_or_default(), 80)
        }
        (Asked::Head | Asked::Other, None) => return None,
    };
    let (host, port) = host_and_port(authority, default_port)?;
    Some(ProxyTarget { via, host: Text::escape(host.as_bytes()), port })
}

/// Host and port of an authority (RFC 3986): `example.com:8080`, `user@[2001:db8::1]:443`, `example.com`. `None`: there
/// is no host in it.
#[must_use]
pub fn host_and_port(authority: &str, default_port: u16) -> Option<(&str, u16)> {
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default_port)),
        Some(_) | None => (authority, default_port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests;
