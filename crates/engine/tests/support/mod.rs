//! Scripted traffic: contacts with known timing, and the engine they are fed to.
#![expect(dead_code, reason = "each test binary uses its own part")]
#![expect(clippy::unwrap_used, reason = "test support")]

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::actor::{Actor, Process};
use beaconwatch_engine::assess::finding::{Finding, FindingState};
use beaconwatch_engine::assess::policy::{Policy, PolicySet};
use beaconwatch_engine::counters::{BoundedTable, Usage};
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, Contact, ContactKind, Destination, Naming, Transport};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

/// Seconds of the scene's clock as a time stamp.
pub(crate) fn time(secs: f64) -> Timestamp {
    Timestamp::from_secs_f64(1_700_000_007.0 + secs)
}

/// Numbers between 0 and 1 that are the same on every run.
#[derive(Clone, Copy)]
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// An engine and what it said.
pub(crate) struct Scene {
    pub(crate) engine: Engine,
    pub(crate) findings: Vec<Finding>,
}

impl Scene {
    pub(crate) fn with_policy(policy: Policy) -> Self {
        Self::with_limits(Limits::default(), policy)
    }

    pub(crate) fn with_limits(limits: Limits, policy: Policy) -> Self {
        let mut scene = Self { engine: Engine::with_limits(limits), findings: Vec::new() };
        scene.input(time(0.0), Input::Policies(Arc::new(PolicySet { policies: vec![policy] })));
        scene
    }

    pub(crate) fn input(&mut self, at: Timestamp, input: Input) {
        drive(&mut self.engine, at, input, &mut |finding| self.findings.push(finding));
    }

    /// One connection with its totals.
    pub(crate) fn contact(
        &mut self,
        at: f64,
        executable: &str,
        to: &str,
        port: u16,
        sent: u64,
        received: u64,
    ) {
        let contact = contact(at, executable, to, port, Some(Bytes { sent, received }));
        self.input(time(at), Input::Contact(Box::new(contact)));
    }

    pub(crate) fn play(&mut self, traffic: Traffic) {
        let mut noise = Noise(traffic.seed);
        let mut at = traffic.from;
        while at < traffic.from + traffic.lasting {
            let size = if traffic.varying { (noise.next() * 9.0).exp() as u64 + 80 } else { 312 };
            self.contact(at, &traffic.executable, &traffic.to, traffic.port, size, 2 * size);
            at += match traffic.gaps {
                Gaps::Jittered(period, jitter) => period * (1.0 + jitter * (2.0 * noise.next() - 1.0)),
                Gaps::Poisson(mean) => -mean * (1.0 - noise.next()).ln(),
            };
        }
    }

    /// Lets time pass until `at`.
    pub(crate) fn end(&mut self, at: f64) {
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= time(at)) {
            self.engine.handle_timeout(due);
            while let Some(finding) = self.engine.poll() {
                self.findings.push(finding);
            }
        }
    }

    pub(crate) fn finish(&mut self, at: f64) {
        self.engine.finish(time(at));
        while let Some(finding) = self.engine.poll() {
            self.findings.push(finding);
        }
    }

    /// What a table holds, and what its bound cost.
    pub(crate) fn table(&self, table: BoundedTable) -> Usage {
        self.engine.counters().table(table)
    }

    pub(crate) fn opened(&self) -> Vec<&Finding> {
        self.findings.iter().filter(|finding| finding.state == FindingState::Opened).collect()
    }
}

/// A contact of one executable on this machine.
pub(crate) fn contact(at: f64, executable: &str, to: &str, port: u16, bytes: Option<Bytes>) -> Contact {
    let process = Process { pid: 7, executable: Arc::from(executable), ..Process::default() };
    let actor = Actor { process: Some(process), cgroup: 42, ..Actor::default() };
    Contact {
        id: 0,
        start: time(at),
        actor_key: actor.key(),
        actor: Arc::new(actor),
        destination: Destination {
            address: Some(to.parse().unwrap()),
            port,
            transport: Transport::Tcp,
            name: None,
            name_source: None,
        },
        kind: ContactKind::Connect { established: Some(true) },
        protocol: if port == 443 { AppProtocol::Tls } else { AppProtocol::Http },
        naming: Naming::NoLookup,
        ja4: None,
        ja4_odd: None,
        sni: None,
        user_agent: None,
        bytes,
        duration: Some(Duration::from_millis(40)),
    }
}

#[derive(Clone, Copy)]
enum Gaps {
    Jittered(f64, f64),
    Poisson(f64),
}

/// Regular or irregular connections to one destination.
#[derive(Clone)]
pub(crate) struct Traffic {
    executable: String,
    to: String,
    port: u16,
    gaps: Gaps,
    varying: bool,
    from: f64,
    lasting: f64,
    seed: u64,
}

impl Traffic {
    pub(crate) fn new(executable: &str, to: &str, port: u16) -> Self {
        Self {
            executable: executable.to_owned(),
            to: to.to_owned(),
            port,
            gaps: Gaps::Jittered(60.0, 0.0),
            varying: false,
            from: 0.0,
            lasting: 3600.0,
            seed: 1,
        }
    }

    pub(crate) fn every(mut self, secs: f64, jitter: f64) -> Self {
        self.gaps = Gaps::Jittered(secs, jitter);
        self
    }

    pub(crate) fn poisson(mut self, mean: f64) -> Self {
        self.gaps = Gaps::Poisson(mean);
        self
    }

    pub(crate) fn varying(mut self) -> Self {
        self.varying = true;
        self
    }

    pub(crate) fn from(mut self, secs: f64) -> Self {
        self.from = secs;
        self
    }

    pub(crate) fn lasting(mut self, secs: f64) -> Self {
        self.lasting = secs;
        self
    }
}
