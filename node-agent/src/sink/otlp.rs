//! Findings as OpenTelemetry logs, to a collector by gRPC or HTTP.
//!
//! Delivery is counted for real: a finding counts as delivered when the collector has said so, as lost when the
//! collector refused it or the queue was full, and waits otherwise. The queue is the spool: an outage loses
//! nothing up to its bound.

mod connection;
mod message;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::assess::finding::Finding;

use super::queue::{Batch, Queue};
use crate::pauses::Pauses;
pub use connection::{Exporter, Outcome};
pub use settings::{Protocol, Settings, SettingsError, Tls};

/// Findings in one request: with long arguments and all, about a megabyte.
const BATCH_MAX: usize = 64;
/// Bounds of the pauses between tries; each is by chance up to twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(400);
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// Between two tries once the agent stops.
const PAUSE_CLOSED: Duration = Duration::from_millis(100);

/// Delivers until the queue is closed and empty.
pub(super) async fn run(queue: Arc<Queue>, mut exporter: Exporter) {
    loop {
        match queue.taken(BATCH_MAX).await {
            Batch::Closed => return,
            Batch::Nothing => {}
            Batch::Findings(findings) => deliver(&queue, &mut exporter, &findings).await,
        }
    }
}

/// Tries until the collector takes or refuses the findings.
async fn deliver(queue: &Queue, exporter: &mut Exporter, findings: &[Arc<Finding>]) {
    let mut pauses = Pauses::between(PAUSE_MIN, PAUSE_MAX);
    let mut silent = false;
    loop {
        match exporter.export(findings).await {
            Outcome::Taken { refused, why } => {
                let refused = refused.min(findings.len());
                if refused > 0 {
                    tracing::warn!("the collector refused {refused} findings: {why}");
                }
                if silent {
                    tracing::info!("the collector takes findings again");
                }
                queue.delivered(findings.len() - refused);
                queue.lost(refused);
                return;
            }
            // One that the collector does not understand must not take the others with it.
            Outcome::Refused { why: _ } if findings.len() > 1 => {
                queue.failed();
                for finding in findings {
                    Box::pin(deliver(queue, exporter, std::slice::from_ref(finding))).await;
                }
                return;
            }
            Outcome::Refused { why } => {
                queue.failed();
                tracing::warn!("the collector refused a finding: {why}");
                queue.lost(findings.len());
                return;
            }
            Outcome::Later { wait, why } => {
                queue.failed();
                if !silent {
                    silent = true;
                    tracing::warn!("findings are not delivered to the collector, trying again: {why}");
                }
                // What the collector asks for holds for every node, and is spread as well.
                let asked = wait.map(|wait| Pauses::between(wait, wait).pause());
                rest(queue, asked.unwrap_or_else(|| pauses.pause())).await;
            }
        }
    }
}

/// The pause between two tries; short when somebody waits for the end.
async fn rest(queue: &Queue, pause: Duration) {
    if queue.is_closed() {
        tokio::time::sleep(PAUSE_CLOSED).await;
        return;
    }
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = queue.closed() => {}
    }
}
