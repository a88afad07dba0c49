//! When it began, relative to the start of the pod.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::replicas::START_SECS;
use crate::text::duration_text;

/// What an older pod did before the engine watched it this long is not known.
const SETTLING_SECS: f64 = 3600.0;

/// How long after the pod's start it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Onset {
    /// Later than [`START_SECS`].
    Later,
    /// With the pod.
    AtStart,
}

impl TermLevel for Onset {
    const ALL: &'static [Self] = &[Self::Later, Self::AtStart];
    const GROUP: Option<Group> = Some(Group::Novelty);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let started = about.participant.pod.as_ref().and_then(|pod| pod.started)?;
        let first = about.conversation.first;
        let older = started < about.watched_since;
        if older && first.secs_since(about.watched_since) < SETTLING_SECS {
            None
        } else if !older && first.secs_since(started) < START_SECS {
            Some(Self::AtStart)
        } else {
            Some(Self::Later)
        }
    }

    fn row(self) -> Row {
        match self {
            Self::Later => Row::new("later", 0.85, 0.30),
            Self::AtStart => Row::new("at-start", 0.15, 0.70),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let started = about.participant.pod.as_ref().and_then(|pod| pod.started).unwrap_or_default();
        format!("started {} after the pod did", duration_text(about.conversation.first.secs_since(started)))
    }
}
