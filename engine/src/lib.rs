//! Pure, replayable detection engine.
//!
//! No clock, randomness, environment, IO or map order in here: time comes in with each input, and the same
//! input gives the same output. The contract is in [`engine`].
#![forbid(unsafe_code)]

pub mod actor;
mod bounded;
pub mod checkpoint;
pub mod codec;
pub mod collections;
pub mod contact;
mod conversation;
pub mod counters;
pub mod detection;
mod detector;
pub mod engine;
mod evidence;
pub mod finding;
pub mod identity;
pub mod input;
pub mod inside;
pub mod limits;
pub mod naming;
mod numeric;
mod participant;
pub mod policy;
mod population;
pub mod protocol;
pub mod reputation;
mod rhythm;
pub mod session;
mod text;
pub mod time;
mod timer;
pub mod workload;
