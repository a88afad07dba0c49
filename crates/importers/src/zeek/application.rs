//! Rows of application protocols: what they add to the connection that carried them.

use beaconwatch_engine::observe::contact::{Bytes, ContactKind, Transport};
use beaconwatch_engine::observe::naming::Asked;
use beaconwatch_engine::observe::naming::domain::host_name;
use beaconwatch_engine::observe::protocol::{AppProtocol, host_and_port};
use beaconwatch_engine::time::Timestamp;

use super::column::{Column, Row};
use super::{address, time_and_uid};
use crate::actors::{Actors, Address};
use crate::record::{bare_contact, nameless};
use crate::{About, Reason, Record, value};

/// A request. The first of a connection names it; a later one is a burst of its own.
pub(super) fn http(row: &Row<'_>, actors: &mut Actors<Address>) -> Result<(Timestamp, Record), Reason> {
    let (start, uid) = time_and_uid(row)?;
    let host = row.host_name(Column::Host).map(value::without_port);
    let user_agent = row.text(Column::UserAgent);
    let connect = row.get(Column::Method) == Some(b"CONNECT");
    if connect || row.number(Column::TransDepth).unwrap_or(1) <= 1 {
        let proxy_target = proxy_target(row, connect);
        let sni_missing = host.is_none() && proxy_target.is_none();
        let protocol = AppProtocol::Http;
        let about =
            About { proxy_target, http_host: host, sni_missing, user_agent, protocol, ..About::default() };
        return Ok((start, Record::About { uid, about: Box::new(about) }));
    }
    let actor = actors.of_address(address(row, Column::OrigH)?);
    let port = row.get(Column::RespP).and_then(value::port).ok_or(Reason::BadPort)?;
    let destination = nameless(Some(address(row, Column::RespH)?), port, Transport::Tcp);
    let mut contact = bare_contact(start, actor, destination, ContactKind::Burst);
    contact.protocol = AppProtocol::Http;
    contact.user_agent = user_agent;
    contact.bytes = body_lengths(row);
    Ok((start, Record::Request { uid, contact }))
}

/// What is asked of a proxy: by CONNECT, or by a target that names a host.
fn proxy_target(row: &Row<'_>, tunnel: bool) -> Option<Asked> {
    let target = row.text(Column::Uri).unwrap_or_default();
    let (authority, default_port) = if tunnel {
        (Some(target).filter(|target| !target.is_empty()).or_else(|| row.text(Column::Host))?, 443)
    } else {
        (target.strip_prefix("http://")?.split(['/', '?']).next()?.into(), 80)
    };
    let (host, port) = host_and_port(&authority, default_port)?;
    Some(Asked { host: host_name(host), port, tunnel })
}

/// Bytes of the bodies. The log does not count the heads, so a request without a body has no known size.
fn body_lengths(row: &Row<'_>) -> Option<Bytes> {
    let (sent, received) = (row.number(Column::RequestLen)?, row.number(Column::ResponseLen)?);
    (sent > 0).then_some(Bytes { sent, received })
}

/// A TLS handshake.
pub(super) fn ssl(row: &Row<'_>) -> Result<(Timestamp, Record), Reason> {
    let sni = row.host_name(Column::ServerName);
    let ja4 = row.text(Column::Ja4);
    // Before TLS 1.3 there is no ECH; a row of TLS 1.3 does not tell of it.
    let old = |version: &[u8]| matches!(version, b"TLSv12" | b"TLSv11" | b"TLSv10" | b"SSLv3" | b"SSLv2");
    let ech = row.get(Column::Version).filter(|version| old(version)).map(|_| false);
    let protocol = AppProtocol::Tls;
    about(row, About { sni_missing: sni.is_none(), sni, ech, ja4, protocol, ..About::default() })
}

/// A QUIC handshake.
pub(super) fn quic(row: &Row<'_>) -> Result<(Timestamp, Record), Reason> {
    let sni = row.host_name(Column::ServerName);
    about(row, About { sni, protocol: AppProtocol::Quic, ..About::default() })
}

/// An IRC command.
pub(super) fn irc(row: &Row<'_>) -> Result<(Timestamp, Record), Reason> {
    about(row, About { protocol: AppProtocol::Irc, ..About::default() })
}

/// An SSH handshake.
pub(super) fn ssh(row: &Row<'_>) -> Result<(Timestamp, Record), Reason> {
    about(row, About { protocol: AppProtocol::Ssh, ..About::default() })
}

fn about(row: &Row<'_>, about: About) -> Result<(Timestamp, Record), Reason> {
    let (time, uid) = time_and_uid(row)?;
    Ok((time, Record::About { uid, about: Box::new(about) }))
}
