//! What was found live is found again in the replay of its recording, bit for bit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_agent::args::{Args, Command};
use beaconwatch_agent::recording::Recorder;
use beaconwatch_engine::actor::FileId;
use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::assess::policy::PolicySet;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::input::{Event, Input, ProcessStarted, SocketId, SocketOpened};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, Packets, Transport};
use beaconwatch_engine::run::{self, Step};
use beaconwatch_engine::time::Timestamp;
use clap::Parser;

const CONTAINER: &str = "8dbf2ee1a5d1b5c4b8e3f0d1c2a3948576675849302112f3e4d5c6b7a8990a1b";
const BEGIN_NS: u64 = 1_700_000_000_000_000_000;

/// A program that was dropped into a container calls the same address every minute, for two hours.
fn beacon() -> Vec<Step> {
    let at = |secs: u64| Timestamp::from_nanos(BEGIN_NS + secs * 1_000_000_000);
    let path = format!("/docker/{CONTAINER}").into();
    let policies = PolicySet { policies: vec![beaconwatch_replay::default_policy()] };
    let mut steps = vec![
        Step::Input(at(0), Input::Policies(Arc::new(policies))),
        Step::Input(at(0), Input::Event(Event::CgroupCreated { cgroup: 5, path })),
    ];
    let started = ProcessStarted {
        pid: 100,
        parent_pid: 1,
        cgroup: 5,
        executable: "/tmp/.x/curl".into(),
        file: FileId { device: 1, inode: 2 },
        links: Some(1),
        changed: Some(at(10)),
        args: vec!["curl".into(), "-s".into()],
        ..ProcessStarted::default()
    };
    steps.push(Step::Input(at(20), Input::Event(Event::ProcessStarted(Box::new(started)))));
    for check_in in 0..120 {
        let socket = SocketId(check_in + 1);
        let begin = at(60 + check_in * 60);
        let opened = SocketOpened {
            socket,
            cgroup: 5,
            pid: 100,
            uid: Some(0),
            netns: 1,
            transport: Transport::Tcp,
            local: None,
            remote: SocketAddr::from(([203, 0, 113, 9], 4444)),
            outbound: true,
            snapshot: false,
        };
        steps.push(Step::Input(begin, Input::Event(Event::SocketOpened(Box::new(opened)))));
        let closed = Event::SocketClosed {
            socket,
            bytes: Bytes { sent: 120, received: 40 },
            packets: Packets { sent: 1, received: 1 },
            provisional: false,
            established: Some(true),
        };
        // A record that comes late, and a silence in which timers fire.
        let late = Timestamp::from_nanos(begin.as_nanos() - 5_000_000);
        steps.push(Step::Input(late, Input::Event(closed)));
        steps.push(Step::Idle(begin + Duration::from_secs(30)));
    }
    steps.push(Step::End(at(9000)));
    steps
}

/// The scene, recorded; what was found live.
fn record(path: &std::path::Path) -> Vec<Finding> {
    let mut engine = Engine::with_limits(Limits::default());
    let mut recorder = Recorder::create(path, engine.limits()).unwrap();
    let mut steps = beacon().into_iter();
    let mut live: Vec<Finding> = Vec::new();
    let end = run::run(
        &mut engine,
        |_| steps.next().unwrap(),
        |now, input| recorder.write(now, input),
        |finding| live.push(finding),
        |_| {},
    );
    assert_eq!(recorder.finish(end).unwrap().blocks_lost, 0);
    assert!(!live.is_empty(), "the scene shows nothing");
    live
}

fn replay(path: &std::path::Path, options: &[&str]) -> Vec<Finding> {
    let replay = ["beaconwatch-agent", "replay", "--recording", path.to_str().unwrap()];
    let Command::Replay(args) = Args::parse_from(replay.iter().chain(options)).command else {
        panic!("not a replay")
    };
    let mut replayed: Vec<Finding> = Vec::new();
    beaconwatch_replay::run(&args, &mut std::io::sink(), |finding| replayed.push(finding)).unwrap();
    replayed
}

#[test]
fn a_part_of_a_recording_is_judged_by_its_policies_and_knows_its_processes() {
    let path = std::env::temp_dir().join(format!("beaconwatch-recording-part-{}", std::process::id()));
    let live = record(&path);
    let begin = BEGIN_NS / 1_000_000_000;
    let (from, to) = ((begin + 1800).to_string(), (begin + 5400).to_string());
    let part = replay(&path, &["--from", &from, "--to", &to]);
    std::fs::remove_file(&path).unwrap();
    assert!(!part.is_empty(), "the policy stands before the start");
    assert_eq!(part[0].id, live[0].id);
    assert!(part.iter().all(|finding| finding.actor.process.is_some()));
    assert!(part.iter().all(|finding| finding.window.0.as_nanos() >= (begin + 1800) * 1_000_000_000));
    assert!(part.iter().all(|finding| finding.window.1.as_nanos() <= (begin + 5400) * 1_000_000_000));
}

#[test]
fn a_replay_of_a_recording_finds_the_same() {
    let path = std::env::temp_dir().join(format!("beaconwatch-recording-{}", std::process::id()));
    let live = record(&path);
    let replayed = replay(&path, &[]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(format!("{replayed:#?}"), format!("{live:#?}"));
    assert_eq!(replayed, live);
}
