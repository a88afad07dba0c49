#![no_main]
//! Checkpoints: any bytes are refused or taken up; an engine that took them up works on, and what it saves is taken up
//! in full by the next.
use std::sync::Arc;

use beaconwatch_codec::{VERSION, checkpoint};
use beaconwatch_engine::actor::{Actor, Process};
use beaconwatch_engine::checkpoint::{Checkpoint, Section};
use beaconwatch_engine::observe::contact::{Bytes, Contact, ContactKind, Destination, Naming, Transport};
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

const SECTIONS: [&str; 5] = ["secret", "watched", "population", "budgets", "conversations"];

/// A file, or sections one after another, each behind its length.
fn checkpoint_of(mut data: &[u8]) -> Checkpoint {
    if let Ok(checkpoint) = checkpoint::read(data) {
        return checkpoint;
    }
    let mut sections = Vec::new();
    for name in SECTIONS {
        let Some((length, rest)) = data.split_first_chunk::<4>() else { break };
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        sections.push(Section { name: name.into(), bytes: bytes.to_vec() });
        data = rest;
    }
    Checkpoint { version: VERSION, sections }
}

fn contact(at: Timestamp) -> Input {
    let process = Process { executable: "/tmp/.x/agent".into(), ..Process::default() };
    let actor = Actor { cgroup: 9, process: Some(process), ..Actor::default() };
    Input::Contact(Box::new(Contact {
        id: 0,
        start: at,
        actor_key: actor.key(),
        actor: Arc::new(actor),
        destination: Destination {
            address: Some("203.0.113.9".parse().expect("an address")),
            port: 4444,
            transport: Transport::Tcp,
            name: None,
            name_source: None,
        },
        kind: ContactKind::Connect { established: Some(true) },
        protocol: AppProtocol::Tls,
        naming: Naming::NoLookup,
        sni: None,
        ja4: None,
        ja4_odd: None,
        user_agent: None,
        bytes: Some(Bytes { sent: 120, received: 40 }),
        duration: None,
    }))
}

fn engine() -> Engine {
    Engine::with_limits(Limits { conversations_max: 8, signatures_max: 8, findings_open_max: 8, ..Limits::default() })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let checkpoint = checkpoint_of(data);
    let mut first = engine();
    if first.restore(&checkpoint).is_err() {
        return;
    }
    let saved = first.checkpoint();
    let mut second = engine();
    let dropped = second.restore(&saved).expect("what was saved is taken up");
    assert!(dropped.is_empty(), "{dropped}");
    assert_eq!(second.checkpoint(), saved);
    for minute in 0..40 {
        let at = Timestamp::from_nanos((1_700_000_000 + minute * 60) * 1_000_000_000);
        drive(&mut first, at, contact(at), &mut |_| {});
    }
    let later = Timestamp::from_nanos(1_800_000_000_000_000_000);
    drive(&mut first, later, contact(later), &mut |_| {});
    first.finish(later);
});
