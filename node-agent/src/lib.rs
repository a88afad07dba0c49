//! The node agent as a library: the IO edge around the pure engine.
//!
//! The binary is `main.rs`; this library exists so that tests, benches and fuzz targets reach the parts.

/// Version with the commit it was built from.
pub const VERSION: &str = env!("BEACONWATCH_VERSION");

pub mod app;
pub mod args;
pub mod chain;
pub mod checkpoint;
pub mod clock;
pub mod decode;
pub mod digest;
pub mod doctor;
pub mod ebpf;
pub mod host;
pub mod kube;
pub mod pauses;
pub mod queue;
pub mod recording;
pub mod replace_file;
mod sandboxes;
pub mod sink;
pub mod source;
pub mod status;

#[cfg(test)]
#[path = "../tests/scripted_finding/mod.rs"]
mod scripted_finding;
