//! Rows of application protocols: what they add to the connection that carried them.

use beaconwatch_engine::contact::{Bytes, ContactKind, Transport};
use beaconwatch_engine::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::column::{Column, Row};
use super::{address, time_and_uid};
use crate::source::actors::{Actors, Address};
use crate::source::record::{bare_contact, nameless};
use crate::source::{About, Reason, Record, value};

/// A request. The first of a connection names it; a later one is a burst of its own.
pub(super) fn http(row: &Row<'_>, actors: &mut Actors<Address>) -> Result<(Timestamp, Record), Reason> {
    let (start, uid) = time_and_uid(row)?;
    let host = row.host_name(Column::Host).map(value::without_port);
    let connect = row.get(Column::Method) == Some(b"CONNECT");
    let user_agent = row.text(Column::UserAgent);
    if connect || row.number(Column::TransDepth).unwrap_or(1) <= 1 {
        let sni_missing = host.is_none();
        let (proxy_target, http_host) = if connect { (host, None) } else { (None, host) };
        let protocol = AppProtocol::Http;
        let about = About { proxy_target, http_host, sni_missing, user_agent, protocol, ..About::default() };
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

/// Bytes of the bodies. The log does not count the heads, so a request without a body has no known size.
fn body_lengths(row: &Row<'_>) -> Option<Bytes> {
    let (sent, received) = (row.number(Column::RequestLen)?, row.number(Column::ResponseLen)?);
    (sent > 0).then_some(Bytes { sent, received })
}

/// A TLS handshake.
pub(super) fn ssl(row: &Row<'_>) -> Result<(Timestamp, Record), Reason> {
    let sni = row.host_name(Column::ServerName);
    let ja4 = row.text(Column::Ja4);
    about(row, About { sni_missing: sni.is_none(), sni, ja4, protocol: AppProtocol::Tls, ..About::default() })
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
