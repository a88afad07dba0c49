//! Rows of dns: one question with its answer each.

use std::net::IpAddr;

use beaconwatch_engine::contact::{ContactKind, DnsQuestion, Transport};
use beaconwatch_engine::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::column::{Column, Row};
use super::conn::responder_port;
use super::{address, time_and_uid};
use crate::source::actors::{Actors, Address};
use crate::source::record::{bare_contact, nameless};
use crate::source::{Reason, Record, flat_json, value};

/// Answers that are taken of one row.
const ANSWERS_MAX: usize = 32;

/// A question. Rows without one (an answer alone, a refused message) tell nothing about who asked for what.
pub(super) fn record(row: &Row<'_>, actors: &mut Actors<Address>) -> Result<(Timestamp, Record), Reason> {
    let (start, uid) = time_and_uid(row)?;
    let actor = actors.of_address(address(row, Column::OrigH)?);
    let resolver = address(row, Column::RespH)?;
    let transport = row.get(Column::Proto).map_or(Transport::Udp, value::transport);
    let destination = nameless(Some(resolver), responder_port(row, transport)?, transport);
    let number = |column| row.number(column).and_then(|number| u16::try_from(number).ok());
    let question = DnsQuestion {
        name: row.host_name(Column::Query).unwrap_or_else(|| ".".into()),
        rr_type: number(Column::QType).unwrap_or(0),
        rcode: number(Column::RCode),
    };
    let mut contact = bare_contact(start, actor, destination, ContactKind::DnsQuery(question));
    contact.protocol = AppProtocol::Dns;
    contact.duration = row.get(Column::Rtt).and_then(value::duration);
    Ok((start, Record::Dns { uid, contact, answers: answers(row) }))
}

/// Addresses among the answers; other answers are names and texts.
fn answers(row: &Row<'_>) -> Vec<IpAddr> {
    let Some(list) = row.get(Column::Answers) else { return Vec::new() };
    if row.json {
        let items = flat_json::items(list).map(flat_json::Value::raw);
        return items.filter_map(value::address).take(ANSWERS_MAX).collect();
    }
    list.split(|b| *b == b',').filter_map(value::address).take(ANSWERS_MAX).collect()
}
