//! Pure, replayable detection engine.
//!
//! No clock, randomness, environment, IO or map order in here: time comes in with each input, and the same
//! input gives the same output. The contract is in [`engine`].
#![forbid(unsafe_code)]

pub mod actor;
pub mod collections;
pub mod contact;
pub mod detection;
pub mod engine;
pub mod finding;
pub mod input;
pub mod limits;
pub mod names;
pub mod policy;
pub mod protocol;
pub mod reputation;
pub mod session;
pub mod time;
pub mod workload;
