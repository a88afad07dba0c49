//! Flow events: one connection each, told at its end.

use core::time::Duration;

use beaconwatch_engine::observe::contact::{Bytes, Transport};
use beaconwatch_engine::time::Timestamp;

use super::End;
use super::event::Event;
use crate::actors::{Actors, Address};
use crate::record::Connection;
use crate::{Reason, Record, flat_json, value};

/// TCP flags as bits.
const SYN: u8 = 0x02;
const RST: u8 = 0x04;

/// Ports from here on are those of whoever calls, where nothing better tells.
const EPHEMERAL: u16 = 32_768;
/// Ports below are those of services.
const WELL_KNOWN: u16 = 1024;

/// What the `flow` object says.
#[derive(Debug, Default)]
struct Flow {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    age_secs: Option<u64>,
    packets: (Option<u64>, Option<u64>),
    bytes: (Option<u64>, Option<u64>),
}

/// A connection.
pub(super) fn record(event: &Event<'_>, actors: &mut Actors<Address>) -> Result<(Timestamp, Record), Reason> {
    let flow = Flow::of(event.flow);
    let start = flow.start.map_or_else(|| event.time(), Ok)?;
    let transport = event.transport();
    let ends = event.ends()?;
    let (flags_to_server, flags_to_client) = flags(event.tcp);
    // What was running before Suricata was is told as its first packet went.
    let backwards = transport == Transport::Tcp
        && flags_to_server.is_some_and(|flags| flags & SYN == 0)
        && ends.0.port < WELL_KNOWN
        && ends.1.port >= EPHEMERAL;
    let (client, server) = if backwards { (ends.1, ends.0) } else { ends };
    let bytes = flow.payload(transport, client);
    let bytes = if backwards {
        bytes.map(|Bytes { sent, received }| Bytes { sent: received, received: sent })
    } else {
        bytes
    };
    let connection = Connection {
        start,
        actor: actors.of_address(client.address),
        address: Some(server.address),
        name: None,
        port: server.port,
        transport,
        protocol: value::app_protocol(event.app_proto),
        established: match transport {
            Transport::Tcp => tcp_established(flags_to_server, flags_to_client),
            Transport::Udp => flow.packets.1.map(|packets| packets > 0),
            Transport::Other => None,
        },
        bytes,
        duration: flow.duration(),
    };
    Ok((start, Record::Connection { uid: event.uid(ends), connection, open: false }))
}

impl Flow {
    fn of(object: &[u8]) -> Self {
        let mut flow = Self::default();
        let _ = flat_json::scan(object, |key, value| {
            let raw = value.raw();
            match key {
                b"start" => flow.start = value::timestamp(raw),
                b"end" => flow.end = value::timestamp(raw),
                b"age" => flow.age_secs = value::unsigned(raw),
                b"pkts_toserver" => flow.packets.0 = value::unsigned(raw),
                b"pkts_toclient" => flow.packets.1 = value::unsigned(raw),
                b"bytes_toserver" => flow.bytes.0 = value::unsigned(raw),
                b"bytes_toclient" => flow.bytes.1 = value::unsigned(raw),
                _ => {}
            }
        });
        flow
    }

    fn duration(&self) -> Option<Duration> {
        match (self.start, self.end) {
            (Some(start), Some(end)) if end >= start => Some(end.since(start)),
            _ => self.age_secs.map(Duration::from_secs),
        }
    }

    /// Suricata counts whole frames; what is left without the headers of Ethernet, IP and TCP or UDP. TCP's options
    /// are not known, and stay.
    fn payload(&self, transport: Transport, client: End) -> Option<Bytes> {
        const ETHERNET: u64 = 14;
        let ip = if client.address.is_ipv4() { 20 } else { 40 };
        let headers = ETHERNET
            + ip
            + match transport {
                Transport::Tcp => 20,
                Transport::Udp | Transport::Other => 8,
            };
        let payload = |bytes: u64, packets: Option<u64>| {
            bytes.saturating_sub(packets.unwrap_or(0).saturating_mul(headers))
        };
        let (sent, received) = self.bytes.0.zip(self.bytes.1)?;
        Some(Bytes { sent: payload(sent, self.packets.0), received: payload(received, self.packets.1) })
    }
}

/// Flags that were seen in each direction.
fn flags(tcp: &[u8]) -> (Option<u8>, Option<u8>) {
    let hex = |text: &[u8]| u8::from_str_radix(core::str::from_utf8(text).ok()?, 16).ok();
    let mut found = (None, None);
    let _ = flat_json::scan(tcp, |key, value| match key {
        b"tcp_flags_ts" => found.0 = hex(value.raw()),
        b"tcp_flags_tc" => found.1 = hex(value.raw()),
        _ => {}
    });
    found
}

/// Whether the peer accepted; `None`: the start was not seen, so it cannot be told.
fn tcp_established(to_server: Option<u8>, to_client: Option<u8>) -> Option<bool> {
    let (to_server, to_client) = (to_server?, to_client?);
    if to_client & SYN != 0 {
        return Some(true);
    }
    let refused_or_silent = to_client == 0 || to_client & RST != 0;
    (to_server & SYN != 0 && refused_or_silent).then_some(false)
}
