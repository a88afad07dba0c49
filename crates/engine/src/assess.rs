//! From what is tracked and known to a finding: gates, evidence, policy.

pub(crate) mod budget;
pub(crate) mod case;
pub(crate) mod circumstances;
pub(crate) mod compose;
pub(crate) mod detector;
pub(crate) mod evidence;
pub(crate) mod explain;
pub mod finding;
pub(crate) mod identities;
pub(crate) mod judgement;
pub(crate) mod kind;
pub(crate) mod open_findings;
pub(crate) mod participant;
pub(crate) mod parts;
pub mod policy;
pub(crate) mod replicas;
pub mod reputation;
pub(crate) mod scope;
pub(crate) mod severity;
mod usual;
pub(crate) mod weigh;
