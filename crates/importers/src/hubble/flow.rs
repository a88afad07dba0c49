//! The parts of Hubble's JSON that are used.

use std::sync::Arc;

use beaconwatch_engine::observe::contact::Transport;
use serde::Deserialize;

use crate::value;

/// One line of the stream.
pub(super) enum Line {
    Flow(Box<Flow>),
    /// Time, and how many events the agent lost.
    Lost(String, u64),
    Other,
}

impl Line {
    /// `None`: not what Hubble writes.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let outer: Outer = serde_json::from_slice(line).ok()?;
        if let Some(flow) = outer.flow {
            return Some(Self::Flow(flow));
        }
        if let Some(lost) = outer.lost_events {
            return Some(Self::Lost(outer.time, lost.num_events_lost.number()));
        }
        if outer.node_status.is_some() || outer.node_name.is_some() && outer.ip.is_none() {
            return Some(Self::Other);
        }
        serde_json::from_slice(line).ok().map(Self::Flow)
    }
}

#[derive(Deserialize)]
struct Outer {
    flow: Option<Box<Flow>>,
    lost_events: Option<LostEvents>,
    node_status: Option<serde::de::IgnoredAny>,
    node_name: Option<serde::de::IgnoredAny>,
    #[serde(rename = "IP")]
    ip: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    time: String,
}

#[derive(Deserialize)]
struct LostEvents {
    #[serde(default)]
    num_events_lost: Count,
}

/// A number that protobuf's JSON may write as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(String),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Count {
    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.parse().unwrap_or(0),
        }
    }
}

/// A flow.
#[derive(Deserialize)]
pub(super) struct Flow {
    pub(super) time: String,
    #[serde(default)]
    pub(super) verdict: String,
    /// Not there when the packet was none of IP.
    #[serde(rename = "IP")]
    pub(super) ip: Option<Ip>,
    #[serde(default)]
    pub(super) l4: Layer4,
    #[serde(default)]
    pub(super) source: Endpoint,
    #[serde(default)]
    pub(super) destination: Endpoint,
    #[serde(default)]
    pub(super) destination_names: Vec<String>,
    pub(super) is_reply: Option<bool>,
    pub(super) l7: Option<Layer7>,
}

/// Addresses.
#[derive(Deserialize)]
pub(super) struct Ip {
    pub(super) source: String,
    pub(super) destination: String,
}

/// Transport.
#[derive(Default, Deserialize)]
pub(super) struct Layer4 {
    #[serde(rename = "TCP")]
    tcp: Option<Tcp>,
    #[serde(rename = "UDP")]
    udp: Option<Ports>,
}

#[derive(Deserialize)]
struct Tcp {
    #[serde(flatten)]
    ports: Ports,
    #[serde(default)]
    flags: Flags,
}

#[derive(Deserialize)]
struct Ports {
    #[serde(default)]
    source_port: u16,
    #[serde(default)]
    destination_port: u16,
}

#[derive(Default, Deserialize)]
struct Flags {
    #[serde(rename = "SYN", default)]
    syn: bool,
    #[serde(rename = "ACK", default)]
    ack: bool,
}

impl Layer4 {
    /// Transport, ports, and for TCP whether it is a SYN without ACK; `None`: neither TCP nor UDP.
    pub(super) fn ports(&self) -> Option<(Transport, u16, u16, Option<bool>)> {
        if let Some(tcp) = &self.tcp {
            let syn = tcp.flags.syn && !tcp.flags.ack;
            return Some((Transport::Tcp, tcp.ports.source_port, tcp.ports.destination_port, Some(syn)));
        }
        self.udp.as_ref().map(|udp| (Transport::Udp, udp.source_port, udp.destination_port, None))
    }
}

/// An end of the flow.
#[derive(Default, Deserialize)]
pub(super) struct Endpoint {
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) pod_name: String,
    #[serde(default)]
    pub(super) workloads: Vec<Workload>,
}

/// What owns the pod.
#[derive(Deserialize)]
pub(super) struct Workload {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) kind: String,
}

impl Endpoint {
    /// Namespace and name in place of the uid, which Hubble does not tell; `None`: no pod.
    pub(super) fn uid(&self) -> Option<Arc<str>> {
        if self.pod_name.is_empty() {
            return None;
        }
        Some(value::printable(format!("{}/{}", self.namespace, self.pod_name).as_bytes()).into())
    }
}

/// Layer 7.
#[derive(Deserialize)]
pub(super) struct Layer7 {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) dns: Option<Dns>,
}

/// A DNS message.
#[derive(Deserialize)]
pub(super) struct Dns {
    #[serde(default)]
    pub(super) query: String,
    #[serde(default)]
    pub(super) ips: Vec<String>,
    /// Seconds that the answers live.
    #[serde(default)]
    pub(super) ttl: u32,
    #[serde(default)]
    pub(super) cnames: Vec<String>,
    #[serde(default)]
    qtypes: Vec<String>,
    #[serde(default)]
    pub(super) rcode: u16,
}

impl Dns {
    /// Number of the type asked for.
    pub(super) fn rr_type(&self) -> u16 {
        self.qtypes.first().map_or(0, |name| value::rr_type(name.as_bytes()))
    }
}
