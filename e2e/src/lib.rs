//! Helpers of the end-to-end scenarios and of the chart's tests.

use std::path::{Path, PathBuf};

pub mod apiserver;
pub mod chart;
pub mod collector;
pub mod finding;
pub mod manifests;
pub mod outside;
pub mod release;
pub mod scenario;

/// The root of the repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where `e2e/cluster/build.sh` puts what it builds.
#[must_use]
pub fn cluster_cache() -> PathBuf {
    let cache = std::env::var_os("BEACONWATCH_CACHE")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/beaconwatch")));
    cache.unwrap_or_default().join("cluster")
}
