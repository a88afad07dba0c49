//! One actor's state: conversations, their rhythm and sizes, in bounded tables.
//!
//! Nothing here knows other actors, a policy or a finding.

pub(crate) mod aliases;
pub(crate) mod begin;
pub(crate) mod conversation;
pub(crate) mod dns_volume;
pub(crate) mod look_ahead;
pub(crate) mod rhythm;
pub(crate) mod table;
