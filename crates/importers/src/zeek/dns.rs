//! Rows of dns: one question with its answer each.

use beaconwatch_engine::observe::contact::{ContactKind, DnsQuestion, Transport};
use beaconwatch_engine::observe::protocol::{AppProtocol, DNS_RECORDS_MAX};
use beaconwatch_engine::time::Timestamp;

use super::column::{Column, Row};
use super::conn::responder_port;
use super::{address, time_and_uid};
use crate::actors::{Actors, Address};
use crate::record::{Answers, bare_contact, nameless};
use crate::{Reason, Record, flat_json, value};

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

/// Addresses and names among the answers; others are texts, which name nothing.
fn answers(row: &Row<'_>) -> Answers {
    let mut answers = Answers::default();
    let mut ttls = items(row, Column::Ttls);
    for item in items(row, Column::Answers).take(DNS_RECORDS_MAX) {
        let ttl = ttls.next().and_then(value::duration).unwrap_or_default();
        match value::address(item) {
            Some(address) => {
                answers.addresses.push((address, u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX)));
            }
            None => answers.aliases.extend(value::host_name(item)),
        }
    }
    answers
}

/// The items of a list.
fn items<'a>(row: &Row<'a>, column: Column) -> impl Iterator<Item = &'a [u8]> {
    let list = row.get(column);
    let json = list.filter(|_| row.json).into_iter().flat_map(flat_json::items).map(flat_json::Value::raw);
    let text = list.filter(|_| !row.json).into_iter().flat_map(|list| list.split(|b| *b == b','));
    json.chain(text)
}
