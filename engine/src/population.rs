//! What is usual here: which workload does what (signatures and their baseline), how many workloads turn to a
//! destination, how many replicas do the same.
//!
//! Bounded in all and per workload, so that a flood from one leaves the figures of the others as they are.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::checkpoint::{Reader, Saved, Writer, saved};
use crate::collections::Map;
use crate::evidence::Vote;
use crate::participant::WorkloadKey;
use crate::time::Timestamp;

/// Identity of a signature: (workload, executable, destination class, port).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SignatureKey(pub(crate) u64);

/// What the baseline says of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The workload has no baseline yet, or the signature could not be remembered: no evidence.
    Unknown,
    /// New to a workload that has a baseline.
    New,
    /// Old enough to be known, but never unsuspicious enough to be admitted: no evidence.
    Unvetted,
    /// Known.
    Known,
}

/// A signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    workload: WorkloadKey,
    first: Timestamp,
    last: Timestamp,
    /// Replicas that did it, as bits by hash: today and yesterday.
    replicas: [u64; 2],
    day: u32,
    known: bool,
    unvetted: bool,
    /// Its levels, as counted among the evidence's denominators.
    pub(crate) vote: Vote,
}

#[derive(Clone, Copy, Debug)]
struct Prevalence {
    workloads: [u64; 4],
    last: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    signatures: u32,
    known: u32,
    destinations: u32,
    /// Destinations it turned to, as bits by hash.
    turned_to: u64,
    watched: bool,
}

/// One contact, as the population sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) at: Timestamp,
    pub(crate) workload: WorkloadKey,
    pub(crate) replica: u64,
    pub(crate) signature: SignatureKey,
    /// Hash of the destination alone.
    pub(crate) destination: u64,
    /// The workload's own traffic is watched for certain: it is a pod or a process, not just an address.
    pub(crate) certain: bool,
}

/// What the population knows about a conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standings {
    pub(crate) standing: Standing,
    /// Replicas that did it lately, as bits by hash.
    replicas: u64,
    /// Distinct workloads that turned to the destination, at most 4.
    pub(crate) workloads: u32,
    /// Distinct workloads that are watched.
    pub(crate) watched: usize,
}

saved!(Signature { workload, first, last, replicas, day, known, unvetted, vote });
saved!(Prevalence { workloads, last });
saved!(Tally { signatures, known, destinations, turned_to, watched });

impl Standings {
    /// This replica did it lately.
    pub(crate) fn does(&self, replica: u64) -> bool {
        self.replicas & (1 << (replica % 64)) != 0
    }
}

/// Signatures and destinations.
#[derive(Debug)]
pub(crate) struct Population {
    max: usize,
    per_workload_max: u32,
    signatures: Map<SignatureKey, Signature>,
    destinations: Map<u64, Prevalence>,
    workloads: Map<WorkloadKey, Tally>,
    /// Workloads that are watched.
    watched: usize,
    refused: u64,
}

/// A signature is old enough for the baseline after this long in two replicas, or after [`SETTLED_ALONE`].
const SETTLED: Duration = Duration::from_secs(24 * 3600);
const SETTLED_ALONE: Duration = Duration::from_secs(7 * 24 * 3600);
/// What was not seen for this long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);
/// An address that turns to fewer destinations than this may be seen only through one of them: it is not watched,
/// and says nothing about what is usual.
const WATCHED_DESTINATIONS: u32 = 3;
/// A signature is admitted if its other evidence stays below this, bits.
const VETTED_BELOW: f32 = 2.0;
const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;

impl Population {
    pub(crate) fn with_bounds(max: usize, per_workload_max: u32) -> Self {
        Self {
            max,
            per_workload_max,
            signatures: Map::default(),
            destinations: Map::default(),
            workloads: Map::default(),
            watched: 0,
            refused: 0,
        }
    }

