//! Hubble flows as JSON lines (`hubble observe -o json`), with or without the outer `flow` object.
//!
//! A TCP connection is taken from its SYN, a UDP one from its first datagram; the same packet seen at several
//! points counts once. Layer-7 DNS answers (where Cilium's DNS proxy sees them) become questions and name
//! addresses. Not in it, so not judged: bytes, durations, executables, TLS.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, Owner, Pod};
use beaconwatch_engine::collections::{Map, Set};
use beaconwatch_engine::input::WorkloadChange;
use beaconwatch_engine::observe::contact::{ContactKind, DnsQuestion, Transport};
use beaconwatch_engine::observe::naming::{self, Indicated};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::actors::Actors;
use super::lines::Lines;
use super::record::{Answers, Record, bare_contact, nameless};
use super::{Reader, Reason, RejectedRows, value};

mod flow;

use flow::{Endpoint, Flow, Line};

/// The same SYN seen again within this time is a copy (or a retransmission) of the first.
const SAME_PACKET_NS: u64 = 1_000_000_000;
/// A UDP flow that is quiet for this long has ended.
const UDP_IDLE_NS: u64 = 60_000_000_000;
/// Flows remembered for that.
const FLOWS_MAX: usize = 1 << 18;

/// What tells one flow from another: addresses, ports and transport.
type FlowKey = (IpAddr, u16, IpAddr, u16, Transport);

/// Reads one file.
#[derive(Debug)]
pub struct HubbleReader {
    lines: Lines,
    actors: Actors<(IpAddr, Option<Arc<str>>)>,
    seen: Map<FlowKey, u64>,
    order: VecDeque<FlowKey>,
    announced: Set<Arc<str>>,
    waiting: Option<(Timestamp, Record)>,
    rows: u64,
}

impl HubbleReader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self::over(Lines::open(path)?))
    }

    /// Reads from lines.
    #[must_use]
    pub fn over(lines: Lines) -> Self {
        Self {
            lines,
            actors: Actors::default(),
            seen: Map::default(),
            order: VecDeque::new(),
            announced: Set::default(),
            waiting: None,
            rows: 0,
        }
    }

    /// What a flow says; `None`: nothing new.
    fn record(&mut self, flow: &Flow) -> Result<Option<(Timestamp, Record)>, Reason> {
        let time = value::timestamp(flow.time.as_bytes()).ok_or(Reason::BadTime)?;
        let address = |text: &str| value::address(text.as_bytes()).ok_or(Reason::BadAddress);
        let Some(ip) = &flow.ip else { return Ok(None) };
        let (source, destination) = (address(&ip.source)?, address(&ip.destination)?);
        let Some((transport, source_port, port, syn)) = flow.l4.ports() else { return Ok(None) };
        if let Some(dns) = flow.l7.as_ref().and_then(|l7| l7.dns.as_ref()) {
            // The answer goes from the resolver to the client and repeats the question.
            if flow.l7.as_ref().is_some_and(|l7| l7.kind != "RESPONSE") {
                return Ok(None);
            }
            let actor = self.actor(destination, &flow.destination);
            let resolver = nameless(Some(source), source_port, transport);
            let name = value::host_name(dns.query.as_bytes()).unwrap_or_else(|| ".".into());
            let question = DnsQuestion { name, rr_type: dns.rr_type(), rcode: Some(dns.rcode) };
            let mut contact = bare_contact(time, actor, resolver, ContactKind::DnsQuery(question));
            contact.protocol = AppProtocol::Dns;
            let addresses = dns.ips.iter().filter_map(|ip| value::address(ip.as_bytes()));
            let answers = Answers {
                addresses: addresses.map(|address| (address, dns.ttl)).collect(),
                aliases: dns.cnames.iter().filter_map(|name| value::host_name(name.as_bytes())).collect(),
            };
            return Ok(Some(self.with_pod(
                time,
                &flow.destination,
                destination,
                Record::Dns { uid: 0, contact, answers },
            )));
        }
        let key = (source, source_port, destination, port, transport);
        if flow.is_reply == Some(true) || flow.l7.is_some() || !self.is_new(key, time, syn) {
            return Ok(None);
        }
        let actor = self.actor(source, &flow.source);
        let name = flow.destination_names.first().and_then(|name| value::host_name(name.as_bytes()));
        let target = nameless(Some(destination), port, transport);
        let (target, naming) = naming::name_from_log(target, &Indicated::default(), name.as_ref(), false);
        let established = (flow.verdict == "DROPPED").then_some(false);
        let mut contact = bare_contact(time, actor, target, ContactKind::Connect { established });
        contact.naming = naming;
        Ok(Some(self.with_pod(time, &flow.source, source, Record::Contact(contact))))
    }

    /// Whether this packet opens a flow.
    fn is_new(&mut self, key: FlowKey, time: Timestamp, syn: Option<bool>) -> bool {
        if syn == Some(false) {
            return false;
        }
        let quiet = if syn.is_some() { SAME_PACKET_NS } else { UDP_IDLE_NS };
        let known = self.seen.insert(key, time.as_nanos());
        if known.is_none() {
            self.order.push_back(key);
            if self.order.len() > FLOWS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
        known.is_none_or(|last| time.as_nanos().abs_diff(last) > quiet)
    }

    fn actor(
        &mut self,
        address: IpAddr,
        endpoint: &Endpoint,
    ) -> (Arc<Actor>, beaconwatch_engine::actor::ActorKey) {
        let uid = endpoint.uid();
        self.actors.get((address, uid.clone()), || Actor {
            pod_uid: uid,
            address: Some(address),
            ..Actor::default()
        })
    }

    /// The record, behind the announcement of its pod when that is new.
    fn with_pod(
        &mut self,
        time: Timestamp,
        endpoint: &Endpoint,
        address: IpAddr,
        record: Record,
    ) -> (Timestamp, Record) {
        let Some(uid) = endpoint.uid().filter(|uid| self.announced.insert(Arc::clone(uid))) else {
            return (time, record);
        };
        let text = |text: &str| Arc::<str>::from(value::printable(text.as_bytes()));
        let owner = endpoint.workloads.first();
        let pod = Pod {
            uid,
            name: text(&endpoint.pod_name),
            namespace: text(&endpoint.namespace),
            owner: owner.map_or_else(Owner::default, |owner| Owner {
                kind: text(&owner.kind),
                name: text(&owner.name),
            }),
            addresses: Arc::from([address]),
            ..Pod::default()
        };
        self.waiting = Some((time, record));
        (time, Record::Workload(WorkloadChange::Applied(Arc::new(pod))))
    }
}

