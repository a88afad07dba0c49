//! Arguments of `replay`.

use std::path::PathBuf;

use beaconwatch_engine::inside::Network;
use beaconwatch_engine::time::Timestamp;
use clap::{ArgGroup, Args, ValueEnum};

mod terminal;

pub use terminal::TerminalArgs;

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("inputs").required(true).multiple(true).args([
    "recording", "zeek", "suricata", "pcap", "events", "csv", "envoy", "squid", "vpc_flow", "hubble",
]))]
pub struct ReplayArgs {
    /// Policy file; may be repeated. Without one, the built-in default policy applies.
    #[arg(long = "policy", value_name = "FILE")]
    pub policies: Vec<PathBuf>,

    /// A recording of `run --record`. It is judged by the policies it holds and within the limits of the agent that
    /// made it: the findings are the same, bit for bit. With --policy, those policies apply instead.
    #[arg(long, value_name = "FILE")]
    pub recording: Option<PathBuf>,

    /// Zeek logs, tab-separated or JSON, also in the envelopes of log shippers (Filebeat, Fluent Bit, Vector): a file,
    /// or a directory that is searched for *.log, *.log.gz and JSON logs. May be repeated, as all inputs may. All logs
    /// may be compressed with gzip or zstd.
    #[arg(long, value_name = "DIR|FILE")]
    pub zeek: Vec<PathBuf>,

    /// Suricata's EVE logs (eve.json: flow, dns, tls, http, quic, ssh and smtp events), also in the envelopes of log
    /// shippers: a file, or a directory that is searched for JSON logs.
    #[arg(long, value_name = "DIR|FILE")]
    pub suricata: Vec<PathBuf>,

    /// Capture: pcap or pcapng, may be gzipped; or a directory that is searched for captures, whatever their names.
    /// Supported: Ethernet, Linux cooked, raw IP, PPP, NFLOG and 802.11, through VLAN, MPLS, PPPoE, GRE, PPTP, VXLAN,
    /// GENEVE and GTP-U, and what mirrors (ERSPAN I to III, TZSP) carry. The summary names whatever else there is.
    #[arg(long, value_name = "DIR|FILE")]
    pub pcap: Vec<PathBuf>,

    /// Events as JSON lines, the import format (docs/import-format.md); may be gzipped.
    #[arg(long, value_name = "FILE")]
    pub events: Vec<PathBuf>,

    /// Pods that belong to --events, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub pods: Vec<PathBuf>,

    /// Baseline from before the traffic, as JSON lines: a warm start.
    #[arg(long = "baseline", value_name = "FILE")]
    pub baselines: Vec<PathBuf>,

    /// Connections as CSV with a header line: ts, src, dst, dport, and more if there (docs/import-format.md).
    #[arg(long, value_name = "FILE")]
    pub csv: Vec<PathBuf>,

    /// Envoy access log: JSON (Istio's keys, or Envoy Gateway's), or the default or Istio's text format.
    #[arg(long, value_name = "FILE")]
    pub envoy: Vec<PathBuf>,

    /// Squid's native access log.
    #[arg(long, value_name = "FILE")]
    pub squid: Vec<PathBuf>,

    /// AWS VPC flow logs, versions 2 to 5.
    #[arg(long, value_name = "FILE")]
    pub vpc_flow: Vec<PathBuf>,

    /// Hubble flows as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub hubble: Vec<PathBuf>,

    /// Leave out traffic that began earlier: seconds since 1970, or a time such as 2026-01-05T00:00:00Z or
    /// 2026-01-05T01:00:00+01:00; without a zone it is UTC.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,

    /// Leave out what is later than this; the time itself is included, as that of --from is.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<Timestamp>,

    /// Judge only connections that hosts of this network open, such as 10.0.0.0/8, not those that come in from
    /// elsewhere; may be repeated. Pods are always judged.
    #[arg(long, value_name = "NETWORK")]
    pub home: Vec<Network>,

    /// Network of the cluster whose traffic this is, such as 2001:db8:1::/48; may be repeated. Destinations there
    /// count as inside; private addresses, and those that its own pods show, do so anyway.
    #[arg(long, value_name = "NETWORK")]
    pub cluster_network: Vec<Network>,

    /// Instead of findings, explain term by term why the conversations of SRC with DST did or did not become findings.
    /// SRC is an address, a pod, an owner, an executable or a container; DST a name or an address.
    #[arg(long, num_args = 2, value_names = ["SRC", "DST[:PORT]"])]
    pub explain: Option<Vec<String>>,

    /// Destination list (plain, CSV, or STIX 2.1), or a directory of them; may be repeated
    /// (docs/destination-lists.md).
    #[arg(long = "reputation", value_name = "DIR|FILE")]
    pub reputation: Vec<PathBuf>,

    /// How findings are written.
    #[arg(long, value_enum, default_value_t = ReplayOutput::Text)]
    pub output: ReplayOutput,

    /// What the terminal can show.
    #[command(flatten)]
    pub terminal: TerminalArgs,

    /// Rows to hold while they are put in order of time; about 400 bytes of memory each.
    #[arg(long, value_name = "ROWS", default_value_t = 1 << 18)]
    pub look_ahead: usize,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReplayOutput {
    /// For people.
    Text,
    /// One JSON object per state of a finding.
    Jsonl,
    /// One self-contained page.
    Html,
    /// One JSON object per state, in the format of the scorers of labelled traffic.
    Score,
    /// No findings: what the protocol parsers see in each --pcap, as one JSON object with the names of tshark.
    Observations,
}

fn time(text: &str) -> Result<Timestamp, String> {
    beaconwatch_importers::value::timestamp(text.as_bytes()).ok_or_else(|| {
        "want seconds since 1970, or a time such as 2026-01-05T00:00:00Z or 2026-01-05T01:00:00+01:00"
            .to_owned()
    })
}
