//! How many replicas of the workload do it.

use super::onset::START_SECS;
use super::term_level::{Row, TermLevel};
use crate::actor::Pod;
use crate::assess::circumstances::Circumstances;
use crate::assess::finding::ReplicaCount;
use crate::assess::participant::is_job;
use crate::keys::ReplicaKey;
use crate::know::ReplicaSet;
use crate::time::Timestamp;

/// Replicas of a workload, compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    /// How many do this, of how many.
    pub(crate) count: ReplicaCount,
    /// Those of which it is known whether they do.
    compared: u32,
    /// Those that do not are all older than the one that is judged: a rollout looks like this, so it says nothing.
    pub(crate) rolling_out: bool,
}

impl Replicas {
    /// Compares a pod with the others of its workload at `now`; `doing` are those that did it lately.
    pub(crate) fn compare<'a>(
        pod: &Pod,
        replicas: impl Iterator<Item = (ReplicaKey, &'a Pod)>,
        doing: Option<&ReplicaSet>,
        now: Timestamp,
    ) -> Option<Self> {
        if is_job(&pod.owner) {
            return None;
        }
        let started = pod.started.unwrap_or_default();
        let (mut seen, mut known, mut do_it, mut others_older) = (0, 0, 0, true);
        for (key, replica) in replicas {
            let begun = replica.started.unwrap_or_default();
            let does = doing.map_or(Some(false), |doing| doing.does(key));
            // A replica that has only just started had no time yet.
            if now.secs_since(begun) < START_SECS && does != Some(true) {
                continue;
            }
            seen += 1;
            known += u32::from(does.is_some());
            do_it += u32::from(does == Some(true));
            others_older &= does != Some(false) || begun < started;
        }
        let of = pod.replicas.map_or(seen, |wanted| wanted.min(seen));
        let at_least = known < seen;
        // Those of which it is known are a fair sample of all.
        let compared = if at_least { known } else { of };
        let rolling_out = others_older && do_it < compared;
        let count = ReplicaCount { doing: do_it.clamp(1, of.max(1)), of, at_least };
        (of >= 2).then_some(Self { count, compared, rolling_out })
    }
}

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
