//! Workload selection.

use std::sync::Arc;

use beaconwatch_engine::assess::policy::{Requirement, WorkloadSelector};

use super::Field;
use crate::selectors::{
    ClusterWorkloads, LabelOperator, LabelRequirement, LabelSelector, OwnerReference, VALUES_ALLOWED,
    Workloads,
};

pub(super) fn workloads(wire: &Workloads, field: &mut Field<'_>) -> WorkloadSelector {
    let Workloads { selector, owners, containers } = wire;
    WorkloadSelector {
        pod: labels(selector.as_ref(), &mut field.field("selector")),
        namespace: Vec::new(),
        owners: owner_list(owners),
        containers: containers.iter().map(|name| Arc::from(name.as_str())).collect(),
    }
}

pub(super) fn cluster_workloads(wire: &ClusterWorkloads, field: &mut Field<'_>) -> WorkloadSelector {
    let ClusterWorkloads { namespace_selector, selector, owners, containers } = wire;
    WorkloadSelector {
        pod: labels(selector.as_ref(), &mut field.field("selector")),
        namespace: labels(namespace_selector.as_ref(), &mut field.field("namespaceSelector")),
        owners: owner_list(owners),
        containers: containers.iter().map(|name| Arc::from(name.as_str())).collect(),
    }
}

fn owner_list(wire: &[OwnerReference]) -> Vec<(Arc<str>, Option<Arc<str>>)> {
    wire.iter()
        .map(|OwnerReference { kind, name }| (Arc::from(kind.as_str()), name.as_deref().map(Arc::from)))
        .collect()
}

fn labels(wire: Option<&LabelSelector>, field: &mut Field<'_>) -> Vec<Requirement> {
    let Some(LabelSelector { match_labels, match_expressions }) = wire else { return Vec::new() };
    let mut requirements: Vec<Requirement> = match_labels
        .iter()
        .map(|(key, value)| Requirement::In(key.as_str().into(), vec![value.as_str().into()]))
        .collect();
    let mut list = field.field("matchExpressions");
    for (index, expression) in match_expressions.iter().enumerate() {
        requirements.push(requirement(expression, &mut list.entry(index)));
    }
    requirements
}

fn requirement(wire: &LabelRequirement, field: &mut Field<'_>) -> Requirement {
    let LabelRequirement { key, operator, values } = wire;
    let wants_values = matches!(operator, LabelOperator::In | LabelOperator::NotIn);
    if wants_values == values.is_empty() {
        field.refuse(VALUES_ALLOWED);
    }
    let key = key.as_str().into();
    let values = values.iter().map(|value| value.as_str().into()).collect();
    match operator {
        LabelOperator::In => Requirement::In(key, values),
        LabelOperator::NotIn => Requirement::NotIn(key, values),
        LabelOperator::Exists => Requirement::Exists(key),
        LabelOperator::DoesNotExist => Requirement::DoesNotExist(key),
    }
}
