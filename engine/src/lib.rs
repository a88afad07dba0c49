//! Pure, replayable detection engine.
//!
//! No clock, randomness, environment, IO or map order in here: time comes in with each input, and the same
//! input gives the same output. The contract is in [`engine`].
#![forbid(unsafe_code)]
pub mod protocol;