    /// A signature that is known before the start.
    pub(crate) fn learn(&mut self, workload: WorkloadKey, signature: SignatureKey) {
        let room = self.signatures.len() < self.max;
        let tally = self.workloads.entry(workload).or_default();
        if let Some(present) = self.signatures.get_mut(&signature) {
            if !present.known {
                present.known = true;
                tally.known += 1;
            }
        } else if room {
            tally.known += 1;
            tally.signatures += 1;
            let mut entry = Signature::young(workload, Timestamp::ZERO);
            entry.known = true;
            self.signatures.insert(signature, entry);
        } else {
            self.refused += 1;
        }
    }

    /// Takes a sighting.
    pub(crate) fn see(&mut self, seen: &Sighting) {
        let tally = self.workloads.entry(seen.workload).or_default();
        if !self.signatures.contains_key(&seen.signature) {
            if self.signatures.len() >= self.max || tally.signatures >= self.per_workload_max {
                self.refused += 1;
                return;
            }
            tally.signatures += 1;
            self.signatures.insert(seen.signature, Signature::young(seen.workload, seen.at));
        }
        if let Some(signature) = self.signatures.get_mut(&seen.signature) {
            signature.see(seen);
        }
        tally.turned_to |= 1 << (seen.destination % 64);
        let watched = seen.certain || tally.turned_to.count_ones() >= WATCHED_DESTINATIONS;
        if watched && !tally.watched {
            tally.watched = true;
            self.watched += 1;
        }
        if !watched {
            return;
        }
        if let Some(prevalence) = self.destinations.get_mut(&seen.destination) {
            prevalence.see(seen);
        } else if self.destinations.len() < self.max && tally.destinations < self.per_workload_max {
            tally.destinations += 1;
            let mut prevalence = Prevalence { workloads: [0; 4], last: seen.at };
            prevalence.see(seen);
            self.destinations.insert(seen.destination, prevalence);
        }
    }

    /// What is known about a sighting's signature and destination.
    pub(crate) fn standings(&self, seen: &Sighting) -> Standings {
        let signature = self.signatures.get(&seen.signature);
        let has_baseline = self.workloads.get(&seen.workload).is_some_and(|tally| tally.known > 0);
        let standing = match signature {
            Some(s) if s.known => Standing::Known,
            Some(s) if s.unvetted => Standing::Unvetted,
            Some(_) if has_baseline => Standing::New,
            Some(_) | None => Standing::Unknown,
        };
        let prevalence = self.destinations.get(&seen.destination);
        Standings {
            standing,
            watched: self.watched,
            replicas: signature.map_or(0, |s| s.replicas.iter().fold(0, |all, day| all | day)),
            workloads: prevalence.map_or(0, |p| p.workloads.iter().fold(0, |n, w| n + u32::from(*w != 0))),
        }
    }

    /// Workloads that are watched; where no pods are known, hosts.
    pub(crate) fn watched(&self) -> usize {
        self.watched
    }

    /// The workload's own traffic is watched, so that what it does is usual here.
    pub(crate) fn is_watched(&self, workload: WorkloadKey) -> bool {
        self.workloads.get(&workload).is_some_and(|tally| tally.watched)
    }

    /// The signature's vote.
    pub(crate) fn vote(&self, signature: SignatureKey) -> Vote {
        self.signatures.get(&signature).map(|s| s.vote).unwrap_or_default()
    }

    /// The signature's vote, to be replaced.
    pub(crate) fn vote_mut(&mut self, signature: SignatureKey) -> Option<&mut Vote> {
        self.signatures.get_mut(&signature).map(|s| &mut s.vote)
    }

    /// Admits a signature to the baseline once it is old enough, if its evidence without novelty is low.
    pub(crate) fn admit(&mut self, signature: SignatureKey, now: Timestamp, score_without_novelty: f32) {
        let Some(entry) = self.signatures.get_mut(&signature) else { return };
        if entry.known {
            return;
        }
        let age = now.since(entry.first);
        let settled = age >= SETTLED_ALONE || (age >= SETTLED && entry.replicas() >= 2);
        if !settled {
            return;
        }
        entry.unvetted = score_without_novelty >= VETTED_BELOW;
        entry.known = !entry.unvetted;
        if entry.known {
            self.workloads.entry(entry.workload).or_default().known += 1;
        }
    }

