//! Whoever sees what, in whatever order and pieces it is told, and however often: all come to the same.

use super::*;
use crate::codec::{Coded, Reader, VERSION};
use crate::keys::{DestinationKey, FindingId, PolicyId, ReplicaKey, SignatureKey, WorkloadKey};
use crate::know::merged::Stamp;
use crate::know::{Know, Profile, Profiled, Seen};
use crate::limits::Limits;
use crate::time::Timestamp;

/// Numbers that nobody chose, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 16).unwrap() % sides
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.roll(last + 1));
        }
    }
}

const NODES: usize = 5;
const WIDE: Bounds = Bounds { entries_max: 100_000, share_max: 100_000 };

fn policies() -> [PolicyId; 2] {
    ["shop", "bank"].map(|name| PolicyId { namespace: Some(name.into()), name: "p".into() })
}

/// Keys are hashes in truth: those of a test are spread as widely.
fn key(kind: &str, number: usize) -> crate::identity::Id {
    crate::identity::executable(&format!("{kind}-{number}"))
}

/// What a cluster does in a day: workloads of several replicas on several nodes, destinations that many or few contact,
/// hosts that are only an address, one workload that contacts something else all the time. No two things happen at once.
fn cluster<'p>(dice: &mut Dice, policies: &'p [PolicyId], sightings: usize) -> Vec<(usize, Sighting<'p>)> {
    let mut all = Vec::new();
    for n in 0..sightings {
        let at = Timestamp::from_nanos(1_700_000_000_000_000_000 + 40_000_000_000 * n as u64);
        let floods = dice.roll(5) == 0;
        let workload = if floods { 0 } else { 1 + dice.roll(30) };
        let replica = 100 * workload + dice.roll(1 + workload % 7);
        let destination = match dice.roll(4) {
            _ if floods => 10_000 + n,
            0 => dice.roll(5),
            _ => 10 * workload + dice.roll(9),
        };
        let signature = SignatureKey(key("signature", 100_000 * workload + destination));
        let workload_key = WorkloadKey(key("workload", workload));
        let sighting = match dice.roll(10) {
            0..5 => Sighting::Contact(Seen {
                at,
                workload: workload_key,
                replica: ReplicaKey(key("replica", replica)),
                signature,
                destination: DestinationKey(key("destination", destination)),
                certain: workload % 4 != 0,
            }),
            5..8 => Sighting::Profile(Profiled {
                at,
                workload: workload_key,
                signature,
                profile: (dice.roll(8) > 0).then(|| Profile {
                    levels: ((dice.roll(1 << 32) as u64 * 0x1_0001) & 0x3333_3333_3333_3333).into(),
                    scope: u8::try_from(dice.roll(4)).unwrap(),
                }),
                score_without_novelty: dice.roll(6) as f32 - 1.0,
            }),
            8 => Sighting::Baseline { workload: workload_key, signature },
            _ => Sighting::Score {
                policy: &policies[dice.roll(2)],
                finding: FindingId(key("finding", 10 * workload + dice.roll(3))),
                score: dice.roll(4000) as f32 / 100.0 - 10.0,
            },
        };
        // Most replicas stay on their node.
        all.push((if dice.roll(10) == 0 { dice.roll(NODES) } else { replica % NODES }, sighting));
    }
    all
}

fn nodes(bounds: Bounds) -> Vec<Know> {
    // Their own tables are soon full: what all saw is not what one has room for.
    let limits = Limits { signatures_max: 150, signatures_per_workload_max: 20, ..Limits::default() };
    let node = |observer| {
        let mut know = Know::with_limits(&limits);
        know.exchange(Observer(observer), bounds);
        know
    };
    (0..NODES as u64).map(node).collect()
}

