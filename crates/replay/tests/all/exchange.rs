//! Knowledge that is exchanged, over recorded traffic: a replay in parts comes to the same, however the parts are exchanged.
//!
//! The logs are not part of this repository: they are looked for in `$BEACONWATCH_SHARED/datasets`, or in
//! `../shared/datasets` beside it. `$BEACONWATCH_CLUSTER` may name a cluster of the simulated corpus besides.

use std::path::{Path, PathBuf};

use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::codec::Coded;
use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::input::Input;
use beaconwatch_engine::know::{Bounds, Delta, Merged, Observer};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;
use beaconwatch_replay::{FeedItem, inputs};
use beaconwatch_skip::without_data;

use crate::program::args;

/// Parts of a replay; a contact belongs to the part of its actor.
const PARTS: usize = 4;
/// Inputs that are played.
const INPUTS_MAX: usize = 6000;

fn logs() -> Vec<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("BEACONWATCH_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let file = |path: &Path| path.to_str().unwrap().to_owned();
    let logs = shared.join("datasets/detection/benign-m57-2009-11-18/zeek");
    let zeek = logs.is_dir().then(|| vec!["--zeek".to_owned(), file(&logs)]);
    let cluster = std::env::var_os("BEACONWATCH_CLUSTER").map(PathBuf::from).map(|cluster| {
        let named = [("--events", "events.jsonl.gz"), ("--pods", "pods.jsonl")];
        named.into_iter().flat_map(|(option, name)| [option.to_owned(), file(&cluster.join(name))]).collect()
    });
    zeek.into_iter().chain(cluster).collect()
}

fn inputs_of(options: &[String]) -> Vec<(Timestamp, Input)> {
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut feed = inputs::feed(&args(&options).unwrap()).unwrap();
    let input = |taken| match taken {
        FeedItem::Input(time, input) => Some((time, input)),
        FeedItem::Unjudged(..) => None,
    };
    std::iter::from_fn(|| feed.take()).filter_map(input).take(INPUTS_MAX).collect()
}

fn engine(exchange: Option<(u64, Bounds)>) -> Engine {
    let mut engine = Engine::with_limits(Limits { input_has_end: true, ..Limits::default() });
    if let Some((observer, bounds)) = exchange {
        engine.exchange(Observer(observer), bounds);
    }
    let policies = vec![beaconwatch_engine::assess::policy::Policy::everything("all")];
    let policies = std::sync::Arc::new(beaconwatch_engine::assess::policy::PolicySet { policies });
    drive(&mut engine, Timestamp::ZERO, Input::Policies(policies), &mut |_| {});
    engine
}

/// What each part newly knows, in about so many `deltas`; and how many bytes that took.
fn parts(inputs: &[(Timestamp, Input)], bounds: Bounds, deltas: usize) -> (Vec<Delta>, usize) {
    let mut engines: Vec<Engine> = (0..PARTS as u64).map(|part| engine(Some((part, bounds)))).collect();
    let mut all = Vec::new();
    for (number, (time, input)) in inputs.iter().enumerate() {
        let of = input.contact().map(|contact| usize::from(contact.actor_key.0.to_bytes()[0]) % PARTS);
        for (part, engine) in engines.iter_mut().enumerate() {
            if of.is_none_or(|of| of == part) {
                drive(engine, *time, input.clone(), &mut |_| {});
            }
        }
        if number % (inputs.len() / deltas + 1) == 0 {
            all.extend(engines.iter_mut().map(Engine::take_delta));
        }
    }
    all.extend(engines.iter_mut().map(Engine::take_delta));
    let bytes = all.iter().map(|delta| bytes(delta).len()).sum();
    (all, bytes)
}

fn bytes(delta: &Delta) -> Vec<u8> {
    let mut out = Vec::new();
    delta.put(&mut out);
    out
}

fn merged<'d>(deltas: impl Iterator<Item = &'d Delta>, bounds: Bounds) -> Delta {
    let mut all = Merged::with_bounds(bounds);
    deltas.for_each(|delta| all.merge(delta));
    all.whole()
}

#[test]
fn parts_of_a_replay_come_to_the_same_however_they_are_exchanged() {
    let logs = logs();
    if logs.is_empty() {
        return without_data("no logs in $BEACONWATCH_SHARED or ../shared");
    }
    for options in logs {
        let inputs = inputs_of(&options);
        for (entries_max, share_max) in [(100_000, 100_000), (1000, 50), (60, 1000)] {
            let bounds = Bounds { entries_max, share_max };
            let (often, took) = parts(&inputs, bounds, 20);
            let (rarely, _) = parts(&inputs, bounds, 1);
            let once = merged(rarely.iter(), bounds);
            let backwards = merged(often.iter().rev().chain(&rarely), bounds);
            assert_eq!(bytes(&once), bytes(&backwards), "{options:?} {bounds:?}");
            let [signatures, destinations, _] = once.len();
            assert!(signatures <= entries_max && destinations <= entries_max, "{:?}", once.len());
            let new: usize = often.iter().map(|delta| delta.len()[0]).sum();
            println!(
                "{options:?} {bounds:?}: {} inputs, {signatures} signatures, {destinations} destinations; in \
                 {} deltas: {new} rows, {} bytes each",
                inputs.len(),
                often.len(),
                took / new.max(1),
            );
        }
    }
}

#[test]
fn findings_are_the_same_with_an_exchange_and_without() {
    let Some(options) = logs().into_iter().next() else {
        return without_data("no logs in $BEACONWATCH_SHARED or ../shared");
    };
    let inputs = inputs_of(&options);
    let bounds = Bounds { entries_max: 1000, share_max: 50 };
    let others = merged(parts(&inputs, bounds, 1).0.iter(), bounds);
    let play = |mut engine: Engine| {
        let mut found: Vec<Finding> = Vec::new();
        for (number, (time, input)) in inputs.iter().enumerate() {
            drive(&mut engine, *time, input.clone(), &mut |finding| found.push(finding));
            if number % 500 == 0 {
                engine.take_delta();
                engine.merge(&others);
            }
        }
        engine.finish(engine.now());
        found.extend(std::iter::from_fn(|| engine.poll()));
        found.iter().map(|finding| format!("{finding:?}")).collect::<Vec<_>>()
    };
    let alone = play(engine(None));
    assert!(!alone.is_empty());
    assert_eq!(alone, play(engine(Some((7, bounds)))));
}
