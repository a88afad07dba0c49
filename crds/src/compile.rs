//! From a policy as users write it to a policy as the engine runs it: the only place where wire becomes domain.
//!
//! Every problem is reported, not only the first, each with the path of its field and what is allowed. The API
//! server has refused most of them already (schema and CEL rules); files, older objects and what neither can say
//! (ranges across units, addresses) are held here.

mod detectors;
mod exceptions;
mod selectors;

use core::fmt;
use std::sync::Arc;

use beaconwatch_engine::assess::policy::{self, Policy, PolicyId, PolicySource};
use beaconwatch_engine::time::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::beacon_policy::BeaconPolicy;
use crate::cluster_beacon_policy::ClusterBeaconPolicy;
use crate::policy_rules::PolicyRules;
use crate::thresholds::{THRESHOLDS_ALLOWED, Thresholds};

/// One problem of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{path} {problem}")]
pub struct FieldError {
    /// The field, as `spec.exceptions[0].match`.
    pub path: String,
    /// What is wrong with it and what is allowed, as a predicate: `must be ...`.
    pub problem: String,
}

/// Why a policy cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// Every problem, in the order of the fields; never empty.
    pub problems: Vec<FieldError>,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for CompileError {}

/// Where problems go, with the path of the field that is looked at.
pub(crate) struct Field<'a> {
    path: String,
    problems: &'a mut Vec<FieldError>,
}

impl Field<'_> {
    /// The field `name` inside this one.
    pub(crate) fn field(&mut self, name: &str) -> Field<'_> {
        Field { path: format!("{}.{name}", self.path), problems: self.problems }
    }

    /// The entry `index` of this list.
    pub(crate) fn entry(&mut self, index: usize) -> Field<'_> {
        Field { path: format!("{}[{index}]", self.path), problems: self.problems }
    }

    /// Reports a problem of this field.
    pub(crate) fn refuse(&mut self, problem: impl Into<String>) {
        self.problems.push(FieldError { path: self.path.clone(), problem: problem.into() });
    }

    /// Reports `value` if it lies outside the bounds.
    pub(crate) fn bounded(&mut self, value: f32, least: f32, most: f32) -> f32 {
        if !(least..=most).contains(&value) {
            self.refuse(format!("must be from {least} to {most}, but is {value}"));
        }
        value
    }
}

/// A policy as far as it could be compiled, and what keeps it from being run.
pub(crate) struct Attempt {
    pub(crate) policy: Policy,
    pub(crate) problems: Vec<FieldError>,
}

impl Attempt {
    fn outcome(self) -> Result<Policy, CompileError> {
        let Self { policy, problems } = self;
        if problems.is_empty() { Ok(policy) } else { Err(CompileError { problems }) }
    }
}

/// Compiles a `BeaconPolicy`.
///
/// # Errors
/// Every problem that keeps it from being run.
pub fn beacon_policy(object: &BeaconPolicy) -> Result<Policy, CompileError> {
    attempt_beacon_policy(object).outcome()
}

/// Compiles a `ClusterBeaconPolicy`.
///
/// # Errors
/// Every problem that keeps it from being run.
pub fn cluster_beacon_policy(object: &ClusterBeaconPolicy) -> Result<Policy, CompileError> {
    attempt_cluster_beacon_policy(object).outcome()
}

pub(crate) fn attempt_beacon_policy(object: &BeaconPolicy) -> Attempt {
    let spec = &object.spec;
    compile(&object.metadata, true, &spec.rules, |field| selectors::workloads(&spec.workloads, field))
}

pub(crate) fn attempt_cluster_beacon_policy(object: &ClusterBeaconPolicy) -> Attempt {
    let spec = &object.spec;
    compile(&object.metadata, false, &spec.rules, |field| {
        selectors::cluster_workloads(&spec.workloads, field)
    })
}

fn compile(
    metadata: &ObjectMeta,
    namespaced: bool,
    rules: &PolicyRules,
    workloads: impl FnOnce(&mut Field<'_>) -> policy::WorkloadSelector,
) -> Attempt {
    let PolicyRules { mode, thresholds, detectors, protocols, exceptions } = rules;
    let mut problems = Vec::new();
    let id = name(metadata, namespaced, &mut Field { path: "metadata".into(), problems: &mut problems });
    let mut spec = Field { path: "spec".into(), problems: &mut problems };
    let workloads = workloads(&mut spec.field("workloads"));
    let thresholds = compile_thresholds(thresholds, &mut spec.field("thresholds"));
    let detectors = detectors::compile(detectors, &mut spec.field("detectors"));
    let mut exceptions = exceptions::compile(exceptions, &mut spec.field("exceptions"));
    exceptions.extend(exceptions::unwatched(protocols));
    let policy = Policy {
        id,
        source: PolicySource::Cluster { generation: metadata.generation.unwrap_or(0) },
        created: created(metadata),
        workloads,
        mode: (*mode).into(),
        thresholds,
        detectors,
        exceptions,
    };
    Attempt { policy, problems }
}

fn name(metadata: &ObjectMeta, namespaced: bool, field: &mut Field<'_>) -> PolicyId {
    let name = metadata.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        field.field("name").refuse("must be given");
    }
    let namespace = metadata.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    match (namespaced, namespace) {
        (true, None) => field.field("namespace").refuse(
            "must be given: a BeaconPolicy watches one namespace (a ClusterBeaconPolicy watches all)",
        ),
        (false, Some(_)) => field
            .field("namespace")
            .refuse("must not be given: a ClusterBeaconPolicy belongs to no namespace (a BeaconPolicy does)"),
        (true, Some(_)) | (false, None) => {}
    }
    PolicyId { namespace: namespace.map(Arc::from), name: Arc::from(name) }
}

fn created(metadata: &ObjectMeta) -> Timestamp {
    let nanos = metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_nanosecond());
    Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

fn compile_thresholds(wire: &Thresholds, field: &mut Field<'_>) -> policy::Thresholds {
    let Thresholds { record, alert, high, critical, budget } = wire;
    let mut level = |name: &str, value: f32, least: f32| field.field(name).bounded(value, least, 1000.0);
    let (record, alert) = (level("record", *record, -100.0), level("alert", *alert, -100.0));
    let (high, critical) = (level("high", *high, 0.0), level("critical", *critical, 0.0));
    let budget = budget.map(|budget| field.field("budget").bounded(budget, 0.001, 100_000.0));
    if !(record <= alert && alert <= high && high <= critical) {
        field.refuse(THRESHOLDS_ALLOWED);
    }
    policy::Thresholds { record, alert, high, critical, budget }
}