impl Reader for HubbleReader {
    fn next(&mut self, rejected: &mut RejectedRows) -> Option<(Timestamp, Record)> {
        if let Some(waiting) = self.waiting.take() {
            return Some(waiting);
        }
        loop {
            let place = self.lines.line() + 1;
            let line = self.lines.next(rejected)?;
            if line.is_empty() {
                continue;
            }
            self.rows += 1;
            let made = match Line::parse(line) {
                // Other messages of the stream: node status, lost events.
                Some(Line::Other) => continue,
                Some(Line::Lost(time, count)) => {
                    let time = value::timestamp(time.as_bytes()).unwrap_or_default();
                    return Some((time, Record::Lost(count)));
                }
                Some(Line::Flow(flow)) => self.record(&flow),
                None => Err(Reason::NotJson),
            };
            match made {
                Ok(Some(record)) => return Some(record),
                Ok(None) => {}
                Err(reason) => rejected.add(reason, self.lines.name(), place),
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    fn rows_read(&self) -> u64 {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use beaconwatch_engine::observe::contact::Naming;

    use super::*;

    fn read(text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
        let mut reader = HubbleReader::over(Lines::from_bytes("flows.json", text.as_bytes().to_vec()));
        let mut rejected = RejectedRows::default();
        (core::iter::from_fn(|| reader.next(&mut rejected)).collect(), rejected)
    }

    const SYN: &str = r#"{"flow":{"time":"2026-01-05T00:00:01.5Z","verdict":"FORWARDED","IP":{"source":"10.0.0.5","destination":"192.0.2.7","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":41000,"destination_port":443,"flags":{"SYN":true}}},"source":{"namespace":"shop","pod_name":"web-1","workloads":[{"name":"web","kind":"Deployment"}]},"destination":{"labels":["reserved:world"]},"Type":"L3_L4","destination_names":["a.example"],"traffic_direction":"EGRESS","is_reply":false},"node_name":"n1","time":"2026-01-05T00:00:01.5Z"}"#;

    #[test]
    fn a_connection_is_counted_once_and_its_pod_is_announced() {
        let (records, rejected) =
            read(&format!("{SYN}\n{SYN}\n{}\n", SYN.replace(r#""SYN":true"#, r#""ACK":true"#)));
        assert_eq!(rejected.total(), 0);
        let [(_, Record::Workload(WorkloadChange::Applied(pod))), (_, Record::Contact(contact))] =
            records.as_slice()
        else {
            panic!("{records:?}")
        };
        assert_eq!((pod.namespace.as_ref(), pod.owner.name.as_ref()), ("shop", "web"));
        assert_eq!(contact.destination.name.as_deref(), Some("a.example"));
        assert_eq!(contact.naming, Naming::Consistent);
    }

    #[test]
    fn a_dns_answer_is_a_question_of_its_client() {
        let line = r#"{"flow":{"time":"2026-01-05T00:00:01Z","verdict":"FORWARDED","IP":{"source":"10.96.0.10","destination":"10.0.0.5"},"l4":{"UDP":{"source_port":53,"destination_port":40000}},"source":{},"destination":{"namespace":"shop","pod_name":"web-1"},"Type":"L7","is_reply":true,"l7":{"type":"RESPONSE","dns":{"query":"a.example.","ips":["192.0.2.7"],"qtypes":["A"],"rcode":0}}}}"#;
        let (records, _) = read(line);
        let [_, (_, Record::Dns { contact, answers, .. })] = records.as_slice() else {
            panic!("{records:?}")
        };
        assert_eq!(contact.actor.address, "10.0.0.5".parse().ok());
        assert_eq!(contact.destination.address, "10.96.0.10".parse().ok());
        assert_eq!(answers.addresses, [("192.0.2.7".parse().unwrap(), 0)]);
    }

    #[test]
    fn damaged_and_foreign_lines_cost_only_themselves() {
        let (records, rejected) = read(&format!(
            "{{\n{}\n{}\n{SYN}\n",
            r#"{"node_status":{},"node_name":"n1","time":"2026-01-05T00:00:01Z"}"#,
            r#"{"lost_events":{"num_events_lost":7},"time":"2026-01-05T00:00:01Z"}
{"flow":{"time":"2026-01-05T00:00:01Z","verdict":"DROPPED","drop_reason":154,"ethernet":{"source":"0a:0b:0c:0d:0e:0f","destination":"0a:0b:0c:0d:0e:10"},"source":{"ID":7,"identity":7},"destination":{},"Type":"L3_L4","node_name":"n1","event_type":{"type":1,"sub_type":154},"drop_reason_desc":"UNSUPPORTED_L2_PROTOCOL","Summary":"Ethernet"},"node_name":"n1","time":"2026-01-05T00:00:01Z"}"#
        ));
        assert_eq!(records.len(), 3);
        assert_eq!(rejected.total(), 1);
    }
}
