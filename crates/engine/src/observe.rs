//! From what happened to contacts: who contacted whom, when, under which name, with how many bytes.
//!
//! One rule for names, for live traffic and for logs. Nothing here knows a score, a policy or a finding.

pub mod contact;
pub mod event;
pub mod naming;
pub mod protocol;
pub mod session;
pub mod workload;
