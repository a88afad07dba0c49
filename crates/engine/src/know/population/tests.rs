use super::*;

/// Sightings of workloads that do one thing to many destinations.
fn sighting(days: f64, workload: u64, destination: u64) -> Sighting {
    Sighting {
        at: Timestamp::from_secs_f64(1_700_000_000.0 + days * 86_400.0),
        workload: WorkloadKey(workload.into()),
        replica: ReplicaKey(1.into()),
        signature: SignatureKey(workload.into()),
        destination: DestinationKey(destination.into()),
        certain: true,
    }
}

fn population(signatures_max: usize, signatures_per_workload_max: u32) -> Population {
    Population::with_limits(&Limits { signatures_max, signatures_per_workload_max, ..Limits::default() })
}

fn of(population: &Population, table: BoundedTable) -> crate::counters::Usage {
    let mut counters = Counters::default();
    population.count(&mut counters);
    counters.table(table)
}

#[test]
fn a_share_full_of_forgotten_destinations_has_room_for_new_ones() {
    let mut population = population(1000, 4);
    for n in 0..4 {
        population.see(&sighting(0.0, 7, n));
    }
    // It goes on with one of them.
    population.see(&sighting(29.0, 7, 0));
    population.sweep(sighting(31.0, 7, 0).at);
    for n in 100..103 {
        population.see(&sighting(31.0, 7, n));
        assert_eq!(population.standings(&sighting(31.0, 7, n)).workloads, 1, "{n}");
    }
}

#[test]
fn what_is_not_in_use_gives_way_and_what_is_does_not() {
    let mut population = population(1000, 4);
    for n in 0..4 {
        population.see(&sighting(0.0, 7, n));
    }
    population.see(&sighting(1.5, 7, 0));
    for n in 100..200 {
        population.see(&sighting(1.6, 7, n));
    }
    let held: Vec<u64> =
        (0..200).filter(|n| population.standings(&sighting(2.0, 7, *n)).workloads > 0).collect();
    assert_eq!(held, [0, 100, 101, 102]);
    let usage = of(&population, BoundedTable::Destinations);
    assert_eq!((usage.held, usage.evicted, usage.refused), (4, 3, 97));
}

#[test]
fn a_flood_of_one_workload_leaves_what_others_contact_as_it_is() {
    let mut population = population(2000, 1000);
    for workload in 1..=3 {
        population.see(&sighting(0.0, workload, 1));
    }
    population.see(&sighting(0.0, 1, 2));
    for n in 10..100_000_u32 {
        population.see(&sighting(f64::from(n) / 1000.0, 9, u64::from(n)));
    }
    let workloads = |destination| population.standings(&sighting(100.0, 9, destination)).workloads;
    assert_eq!((workloads(1), workloads(2)), (3, 1));
    assert!(of(&population, BoundedTable::Destinations).held <= 2000);
}

#[test]
fn workloads_are_bounded_before_they_grow() {
    let mut population = population(4, 4);
    for workload in 0..1000 {
        population.see(&sighting(0.0, workload, workload));
    }
    let usage = of(&population, BoundedTable::Workloads);
    assert_eq!((usage.held, usage.refused), (4, 996));
    assert_eq!(of(&population, BoundedTable::Signatures).refused, 996);
}

#[test]
fn destinations_are_saved_and_read_back() {
    let mut population = population(1000, 4);
    for (workload, destination) in [(1, 1), (2, 1), (3, 2)] {
        population.see(&sighting(0.0, workload, destination));
    }
    let mut bytes = Vec::new();
    population.put(&mut bytes);
    let mut again = self::population(1000, 4);
    again.take(&mut Reader::of_version(crate::codec::VERSION, &bytes)).unwrap();
    let workloads = |n| again.standings(&sighting(0.0, 1, n)).workloads;
    assert_eq!((workloads(1), workloads(2), workloads(3)), (2, 1, 0));
}

#[test]
fn what_a_workload_holds_is_counted_anew_when_it_is_read_back() {
    let mut damaged = population(1000, 4);
    damaged.see(&sighting(0.0, 7, 1));
    let tally = Tally { signatures: 0, known: 9, turned_to: 0, watched: true };
    damaged.workloads.insert(WorkloadKey(7.into()), tally);
    let mut bytes = Vec::new();
    damaged.put(&mut bytes);
    let mut again = population(1000, 4);
    again.take(&mut Reader::of_version(crate::codec::VERSION, &bytes)).unwrap();
    again.sweep(sighting(365.0, 7, 1).at);
    assert_eq!(of(&again, BoundedTable::Workloads).held, 0);
}
