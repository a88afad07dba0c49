//! The agent in the cluster.
pub mod budget;
pub mod owners;
pub mod pods;
pub mod spool;
