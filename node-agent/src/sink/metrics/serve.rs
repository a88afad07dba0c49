//! The HTTP server of metrics and health: small, bounded, and of no use to anybody but a reader.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::time::Timestamp;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{ProcessUsage, Source, text};
use crate::sink::SinksView;
use crate::status::StatusBoard;

/// Connections at once; the next ones wait.
const CONNECTIONS_MAX: usize = 16;
/// A request must have come in by then, and a connection must be over by then.
const REQUEST_MAX: Duration = Duration::from_secs(10);
const CONNECTION_MAX: Duration = Duration::from_secs(300);
/// A snapshot older than this says that the loop stands still.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(60);

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve metrics on {address}")]
pub struct MetricsError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// The running server.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

/// What is served.
struct Served {
    board: StatusBoard,
    sinks: SinksView,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl MetricsServer {
    /// Serves until it is dropped. `now` is the clock that snapshots are stamped with.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn start(
        address: SocketAddr,
        board: StatusBoard,
        sinks: SinksView,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        handle: &Handle,
    ) -> Result<Self, MetricsError> {
        let _inside = handle.enter();
        let listener = std::net::TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .and_then(TcpListener::from_std)
            .map_err(|source| MetricsError { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        let served = Arc::new(Served { board, sinks, now: Box::new(now) });
        Ok(Self { address, task: handle.spawn(accept(listener, served)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, served: Arc<Served>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = Arc::clone(&served);
                tokio::spawn(async move {
                    // Whoever asks for metrics and goes away does not matter to the agent.
                    let _ = tokio::time::timeout(CONNECTION_MAX, connection(stream, served)).await;
                    drop(place);
                });
            }
            // Out of file descriptors, most likely: wait for some to come back.
            Err(error) => {
                tracing::warn!("cannot accept a connection for metrics: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, served: Arc<Served>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let answer = answer(&request, &served);
        async move { Ok::<_, Infallible>(answer) }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_MAX)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(request: &Request<Incoming>, served: &Served) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    let status = served.board.latest();
    let age = (served.now)().since(status.taken);
    match request.uri().path() {
        "/metrics" => {
            let process = ProcessUsage::read();
            let page = text(&Source { status: &status, sinks: &served.sinks, process });
            let mut response = Response::new(Full::new(Bytes::from(page)));
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        // Before the first snapshot the agent is still starting, which is not ill.
        "/healthz" if status.taken == Timestamp::ZERO || age <= SNAPSHOT_AGE_MAX => {
            plain(StatusCode::OK, "ok\n")
        }
        "/healthz" => plain(StatusCode::SERVICE_UNAVAILABLE, "the loop stands still\n"),
        "/readyz" if status.ready() => plain(StatusCode::OK, "ok\n"),
        "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "no hook is attached (yet)\n"),
        "/" => plain(StatusCode::OK, "/metrics /healthz /readyz\n"),
        _ => plain(StatusCode::NOT_FOUND, "/metrics /healthz /readyz\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
