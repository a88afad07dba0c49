//! The operator as a library: reconciles policies onto node agents and reports their state.
//!
//! ```text
//! watches -> cluster (what the cluster looks like; no client, no await)
//!              -> rollouts (one for each policy) -> queue of policies whose rollout changed
//!                   -> beacon_policy: dereference -> validate -> build -> update_status, Events
//!              -> findings past their time or number, reports of nodes that are gone -> deleted
//! ```
//! Only the leader does any of it; another replica waits for the Lease.
#![forbid(unsafe_code)]

pub mod app;
pub mod apply_crds;
pub mod args;
pub mod beacon_policy;
pub mod cleanup;
pub mod cluster;
pub mod endpoints;
pub mod leader;
pub mod metrics;
pub mod observe;
pub mod policy;
pub mod silent_nodes;
