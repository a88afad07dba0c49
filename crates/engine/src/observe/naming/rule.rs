//! The rule: which name a destination gets, and what that says.

use std::net::IpAddr;
use std::sync::Arc;

use super::domain;
use crate::observe::contact::{Destination, NameSource, Naming};
use crate::observe::protocol::AppProtocol;

/// What a client itself says about its destination, as far as it was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Indicated<'a> {
    /// Server name of TLS or QUIC.
    pub sni: Option<&'a Arc<str>>,
    /// `Host` of HTTP.
    pub host: Option<&'a Arc<str>>,
    /// TLS without a server name, or HTTP without the name of a host; of a hello or head that was seen whole.
    pub nameless: bool,
    /// The hello offered ECH, so that its name may be an outer one; `None`: the hello itself was not seen.
    pub ech: Option<bool>,
    /// What was asked of a proxy.
    pub proxy: Option<&'a Asked>,
}

/// What was asked of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Name or address.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// A connection to there (CONNECT, SOCKS), in which anything may be spoken; otherwise one request.
    pub tunnel: bool,
}

/// What the client looked up, as far as it concerns one address.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LookedUp<'a> {
    /// Names of the address, newest first.
    pub(super) names: &'a [NameOfAddress],
    /// They name the address also where the client indicates none of them.
    pub(super) fresh: bool,
    /// There were more names than are kept.
    pub(super) cut: bool,
    /// Every look-up of the client was seen: what is not here was not looked up.
    pub(super) all_seen: bool,
    /// The client asks for service records (HTTPS, SVCB), without which there is no ECH.
    pub(super) asks_services: bool,
}

/// A name that an address has for a client.
#[derive(Clone, Debug)]
pub(super) struct NameOfAddress {
    pub(super) name: Arc<str>,
    /// Its look-up was seen. Otherwise it was in use before all look-ups were: it may have been looked up before.
    pub(super) seen: bool,
}

impl<'a> Indicated<'a> {
    /// The name in the hello; an address is none (RFC 6066, section 3).
    #[must_use]
    pub fn server_name(&self) -> Option<&'a Arc<str>> {
        self.sni.filter(|name| !domain::is_address(name))
    }

    /// What is spoken with the destination, of what was recognised: what asks for a tunnel is spoken with the proxy.
    #[must_use]
    pub fn protocol(&self, recognised: AppProtocol) -> AppProtocol {
        match (recognised, self.proxy) {
            (AppProtocol::Http | AppProtocol::Socks, Some(Asked { tunnel: true, .. })) => {
                AppProtocol::Unknown
            }
            (recognised, Some(_) | None) => recognised,
        }
    }

    pub(super) fn host_name(&self) -> Option<&'a Arc<str>> {
        self.host.filter(|name| !domain::is_address(name))
    }

    fn is_nameless(&self) -> bool {
        self.nameless || self.sni.is_some() && self.server_name().is_none()
    }
}

impl<'a> LookedUp<'a> {
    fn find(&self, indicated: &str) -> Option<&'a NameOfAddress> {
        self.names.iter().find(|known| domain::is_same(&known.name, indicated))
    }

    /// The name that was looked up last.
    fn newest(&self) -> Option<&'a Arc<str>> {
        self.names.iter().find(|known| known.seen).map(|known| &known.name)
    }

    /// Whether a server name that is none of them is another than what was looked up. It may be the outer name of ECH.
    fn tells_a_mismatch(&self, ech: Option<bool>) -> bool {
        let outer = self.asks_services && ech != Some(false);
        self.all_seen && !self.cut && !outer
    }
}

/// Names a destination of which a log says itself what was looked up for it. `all_seen`: it sees every look-up of the
/// client.
#[must_use]
pub fn name_from_log(
    to: Destination,
    indicated: &Indicated<'_>,
    looked_up: Option<&Arc<str>>,
    all_seen: bool,
) -> (Destination, Naming) {
    let known = looked_up.map(|name| NameOfAddress { name: Arc::clone(name), seen: true });
    let looked_up =
        LookedUp { names: known.as_slice(), fresh: true, cut: false, all_seen, asks_services: false };
    name(to, indicated, &looked_up)
}

/// The rule.
pub(super) fn name(
    mut to: Destination,
    indicated: &Indicated<'_>,
    looked_up: &LookedUp<'_>,
) -> (Destination, Naming) {
    if let Some(asked) = indicated.proxy {
        return behind_proxy(to, indicated, asked);
    }
    let (sni, host) = (indicated.server_name(), indicated.host_name());
    let agreed = |name: Option<&Arc<str>>| name.and_then(|name| looked_up.find(name));
    let (by_sni, by_host) = (agreed(sni), agreed(host));
    let own = sni.map(|name| (name, NameSource::Sni)).or(host.map(|name| (name, NameSource::HttpHost)));
    let confirmed = sni.filter(|_| by_sni.is_some()).or(host.filter(|_| by_host.is_some()));
    let best = match by_sni.or(by_host) {
        Some(NameOfAddress { seen: true, .. }) => confirmed.map(|name| (name, NameSource::Dns)),
        Some(NameOfAddress { seen: false, .. }) => own,
        None => {
            let newest = looked_up.newest().filter(|_| looked_up.fresh);
            newest.map(|name| (name, NameSource::Dns)).or(own)
        }
    };
    to.name = best.map(|(name, _)| Arc::clone(name));
    to.name_source = best.map(|(_, source)| source);
    let agreed = if sni.is_some() { by_sni } else { by_host };
    (to, judge(indicated, sni.is_some(), agreed, looked_up))
}

/// What the naming says. `indicates`: there is a server name; `agreed`: it (else the host) is among the names.
fn judge(
    indicated: &Indicated<'_>,
    indicates: bool,
    agreed: Option<&NameOfAddress>,
    looked_up: &LookedUp<'_>,
) -> Naming {
    let remembered = looked_up.newest().is_some();
    let found = remembered && looked_up.fresh;
    match agreed {
        Some(NameOfAddress { seen: true, .. }) => Naming::Consistent,
        Some(NameOfAddress { seen: false, .. }) => Naming::Unknown,
        None if indicates && remembered => match looked_up.tells_a_mismatch(indicated.ech) {
            true if looked_up.fresh => Naming::SniMismatch,
            true => Naming::NoLookup,
            false => Naming::Unknown,
        },
        None if indicated.is_nameless() && remembered => Naming::SniMissing,
        None if found => Naming::Consistent,
        // Looked up long ago, and not used since: it names the address no more, yet there was a look-up.
        None if remembered => Naming::Unknown,
        None if looked_up.all_seen => Naming::NoLookup,
        None if indicated.is_nameless() => Naming::SniMissing,
        None => Naming::Unknown,
    }
}

/// The proxy looks the name up, so that look-ups say nothing.
fn behind_proxy(to: Destination, indicated: &Indicated<'_>, asked: &Asked) -> (Destination, Naming) {
    let Asked { host, port, tunnel: _ } = asked;
    let address = host.parse::<IpAddr>().ok();
    let name = address.is_none().then(|| Arc::clone(host));
    let naming = match indicated.server_name() {
        None if indicated.is_nameless() => Naming::SniMissing,
        Some(sni) if name.as_ref() == Some(sni) => Naming::Consistent,
        Some(_) if name.is_some() && indicated.ech != Some(true) => Naming::SniMismatch,
        Some(_) | None => Naming::Unknown,
    };
    let name_source = Some(NameSource::Proxy);
    (Destination { address, port: *port, transport: to.transport, name, name_source }, naming)
}

#[cfg(test)]
mod tests;
