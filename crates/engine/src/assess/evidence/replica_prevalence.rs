//! How many replicas of the workload do it.

use super::term_level::{Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::replicas::{ReplicaCount, Replicas};

/// The share of replicas that do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplicaPrevalence {
    /// Only this one.
    OneReplica,
    /// Fewer than four fifths.
    SomeReplicas,
    /// Four fifths or more.
    MostReplicas,
}

impl TermLevel for ReplicaPrevalence {
    const ALL: &'static [Self] = &[Self::OneReplica, Self::SomeReplicas, Self::MostReplicas];

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let Replicas { count, compared, rolling_out } = about.replicas?;
        if rolling_out {
            None
        } else if count.doing * 5 >= compared * 4 {
            Some(Self::MostReplicas)
        } else if count.doing == 1 && !count.at_least {
            Some(Self::OneReplica)
        } else {
            Some(Self::SomeReplicas)
        }
    }

    fn row(self) -> Row {
        match self {
            Self::OneReplica => Row::new("one-replica", 0.70, 0.10),
            Self::SomeReplicas => Row::new("some-replicas", 0.12, 0.10),
            Self::MostReplicas => Row::new("most-replicas", 0.18, 0.80),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        match about.replicas.map(|replicas| replicas.count) {
            Some(ReplicaCount { doing: 1, of, at_least: false }) => {
                format!("only 1 of {of} replicas does this")
            }
            Some(count) => format!("{count} replicas do this"),
            None => String::new(),
        }
    }
}
