//! Pure, replayable detection engine.
//!
//! No clock, randomness, environment, IO or map order in here: time comes in with each input, and the same
//! input gives the same output. The contract is in [`engine`].
#![forbid(unsafe_code)]

pub mod actor;
pub mod assess;
mod bounded;
pub mod checkpoint;
pub mod codec;
pub mod collections;
pub mod counters;
pub mod detection;
mod distinct;
pub mod engine;
pub mod identity;
pub mod input;
pub mod inside;
mod keys;
pub mod know;
pub mod limits;
mod numeric;
pub mod observe;
pub mod run;
mod text;
pub mod time;
mod timer;
mod track;
mod transport;
