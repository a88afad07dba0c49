//! What the agent's side of Kubernetes counts. Labels come from closed sets.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// It is so many now.
    pub fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// So many.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct KubeCounters {
    /// Finding states taken.
    pub findings_taken: Count,
    /// Finding states lost because the queue to the writer was full.
    pub findings_dropped: Count,
    /// Finding states written to the API server.
    pub findings_written: Count,
    /// Finding states that the API server will never take (invalid, or the namespace is gone).
    pub findings_refused: Count,
    /// Findings that wait for the API server.
    pub spool_entries: Count,
    /// Findings given up because the spool was full.
    pub spool_evicted: Count,
    /// Entries that are in memory only because the disk did not take them.
    pub spool_failures: Count,
    /// Events written.
    pub events_written: Count,
    /// Events beyond the budget, summed up in one.
    pub events_suppressed: Count,
    /// Events that the API server will never take.
    pub events_refused: Count,
    /// Writes that failed and are tried again.
    pub write_failures: Count,
    /// Reports of the node written.
    pub reports_written: Count,
    /// Watches that failed and are tried again.
    pub watch_failures: Count,
    /// Objects that could not be read, or policies that are wrong.
    pub objects_refused: Count,
    /// Pods of this node.
    pub pods: Count,
}

impl KubeCounters {
    /// Every number with its name and what it means.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &'static str, u64); 15] {
        [
            ("kube_findings_taken", "Finding states taken by the writer", self.findings_taken.get()),
            ("kube_findings_dropped", "Finding states lost to a full queue", self.findings_dropped.get()),
            ("kube_findings_written", "Finding states written", self.findings_written.get()),
            ("kube_findings_refused", "Finding states the API server refuses", self.findings_refused.get()),
            ("kube_spool_entries", "Findings that wait for the API server", self.spool_entries.get()),
            ("kube_spool_evicted", "Findings given up because the spool was full", self.spool_evicted.get()),
            ("kube_spool_failures", "Findings that the disk did not take", self.spool_failures.get()),
            ("kube_events_written", "Events written", self.events_written.get()),
            ("kube_events_suppressed", "Events beyond the budget, summed up", self.events_suppressed.get()),
            ("kube_events_refused", "Events the API server refuses", self.events_refused.get()),
            ("kube_write_failures", "Writes that failed and are tried again", self.write_failures.get()),
            ("kube_reports_written", "Reports of the node written", self.reports_written.get()),
            ("kube_watch_failures", "Watches that failed and are tried again", self.watch_failures.get()),
            ("kube_objects_refused", "Policies that cannot be run", self.objects_refused.get()),
            ("kube_pods", "Pods of this node", self.pods.get()),
        ]
    }
}
