//! What the payload of a flow said about its destination and its client.

use std::sync::Arc;

use crate::observe::naming::domain::host_name;
use crate::observe::naming::{Asked, Indicated};
use crate::observe::protocol::{AppProtocol, Observation, ProxyKind};

/// What one flow said of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct FlowMetadata {
    pub(super) protocol: AppProtocol,
    pub(super) sni: Option<Arc<str>>,
    pub(super) ja4: Option<Arc<str>>,
    pub(super) user_agent: Option<Arc<str>>,
    host: Option<Arc<str>>,
    proxy: Option<Asked>,
    /// A whole ClientHello had no name.
    nameless: bool,
    /// A whole HTTP head had none.
    hostless: bool,
    /// Whether the ClientHello offered ECH; `None`: there was none.
    ech: Option<bool>,
}

impl FlowMetadata {
    /// Takes an observation. Returns whether nothing better is to be expected soon.
    pub(super) fn take(&mut self, seen: &Observation) -> bool {
        match seen {
            Observation::Recognised(protocol) => {
                self.protocol = *protocol;
                match protocol {
                    AppProtocol::Tls
                    | AppProtocol::Dtls
                    | AppProtocol::Dot
                    | AppProtocol::Doh
                    | AppProtocol::Quic
                    | AppProtocol::Http
                    | AppProtocol::Dns
                    | AppProtocol::Socks => false,
                    AppProtocol::Unknown
                    | AppProtocol::Http2
                    | AppProtocol::Irc
                    | AppProtocol::Ssh
                    | AppProtocol::Smtp
                    | AppProtocol::Ntp
                    | AppProtocol::Grpc
                    | AppProtocol::Text => true,
                }
            }
            Observation::TlsClientHello(hello) => {
                // A hello that was cut may have had a name; one that is repeated, for another key share, changes nothing.
                self.nameless |= !hello.cut && hello.server_name.is_none();
                self.ech = Some(self.ech.unwrap_or_default() || hello.ech);
                if self.sni.is_none() {
                    self.sni = hello.server_name.as_ref().map(|name| host_name(name.as_str()));
                }
                if self.ja4.is_none() {
                    self.ja4 = hello.ja4.map(|ja4| Arc::from(ja4.as_str()));
                }
                true
            }
            Observation::HttpRequest(request) => {
                // Later requests of the connection change nothing.
                if self.host.is_none() {
                    self.host = request.host.as_ref().map(|host| host_name(host.as_str()));
                    self.hostless |=
                        self.host.is_none() && !request.cut && request.method.as_str() != "CONNECT";
                    self.user_agent = request.user_agent.as_ref().map(|agent| Arc::from(agent.as_str()));
                }
                request.method.as_str() != "CONNECT"
            }
            Observation::ProxyTarget(target) => {
                let tunnel = target.via != ProxyKind::HttpAbsolute;
                self.proxy = Some(Asked { host: host_name(target.host.as_str()), port: target.port, tunnel });
                false
            }
            Observation::Irc(_)
            | Observation::IrcSession(_)
            | Observation::SshBanner(_)
            | Observation::SmtpHello(_)
            | Observation::TextLines(_) => true,
            Observation::TlsServerHello(_)
            | Observation::TlsCertificate(_)
            | Observation::Dns(_)
            | Observation::HttpResponse(_)
            | Observation::QuicInitial(_) => false,
        }
    }

    /// What the client itself says about its destination.
    pub(super) fn indicated(&self) -> Indicated<'_> {
        Indicated {
            sni: self.sni.as_ref(),
            host: self.host.as_ref(),
            nameless: self.nameless || self.hostless && self.proxy.is_none(),
            ech: self.ech,
            proxy: self.proxy.as_ref(),
        }
    }
}
