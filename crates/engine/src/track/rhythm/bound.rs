//! The tracker's bound on irregular processes: P(ever at least h bits) <= 2^-h.

use super::Train;
use crate::time::Timestamp;

/// Numbers between 0 and 1 that are the same on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self) -> f64 {
        -self.next().ln()
    }

    fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (core::f64::consts::TAU * self.next()).cos()
    }
}

type Law = (&'static str, fn(&mut Noise) -> f64);

/// Laws of irregular gaps, seconds.
const LAWS: [Law; 9] = [
    ("exponential", |n| 60.0 * n.exponential()),
    ("log-normal 1.0", |n| (3.0 + n.normal()).exp()),
    ("log-normal 1.5", |n| (3.0 + 1.5 * n.normal()).exp()),
    ("log-normal 2.5", |n| (3.0 + 2.5 * n.normal()).exp()),
    ("Pareto 1.2", |n| 1.0 + 5.0 * (n.next().powf(-1.0 / 1.2) - 1.0)),
    ("Weibull 0.6", |n| 50.0 * n.exponential().powf(1.0 / 0.6)),
    ("two exponentials", |n| if n.next() < 0.7 { 2.0 * n.exponential() } else { 300.0 * n.exponential() }),
    ("gamma 2", |n| 30.0 * (n.exponential() + n.exponential())),
    ("uniform 0-2T", |n| 120.0 * n.next()),
];
/// Laws that are more regular than the nulls, shown but not held to the bound.
const REGULAR: [&str; 2] = ["gamma 2", "uniform 0-2T"];
const HEIGHTS: [f32; 5] = [6.0, 8.0, 10.0, 13.0, 16.0];
const GAPS: usize = 300;

/// For each height, how many of `runs` trains reached it at any time.
fn reached(law: fn(&mut Noise) -> f64, dead: f32, runs: u64) -> [u32; HEIGHTS.len()] {
    let mut counts = [0; HEIGHTS.len()];
    for run in 0..runs {
        let mut noise = Noise(run * 7919 + 17);
        let mut train = Train::default();
        let mut at = 1.0e6;
        let mut most = 0.0_f32;
        for _ in 0..GAPS {
            train.event(None, Timestamp::from_secs_f64(at), dead);
            most = most.max(train.tracker().evidence());
            at += law(&mut noise);
        }
        for (count, height) in counts.iter_mut().zip(HEIGHTS) {
            *count += u32::from(most >= height);
        }
    }
    counts
}

#[test]
fn irregular_trains_stay_below_the_bound() {
    let runs = 150;
    for (name, law) in LAWS.into_iter().filter(|(name, _)| !REGULAR.contains(name)) {
        for (count, height) in reached(law, 0.0, runs).into_iter().zip(HEIGHTS) {
            let expected = runs as f32 * (-height).exp2();
            assert!(
                count as f32 <= expected + 3.0 * expected.sqrt() + 1.0,
                "{name}: {count} reached {height}"
            );
        }
    }
}

#[test]
#[ignore = "prints the table of docs/detection.md; seconds in a release build"]
fn table_of_the_bound() {
    let runs = 30_000;
    println!("{:18} {}", "gaps", HEIGHTS.map(|h| format!("P(>={h:2}) ")).concat());
    println!("{:18} {}", "bound 2^-h", HEIGHTS.map(|h| format!("{:8.5} ", (-h).exp2())).concat());
    for (name, law) in LAWS {
        let shares = reached(law, 0.0, runs).map(|count| format!("{:8.5} ", count as f32 / runs as f32));
        println!("{name:18} {}", shares.concat());
    }
}
