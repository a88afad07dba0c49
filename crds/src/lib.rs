//! API types of the group beaconwatch.io.
