//! Findings as the messages of OTLP.

use std::sync::Arc;

use beaconwatch_engine::assess::finding::{Finding, Severity};
use beaconwatch_report::fields::{self, Value, widened};
use beaconwatch_report::sanitize;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// Name of the event.
const EVENT_NAME: &str = "beaconwatch.finding";
/// Fields that the log record has a place of its own for.
const NOT_ATTRIBUTES: [&str; 2] = ["time_unix_nano", "summary"];

/// One request for a batch of findings.
pub(super) fn request(findings: &[Arc<Finding>], resource: &[(String, String)]) -> ExportLogsServiceRequest {
    let scope = InstrumentationScope {
        name: "beaconwatch".into(),
        version: crate::VERSION.into(),
        ..InstrumentationScope::default()
    };
    let attributes =
        resource.iter().map(|(name, value)| attribute(name, Any::StringValue(value.clone()))).collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope),
                log_records: findings.iter().map(|finding| log_record(finding)).collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn log_record(finding: &Finding) -> LogRecord {
    let (severity_number, severity_text) = match finding.severity {
        Severity::Low => (9, "INFO"),
        Severity::Medium => (13, "WARN"),
        Severity::High => (17, "ERROR"),
        Severity::Critical => (21, "FATAL"),
    };
    let attributes = fields::values(finding)
        .filter(|(field, _)| !NOT_ATTRIBUTES.contains(&field.name))
        .map(|(field, value)| match field.convention {
            true => attribute(field.name, any(value)),
            false => attribute(&format!("beaconwatch.{}", field.name), any(value)),
        })
        .collect();
    LogRecord {
        time_unix_nano: finding.time.as_nanos(),
        observed_time_unix_nano: finding.time.as_nanos(),
        severity_number,
        severity_text: severity_text.into(),
        body: Some(AnyValue { value: Some(Any::StringValue(sanitize(&finding.summary).into_owned())) }),
        attributes,
        event_name: EVENT_NAME.into(),
        ..LogRecord::default()
    }
}

fn any(value: Value) -> Any {
    match value {
        Value::Text(text) => Any::StringValue(text),
        Value::Whole(number) => Any::IntValue(i64::try_from(number).unwrap_or(i64::MAX)),
        Value::Number(number) => Any::DoubleValue(widened(number)),
        Value::Flag(flag) => Any::BoolValue(flag),
        Value::Texts(texts) => array(texts.into_iter().map(Any::StringValue)),
        Value::Wholes(numbers) => {
            array(numbers.into_iter().map(|number| Any::IntValue(i64::try_from(number).unwrap_or(i64::MAX))))
        }
        Value::Evidence(items) => array(items.into_iter().map(|item| {
            Any::KvlistValue(KeyValueList {
                values: vec![
                    attribute("term", Any::StringValue(item.term.into())),
                    attribute("level", Any::StringValue(item.level.into())),
                    attribute("bits", Any::DoubleValue(widened(item.bits))),
                    attribute("sentence", Any::StringValue(item.sentence)),
                ],
            })
        })),
    }
}

fn array(values: impl Iterator<Item = Any>) -> Any {
    Any::ArrayValue(ArrayValue { values: values.map(|value| AnyValue { value: Some(value) }).collect() })
}

fn attribute(name: &str, value: Any) -> KeyValue {
    KeyValue { key: name.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
