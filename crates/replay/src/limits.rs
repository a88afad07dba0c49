//! The bounds of a replay.

use beaconwatch_engine::limits::Limits;

/// Bounds for a replay: recorded traffic may be that of many nodes, and memory is the user's.
#[must_use]
pub fn limits() -> Limits {
    Limits {
        conversations_max: 1 << 17,
        conversations_per_workload_max: 1 << 12,
        cgroups_max: 1 << 17,
        pods_max: 1 << 16,
        names_max: 1 << 20,
        names_per_workload_max: 1 << 16,
        signatures_max: 1 << 20,
        findings_open_max: 1 << 16,
        outputs_max: 1 << 17,
        input_has_end: true,
        ..Limits::default()
    }
}
