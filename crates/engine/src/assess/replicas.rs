//! Replicas of a workload, compared: how many do what one of them does.

use crate::actor::Pod;
use crate::assess::participant::is_job;
use crate::keys::ReplicaKey;
use crate::know::ReplicaSet;
use crate::time::Timestamp;

/// What a pod does within this long of its start belongs to its start, seconds.
pub(crate) const START_SECS: f64 = 600.0;

/// How many replicas of a workload do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaCount {
    /// So many do this ...
    pub doing: u32,
    /// ... of so many that can be compared.
    pub of: u32,
    /// More may: there are too many to remember each.
    pub at_least: bool,
}

impl core::fmt::Display for ReplicaCount {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { doing, of, at_least } = self;
        write!(f, "{}{doing} of {of}", if *at_least { "at least " } else { "" })
    }
}

/// Replicas of a workload, compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    /// How many do this, of how many.
    pub(crate) count: ReplicaCount,
    /// Those of which it is known whether they do.
    pub(crate) compared: u32,
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
