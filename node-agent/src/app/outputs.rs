//! Everything that findings go to, and the page that says how it goes.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::engine::Engine;
use tokio::runtime::Runtime;

use crate::args::{OutputFormat, RunArgs};
use crate::clock::{NodeClock, Stopwatch};
use crate::kube::KubeHandle;
use crate::sink::metrics::MetricsServer;
use crate::sink::{Format, SinkOptions, Sinks};
use crate::status::StatusBoard;

/// How long sinks may take to hand over what they hold, once everything else has stopped.
const FLUSH_MAX: Duration = Duration::from_millis(1500);

/// How long a thread may take to end once it should.
const END_MAX: Duration = Duration::from_millis(500);

/// The running outputs.
pub(super) struct Outputs {
    runtime: Runtime,
    sinks: Sinks,
    _metrics: Option<MetricsServer>,
    cluster: Option<KubeHandle>,
}

impl Outputs {
    /// Starts what the arguments ask for.
    pub(super) fn start(
        args: &RunArgs,
        board: StatusBoard,
        clock: NodeClock,
        cluster: Option<KubeHandle>,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("network")
            .enable_all()
            .build()
            .context("start the network's thread")?;
        let options = SinkOptions {
            stdout: format(args),
            file: args.findings_file.clone(),
            otlp: args.otlp.then(|| args.otlp_settings.settings(args.node_name.as_deref())),
        };
        let sinks = Sinks::start(&options, runtime.handle()).context("start the sinks")?;
        let metrics = match args.metrics_addr.0 {
            None => None,
            Some(address) => {
                let now = move || clock.now();
                let server = MetricsServer::start(address, board, sinks.view(), now, runtime.handle())?;
                tracing::info!("metrics at http://{}/metrics", server.address());
                Some(server)
            }
        };
        Ok(Self { runtime, sinks, _metrics: metrics, cluster })
    }

    /// Hands a finding to every output. Never waits.
    pub(super) fn send(&self, finding: Finding) {
        if let Some(cluster) = &self.cluster {
            cluster.send_finding(finding.clone());
        }
        self.sinks.send(finding);
    }

    /// Tells the Kubernetes side which exceptions were used and the alert thresholds in force; returns what it counts.
    pub(super) fn kubernetes(&self, engine: &Engine) -> Vec<(&'static str, u64)> {
        if let Some(cluster) = &self.cluster {
            for (policy, exception, at) in engine.exceptions_used() {
                cluster.exception_used(policy, exception, at);
            }
            let thresholds = engine.alert_thresholds();
            cluster.alert_thresholds(thresholds.map(|threshold| (threshold.policy, threshold.raised)));
        }
        let counters = self.cluster.as_ref().map(|cluster| cluster.counters().all());
        let all = counters.into_iter().flatten();
        all.map(|(name, _, count)| (name.trim_start_matches("kube_"), count)).collect()
    }

    /// A policy of the cluster cannot be run as it is now.
    pub(super) fn policies_refused(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.counters().objects_refused.get() > 0)
    }

    /// Lets every output hand over what it holds, and says what it could not.
    pub(super) fn shutdown(self) {
        let started = Stopwatch::start();
        if let Some(cluster) = &self.cluster {
            cluster.stop(FLUSH_MAX);
        }
        for sink in self.sinks.shutdown(FLUSH_MAX) {
            if sink.lost > 0 {
                tracing::warn!("{} of the findings did not reach {}", sink.lost, sink.name.as_str());
            }
        }
        if let Some(cluster) = self.cluster
            && !cluster.finish((FLUSH_MAX + END_MAX).saturating_sub(started.elapsed()))
        {
            tracing::warn!("the Kubernetes writer did not stop in time; its findings are in the spool");
        }
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

fn format(args: &RunArgs) -> Option<Format> {
    let terminal = std::io::stdout().is_terminal();
    match args.output {
        OutputFormat::None => None,
        OutputFormat::Jsonl => Some(Format::Jsonl),
        OutputFormat::Auto if !terminal => Some(Format::Jsonl),
        OutputFormat::Auto | OutputFormat::Text => Some(Format::Text(args.terminal.style())),
    }
}
