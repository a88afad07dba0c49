//! Arguments of `run` and `doctor`.

use std::net::SocketAddr;
use std::path::PathBuf;

use beaconwatch_engine::inside::Network;
use clap::{Args, ValueEnum};

use crate::ebpf::EbpfOptions;

/// How findings are written to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Text on a terminal, JSON lines otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// Nothing.
    None,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Policy file (YAML as for kubectl, one or many documents); may be repeated. SIGHUP re-reads.
    #[arg(long = "policy", value_name = "FILE", required_unless_present = "kubernetes")]
    pub policies: Vec<PathBuf>,
    /// Run as node agent in a cluster: policies, pods and findings through the API server.
    #[arg(long, requires = "node_name")]
    pub kubernetes: bool,
    /// Name of this node (in a cluster).
    #[arg(long, env = "NODE_NAME", value_name = "NAME")]
    pub node_name: Option<String>,
    /// Where findings wait while the API server is away (in a cluster).
    #[arg(long, value_name = "DIR", default_value = "/var/lib/beaconwatch")]
    pub state_dir: PathBuf,
    /// How findings are written to standard output.
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputFormat,
    /// Also write findings as JSON lines to this file.
    #[arg(long, value_name = "FILE")]
    pub findings_file: Option<PathBuf>,
    /// Send findings as OpenTelemetry logs; OTEL_EXPORTER_OTLP_* say where and how.
    #[arg(long)]
    pub otlp: bool,
    /// Serve Prometheus metrics and health here; `none` to serve nothing.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464", value_parser = optional_address)]
    pub metrics_addr: OptionalAddress,
    /// Record everything that comes in, for `replay --recording`.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Save baselines to this file every few minutes, and load them at start.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Destination list (plain, CSV, or STIX 2.1), or a directory of them; may be repeated. Read again when it
    /// changes.
    #[arg(long = "reputation", value_name = "DIR|FILE")]
    pub reputation: Vec<PathBuf>,
    /// Network of the cluster (pods, services, nodes), such as 2001:db8:1::/48; may be repeated. Destinations there
    /// count as inside; private addresses, and those that this node's pods show, do so anyway.
    #[arg(long, value_name = "NETWORK")]
    pub cluster_network: Vec<Network>,
    /// Executable name of a service mesh's proxy: connections that it makes for a program of its pod are not judged
    /// again; may be repeated. envoy, linkerd2-proxy and ztunnel are built in.
    #[arg(long, value_name = "NAME")]
    pub mesh_proxy: Vec<String>,
    /// Watch loopback destinations too.
    #[arg(long)]
    pub loopback: bool,
    /// What the agent logs about itself on standard error: a filter such as info, warn or beaconwatch_agent=debug.
    #[arg(
        long,
        value_name = "FILTER",
        env = "BEACONWATCH_LOG",
        default_value = "warn,beaconwatch_agent=info"
    )]
    pub log: String,
    /// Stop after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// What the kernel is asked for.
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// What the terminal can show.
    #[command(flatten)]
    pub terminal: beaconwatch_replay::args::TerminalArgs,
    /// Where OpenTelemetry logs go, and how.
    #[command(flatten)]
    pub otlp_settings: super::OtlpArgs,
}

/// What the kernel is asked for.
#[derive(Clone, Debug, Args)]
pub struct KernelArgs {
    /// Root of the cgroup2 hierarchy; found by itself if not given.
    #[arg(long, value_name = "DIR")]
    pub cgroup_root: Option<PathBuf>,
    /// Report only processes below this cgroup (path below the root), for a node that shares its kernel.
    #[arg(long, value_name = "PATH")]
    pub cgroup_scope: Option<String>,
    /// Attach no programs to packets: no payload, no names, no UDP totals, no cost per packet.
    #[arg(long)]
    pub no_payload: bool,
}

impl KernelArgs {
    /// As the loader takes them.
    #[must_use]
    pub fn options(&self) -> EbpfOptions {
        EbpfOptions {
            cgroup_root: self.cgroup_root.clone(),
            scope: self.cgroup_scope.clone(),
            payload: !self.no_payload,
            run_time: false,
        }
    }
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// What the kernel is asked for.
    #[command(flatten)]
    pub kernel: KernelArgs,
}

/// An address, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionalAddress(pub Option<SocketAddr>);

fn optional_address(text: &str) -> Result<OptionalAddress, String> {
    if text == "none" {
        return Ok(OptionalAddress(None));
    }
    text.parse()
        .map(|address| OptionalAddress(Some(address)))
        .map_err(|_| "expected IP:PORT, such as 127.0.0.1:9464 or [::1]:9464, or none".to_owned())
}
