//! Evidence in bits: for each term log2( P(level | a beacon) / P(level | what is usual here) ).
//!
//! One file a term: its levels, how often each is met, what decides it, and how it is put in words. This file lists
//! them. The numerator is a documented prior of the term; the denominator is learned from this cluster's own signatures
//! without labels ([`crate::know`]), so that what is common here is worth nothing.

mod balance;
mod baseline;
mod destination;
mod dns_payload;
mod executable;
mod ja4;
mod levels;
mod name_resolution;
mod onset;
mod period;
mod port;
mod protocol;
mod replica_prevalence;
mod reputation;
mod size;
mod success_rate;
mod term_level;
mod timing;

pub(crate) use self::levels::{Level, Levels};
pub(crate) use self::replica_prevalence::Replicas;
use self::term_level::Item;

/// Terms of evidence, in the order in which their bits are kept; see `detection.md` in the documentation for their
/// levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// Provenance and kind of the executable.
    Executable,
    /// TLS fingerprint unusual for the image.
    Ja4,
    /// How the destination was named.
    NameResolution,
    /// Port unusual for the protocol.
    Port,
    /// How many distinct workloads contact the destination.
    Destination,
    /// Known to this workload, or new.
    Baseline,
    /// When it began, relative to the pod's start.
    Onset,
    /// How many replicas do it.
    ReplicaPrevalence,
    /// Rhythm.
    Timing,
    /// Request sizes.
    Size,
    /// Balance of bytes each way.
    Balance,
    /// Whether the peer answers.
    SuccessRate,
    /// Data in DNS names.
    DnsPayload,
    /// User-supplied lists.
    Reputation,
    /// The application protocol itself, where it is a rare one.
    Protocol,
    /// How far check-ins lie apart (traffic recorded on a network only).
    Period,
}

/// Terms that say the same thing in other words: only the strongest of a group counts in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Which program it is.
    Program,
    /// How the destination was addressed.
    Address,
    /// What is new about it.
    Novelty,
    /// What is exchanged.
    Exchange,
}

impl Group {
    /// All groups.
    pub(crate) const ALL: [Self; 4] = [Self::Program, Self::Address, Self::Novelty, Self::Exchange];
}

impl Term {
    /// All terms, in the order in which their bits are kept.
    pub const ALL: [Self; 16] = [
        Self::Executable,
        Self::Ja4,
        Self::NameResolution,
        Self::Port,
        Self::Destination,
        Self::Baseline,
        Self::Onset,
        Self::ReplicaPrevalence,
        Self::Timing,
        Self::Size,
        Self::Balance,
        Self::SuccessRate,
        Self::DnsPayload,
        Self::Reputation,
        Self::Protocol,
        Self::Period,
    ];

    /// `executable`, `ja4`, ...
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Executable => "executable",
            Self::Ja4 => "ja4",
            Self::NameResolution => "name-resolution",
            Self::Port => "port",
            Self::Destination => "destination",
            Self::Baseline => "baseline",
            Self::Onset => "onset",
            Self::ReplicaPrevalence => "replica-prevalence",
            Self::Timing => "timing",
            Self::Size => "size",
            Self::Balance => "balance",
            Self::SuccessRate => "success-rate",
            Self::DnsPayload => "dns-payload",
            Self::Reputation => "reputation",
            Self::Protocol => "protocol",
            Self::Period => "period",
        }
    }

    /// Its levels, and what is known about them.
    const fn item(self) -> &'static Item {
        match self {
            Self::Executable => &const { Item::of::<executable::Executable>() },
            Self::Ja4 => &const { Item::of::<ja4::Ja4>() },
            Self::NameResolution => &const { Item::of::<name_resolution::NameResolution>() },
            Self::Port => &const { Item::of::<port::Port>() },
            Self::Destination => &const { Item::of::<destination::Destination>() },
            Self::Baseline => &const { Item::of::<baseline::Baseline>() },
            Self::Onset => &const { Item::of::<onset::Onset>() },
            Self::ReplicaPrevalence => &const { Item::of::<replica_prevalence::ReplicaPrevalence>() },
            Self::Timing => &const { Item::of::<timing::Timing>() },
            Self::Size => &const { Item::of::<size::Size>() },
            Self::Balance => &const { Item::of::<balance::Balance>() },
            Self::SuccessRate => &const { Item::of::<success_rate::SuccessRate>() },
            Self::DnsPayload => &const { Item::of::<dns_payload::DnsPayload>() },
            Self::Reputation => &const { Item::of::<reputation::Reputation>() },
            Self::Protocol => &const { Item::of::<protocol::Protocol>() },
            Self::Period => &const { Item::of::<period::Period>() },
        }
    }

    /// The terms that say the same in other words.
    pub(crate) const fn group(self) -> Option<Group> {
        self.item().group
    }

    /// Place of the term among [`Term::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests;
