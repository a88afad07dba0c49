//! Events of application protocols: what they add to the flow that carried them.

use beaconwatch_engine::observe::contact::{ContactKind, Transport};
use beaconwatch_engine::observe::naming::Asked;
use beaconwatch_engine::observe::naming::domain::host_name;
use beaconwatch_engine::observe::protocol::{AppProtocol, host_and_port};
use beaconwatch_engine::time::Timestamp;

use super::event::Event;
use super::unescaped;
use crate::actors::{Actors, Address};
use crate::record::{bare_contact, nameless};
use crate::{About, Reason, Record, flat_json, value};

/// What TLS and QUIC handshakes say.
#[derive(Debug, Default)]
struct Hello<'a> {
    sni: &'a [u8],
    ja4: &'a [u8],
}

impl<'a> Hello<'a> {
    fn of(object: &'a [u8]) -> Self {
        let mut hello = Self::default();
        let _ = flat_json::scan(object, |key, value| match key {
            b"sni" => hello.sni = value.raw(),
            b"ja4" => hello.ja4 = value.raw(),
            _ => {}
        });
        hello
    }

    fn about(&self, protocol: AppProtocol) -> About {
        let sni = value::host_name(&unescaped(self.sni));
        let ja4 = (!self.ja4.is_empty()).then(|| value::printable(&unescaped(self.ja4)).into());
        About { sni, ja4, protocol, ..About::default() }
    }
}

/// A TLS handshake.
pub(super) fn tls(event: &Event<'_>) -> Result<(Timestamp, Record), Reason> {
    let mut hello = Hello::of(event.tls).about(AppProtocol::Tls);
    hello.sni_missing = hello.sni.is_none();
    about(event, hello)
}

/// A QUIC handshake.
pub(super) fn quic(event: &Event<'_>) -> Result<(Timestamp, Record), Reason> {
    about(event, Hello::of(event.quic).about(AppProtocol::Quic))
}

/// An SSH handshake.
pub(super) fn ssh(event: &Event<'_>) -> Result<(Timestamp, Record), Reason> {
    about(event, About { protocol: AppProtocol::Ssh, ..About::default() })
}

/// A mail.
pub(super) fn smtp(event: &Event<'_>) -> Result<(Timestamp, Record), Reason> {
    about(event, About { protocol: AppProtocol::Smtp, ..About::default() })
}

/// A request. The first of a connection names it; a later one is a burst of its own.
pub(super) fn http(event: &Event<'_>, actors: &mut Actors<Address>) -> Result<(Timestamp, Record), Reason> {
    let (mut host, mut user_agent) = (None, None);
    let (mut method, mut version, mut url, mut hostname) = (&[][..], &[][..], &[][..], &[][..]);
    let _ = flat_json::scan(event.http, |key, value| {
        let raw = value.raw();
        match key {
            b"hostname" => {
                hostname = raw;
                host = value::host_name(&unescaped(raw)).map(value::without_port);
            }
            b"url" => url = raw,
            b"http_user_agent" => user_agent = Some(value::printable(&unescaped(raw)).into()),
            b"http_method" => method = raw,
            b"protocol" | b"version" => version = raw,
            _ => {}
        }
    });
    let protocol = match version {
        b"2" | b"HTTP/2" | b"HTTP/2.0" => AppProtocol::Http2,
        _ => AppProtocol::Http,
    };
    let connect = method == b"CONNECT";
    if connect || value::unsigned(event.tx_id).unwrap_or(0) == 0 {
        let proxy_target = proxy_target(url, hostname, connect);
        let sni_missing = host.is_none() && proxy_target.is_none();
        let asked =
            About { proxy_target, http_host: host, sni_missing, user_agent, protocol, ..About::default() };
        return about(event, asked);
    }
    let (time, ends) = (event.time()?, event.ends()?);
    let (client, server) = ends;
    let destination = nameless(Some(server.address), server.port, Transport::Tcp);
    let actor = actors.of_address(client.address);
    let mut contact = bare_contact(time, actor, destination, ContactKind::Burst);
    contact.protocol = protocol;
    contact.user_agent = user_agent;
    Ok((time, Record::Request { uid: event.uid(ends), contact }))
}

/// What is asked of a proxy: by CONNECT, or by a target that names a host.
fn proxy_target(url: &[u8], hostname: &[u8], tunnel: bool) -> Option<Asked> {
    let target = value::printable(&unescaped(if tunnel && url.is_empty() { hostname } else { url }));
    let (authority, default_port) = if tunnel {
        (target.as_str(), 443)
    } else {
        (target.strip_prefix("http://")?.split(['/', '?']).next()?, 80)
    };
    let (host, port) = host_and_port(authority, default_port)?;
    Some(Asked { host: host_name(host), port, tunnel })
}

fn about(event: &Event<'_>, about: About) -> Result<(Timestamp, Record), Reason> {
    let uid = event.uid(event.ends()?);
    Ok((event.time()?, Record::About { uid, about: Box::new(about) }))
}
