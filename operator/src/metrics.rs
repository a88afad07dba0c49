//! What the operator counts. Labels come from closed sets, never from names that users choose.

use std::sync::atomic::AtomicU64;

use beaconwatch_crds::beacon_finding::Severity;
use beaconwatch_crds::one_of::ClosedSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// How a reconciliation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// A status was written.
    Written,
    /// There was nothing to write.
    Unchanged,
    /// A step failed.
    Failed(&'static str),
}

/// Why an object was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteReason {
    /// A finding not seen for longer than its time to live.
    Age,
    /// A finding beyond the number kept.
    Count,
    /// A report of a node that is gone.
    NodeGone,
    /// A finding under a name that its agent does not write any more.
    Superseded,
}

impl DeleteReason {
    /// The label of the metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Count => "count",
            Self::NodeGone => "node_gone",
            Self::Superseded => "superseded",
        }
    }
}

/// All metrics of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciliations: Family<Labels<2>, Counter>,
    failures: Family<Labels<2>, Counter>,
    watch_errors: Family<Labels<1>, Counter>,
    unreadable: Family<Labels<1>, Counter>,
    events: Family<Labels<1>, Counter>,
    deleted: Family<Labels<1>, Counter>,
    delete_failures: Counter,
    mark_failures: Counter,
    findings: Family<Labels<1>, Gauge>,
    policies: Family<Labels<1>, Gauge>,
    nodes_behind: Gauge,
    leading: Gauge,
    standings_seconds: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("beaconwatch_operator"),
            reconciliations: Family::default(),
            failures: Family::default(),
            watch_errors: Family::default(),
            unreadable: Family::default(),
            events: Family::default(),
            deleted: Family::default(),
            delete_failures: Counter::default(),
            mark_failures: Counter::default(),
            findings: Family::default(),
            policies: Family::default(),
            nodes_behind: Gauge::default(),
            leading: Gauge::default(),
            standings_seconds: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let Self {
            registry,
            reconciliations,
            failures,
            watch_errors,
            unreadable,
            events,
            deleted,
            delete_failures,
            mark_failures,
            findings,
            policies,
            nodes_behind,
            leading,
            standings_seconds,
        } = self;
        registry.register("reconciliations", "Reconciliations by kind and result", reconciliations.clone());
        registry.register("reconcile_failures", "Failed reconciliations by kind and step", failures.clone());
        registry.register("watch_errors", "Errors of watches by resource", watch_errors.clone());
        registry.register(
            "unreadable_objects",
            "Objects that could not be read, by kind",
            unreadable.clone(),
        );
        registry.register("events", "Events on policies by outcome", events.clone());
        registry.register("objects_deleted", "Objects deleted by reason", deleted.clone());
        registry.register("delete_failures", "Objects that could not be deleted", delete_failures.clone());
        registry.register(
            "mark_failures",
            "Reports of silent nodes that could not be marked",
            mark_failures.clone(),
        );
        registry.register("findings", "Findings kept, by severity", findings.clone());
        registry.register("policies", "Policies by state", policies.clone());
        registry.register(
            "nodes_behind",
            "Pairs of policy and node that are not programmed",
            nodes_behind.clone(),
        );
        registry.register("leading", "Whether this replica leads (1) or waits (0)", leading.clone());
        registry.register(
            "standings_seconds",
            "Time that the last look at all policies took",
            standings_seconds.clone(),
        );
    }

    /// All metrics as OpenMetrics text.
    ///
    /// # Errors
    ///
    /// They cannot be written out.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A reconciliation ended.
    pub fn reconciled(&self, kind: &'static str, result: ReconcileResult) {
        let result_label = match result {
            ReconcileResult::Written => "written",
            ReconcileResult::Unchanged => "unchanged",
            ReconcileResult::Failed(_) => "failed",
        };
        self.reconciliations.get_or_create(&[("kind", kind), ("result", result_label)]).inc();
        if let ReconcileResult::Failed(step) = result {
            self.failures.get_or_create(&[("kind", kind), ("step", step)]).inc();
        }
    }

    /// A watch failed and will be tried again.
    pub fn watch_failed(&self, resource: &'static str) {
        self.watch_errors.get_or_create(&[("resource", resource)]).inc();
    }

    /// An object could not be read.
    pub fn unreadable(&self, kind: &'static str) {
        self.unreadable.get_or_create(&[("kind", kind)]).inc();
    }

    /// An Event was written, or could not be.
    pub fn event_published(&self, written: bool) {
        self.events.get_or_create(&[("outcome", if written { "written" } else { "failed" })]).inc();
    }

    /// An object was deleted.
    pub fn deleted(&self, reason: DeleteReason) {
        self.deleted.get_or_create(&[("reason", reason.as_str())]).inc();
    }

    /// An object could not be deleted; it will be tried again.
    pub fn delete_failed(&self) {
        self.delete_failures.inc();
    }

    /// The report of a silent node could not be marked; it will be tried again.
    pub fn mark_failed(&self) {
        self.mark_failures.inc();
    }

    /// Leadership changed.
    pub fn set_leading(&self, leading: bool) {
        self.leading.set(i64::from(leading));
    }

    /// All policies were looked at.
    pub fn looked(&self, took: std::time::Duration, accepted: usize, refused: usize, behind: usize) {
        self.standings_seconds.set(took.as_secs_f64());
        self.policies.get_or_create(&[("state", "accepted")]).set(count(accepted));
        self.policies.get_or_create(&[("state", "refused")]).set(count(refused));
        self.nodes_behind.set(count(behind));
    }

    /// Findings kept, by severity as it is written in them.
    pub fn findings(&self, severities: impl Iterator<Item = Option<Severity>>) {
        let known = Severity::ALL.iter().copied().map(Some);
        let mut counts: Vec<_> = known.chain([None]).map(|severity| (severity, 0)).collect();
        for severity in severities {
            if let Some((_, count)) = counts.iter_mut().find(|(counted, _)| *counted == severity) {
                *count += 1;
            }
        }
        for (severity, count) in counts {
            let severity = severity.map_or("Other", Severity::word);
            self.findings.get_or_create(&[("severity", severity)]).set(count);
        }
    }
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
