//! beaconwatch's binary format: what is written to a file (a [`recording`], a [`checkpoint`]) and read back by this
//! version or a later one.
//!
//! The values are [`beaconwatch_engine::codec`]'s, in versions of which each reader knows the ones before its own; in
//! here is what lies around them: the head that says what the file is and of which version, and blocks that are
//! compressed and checked. It must not know files, threads or time.
#![forbid(unsafe_code)]

mod frame;
#[cfg(test)]
mod versions;

pub mod checkpoint;
pub mod recording;

pub use beaconwatch_engine::codec::{Dropped, OLDEST, VERSION};
