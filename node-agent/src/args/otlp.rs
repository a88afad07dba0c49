//! Where OpenTelemetry logs go: the variables of the OpenTelemetry specification, each also as an option. The
//! variable for logs alone goes before the one for all signals.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::sink::otlp::{Protocol, Settings, Tls};

/// Where OpenTelemetry logs go, and how.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "OpenTelemetry logs (--otlp)")]
pub struct OtlpArgs {
    /// Collector, such as http://localhost:4318 (http/protobuf) or http://localhost:4317 (grpc).
    #[arg(long = "otlp-endpoint", value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub endpoint: Option<String>,
    /// The same for logs only; with http/protobuf the whole URL.
    #[arg(long = "otlp-logs-endpoint", value_name = "URL", env = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")]
    pub logs_endpoint: Option<String>,
    /// `grpc` or `http/protobuf` (default).
    #[arg(long = "otlp-protocol", value_name = "PROTOCOL", env = "OTEL_EXPORTER_OTLP_PROTOCOL")]
    pub protocol: Option<String>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-protocol",
        value_name = "PROTOCOL",
        env = "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
        hide = true
    )]
    pub logs_protocol: Option<String>,
    /// Headers, as `name=value,name=value` with percent-encoded values.
    #[arg(
        long = "otlp-headers",
        value_name = "HEADERS",
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        hide_env_values = true
    )]
    pub headers: Option<String>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-headers",
        value_name = "HEADERS",
        env = "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
        hide_env_values = true,
        hide = true
    )]
    pub logs_headers: Option<String>,
    /// Longest time for one delivery, milliseconds (default 10000).
    #[arg(long = "otlp-timeout", value_name = "MS", env = "OTEL_EXPORTER_OTLP_TIMEOUT")]
    pub timeout_ms: Option<u64>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-timeout",
        value_name = "MS",
        env = "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
        hide = true
    )]
    pub logs_timeout_ms: Option<u64>,
    /// `gzip` or `none` (default).
    #[arg(long = "otlp-compression", value_name = "HOW", env = "OTEL_EXPORTER_OTLP_COMPRESSION")]
    pub compression: Option<String>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-compression",
        value_name = "HOW",
        env = "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
        hide = true
    )]
    pub logs_compression: Option<String>,
    /// Certificates (PEM) that are trusted instead of the built-in ones.
    #[arg(long = "otlp-certificate", value_name = "FILE", env = "OTEL_EXPORTER_OTLP_CERTIFICATE")]
    pub certificate: Option<PathBuf>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-certificate",
        value_name = "FILE",
        env = "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE",
        hide = true
    )]
    pub logs_certificate: Option<PathBuf>,
    /// Own certificate (PEM) for mutual TLS.
    #[arg(
        long = "otlp-client-certificate",
        value_name = "FILE",
        env = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
    )]
    pub client_certificate: Option<PathBuf>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-client-certificate",
        value_name = "FILE",
        env = "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE",
        hide = true
    )]
    pub logs_client_certificate: Option<PathBuf>,
    /// Key (PEM) of the own certificate.
    #[arg(long = "otlp-client-key", value_name = "FILE", env = "OTEL_EXPORTER_OTLP_CLIENT_KEY")]
    pub client_key: Option<PathBuf>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-client-key",
        value_name = "FILE",
        env = "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY",
        hide = true
    )]
    pub logs_client_key: Option<PathBuf>,
    /// With grpc and an endpoint without a scheme: without TLS.
    #[arg(long = "otlp-insecure", value_name = "BOOL", env = "OTEL_EXPORTER_OTLP_INSECURE")]
    pub insecure: Option<bool>,
    /// The same for logs only.
    #[arg(
        long = "otlp-logs-insecure",
        value_name = "BOOL",
        env = "OTEL_EXPORTER_OTLP_LOGS_INSECURE",
        hide = true
    )]
    pub logs_insecure: Option<bool>,
    /// Attributes of the resource, as `name=value,name=value` with percent-encoded values.
    #[arg(long = "otel-resource-attributes", value_name = "ATTRIBUTES", env = "OTEL_RESOURCE_ATTRIBUTES")]
    pub resource_attributes: Option<String>,
    /// `service.name` of the resource (default beaconwatch-agent).
    #[arg(long = "otel-service-name", value_name = "NAME", env = "OTEL_SERVICE_NAME")]
    pub service_name: Option<String>,
}

impl OtlpArgs {
    /// The settings of the sink. An empty variable is as one that is not set.
    #[must_use]
    pub fn settings(&self, node_name: Option<&str>) -> Settings {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let either = |logs: &Option<String>, all: &Option<String>| set(logs).or_else(|| set(all));
        Settings {
            protocol: either(&self.logs_protocol, &self.protocol).map_or(Protocol::Http, Protocol::Named),
            base: set(&self.endpoint),
            url: set(&self.logs_endpoint),
            headers: either(&self.logs_headers, &self.headers).unwrap_or_default(),
            timeout: Duration::from_millis(self.logs_timeout_ms.or(self.timeout_ms).unwrap_or(10_000)),
            compression: either(&self.logs_compression, &self.compression).unwrap_or_default(),
            insecure: self.logs_insecure.or(self.insecure).unwrap_or(false),
            tls: Tls {
                certificate: self.logs_certificate.clone().or_else(|| self.certificate.clone()),
                client_certificate: self
                    .logs_client_certificate
                    .clone()
                    .or_else(|| self.client_certificate.clone()),
                client_key: self.logs_client_key.clone().or_else(|| self.client_key.clone()),
            },
            resource: set(&self.resource_attributes).unwrap_or_default(),
            service_name: set(&self.service_name),
            node_name: node_name.map(str::to_owned),
        }
    }
}
