//! Command line of the operator. The only place that reads the environment.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;

/// Reconciles beaconwatch policies onto the node agents and reports their state.
#[derive(Clone, Debug, Parser)]
#[command(name = "beaconwatch-operator", version)]
pub struct Args {
    /// Address of /metrics, /healthz and /readyz.
    #[arg(long, env = "BEACONWATCH_LISTEN", default_value = "[::]:9090")]
    pub listen: SocketAddr,

    /// Namespace of the leader-election Lease; by default the one the operator runs in.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: Option<String>,

    /// Name under which this replica takes part in the leader election; by default the pod's name.
    #[arg(long, env = "POD_NAME", default_value = "beaconwatch-operator")]
    pub identity: String,

    /// Name of the leader-election Lease.
    #[arg(long, default_value = "beaconwatch-operator")]
    pub lease: String,

    /// A finding whose behaviour has ended is deleted this many hours after it was last seen.
    #[arg(long, default_value_t = 30 * 24)]
    pub finding_ttl_hours: u32,

    /// Findings kept per namespace; beyond, those that were seen longest ago are deleted.
    #[arg(long, default_value_t = 1000)]
    pub findings_max: u32,

    /// A node agent that has not reported for this many seconds counts as not programmed.
    #[arg(long, default_value_t = 180)]
    pub node_stale_seconds: u32,

    /// Create or update the CustomResourceDefinitions of this version and exit (`helm upgrade` does it first).
    #[arg(long)]
    pub apply_crds: bool,

    /// Write logs as JSON lines.
    #[arg(long, env = "BEACONWATCH_LOG_JSON")]
    pub log_json: bool,
}

impl Args {
    /// [`Args::finding_ttl_hours`] as a duration.
    #[must_use]
    pub fn finding_ttl(&self) -> Duration {
        Duration::from_secs(u64::from(self.finding_ttl_hours) * 3600)
    }

    /// [`Args::node_stale_seconds`] as a duration.
    #[must_use]
    pub fn node_stale(&self) -> Duration {
        Duration::from_secs(u64::from(self.node_stale_seconds))
    }
}
