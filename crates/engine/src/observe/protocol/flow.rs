//! The parser of one flow: recognises the protocol, then hands the bytes to the parser of it.
//!
//! It must not know how any protocol is parsed, only in which order they are asked, and what follows what:
//! a tunnel, a late TLS handshake, a name that makes TLS into DNS over HTTPS.

mod datagrams;
mod recognise;

use recognise::Verdict;

use super::app_protocol::AppProtocol;
use super::dns::DnsFlow;
use super::feed::{Carrier, Detail, Sender};
use super::http::{self, HttpStream};
use super::irc::IrcStream;
use super::lines;
use super::observation::Observation;
use super::observation::TlsClientHello;
use super::quic::QuicFlow;
use super::socks::{self, SocksStream};
use super::tls::TlsStream;
use super::tls::dtls::DtlsFlow;

/// First bytes of a sender that are kept while the protocol is not clear.
const PENDING_BYTES_MAX: usize = 2048;
/// Pushes after giving up in which a TLS handshake may still begin (STARTTLS and its like).
const LATE_PUSHES_MAX: u8 = 32;
/// Protocols inside one another that are followed.
const TUNNELS_MAX: u8 = 4;

/// Parses one flow. Small while idle; buffers are bounded and freed when no longer needed.
#[derive(Debug)]
pub struct FlowParser {
    carrier: Carrier,
    detail: Detail,
    responder_port: u16,
    protocol: AppProtocol,
    tunnels: u8,
    state: State,
}

/// Where the recognition is.
#[derive(Debug)]
enum State {
    Undecided(Option<Box<Pending>>),
    Tls(Box<TlsStream>),
    Dtls(Box<DtlsFlow>),
    Quic(Box<QuicFlow>),
    DnsDatagrams(Box<DnsFlow>),
    DnsStream(Box<DnsFlow>),
    Http(Box<HttpStream>),
    Irc(Box<IrcStream>),
    Socks(Box<SocksStream>),
    /// Known but not read, or not known: only TLS that begins late is looked for.
    Watching {
        pushes: u8,
    },
    Over,
}

/// First bytes that did not suffice to decide.
#[derive(Debug, Default)]
struct Pending {
    originator: Vec<u8>,
    responder: Vec<u8>,
    /// The sender of which bytes came first; they are handed on in that order.
    responder_first: bool,
}

impl FlowParser {
    /// A parser for a flow to `responder_port`.
    pub fn open(carrier: Carrier, responder_port: u16, detail: Detail) -> Self {
        Self {
            carrier,
            detail,
            responder_port,
            protocol: AppProtocol::Unknown,
            tunnels: 0,
            state: State::Undecided(None),
        }
    }

    /// Takes the next payload of one sender. `missing`: bytes that followed these were cut or lost, so the
    /// next push of this sender does not continue this one. What is seen is appended to `seen`.
    pub fn push(&mut self, sender: Sender, bytes: &[u8], missing: bool, seen: &mut Vec<Observation>) {
        let begin = seen.len();
        match self.carrier {
            Carrier::Stream => self.push_stream(sender, bytes, missing, seen),
            Carrier::Datagram => self.push_datagram(sender, bytes, missing, seen),
        }
        self.name_encrypted_dns(begin, seen);
    }

    /// A known number of bytes of a stream is missing here: like `missing`, but a body that is passed over
    /// anyway goes on behind the gap.
    pub fn skip(&mut self, sender: Sender, bytes: u64, seen: &mut Vec<Observation>) {
        if let State::Http(http) = &mut self.state {
            http.skip(sender, bytes, seen);
        } else {
            self.push(sender, &[], true, seen);
        }
    }

    /// The rest of a ClientHello that is under way cannot be waited for: says what is there of it, marked as cut.
    pub fn cut_hello(&mut self, seen: &mut Vec<Observation>) {
        let begin = seen.len();
        match &mut self.state {
            State::Tls(tls) => tls.push(Sender::Originator, &[], true, self.detail, seen),
            State::Quic(quic) => quic.finish(self.detail, seen),
            State::Undecided(_)
            | State::Dtls(_)
            | State::DnsDatagrams(_)
            | State::DnsStream(_)
            | State::Http(_)
            | State::Irc(_)
            | State::Socks(_)
            | State::Watching { .. }
            | State::Over => {}
        }
        self.name_encrypted_dns(begin, seen);
    }

