use super::*;
use crate::counters::Usage;
use crate::keys::{DestinationKey, ReplicaKey, SignatureKey, WorkloadKey};

/// Sightings of workloads that do one thing to many destinations.
fn sighting(days: f64, workload: u64, destination: u64) -> Seen {
    Seen {
        at: Timestamp::from_secs_f64(1_700_000_000.0 + days * 86_400.0),
        workload: WorkloadKey(workload.into()),
        replica: ReplicaKey(1.into()),
        signature: SignatureKey(workload.into()),
        destination: DestinationKey(destination.into()),
        certain: true,
    }
}

fn know(signatures_max: usize, signatures_per_workload_max: u32) -> Know {
    Know::with_limits(&Limits { signatures_max, signatures_per_workload_max, ..Limits::default() })
}

fn see(know: &mut Know, seen: Seen) {
    know.observe(Sighting::Contact(seen));
}

fn of(know: &Know, table: BoundedTable) -> Usage {
    let mut counters = Counters::default();
    know.count(&mut counters);
    counters.table(table)
}

#[test]
fn a_share_full_of_forgotten_destinations_has_room_for_new_ones() {
    let mut know = know(1000, 4);
    for n in 0..4 {
        see(&mut know, sighting(0.0, 7, n));
    }
    // It goes on with one of them.
    see(&mut know, sighting(29.0, 7, 0));
    know.forget(sighting(31.0, 7, 0).at, |_| true);
    for n in 100..103 {
        see(&mut know, sighting(31.0, 7, n));
        assert_eq!(know.facts().prevalence(&sighting(31.0, 7, n)).workloads, 1, "{n}");
    }
}

#[test]
fn what_is_not_in_use_gives_way_and_what_is_does_not() {
    let mut know = know(1000, 4);
    for n in 0..4 {
        see(&mut know, sighting(0.0, 7, n));
    }
    see(&mut know, sighting(1.5, 7, 0));
    for n in 100..200 {
        see(&mut know, sighting(1.6, 7, n));
    }
    let held: Vec<u64> =
        (0..200).filter(|n| know.facts().prevalence(&sighting(2.0, 7, *n)).workloads > 0).collect();
    assert_eq!(held, [0, 100, 101, 102]);
    let usage = of(&know, BoundedTable::Destinations);
    assert_eq!((usage.held, usage.evicted, usage.refused), (4, 3, 97));
}

#[test]
fn a_flood_of_one_workload_leaves_what_others_contact_as_it_is() {
    let mut know = know(2000, 1000);
    for workload in 1..=3 {
        see(&mut know, sighting(0.0, workload, 1));
    }
    see(&mut know, sighting(0.0, 1, 2));
    for n in 10..100_000_u32 {
        see(&mut know, sighting(f64::from(n) / 1000.0, 9, u64::from(n)));
    }
    let workloads = |destination| know.facts().prevalence(&sighting(100.0, 9, destination)).workloads;
    assert_eq!((workloads(1), workloads(2)), (3, 1));
    assert!(of(&know, BoundedTable::Destinations).held <= 2000);
}

#[test]
fn workloads_are_bounded_before_they_grow() {
    let mut know = know(4, 4);
    for workload in 0..1000 {
        see(&mut know, sighting(0.0, workload, workload));
    }
    let usage = of(&know, BoundedTable::Workloads);
    assert_eq!((usage.held, usage.refused), (4, 996));
    assert_eq!(of(&know, BoundedTable::Signatures).refused, 996);
}

#[test]
fn destinations_are_saved_and_read_back() {
    let mut know = know(1000, 4);
    for (workload, destination) in [(1, 1), (2, 1), (3, 2)] {
        see(&mut know, sighting(0.0, workload, destination));
    }
    let mut bytes = Vec::new();
    know.put(&mut bytes);
    let mut again = self::know(1000, 4);
    again.take(&mut Reader::of_version(crate::codec::VERSION, &bytes)).unwrap();
    let workloads = |n| again.facts().prevalence(&sighting(0.0, 1, n)).workloads;
    assert_eq!((workloads(1), workloads(2), workloads(3)), (2, 1, 0));
}
