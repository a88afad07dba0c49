//! Flows of datagrams: each says for itself what it is, until one does.

use super::{FlowParser, LATE_PUSHES_MAX, State, recognise};
use crate::observe::protocol::app_protocol::AppProtocol;
use crate::observe::protocol::feed::Sender;
use crate::observe::protocol::observation::Observation;

impl FlowParser {
    pub(super) fn push_datagram(
        &mut self,
        sender: Sender,
        bytes: &[u8],
        missing: bool,
        seen: &mut Vec<Observation>,
    ) {
        match &mut self.state {
            State::Undecided(_) if bytes.is_empty() => {}
            State::Undecided(_) => {
                let protocol = recognise::datagram(bytes, self.responder_port);
                self.recognised(protocol, seen);
                self.state = match protocol {
                    AppProtocol::Dns => State::DnsDatagrams(Box::default()),
                    AppProtocol::Dtls => State::Dtls(Box::default()),
                    AppProtocol::Quic => State::Quic(Box::default()),
                    AppProtocol::Unknown => State::Watching { pushes: 0 },
                    AppProtocol::Ntp
                    | AppProtocol::Tls
                    | AppProtocol::Http
                    | AppProtocol::Http2
                    | AppProtocol::Grpc
                    | AppProtocol::Dot
                    | AppProtocol::Doh
                    | AppProtocol::Irc
                    | AppProtocol::Ssh
                    | AppProtocol::Smtp
                    | AppProtocol::Socks
                    | AppProtocol::Text => State::Over,
                };
                if let State::DnsDatagrams(_) | State::Dtls(_) | State::Quic(_) = self.state {
                    self.push_datagram(sender, bytes, missing, seen);
                }
            }
            State::Dtls(dtls) => dtls.push(sender, bytes, self.detail, seen),
            State::Quic(quic) => quic.push(sender, bytes, self.detail, seen),
            State::DnsDatagrams(dns) => dns.push_datagram(bytes, missing, seen),
            State::Watching { pushes } => {
                *pushes = pushes.saturating_add(1);
                let again = recognise::datagram(bytes, self.responder_port);
                if again != AppProtocol::Unknown {
                    self.state = State::Undecided(None);
                    self.push_datagram(sender, bytes, missing, seen);
                } else if *pushes >= LATE_PUSHES_MAX {
                    self.state = State::Over;
                }
            }
            State::Tls(_)
            | State::DnsStream(_)
            | State::Http(_)
            | State::Irc(_)
            | State::Socks(_)
            | State::Over => {}
        }
    }
}
