//! Rows of conn and open_conn: one connection each.

use beaconwatch_engine::observe::contact::{Bytes, Transport};
use beaconwatch_engine::time::Timestamp;

use super::column::{Column, Row};
use super::{address, time_and_uid};
use crate::actors::{Actors, Address};
use crate::record::Connection;
use crate::{Reason, Record, value};

/// A connection.
pub(super) fn record(
    row: &Row<'_>,
    actors: &mut Actors<Address>,
    open: bool,
) -> Result<(Timestamp, Record), Reason> {
    let (start, uid) = time_and_uid(row)?;
    let actor = actors.of_address(address(row, Column::OrigH)?);
    let responder = address(row, Column::RespH)?;
    let transport = row.get(Column::Proto).map_or(Transport::Other, value::transport);
    let bytes = row.number(Column::OrigBytes).zip(row.number(Column::RespBytes));
    let connection = Connection {
        start,
        actor,
        address: Some(responder),
        name: None,
        port: responder_port(row, transport)?,
        transport,
        protocol: row.get(Column::Service).map(value::app_protocol).unwrap_or_default(),
        established: row.get(Column::ConnState).and_then(established),
        bytes: bytes.map(|(sent, received)| Bytes { sent, received }),
        duration: row.get(Column::Duration).and_then(value::duration),
    };
    Ok((start, Record::Connection { uid, connection, open }))
}

/// Port of the responder; ICMP rows have a code in its place.
pub(super) fn responder_port(row: &Row<'_>, transport: Transport) -> Result<u16, Reason> {
    match transport {
        Transport::Tcp | Transport::Udp => {
            row.get(Column::RespP).and_then(value::port).ok_or(Reason::BadPort)
        }
        Transport::Other => Ok(0),
    }
}

/// Whether the peer answered, by the state that Zeek saw at the end; `None`: not seen from the start, so it
/// cannot be told.
fn established(state: &[u8]) -> Option<bool> {
    match state {
        b"SF" | b"S1" | b"S2" | b"S3" | b"RSTO" | b"RSTR" => Some(true),
        b"S0" | b"REJ" | b"RSTOS0" => Some(false),
        _ => None,
    }
}
