//! The evidence table: items, their levels, and how often each level is met.
//!
//! `prior`: share of call-home conversations that show the level; an expert's estimate, policy rather than
//! fitted. `usual`: share of ordinary signatures, the belief before a cluster was seen. `docs/detection.md`
//! prints this table.

use crate::assess::finding::Term;

/// Where a conversation goes; what is usual differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Out of the cluster.
    External,
    /// Inside the cluster.
    Internal,
    /// Questions to a resolver.
    Dns,
    /// From a host that is only an address, in traffic recorded on a network: no cluster, no process.
    Network,
}

impl Scope {
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::External => 0,
            Self::Internal => 1,
            Self::Dns => 2,
            Self::Network => 3,
        }
    }
}

/// One level of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) prior: f32,
    pub(crate) usual: f32,
}

const fn row(name: &'static str, prior: f32, usual: f32) -> Row {
    Row { name, prior, usual }
}

/// The items, in the order in which their bits are kept.
pub(crate) const TERMS: [Term; 16] = Term::ALL;

/// Place of an item in [`TERMS`].
pub(crate) const fn index_of(term: Term) -> usize {
    match term {
        Term::Who => 0,
        Term::Ja4 => 1,
        Term::Naming => 2,
        Term::Port => 3,
        Term::Destination => 4,
        Term::Baseline => 5,
        Term::Lag => 6,
        Term::Population => 7,
        Term::Timing => 8,
        Term::Size => 9,
        Term::Balance => 10,
        Term::Answer => 11,
        Term::DnsPayload => 12,
        Term::Reputation => 13,
        Term::Protocol => 14,
        Term::Period => 15,
    }
}

/// Levels of an item; level numbers begin with 1, 0 is "does not apply or is not known".
pub(crate) const fn rows(term: Term) -> &'static [Row] {
    match term {
        Term::Who => WHO,
        Term::Ja4 => JA4,
        Term::Naming => NAMING,
        Term::Port => PORT,
        Term::Destination => DESTINATION,
        Term::Baseline => BASELINE,
        Term::Lag => LAG,
        Term::Population => POPULATION,
        Term::Timing => TIMING,
        Term::Size => SIZE,
        Term::Balance => BALANCE,
        Term::Answer => ANSWER,
        Term::DnsPayload => DNS_PAYLOAD,
        Term::Reputation => REPUTATION,
        Term::Period => PERIOD,
        Term::Protocol => PROTOCOL,
    }
}

const WHO: &[Row] = &[
    row("memory-or-unlinked", 0.10, 0.002),
    row("not-in-image-writable", 0.22, 0.006),
    row("not-in-image", 0.20, 0.01),
    row("unlinked", 0.05, 0.005),
    row("network-tool", 0.15, 0.02),
    row("network-tool-in-job", 0.02, 0.03),
    row("shell", 0.04, 0.01),
    row("interpreter", 0.15, 0.30),
    row("image", 0.07, 0.617),
];
const JA4: &[Row] = &[row("unusual", 0.35, 0.02), row("usual", 0.65, 0.98)];
const NAMING: &[Row] = &[
    row("no-lookup", 0.30, 0.06),
    row("sni-mismatch", 0.06, 0.01),
    row("sni-missing", 0.12, 0.05),
    row("consistent", 0.52, 0.88),
];
const PORT: &[Row] = &[
    row("usual", 0.70, 0.90),
    row("registered", 0.12, 0.05),
    row("unusual", 0.12, 0.035),
    row("of-another-protocol", 0.06, 0.015),
];
const DESTINATION: &[Row] = &[
    row("one-workload", 0.72, 0.40),
    row("few-workloads", 0.06, 0.10),
    row("many-workloads", 0.17, 0.30),
    row("inside", 0.05, 0.20),
];
const BASELINE: &[Row] = &[row("new", 0.97, 0.15), row("known", 0.03, 0.85)];
const LAG: &[Row] = &[row("later", 0.85, 0.30), row("at-start", 0.15, 0.70)];
const POPULATION: &[Row] =
    &[row("one-replica", 0.70, 0.10), row("some-replicas", 0.12, 0.10), row("most-replicas", 0.18, 0.80)];
