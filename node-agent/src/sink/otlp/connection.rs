//! The connection to the collector: one client for gRPC and HTTP, with one set-up of TLS, and what an answer means
//! for the findings that were sent.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::assess::finding::Finding;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::message;
use super::settings::{Resolved, Settings, SettingsError, Tls};

/// Bytes of an answer that are read at most.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The longest wait that a collector may ask for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Sends findings to one collector.
#[derive(Debug)]
pub struct Exporter {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    target: Resolved,
    timeout: Duration,
    resource: Vec<(String, String)>,
}

/// What became of a batch of findings.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The collector took them, but for some.
    Taken {
        /// How many it refused.
        refused: usize,
        /// Why, in its words.
        why: String,
    },
    /// The collector refused them, and would again.
    Refused {
        /// Why.
        why: String,
    },
    /// They did not arrive, or the collector cannot take them now.
    Later {
        /// How long the collector wants to be left alone.
        wait: Option<Duration>,
        /// Why.
        why: String,
    },
}

impl Exporter {
    /// Prepares a connection; it is made when it is first needed, and again when it broke.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn connect(settings: &Settings) -> Result<Self, SettingsError> {
        let target = settings.resolve()?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.timeout));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls(&settings.tls)?).https_or_http();
        let tls = if target.grpc { tls.enable_http2() } else { tls.enable_all_versions() };
        let client =
            Client::builder(TokioExecutor::new()).http2_only(target.grpc).build(tls.wrap_connector(tcp));
        Ok(Self { client, target, timeout: settings.timeout, resource: settings.resource_attributes() })
    }

    /// Sends a batch once.
    pub async fn export(&mut self, findings: &[Arc<Finding>]) -> Outcome {
        let request = message::request(findings, &self.resource);
        let answer = async {
            if self.target.grpc { self.by_grpc(request).await } else { self.by_http(&request).await }
        };
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(outcome) => outcome,
            Err(_) => later(format!("no answer from {} within {:?}", self.target.uri, self.timeout)),
        }
    }

    async fn by_grpc(&self, message: ExportLogsServiceRequest) -> Outcome {
        let mut client = LogsServiceClient::with_origin(self.client.clone(), self.target.uri.clone());
        if self.target.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let metadata = MetadataMap::from_headers(self.target.headers.clone());
        let request = tonic::Request::from_parts(metadata, http::Extensions::new(), message);
        match client.export(request).await {
            Ok(answer) => taken(answer.into_inner()),
            Err(status) => of_status(&status),
        }
    }

    async fn by_http(&self, message: &ExportLogsServiceRequest) -> Outcome {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = self.target.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let mut bytes = message.encode_to_vec();
        if self.target.gzip
            && let Ok(smaller) = gzipped(&bytes)
        {
            bytes = smaller;
            request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        *request.body_mut() = Body::new(Full::new(Bytes::from(bytes)));
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return later(with_causes(&error)),
        };
        let (head, body) = answer.into_parts();
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(body) => of_answer(head.status, &head.headers, &body.to_bytes()),
            Err(error) => later(format!("the answer broke off: {error}")),
        }
    }
}

/// An error with everything that caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn later(why: String) -> Outcome {
    Outcome::Later { wait: None, why }
}

fn taken(answer: ExportLogsServiceResponse) -> Outcome {
    let partial = answer.partial_success.unwrap_or_default();
    let refused = usize::try_from(partial.rejected_log_records).unwrap_or(0);
    Outcome::Taken { refused, why: partial.error_message }
}

/// What the status of a gRPC call means. More is tried again than the protocol asks for: a token that is not yet
/// valid or a wrong path is mended by people, and findings wait for that.
fn of_status(status: &Status) -> Outcome {
    let causes = std::error::Error::source(status).map_or_else(|| status.message().to_owned(), with_causes);
    let why = format!("{:?}: {causes}", status.code());
    if status.code() == Code::InvalidArgument { Outcome::Refused { why } } else { later(why) }
}

/// What an HTTP answer means.
fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Outcome {
    if status.is_success() {
        return taken(ExportLogsServiceResponse::decode(body).unwrap_or_default());
    }
    let why = format!("HTTP status {status}");
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused { why },
        _ => {
            let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let wait = seconds.map(|seconds| Duration::from_secs(seconds).min(WAIT_MAX));
            Outcome::Later { wait, why }
        }
    }
}

fn gzipped(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn tls(files: &Tls) -> Result<rustls::ClientConfig, SettingsError> {
    let mut roots = rustls::RootCertStore::empty();
    match &files.certificate {
        Some(file) => {
            let (added, _) = roots.add_parsable_certificates(certificates(file)?);
            if added == 0 {
                return Err(pem(file, "no certificate in it can be used"));
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SettingsError::Tls)?
        .with_root_certificates(roots);
    match (&files.client_certificate, &files.client_key) {
        (None, None) => Ok(config.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, error))?;
            config.with_client_auth_cert(chain, key).map_err(SettingsError::Tls)
        }
        (Some(_), None) | (None, Some(_)) => Err(SettingsError::ClientCertificate),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| pem(file, error))
}

fn pem(file: &Path, problem: impl std::fmt::Display) -> SettingsError {
    SettingsError::Pem { file: file.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bad_data_is_refused_for_good() {
        let headers = HeaderMap::new();
        let refused = |code: u16| {
            let status = StatusCode::from_u16(code).unwrap();
            matches!(of_answer(status, &headers, b""), Outcome::Refused { .. })
        };
        assert!(refused(400) && refused(413));
        assert!(!refused(401) && !refused(404) && !refused(429) && !refused(503) && !refused(200));
        assert!(matches!(of_status(&Status::invalid_argument("x")), Outcome::Refused { .. }));
        assert!(matches!(of_status(&Status::unauthenticated("x")), Outcome::Later { .. }));
    }

    #[test]
    fn a_collector_may_ask_to_be_left_alone_but_not_for_ever() {
        let mut headers = HeaderMap::new();
        let mut wait = |text: &'static str| {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            match of_answer(StatusCode::TOO_MANY_REQUESTS, &headers, b"") {
                Outcome::Later { wait, .. } => wait,
                Outcome::Taken { .. } | Outcome::Refused { .. } => panic!("not later"),
            }
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("999999"), Some(WAIT_MAX));
        assert_eq!(wait("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