    /// Writes everything that was learned.
    pub(crate) fn save(&self, out: &mut Writer) {
        // In the order of keys, so that equal states give equal bytes.
        let signatures: BTreeMap<_, _> = self.signatures.iter().map(|(k, v)| (*k, *v)).collect();
        let destinations: BTreeMap<_, _> = self.destinations.iter().map(|(k, v)| (*k, *v)).collect();
        let workloads: BTreeMap<_, _> = self.workloads.iter().map(|(k, v)| (*k, *v)).collect();
        signatures.into_iter().collect::<Vec<_>>().save(out);
        destinations.into_iter().collect::<Vec<_>>().save(out);
        workloads.into_iter().collect::<Vec<_>>().save(out);
    }

    /// Reads it back, and gives the votes of the signatures.
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Option<Vec<Vote>> {
        let signatures: Vec<(SignatureKey, Signature)> = Saved::load(from)?;
        let destinations: Vec<(u64, Prevalence)> = Saved::load(from)?;
        let workloads: Vec<(WorkloadKey, Tally)> = Saved::load(from)?;
        let votes = signatures.iter().take(self.max).map(|(_, signature)| signature.vote).collect();
        self.signatures = signatures.into_iter().take(self.max).collect();
        self.destinations = destinations.into_iter().take(self.max).collect();
        self.watched = workloads.iter().filter(|(_, tally)| tally.watched).count();
        self.workloads = workloads.into_iter().collect();
        Some(votes)
    }

    /// Forgets what was not seen for long. Returns the votes that no longer count.
    pub(crate) fn sweep(&mut self, now: Timestamp) -> Vec<Vote> {
        let mut votes = Vec::new();
        let workloads = &mut self.workloads;
        self.signatures.retain(|_, signature| {
            if signature.last == Timestamp::ZERO {
                signature.last = now;
            }
            let keep = now.since(signature.last) < FORGOTTEN;
            if !keep {
                votes.push(signature.vote);
                if let Some(tally) = workloads.get_mut(&signature.workload) {
                    tally.signatures -= 1;
                    tally.known -= u32::from(signature.known);
                }
            }
            keep
        });
        self.destinations.retain(|_, prevalence| now.since(prevalence.last) < FORGOTTEN);
        self.workloads.retain(|_, tally| tally.signatures > 0);
        self.watched = self.workloads.values().filter(|tally| tally.watched).count();
        votes
    }
}

impl Signature {
    fn young(workload: WorkloadKey, first: Timestamp) -> Self {
        Self {
            workload,
            first,
            last: first,
            replicas: [0; 2],
            day: 0,
            known: false,
            unvetted: false,
            vote: Vote::default(),
        }
    }

    fn see(&mut self, seen: &Sighting) {
        if self.first == Timestamp::ZERO {
            self.first = seen.at;
        }
        let day = u32::try_from(seen.at.as_nanos() / DAY_NS).unwrap_or(u32::MAX);
        if day > self.day {
            let [today, _] = self.replicas;
            self.replicas = [0, if day - self.day == 1 { today } else { 0 }];
            self.day = day;
        }
        let [today, _] = &mut self.replicas;
        *today |= 1 << (seen.replica % 64);
        self.last = self.last.max(seen.at);
    }

    /// Distinct replicas of today and yesterday, by linear counting in 64 bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "at most 64 bits are counted"
    )]
    fn replicas(&self) -> u32 {
        let [today, yesterday] = self.replicas;
        let zeros = (today | yesterday).count_zeros();
        if zeros == 0 { 64 } else { (64.0 * (64.0 / zeros as f32).ln()).round().max(1.0) as u32 }
    }
}

impl Prevalence {
    fn see(&mut self, seen: &Sighting) {
        self.last = self.last.max(seen.at);
        let who = seen.workload.0.max(1);
        if !self.workloads.contains(&who)
            && let Some(free) = self.workloads.iter_mut().find(|slot| **slot == 0)
        {
            *free = who;
        }
    }
}
