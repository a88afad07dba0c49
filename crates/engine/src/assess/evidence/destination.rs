//! How many workloads contact the destination.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::scope::Scope;

/// Workloads that must be watched before it says something that only one of them contacts a destination.
const WORKLOADS_MIN: usize = 3;

/// How widely a destination is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// By this workload alone.
    OneWorkload,
    /// By two or three.
    FewWorkloads,
    /// By more.
    ManyWorkloads,
    /// It is inside the cluster.
    Inside,
}

impl TermLevel for Destination {
    const ALL: &'static [Self] = &[Self::OneWorkload, Self::FewWorkloads, Self::ManyWorkloads, Self::Inside];
    const GROUP: Option<Group> = Some(Group::Novelty);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        // How many contact a destination of an aggregate counts where that destination is judged alone.
        if about.conversation.aggregate.is_some() {
            return None;
        }
        match (about.scope, about.prevalence.workloads) {
            (Scope::Internal, _) => Some(Self::Inside),
            (_, 0) => None,
            // Among so few it says nothing that the others do not contact it.
            (_, 1) if about.prevalence.watched < WORKLOADS_MIN => None,
            (_, 1) => Some(Self::OneWorkload),
            (_, 2 | 3) => Some(Self::FewWorkloads),
            (_, _) => Some(Self::ManyWorkloads),
        }
    }

    fn row(self) -> Row {
        match self {
            Self::OneWorkload => Row::new("one-workload", 0.72, 0.40).on_network(0.50),
            Self::FewWorkloads => Row::new("few-workloads", 0.06, 0.10).on_network(0.25),
            Self::ManyWorkloads => Row::new("many-workloads", 0.17, 0.30).on_network(0.20),
            Self::Inside => Row::new("inside", 0.05, 0.20).on_network(0.05),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        match self {
            Self::OneWorkload => "no other workload contacts this destination".to_owned(),
            Self::FewWorkloads => {
                format!("{} workloads contact this destination", about.prevalence.workloads)
            }
            Self::ManyWorkloads => "many workloads contact this destination".to_owned(),
            Self::Inside => "the destination is inside the cluster".to_owned(),
        }
    }
}
