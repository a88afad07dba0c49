//! A receiver of OpenTelemetry logs, as real as the messages and services of the OpenTelemetry project are, by gRPC
//! or HTTP, with or without TLS. What it answers is scripted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Try again later.
    Unavailable,
    /// Taken, but for so many.
    Partly(i64),
    /// Never.
    Never,
}

/// What came in, and what will be answered; then everything is taken.
#[derive(Debug, Default)]
struct State {
    records: Vec<LogRecord>,
    resource: Vec<(String, String)>,
    headers: HeaderMap,
    answers: VecDeque<Answer>,
    /// Requests with this summary in them are refused for good.
    poison: Option<&'static str>,
}

/// The receiver.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// Listens on a free port of the loopback interface.
    pub(crate) async fn start(grpc: bool, tls: bool) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), grpc, tls).await
    }

    pub(crate) async fn start_on(address: SocketAddr, grpc: bool, tls: bool) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let collector = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        tokio::spawn(collector.clone().accept(listener, grpc, tls.then(|| acceptor(grpc))));
        collector
    }

    pub(crate) fn answer(&self, answers: &[Answer]) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    pub(crate) fn refuse(&self, summary: &'static str) {
        self.state.lock().unwrap().poison = Some(summary);
    }

    /// Waits until so many records are there.
    pub(crate) async fn records(&self, count: usize) -> Vec<LogRecord> {
        for _ in 0..1000 {
            let records = self.state.lock().unwrap().records.clone();
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.state.lock().unwrap().records.clone()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    pub(crate) fn resource(&self, name: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.resource.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    async fn accept(self, listener: TcpListener, grpc: bool, tls: Option<tokio_rustls::TlsAcceptor>) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (collector, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => collector.serve(stream, grpc).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            collector.serve(stream, grpc).await;
                        }
                    }
                }
            });
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, grpc: bool) {
        let io = TokioIo::new(stream);
        if grpc {
            let service = LogsServiceServer::new(self).accept_compressed(CompressionEncoding::Gzip);
            let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = http2.serve_connection(io, TowerToHyperService::new(service)).await;
        } else {
            let service = service_fn(move |request| {
                let collector = self.clone();
                async move { Ok::<_, Infallible>(collector.by_http(request).await) }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        }
    }

    async fn by_http(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        assert_eq!(request.uri().path(), "/v1/logs");
        let (head, body) = request.into_parts();
        let mut bytes = body.collect().await.unwrap().to_bytes().to_vec();
        if head.headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
            bytes = plain;
        }
        let message = ExportLogsServiceRequest::decode(&*bytes).unwrap();
        let status = |code| Response::builder().status(code).body(Full::default()).unwrap();
        match self.take(head.headers, message) {
            Ok(refused) => Response::new(Full::from(response(refused).encode_to_vec())),
            Err(Answer::Never) => status(400),
            Err(_) => status(503),
        }
    }

    /// Takes a request as the script says: how many were refused, or the answer instead.
    fn take(&self, headers: HeaderMap, message: ExportLogsServiceRequest) -> Result<i64, Answer> {
        let mut state = self.state.lock().unwrap();
        let answer = state.answers.pop_front();
        let logs = &message.resource_logs[0];
        let records = logs.scope_logs[0].log_records.clone();
        let poisoned =
            state.poison.is_some_and(|poison| records.iter().any(|record| text_of(record) == poison));
        match answer {
            Some(Answer::Unavailable | Answer::Never) => return Err(answer.unwrap()),
            Some(Answer::Partly(_)) | None if poisoned => return Err(Answer::Never),
            Some(Answer::Partly(_)) | None => {}
        }
        state.headers = headers;
        state.resource = logs
            .resource
            .iter()
            .flat_map(|resource| &resource.attributes)
            .map(|attribute| (attribute.key.clone(), string(attribute.value.as_ref().unwrap())))
            .collect();
        state.records.extend(records);
        Ok(if let Some(Answer::Partly(refused)) = answer { refused } else { 0 })
    }
}

/// The summary of a record.
pub(crate) fn text_of(record: &LogRecord) -> String {
    string(record.body.as_ref().unwrap())
}

fn string(value: &opentelemetry_proto::tonic::common::v1::AnyValue) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    if let Some(Value::StringValue(text)) = &value.value { text.clone() } else { format!("{value:?}") }
}

fn response(refused: i64) -> ExportLogsServiceResponse {
    let partial = ExportLogsPartialSuccess { rejected_log_records: refused, error_message: "too old".into() };
    ExportLogsServiceResponse { partial_success: (refused > 0).then_some(partial) }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, tonic::Status> {
        let (metadata, _, message) = request.into_parts();
        match self.take(metadata.into_headers(), message) {
            Ok(refused) => Ok(tonic::Response::new(response(refused))),
            Err(Answer::Never) => Err(tonic::Status::invalid_argument("not understood")),
            Err(_) => Err(tonic::Status::unavailable("later")),
        }
    }
}

fn acceptor(grpc: bool) -> tokio_rustls::TlsAcceptor {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let chain = CertificateDer::pem_file_iter(directory.join("server.pem")).unwrap().map(Result::unwrap);
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.collect(), key)
        .unwrap();
    config.alpn_protocols = vec![if grpc { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Arc::new(config).into()
}
