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
pub(crate) use self::term_level::Group;
use self::term_level::Item;

/// Makes [`Term`] of the list below, so that each term stands there once.
macro_rules! terms {
    ($($(#[$about:meta])* $term:ident = $name:literal, $levels:ty;)+) => {
        /// Terms of evidence, in the order in which their bits are kept; see `detection.md` in the documentation for
        /// their levels.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Term {
            $($(#[$about])* $term),+
        }

        impl Term {
            /// All terms, in the order in which their bits are kept.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$term),+];

            /// `executable`, `ja4`, ...
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$term => $name),+
                }
            }

            /// Its levels, and what is known about them.
            const fn item(self) -> &'static Item {
                match self {
                    $(Self::$term => &const { Item::of::<$levels>() }),+
                }
            }
        }
    };
}

// Checkpoints keep levels by the place of their term: a new one goes last.
terms! {
    /// Provenance and kind of the executable.
    Executable = "executable", executable::Executable;
    /// TLS fingerprint unusual for the image.
    Ja4 = "ja4", ja4::Ja4;
    /// How the destination was named.
    NameResolution = "name-resolution", name_resolution::NameResolution;
    /// Port unusual for the protocol.
    Port = "port", port::Port;
    /// How many distinct workloads contact the destination.
    Destination = "destination", destination::Destination;
    /// Known to this workload, or new.
    Baseline = "baseline", baseline::Baseline;
    /// When it began, relative to the pod's start.
    Onset = "onset", onset::Onset;
    /// How many replicas do it.
    ReplicaPrevalence = "replica-prevalence", replica_prevalence::ReplicaPrevalence;
    /// Rhythm.
    Timing = "timing", timing::Timing;
    /// Request sizes.
    Size = "size", size::Size;
    /// Balance of bytes each way.
    Balance = "balance", balance::Balance;
    /// Whether the peer answers.
    SuccessRate = "success-rate", success_rate::SuccessRate;
    /// Data in DNS names.
    DnsPayload = "dns-payload", dns_payload::DnsPayload;
    /// User-supplied lists.
    Reputation = "reputation", reputation::Reputation;
    /// The application protocol itself, where it is a rare one.
    Protocol = "protocol", protocol::Protocol;
    /// How far check-ins lie apart (traffic recorded on a network only).
    Period = "period", period::Period;
}

impl Term {
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
