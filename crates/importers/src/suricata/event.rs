//! The members of an event that all types have, as they stand in the line.

use beaconwatch_engine::collections::hash_of;
use beaconwatch_engine::observe::contact::Transport;
use beaconwatch_engine::time::Timestamp;

use super::End;
use crate::flat_json::{self, Value};
use crate::record::Uid;
use crate::{Reason, value};

/// An event; empty: not there.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) event_type: Option<&'a [u8]>,
    timestamp: &'a [u8],
    flow_id: &'a [u8],
    source: (&'a [u8], &'a [u8]),
    destination: (&'a [u8], &'a [u8]),
    proto: &'a [u8],
    pub(super) app_proto: &'a [u8],
    pub(super) tx_id: &'a [u8],
    pub(super) flow: &'a [u8],
    pub(super) tcp: &'a [u8],
    pub(super) dns: &'a [u8],
    pub(super) tls: &'a [u8],
    pub(super) quic: &'a [u8],
    pub(super) http: &'a [u8],
    /// Addresses that a shipper took out of `dns`.
    pub(super) resolved: &'a [u8],
}

impl<'a> Event<'a> {
    /// Splits a line; `None`: it is not an object.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let mut event = Self::default();
        flat_json::scan(line, |key, value| {
            let slot = match (key, value) {
                (b"event_type", Value::Text(name)) => {
                    event.event_type = Some(name);
                    return;
                }
                (b"timestamp", _) => &mut event.timestamp,
                (b"flow_id", _) => &mut event.flow_id,
                (b"src_ip", _) => &mut event.source.0,
                (b"src_port", _) => &mut event.source.1,
                (b"dest_ip", _) => &mut event.destination.0,
                (b"dest_port", _) => &mut event.destination.1,
                (b"proto", _) => &mut event.proto,
                (b"app_proto", _) => &mut event.app_proto,
                (b"tx_id", _) => &mut event.tx_id,
                (b"flow", Value::Nested(_)) => &mut event.flow,
                (b"tcp", Value::Nested(_)) => &mut event.tcp,
                (b"dns", Value::Nested(_)) => &mut event.dns,
                (b"tls", Value::Nested(_)) => &mut event.tls,
                (b"quic", Value::Nested(_)) => &mut event.quic,
                (b"http", Value::Nested(_)) => &mut event.http,
                (b"resolved_ip", Value::Nested(_)) => &mut event.resolved,
                _ => return,
            };
            *slot = value.raw();
        })?;
        Some(event)
    }

    /// When it was written; or, of events that are about a moment, when that was.
    pub(super) fn time(&self) -> Result<Timestamp, Reason> {
        value::timestamp(self.timestamp).ok_or(Reason::BadTime)
    }

    pub(super) fn transport(&self) -> Transport {
        let lower = self.proto.to_ascii_lowercase();
        value::transport(&lower)
    }

    /// Source and destination as the event has them.
    pub(super) fn ends(&self) -> Result<(End, End), Reason> {
        let has_ports = self.transport() != Transport::Other;
        let end = |(address, port): (&[u8], &[u8])| {
            let address = value::address(address).ok_or(Reason::BadAddress)?;
            let port = if has_ports { value::port(port).ok_or(Reason::BadPort)? } else { 0 };
            Ok(End { address, port })
        };
        Ok((end(self.source)?, end(self.destination)?))
    }

    /// What joins it with other events. A `flow_id` may come again after a restart: the ends are part of it.
    pub(super) fn uid(&self, (one, other): (End, End)) -> Uid {
        if self.flow_id.is_empty() {
            return 0;
        }
        hash_of(&(self.flow_id, one.min(other), one.max(other)))
    }
}
