//! What a contact costs: how many conversations are gone through for it, not how long that takes.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::actor::{Actor, Process};
use crate::assess::detector::{self, ObservedSpan};
use crate::assess::finding::{Finding, FindingKind};
use crate::assess::policy::{Policy, PolicySet};
use crate::detection::Detection;
use crate::limits::Limits;
use crate::observe::contact::{
    Bytes, Contact, ContactKind, Destination, DnsQuestion, NameSource, Naming, Transport,
};
use crate::observe::protocol::AppProtocol;
use crate::observe::workload::Workloads;
use crate::time::Timestamp;
use crate::track::table::gone_through;

const SHARE: u32 = 4096;

/// One workload whose share of the table is full.
struct Full {
    detection: Detection,
    workloads: Workloads,
    found: VecDeque<Finding>,
    at: f64,
    state: u64,
}

impl Full {
    /// Connections of another executable to a thousandfold of hosts have all of the share but for `room`.
    fn but_for(room: u32) -> Self {
        let limits =
            Limits { conversations_per_workload_max: usize::try_from(SHARE).unwrap(), ..Limits::default() };
        let mut detection = Detection::with_limits(&limits);
        detection.set_policies(Arc::new(PolicySet { policies: vec![Policy::everything("full")] }));
        let workloads = Workloads::with_limits(&limits);
        let mut full = Self { detection, workloads, found: VecDeque::new(), at: 1.7e9, state: 7 };
        for host in 0..SHARE - room {
            full.connect("/usr/bin/other", to(0x0a00_0000 + host, None));
        }
        full
    }

    /// Waits about this long.
    fn wait(&mut self, secs: f64) {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let luck = (self.state >> 40) as f64 / f64::from(1 << 24);
        self.at += secs * (0.95 + 0.1 * luck);
    }

    fn connect(&mut self, executable: &str, destination: Destination) {
        self.contact(executable, destination, ContactKind::Connect { established: Some(true) });
    }

    fn look_up(&mut self, name: &str) {
        let question = DnsQuestion { name: Arc::from(name), rr_type: 1, rcode: Some(0) };
        let resolver = Destination { port: 53, transport: Transport::Udp, ..to(0x0a60_000a, Some(name)) };
        self.contact("/app/server", resolver, ContactKind::DnsQuery(question));
    }

    fn contact(&mut self, executable: &str, destination: Destination, kind: ContactKind) {
        let process = Process { pid: 7, executable: Arc::from(executable), ..Process::default() };
        let actor = Actor { process: Some(process), cgroup: 42, ..Actor::default() };
        let now = Timestamp::from_secs_f64(self.at);
        let dns = matches!(kind, ContactKind::DnsQuery(_));
        let contact = Contact {
            id: 0,
            start: now,
            actor_key: actor.key(),
            actor: Arc::new(actor),
            destination,
            kind,
            protocol: if dns { AppProtocol::Dns } else { AppProtocol::Tls },
            naming: Naming::Unknown,
            sni: None,
            ja4: None,
            ja4_odd: None,
            user_agent: None,
            bytes: Some(Bytes { sent: 312, received: 900 }),
            duration: None,
        };
        self.detection.contact(now, Box::new(contact), &self.workloads, &mut self.found);
    }

    /// Whether a gate is open for a conversation with a rhythm of so many contacts or more.
    fn has_open(&self, kind: FindingKind, contacts: u32, aggregate: bool) -> bool {
        let policy = Policy::everything("full");
        self.detection.table.iter().any(|(_, c)| {
            let span = ObservedSpan { span_secs: c.span_secs(), input_secs: None };
            c.contacts >= contacts
                && c.aggregate.is_some() == aggregate
                && detector::gate(c, &policy.detectors, span) == Some(kind)
        })
    }
}

fn to(address: u32, name: Option<&str>) -> Destination {
    Destination {
        address: Some(IpAddr::from(Ipv4Addr::from_bits(address))),
        port: 443,
        transport: Transport::Tcp,
        name: name.map(Arc::from),
        name_source: name.map(|_| NameSource::Dns),
    }
}

/// A thousand contacts go through at most eight conversations for each, and for each that is held.
const PER_CONTACT: u64 = 8 * (1000 + SHARE as u64);

#[test]
fn look_ups_that_connections_just_explain_do_not_go_through_the_share_each_time() {
    let mut full = Full::but_for(8);
    let minute = |full: &mut Full, n: u32| {
        full.wait(60.0);
        full.look_up("a.cdn-sync.example");
        if n.is_multiple_of(8) {
            full.connect("/app/server", to(0xcb00_7109, Some("a.cdn-sync.example")));
        }
    };
    (0..1000).for_each(|n| minute(&mut full, n));
    assert!(full.has_open(FindingKind::DnsBeacon, 1000, false));
    let before = gone_through();
    (1000..2000).for_each(|n| minute(&mut full, n));
    let visits = gone_through() - before;
    assert!(visits > 0, "nobody looked");
    assert!(visits <= PER_CONTACT, "{visits} conversations were gone through");
    assert!(full.found.iter().all(|finding| finding.kind != FindingKind::DnsBeacon), "{:?}", full.found);
}

#[test]
fn an_aggregate_that_its_parts_explain_does_not_go_through_the_share_each_time() {
    const FRONTS: u32 = 200;
    let mut full = Full::but_for(FRONTS + 1);
    let minute = |full: &mut Full, n: u32| {
        full.wait(60.0);
        full.connect("/app/server", to(0xcb00_0000 + 977 * (n % FRONTS), None));
    };
    (0..800).for_each(|n| minute(&mut full, n));
    assert!(full.has_open(FindingKind::Beacon, 700, true));
    let before = gone_through();
    (800..1800).for_each(|n| minute(&mut full, n));
    let visits = gone_through() - before;
    assert!(visits > 0, "nobody looked");
    assert!(visits <= PER_CONTACT, "{visits} conversations were gone through");
    assert!(full.found.iter().all(|finding| finding.destinations == 1), "{:?}", full.found);
}
