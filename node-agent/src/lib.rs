//! The node agent as a library: the IO edge around the pure engine.
//!
//! The binary is `main.rs`; this library exists so that tests, benches and fuzz targets reach the parts.

/// Version with the commit it was built from.
pub const VERSION: &str = env!("BEACONWATCH_VERSION");

pub mod app;
pub mod args;
pub mod checkpoint;
pub mod clock;
pub mod decode;
pub mod digest;
pub mod doctor;
pub mod ebpf;
pub mod kube;
pub mod policy_check;
pub mod policy_files;
pub mod queue;
pub mod record;
pub mod recording;
pub mod render;
pub mod replay;
pub mod reputation;
pub mod run;
pub mod sink;
pub mod source;
pub mod status;