const TIMING: &[Row] = &[
    row("none", 0.12, 0.40),
    row("ticker", 0.06, 0.25),
    row("wall-clock", 0.07, 0.05),
    row("fixed", 0.25, 0.12),
    row("narrow", 0.15, 0.06),
    row("medium", 0.30, 0.08),
    row("wide", 0.05, 0.04),
];
const SIZE: &[Row] =
    &[row("constant", 0.70, 0.5), row("mostly-constant", 0.20, 0.2), row("varies", 0.10, 0.3)];
const BALANCE: &[Row] = &[
    row("push", 0.11, 0.22),
    row("balanced", 0.65, 0.45),
    row("pull", 0.20, 0.30),
    row("bulk-push", 0.04, 0.03),
];
const ANSWER: &[Row] = &[row("never", 0.12, 0.015), row("seldom", 0.05, 0.025), row("answers", 0.83, 0.96)];
const DNS_PAYLOAD: &[Row] = &[row("high", 0.40, 0.03), row("some", 0.30, 0.07), row("none", 0.30, 0.90)];
const REPUTATION: &[Row] = &[row("listed", 0.20, 0.002)];
const PERIOD: &[Row] = &[row("short", 0.35, 0.06), row("minutes", 0.45, 0.24), row("long", 0.20, 0.70)];
const PROTOCOL: &[Row] = &[row("irc", 0.06, 0.002), row("other", 0.94, 0.998)];

/// What is usual among the conversations of hosts on a network, where it differs from a cluster: most have no
/// rhythm, and many names are looked up out of sight.
const fn usual_on_network(term: Term) -> Option<&'static [f32]> {
    match term {
        Term::Timing => Some(const { &[0.88, 0.03, 0.01, 0.04, 0.015, 0.015, 0.01] }),
        Term::Naming => Some(const { &[0.20, 0.01, 0.02, 0.77] }),
        Term::Port => Some(const { &[0.755, 0.18, 0.05, 0.015] }),
        Term::Destination => Some(const { &[0.50, 0.25, 0.20, 0.05] }),
        Term::Size => Some(const { &[0.70, 0.05, 0.25] }),
        Term::Balance => Some(const { &[0.14, 0.40, 0.45, 0.01] }),
        Term::Answer => Some(const { &[0.03, 0.02, 0.95] }),
        Term::Who
        | Term::Ja4
        | Term::Baseline
        | Term::Lag
        | Term::Population
        | Term::DnsPayload
        | Term::Reputation
        | Term::Protocol
        | Term::Period => None,
    }
}

/// Share of ordinary signatures of a scope that show a level, before the scope was seen.
pub(crate) fn usual(scope: Scope, term: Term, level: u8) -> f32 {
    let own = match scope {
        Scope::Network => usual_on_network(term),
        Scope::External | Scope::Internal | Scope::Dns => None,
    };
    let index = usize::from(level).wrapping_sub(1);
    own.and_then(|shares| shares.get(index).copied())
        .or_else(|| row_of(term, level).map(|row| row.usual))
        .unwrap_or(1.0)
}

/// One level of an item.
pub(crate) fn row_of(term: Term, level: u8) -> Option<&'static Row> {
    rows(term).get(usize::from(level).checked_sub(1)?)
}

/// Name of a level; empty for level 0.
pub(crate) fn level_name(term: Term, level: u8) -> &'static str {
    row_of(term, level).map_or("", |row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_an_items_levels_add_up_to_one() {
        for term in TERMS.into_iter().filter(|term| *term != Term::Reputation) {
            let prior: f32 = rows(term).iter().map(|row| row.prior).sum();
            let usual: f32 = rows(term).iter().map(|row| row.usual).sum();
            assert!((prior - 1.0).abs() < 1e-3, "{term:?} prior {prior}");
            assert!((usual - 1.0).abs() < 1e-3, "{term:?} usual {usual}");
        }
    }

    #[test]
    fn each_item_has_its_own_place() {
        for (index, term) in TERMS.into_iter().enumerate() {
            assert_eq!(index_of(term), index);
            assert!(rows(term).len() < 16, "a vote has four bits an item");
        }
    }
}
