//! What the payload of a flow said about its destination and its client, and the name that follows from it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::domain::host_name;
use crate::contact::{Destination, NameSource, Naming, Transport};
use crate::protocol::{AppProtocol, Observation};

/// Clues of one flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Clues {
    pub(super) protocol: AppProtocol,
    pub(super) sni: Option<Arc<str>>,
    pub(super) ja4: Option<Arc<str>>,
    pub(super) user_agent: Option<Arc<str>>,
    host: Option<Arc<str>>,
    proxy: Option<(Arc<str>, u16)>,
    /// A whole ClientHello had no name.
    nameless: bool,
    /// The name in the ClientHello may be an outer one.
    ech: bool,
}

/// What the workload looked up, as far as it concerns one flow.
#[derive(Clone, Debug, Default)]
pub(super) struct LookedUp<'a> {
    /// Names of the flow's address, newest first.
    pub(super) names: Vec<&'a Arc<str>>,
    /// Every look-up of the workload was seen: an address without a name was not looked up.
    pub(super) all_seen: bool,
}

impl LookedUp<'_> {
    /// Whether a name was looked up: as it is, or with a search domain of the cluster behind it (`api` as
    /// `api.shop.svc.cluster.local`), which nobody can register.
    fn has(&self, name: &Arc<str>) -> bool {
        self.names.iter().any(|looked_up| {
            let domain = looked_up.strip_prefix(&**name);
            domain.is_some_and(|domain| {
                domain.is_empty() || domain.starts_with('.') && domain.ends_with(".local")
            })
        })
    }
}

impl Clues {
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
                self.ech |= hello.ech;
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
                    self.user_agent = request.user_agent.as_ref().map(|agent| Arc::from(agent.as_str()));
                }
                request.method.as_str() != "CONNECT"
            }
            Observation::ProxyTarget(target) => {
                self.proxy = Some((host_name(target.host.as_str()), target.port));
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

    /// Where the flow goes, by its best name, and how that name came about.
    ///
    /// A looked-up name comes first: it is what the client meant, also where it indicates another. What is asked of
    /// a proxy is the destination instead of the proxy.
    pub(super) fn destination(
        &self,
        remote: SocketAddr,
        transport: Transport,
        looked_up: &LookedUp<'_>,
    ) -> (Destination, Naming) {
        if let Some((host, port)) = &self.proxy {
            return self.behind_proxy(host, *port, transport);
        }
        let confirmed = |name: &Option<Arc<str>>| name.clone().filter(|name| looked_up.has(name));
        let newest = looked_up.names.first().map(|name| Arc::clone(name));
        let dns = confirmed(&self.sni).or_else(|| confirmed(&self.host)).or(newest);
        let host = self.host.clone().filter(|host| host.parse::<IpAddr>().is_err());
        let (name, name_source) = match (dns, self.sni.clone(), host) {
            (Some(name), _, _) => (Some(name), Some(NameSource::Dns)),
            (None, Some(name), _) => (Some(name), Some(NameSource::Sni)),
            (None, None, Some(name)) => (Some(name), Some(NameSource::HttpHost)),
            (None, None, None) => (None, None),
        };
        let destination =
            Destination { address: Some(remote.ip()), port: remote.port(), transport, name, name_source };
        (destination, self.naming(looked_up))
    }

    fn naming(&self, looked_up: &LookedUp<'_>) -> Naming {
        let found = !looked_up.names.is_empty();
        match &self.sni {
            None if self.nameless => Naming::SniMissing,
            Some(sni) if found && looked_up.has(sni) => Naming::Consistent,
            Some(_) if found && looked_up.all_seen && !self.ech => Naming::SniMismatch,
            Some(_) if found => Naming::Unknown,
            None if found => Naming::Consistent,
            _ if looked_up.all_seen => Naming::NoLookup,
            _ => Naming::Unknown,
        }
    }

    fn behind_proxy(&self, host: &Arc<str>, port: u16, transport: Transport) -> (Destination, Naming) {
        let address = host.parse::<IpAddr>().ok();
        let name = address.is_none().then(|| Arc::clone(host));
        let naming = match &self.sni {
            None if self.nameless => Naming::SniMissing,
            Some(sni) if name.as_ref() == Some(sni) => Naming::Consistent,
            Some(_) if name.is_some() && !self.ech => Naming::SniMismatch,
            _ => Naming::Unknown,
        };
        (Destination { address, port, transport, name, name_source: Some(NameSource::Proxy) }, naming)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sni: Option<&str>, tls: bool, names: &[&str], all_seen: bool, expect: (&str, Naming)) {
        let names: Vec<Arc<str>> = names.iter().map(|n| Arc::from(*n)).collect();
        let nameless = tls && sni.is_none();
        let clues = Clues { sni: sni.map(Arc::from), nameless, ..Clues::default() };
        let looked_up = LookedUp { names: names.iter().collect(), all_seen };
        let remote = "192.0.2.1:443".parse().unwrap();
        let (destination, naming) = clues.destination(remote, Transport::Tcp, &looked_up);
        assert_eq!((destination.name.as_deref().unwrap_or(""), naming), expect, "{sni:?} {names:?}");
    }

    #[test]
    fn the_looked_up_name_and_the_indicated_one_are_compared() {
        check(Some("a.example"), true, &["a.example"], true, ("a.example", Naming::Consistent));
        check(Some("a.example"), true, &["b.example", "a.example"], true, ("a.example", Naming::Consistent));
        check(Some("a.example"), true, &["b.example"], true, ("b.example", Naming::SniMismatch));
        check(Some("a.example"), true, &["b.example"], false, ("b.example", Naming::Unknown));
        check(Some("a.example"), true, &[], true, ("a.example", Naming::NoLookup));
        check(Some("a.example"), true, &[], false, ("a.example", Naming::Unknown));
        check(Some("api"), true, &["api.shop.svc.cluster.local"], true, ("api", Naming::Consistent));
        check(Some("ap"), true, &["api.local"], true, ("api.local", Naming::SniMismatch));
        check(Some("a.test"), true, &["a.test.b.example"], true, ("a.test.b.example", Naming::SniMismatch));
        check(None, true, &["b.example"], true, ("b.example", Naming::SniMissing));
        check(None, true, &[], false, ("", Naming::SniMissing));
        check(None, false, &["b.example"], true, ("b.example", Naming::Consistent));
        check(None, false, &[], true, ("", Naming::NoLookup));
        check(None, false, &[], false, ("", Naming::Unknown));
    }

    #[test]
    fn what_is_asked_of_a_proxy_is_the_destination() {
        let remote = "10.0.0.9:3128".parse().unwrap();
        let mut clues = Clues { proxy: Some((Arc::from("c2.example"), 443)), ..Clues::default() };
        let (destination, naming) = clues.destination(remote, Transport::Tcp, &LookedUp::default());
        assert_eq!((destination.name.as_deref(), destination.port), (Some("c2.example"), 443));
        assert_eq!((destination.address, naming), (None, Naming::Unknown));
        clues.proxy = Some((Arc::from("192.0.2.7"), 443));
        let (destination, _) = clues.destination(remote, Transport::Tcp, &LookedUp::default());
        assert_eq!((destination.address, destination.name), (Some("192.0.2.7".parse().unwrap()), None));
    }
}