    /// The flow ended, or nothing more of it will be given: says what is left to say.
    pub fn finish(&mut self, seen: &mut Vec<Observation>) {
        let begin = seen.len();
        match &mut self.state {
            State::Undecided(pending) => {
                let pending = pending.take().unwrap_or_default();
                if !pending.originator.is_empty() || !pending.responder.is_empty() {
                    self.settle(*pending, seen);
                    self.finish(seen);
                }
            }
            State::Tls(tls) => tls.finish(self.detail, seen),
            State::Quic(quic) => quic.finish(self.detail, seen),
            State::DnsStream(dns) => dns.finish(seen),
            State::Http(http) => http.finish(seen),
            State::Irc(irc) => irc.finish(self.detail, seen),
            State::Dtls(_)
            | State::DnsDatagrams(_)
            | State::Socks(_)
            | State::Watching { .. }
            | State::Over => {}
        }
        self.state = State::Over;
        self.name_encrypted_dns(begin, seen);
    }

    /// The protocol as far as known now.
    pub fn protocol(&self) -> AppProtocol {
        self.protocol
    }

    /// Whether more payload can still change or add anything. `false` lets the caller stop copying payload.
    pub fn wants_more(&self) -> bool {
        match &self.state {
            State::Tls(tls) => tls.wants_more(),
            State::Quic(quic) => quic.wants_more(),
            State::Http(http) => http.wants_more(),
            State::Undecided(_)
            | State::Dtls(_)
            | State::DnsDatagrams(_)
            | State::DnsStream(_)
            | State::Irc(_)
            | State::Socks(_)
            | State::Watching { .. } => true,
            State::Over => false,
        }
    }

    fn push_stream(&mut self, sender: Sender, bytes: &[u8], missing: bool, seen: &mut Vec<Observation>) {
        match &mut self.state {
            State::Undecided(_) => self.push_undecided(sender, bytes, missing, seen),
            State::Tls(tls) => {
                tls.push(sender, bytes, missing, self.detail, seen);
                if !tls.wants_more() {
                    self.state = State::Over;
                }
            }
            State::DnsStream(dns) => dns.push_stream(sender, bytes, missing, seen),
            State::Http(http) => match http.push(sender, bytes, missing, seen) {
                http::Outcome::Went => {}
                http::Outcome::Tunnel { left } => self.enter_tunnel(sender, bytes, left, missing, seen),
            },
            State::Irc(irc) => {
                irc.push(sender, bytes, missing, self.detail, seen);
                if irc.is_secured() {
                    self.state = State::Watching { pushes: 0 };
                }
            }
            State::Socks(socks) => match socks.push(sender, bytes, seen) {
                socks::Outcome::Went if !missing => {}
                socks::Outcome::Went | socks::Outcome::Over => self.state = State::Over,
                socks::Outcome::Tunnel { left } => self.enter_tunnel(sender, bytes, left, missing, seen),
            },
            State::Watching { pushes } => {
                *pushes = pushes.saturating_add(1);
                if let Some(protocol) = recognise::late(bytes) {
                    self.enter(protocol, sender, bytes, seen);
                    self.push_stream(sender, bytes, missing, seen);
                } else if *pushes >= LATE_PUSHES_MAX {
                    self.state = State::Over;
                }
            }
            State::Dtls(_) | State::Quic(_) | State::DnsDatagrams(_) | State::Over => {}
        }
    }

    fn push_undecided(&mut self, sender: Sender, bytes: &[u8], missing: bool, seen: &mut Vec<Observation>) {
        let State::Undecided(slot) = &mut self.state else { return };
        if bytes.is_empty() && slot.is_none() {
            return;
        }
        let mut pending = slot.take();
        let held = match (&mut pending, sender) {
            (Some(pending), Sender::Originator) => Some(&mut pending.originator),
            (Some(pending), Sender::Responder) => Some(&mut pending.responder),
            (None, _) => None,
        };
        let verdict = match held {
            Some(held) => {
                held.extend_from_slice(bytes);
                recognise::stream(held, sender, false)
            }
            None => recognise::stream(bytes, sender, false),
        };
        // The common cases: one packet decides, for or against all.
        let decided = match verdict {
            Verdict::Is(protocol) => Some(protocol),
            Verdict::No => Some(AppProtocol::Unknown),
            Verdict::Open => None,
        };
        if let (Some(protocol), None) = (decided, &pending) {
            self.enter(protocol, sender, bytes, seen);
            self.push_stream(sender, bytes, missing, seen);
            return;
        }
        let mut pending = pending.unwrap_or_else(|| {
            let mut first = Box::new(Pending::default());
            first.responder_first = sender == Sender::Responder;
            first.hold(sender, bytes);
            first
        });
        if verdict == Verdict::Open && !missing && !pending.is_full() {
            self.state = State::Undecided(Some(pending));
            return;
        }
        self.settle(core::mem::take(&mut *pending), seen);
    }

