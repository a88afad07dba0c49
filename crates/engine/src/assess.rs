//! From what is tracked and known to a finding: gates, evidence, policy.

pub(crate) mod budget;
pub(crate) mod circumstances;
pub(crate) mod detector;
pub(crate) mod evidence;
pub mod finding;
pub mod policy;
pub(crate) mod scope;
mod usual;
pub(crate) mod weigh;
