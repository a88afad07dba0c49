//! Detectors and their settings.

use core::time::Duration;

use beaconwatch_engine::assess::policy;

use super::Field;
use crate::detectors::{
    Balance, Beacon, Detectors, Dns, Irc, KnownPort, LongConnection, Ports, Retries, SPAN_ALLOWED,
    SPAN_MAX_HOURS,
};
use crate::units::{BYTES_ALLOWED, BytesText, DURATION_ALLOWED, DurationText};

pub(super) fn compile(wire: &Detectors, field: &mut Field<'_>) -> policy::Detectors {
    let Detectors { beacon, ports, balance, dns, irc, long_connection, retries } = wire;
    let beacon_on = beacon.enabled;
    let balance_on = balance.enabled;
    let long_connection_on = long_connection.enabled;
    // Settings of a detector that is off are checked too: a typing error there is still one.
    let beacon = beacon_settings(beacon, &mut field.field("beacon"));
    let ports_on = ports.enabled;
    let ports = port_settings(ports, &mut field.field("ports"));
    let balance = balance_settings(balance, &mut field.field("balance"));
    let Dns { enabled: dns_on, information_rate } = dns;
    let information_rate =
        field.field("dns").field("informationRate").bounded(*information_rate, 1.0, 1_000_000_000.0);
    let Irc { enabled: irc_on } = irc;
    let LongConnection { enabled: _, minimum_duration } = long_connection;
    let minimum_duration =
        span(minimum_duration, &mut field.field("longConnection").field("minimumDuration"));
    let Retries { enabled: retries_on, minimum_tries } = retries;
    if !(2..=1_000_000).contains(minimum_tries) {
        field.field("retries").field("minimumTries").refuse("must be from 2 to 1000000");
    }
    policy::Detectors {
        beacon: beacon_on.then_some(beacon),
        balance: balance_on.then_some(balance),
        dns: dns_on.then_some(policy::DnsSettings { information_rate }),
        irc: irc_on.then_some(policy::IrcSettings {}),
        long_connection: long_connection_on.then_some(policy::LongConnectionSettings { minimum_duration }),
        ports: ports_on.then_some(ports),
        retries: retries_on.then_some(policy::RetrySettings { minimum_tries: *minimum_tries }),
    }
}

fn beacon_settings(wire: &Beacon, field: &mut Field<'_>) -> policy::BeaconSettings {
    let Beacon { enabled: _, timing_threshold, short_period_threshold, minimum_span, minimum_span_exec } =
        wire;
    policy::BeaconSettings {
        timing_threshold: field.field("timingThreshold").bounded(*timing_threshold, 1.0, 1000.0),
        short_period_threshold: field.field("shortPeriodThreshold").bounded(
            *short_period_threshold,
            1.0,
            1000.0,
        ),
        minimum_span: span(minimum_span, &mut field.field("minimumSpan")),
        minimum_span_exec: span(minimum_span_exec, &mut field.field("minimumSpanExec")),
    }
}

fn port_settings(wire: &Ports, field: &mut Field<'_>) -> policy::PortSettings {
    let Ports { enabled: _, known } = wire;
    let mut list = field.field("known");
    let mut compiled: Vec<(u16, Vec<_>)> = Vec::with_capacity(known.len());
    for (index, KnownPort { port, protocols }) in known.iter().enumerate() {
        let mut entry = list.entry(index);
        if *port == 0 {
            entry.field("port").refuse("must be from 1 to 65535");
        }
        if compiled.iter().any(|(seen, _)| seen == port) {
            entry.field("port").refuse(format!("must be named once, but {port} was named before"));
        }
        if protocols.is_empty() {
            entry.field("protocols").refuse("must have at least one entry");
        }
        compiled.push((*port, protocols.iter().map(|protocol| (*protocol).into()).collect()));
    }
    policy::PortSettings { known: compiled }
}

fn balance_settings(wire: &Balance, field: &mut Field<'_>) -> policy::BalanceSettings {
    let Balance { enabled: _, minimum_bytes, minimum_span } = wire;
    policy::BalanceSettings {
        minimum_bytes: bytes(minimum_bytes, &mut field.field("minimumBytes")),
        minimum_span: span(minimum_span, &mut field.field("minimumSpan")),
    }
}

fn span(wire: &DurationText, field: &mut Field<'_>) -> Duration {
    let Some(span) = wire.parse() else {
        field.refuse(format!("{DURATION_ALLOWED}, but is {:?}", wire.0));
        return Duration::ZERO;
    };
    if span > Duration::from_secs(SPAN_MAX_HOURS * 3600) {
        field.refuse(SPAN_ALLOWED);
    }
    span
}

fn bytes(wire: &BytesText, field: &mut Field<'_>) -> u64 {
    wire.parse().unwrap_or_else(|| {
        field.refuse(format!("{BYTES_ALLOWED}, but is {:?}", wire.0));
        0
    })
}