/// What comes of sightings that each node tells as a whole, one node after the other.
fn told_once(sightings: &[(usize, Sighting<'_>)], bounds: Bounds) -> Merged {
    let mut nodes = nodes(bounds);
    for (node, sighting) in sightings {
        nodes[*node].observe(*sighting);
    }
    let mut merged = Merged::with_bounds(bounds);
    nodes.iter_mut().for_each(|know| merged.merge(&know.take_delta()));
    merged
}

fn bytes(delta: &Delta) -> Vec<u8> {
    let mut out = Vec::new();
    delta.put(&mut out);
    out
}

/// What comes of them told in random pieces, in random order, again and again, by way of others.
fn told_anyhow(sightings: &[(usize, Sighting<'_>)], bounds: Bounds, dice: &mut Dice) -> Merged {
    let mut nodes = nodes(bounds);
    let mut deltas = Vec::new();
    let pieces = 1 + dice.roll(40);
    for (node, sighting) in sightings {
        nodes[*node].observe(*sighting);
        if dice.roll(sightings.len()) < pieces {
            deltas.push(nodes[*node].take_delta());
        }
        if dice.roll(sightings.len()) < pieces && !deltas.is_empty() {
            // Nodes are told as well, which changes nothing of what they tell.
            let delta = deltas[dice.roll(deltas.len())].clone();
            nodes[*node].merge(&delta);
        }
    }
    deltas.extend(nodes.iter_mut().map(Know::take_delta));
    let again: Vec<Delta> =
        (0..dice.roll(deltas.len())).map(|_| deltas[dice.roll(deltas.len())].clone()).collect();
    deltas.extend(again);
    dice.shuffle(&mut deltas);
    let mut parts: Vec<Merged> = Vec::new();
    for delta in deltas {
        let mut part = Merged::with_bounds(bounds);
        // As it travels.
        part.merge(&Delta::take(&mut Reader::of_version(VERSION, &bytes(&delta))).unwrap());
        parts.push(part);
    }
    while parts.len() > 1 {
        let taken = parts.swap_remove(dice.roll(parts.len()));
        let into = dice.roll(parts.len());
        parts[into].merge(&taken.whole());
    }
    parts.remove(0)
}

#[test]
fn splits_orders_and_repetitions_make_no_difference_at_and_beyond_the_bounds() {
    let (mut dice, policies) = (Dice(1), policies());
    let sightings = cluster(&mut dice, &policies, 3000);
    let [signatures, ..] = told_once(&sightings, WIDE).whole().len();
    assert!(signatures > 500, "{signatures}");
    for (entries_max, share_max) in [
        (WIDE.entries_max, WIDE.share_max),
        (signatures, signatures),
        (signatures - 1, signatures),
        (WIDE.entries_max, 20),
        (200, 50),
        (40, 1000),
        (7, 3),
        (1, 1),
    ] {
        let bounds = Bounds { entries_max, share_max };
        let once = told_once(&sightings, bounds).whole();
        assert!(once.len().into_iter().all(|rows| rows <= entries_max), "{bounds:?} {:?}", once.len());
        for _ in 0..4 {
            let anyhow = told_anyhow(&sightings, bounds, &mut dice).whole();
            assert_eq!(bytes(&once), bytes(&anyhow), "{bounds:?}");
        }
    }
}

/// What is known, without who said it as which of its observations.
fn unsigned(merged: &Merged) -> String {
    let mut all = merged.clone();
    all.signatures.update(|signature| {
        if let Some(profile) = &mut signature.profile {
            profile.stamp = Stamp { observer: Observer(0), sequence: 0, ..profile.stamp };
        }
    });
    format!("{:?}", all.whole())
}

#[test]
fn who_sees_what_and_in_which_order_makes_no_difference() {
    let (mut dice, policies) = (Dice(2), policies());
    // Nobody's own baseline takes in anything: whether it does is up to each.
    let sightings: Vec<_> = cluster(&mut dice, &policies, 3000)
        .into_iter()
        .map(|(node, sighting)| match sighting {
            Sighting::Profile(profiled) => {
                (node, Sighting::Profile(Profiled { score_without_novelty: 9.0, ..profiled }))
            }
            Sighting::Contact(_)
            | Sighting::Baseline { .. }
            | Sighting::Score { .. }
            | Sighting::Extent { .. } => (node, sighting),
        })
        .collect();
    for bounds in [WIDE, Bounds { entries_max: 200, share_max: 50 }, Bounds { entries_max: 9, share_max: 9 }]
    {
        let once = unsigned(&told_once(&sightings, bounds));
        for _ in 0..4 {
            let mut dealt = sightings.clone();
            dealt.iter_mut().for_each(|(node, _)| *node = dice.roll(NODES));
            dice.shuffle(&mut dealt);
            assert_eq!(once, unsigned(&told_anyhow(&dealt, bounds, &mut dice)), "{bounds:?}");
        }
    }
}

#[test]
fn an_exchange_changes_nothing_of_what_one_knows_itself() {
    let (mut dice, policies) = (Dice(3), policies());
    let sightings = cluster(&mut dice, &policies, 3000);
    let (limits, bounds) = (Limits::default(), Bounds { entries_max: 100, share_max: 10 });
    let (mut alone, mut with) = (Know::with_limits(&limits), Know::with_limits(&limits));
    with.exchange(Observer(1), bounds);
    for (_, sighting) in &sightings {
        alone.observe(*sighting);
        with.observe(*sighting);
        if dice.roll(50) == 0 {
            with.take_delta();
            with.merge(&told_once(&sightings[..100], WIDE).whole());
        }
    }
    let saved = |know: &Know| {
        let mut out = Vec::new();
        know.put(&mut out);
        know.put_budgets(&mut out);
        out
    };
    assert_eq!(saved(&alone), saved(&with));
    assert!(alone.take_delta().is_empty(), "without an exchange nothing is kept");
}

#[test]
fn of_one_observer_the_last_profile_stays_and_of_several_the_newest() {
    let workload = WorkloadKey(key("workload", 1));
    let signature = SignatureKey(key("signature", 1));
    let at = |secs: f64, levels: u64| {
        Sighting::Profile(Profiled {
            at: Timestamp::from_secs_f64(1_700_000_000.0 + secs),
            workload,
            signature,
            profile: Some(Profile { levels: levels.into(), scope: 0 }),
            score_without_novelty: 9.0,
        })
    };
    for (sightings, expect) in [
        (vec![(0, at(1.0, 1)), (0, at(1.0, 2))], 2),
        (vec![(0, at(5.0, 1)), (1, at(4.0, 2))], 1),
        (vec![(1, at(4.0, 2)), (0, at(5.0, 1))], 1),
    ] {
        let merged = told_once(&sightings, WIDE);
        let (_, mut share) = merged.signatures.iter().next().unwrap();
        let profile = share.next().unwrap().1.profile.unwrap();
        assert_eq!(profile.profile, Some(Profile { levels: u64::into(expect), scope: 0 }));
    }
}

#[test]
fn a_new_sighting_takes_less_than_a_hundred_bytes() {
    let (mut dice, policies) = (Dice(4), policies());
    let mut know = Know::with_limits(&Limits::default());
    know.exchange(Observer(7), WIDE);
    let (mut all, mut rows, mut deltas) = (0, 0, 0);
    for (n, (_, sighting)) in cluster(&mut dice, &policies, 5000).into_iter().enumerate() {
        // Each contact is profiled as soon as it is seen.
        if let Sighting::Contact(seen) = sighting {
            know.observe(sighting);
            know.observe(Sighting::Profile(Profiled {
                at: seen.at,
                workload: seen.workload,
                signature: seen.signature,
                profile: Some(Profile { levels: 0x0123_0212_1121_2313.into(), scope: 1 }),
                score_without_novelty: 1.0,
            }));
        }
        if n % 500 == 499 {
            let delta = know.take_delta();
            (all, rows, deltas) = (all + bytes(&delta).len(), rows + delta.len()[0], deltas + 1);
        }
    }
    let each = all / rows;
    println!(
        "{all} bytes in {deltas} deltas of {rows} signatures, {each} bytes each with their destinations"
    );
    assert!((40..100).contains(&each), "{each}");
}

#[test]
fn what_cannot_be_is_not_taken_for_a_delta() {
    let (mut dice, policies) = (Dice(5), policies());
    let sightings = cluster(&mut dice, &policies, 200);
    let whole = bytes(&told_once(&sightings, WIDE).whole());
    for _ in 0..3000 {
        let mut damaged = whole.clone();
        for _ in 0..=dice.roll(3) {
            let place = dice.roll(damaged.len());
            damaged[place] = u8::try_from(dice.roll(256)).unwrap();
        }
        damaged.truncate(whole.len() - dice.roll(2) * dice.roll(whole.len()));
        let Some(delta) = Delta::take(&mut Reader::of_version(VERSION, &damaged)) else { continue };
        let mut merged = Merged::with_bounds(Bounds { entries_max: 50, share_max: 5 });
        merged.merge(&delta);
        let again = bytes(&merged.whole());
        assert_eq!(Delta::take(&mut Reader::of_version(VERSION, &again)), Some(merged.whole()));
    }
}