    /// Decides by what is there, and hands it on.
    fn settle(&mut self, pending: Pending, seen: &mut Vec<Observation>) {
        let Pending { originator, responder, responder_first } = pending;
        let mut sides = [(Sender::Originator, originator), (Sender::Responder, responder)];
        // What one side says for certain goes before what the other may be, were it to say no more.
        let decided = [false, true].into_iter().find_map(|last| {
            sides.iter().find_map(|(sender, bytes)| match recognise::stream(bytes, *sender, last) {
                Verdict::Is(protocol) => Some((protocol, *sender)),
                Verdict::Open | Verdict::No => None,
            })
        });
        let (protocol, sender) = decided.unwrap_or((AppProtocol::Unknown, Sender::Originator));
        let decisive = sides.iter().find(|(side, _)| *side == sender).map(|(_, bytes)| bytes.clone());
        self.enter(protocol, sender, &decisive.unwrap_or_default(), seen);
        if responder_first {
            sides.reverse();
        }
        for (sender, bytes) in &sides {
            if !bytes.is_empty() {
                self.push_stream(*sender, bytes, false, seen);
            }
        }
    }

    /// The protocol is decided; `bytes` of `sender` decided it.
    fn enter(&mut self, protocol: AppProtocol, sender: Sender, bytes: &[u8], seen: &mut Vec<Observation>) {
        self.recognised(protocol, seen);
        self.state = match protocol {
            AppProtocol::Tls => State::Tls(Box::new(TlsStream::start())),
            AppProtocol::Http => State::Http(Box::default()),
            AppProtocol::Dns => State::DnsStream(Box::default()),
            AppProtocol::Irc => State::Irc(Box::default()),
            AppProtocol::Socks => State::Socks(Box::default()),
            AppProtocol::Ssh | AppProtocol::Smtp | AppProtocol::Text => {
                let banner = lines::banner(sender, bytes);
                seen.push(if protocol == AppProtocol::Ssh {
                    Observation::SshBanner(banner)
                } else if protocol == AppProtocol::Smtp {
                    Observation::SmtpHello(banner)
                } else {
                    Observation::TextLines(banner)
                });
                State::Watching { pushes: 0 }
            }
            AppProtocol::Unknown => State::Watching { pushes: 0 },
            AppProtocol::Http2
            | AppProtocol::Grpc
            | AppProtocol::Dtls
            | AppProtocol::Dot
            | AppProtocol::Doh
            | AppProtocol::Quic
            | AppProtocol::Ntp => State::Over,
        };
    }

    fn recognised(&mut self, protocol: AppProtocol, seen: &mut Vec<Observation>) {
        self.protocol = protocol;
        seen.push(Observation::Recognised(protocol));
    }

    /// The flow carries another protocol from here on; `left` of the last bytes belong to it.
    fn enter_tunnel(
        &mut self,
        sender: Sender,
        bytes: &[u8],
        left: usize,
        missing: bool,
        seen: &mut Vec<Observation>,
    ) {
        self.tunnels += 1;
        if self.tunnels > TUNNELS_MAX {
            self.state = State::Over;
            return;
        }
        self.state = State::Undecided(None);
        let inside = bytes.get(bytes.len().saturating_sub(left)..).unwrap_or_default();
        self.push_stream(sender, inside, missing, seen);
    }

    /// TLS and QUIC to a resolver are named as what they are.
    fn name_encrypted_dns(&mut self, begin: usize, seen: &mut Vec<Observation>) {
        let named = seen.iter().skip(begin).find_map(|observation| {
            let Observation::TlsClientHello(hello) = observation else { return None };
            self.encrypted_dns(hello)
        });
        if let Some(protocol) = named.filter(|p| *p != self.protocol) {
            self.recognised(protocol, seen);
        }
    }

    fn encrypted_dns(&self, hello: &TlsClientHello) -> Option<AppProtocol> {
        if self.responder_port == 853 || hello.alpn.iter().any(|name| matches!(name.as_str(), "dot" | "doq"))
        {
            return Some(AppProtocol::Dot);
        }
        let name = hello.server_name.as_ref()?.as_str();
        recognise::is_doh_server(name).then_some(AppProtocol::Doh)
    }
}

impl Pending {
    fn hold(&mut self, sender: Sender, bytes: &[u8]) {
        match sender {
            Sender::Originator => self.originator.extend_from_slice(bytes),
            Sender::Responder => self.responder.extend_from_slice(bytes),
        }
    }

    fn is_full(&self) -> bool {
        self.originator.len().max(self.responder.len()) >= PENDING_BYTES_MAX
    }
}

#[cfg(test)]
mod tests;
