//! Servers outside the pods' networks that scenarios call. They behave, and remember who came. In the local cluster
//! every address of 203.0.113.0/24 is one of ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The longest request that a server reads.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;

/// The address that `host-NUMBER.example.test` stands for.
#[must_use]
pub fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, number))
}

/// What a server speaks.
#[derive(Clone, Copy, Debug)]
pub enum Speaks {
    /// HTTP/1.1: a few bytes for every request, then the end.
    Http,
    /// IRC, enough of it to log in and join; pings every so often.
    Irc {
        /// Time between two pings.
        ping_every: Duration,
    },
}

/// One connection that came.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// When it was accepted.
    pub at: Instant,
    /// From where.
    pub from: IpAddr,
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens at `host(number)`.
    ///
    /// # Errors
    ///
    /// The address cannot be bound: it is taken, or this machine is not outside the cluster under test.
    pub async fn start(number: u8, port: u16, speaks: Speaks) -> Result<Self> {
        let address = SocketAddr::new(host(number), port);
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let visits = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(accept(listener, Arc::clone(&visits), speaks));
        Ok(Self { visits, task })
    }

    /// Who came so far, in order.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, visits: Arc<Mutex<Vec<Visit>>>, speaks: Speaks) {
    while let Ok((stream, peer)) = listener.accept().await {
        let visit = Visit { at: Instant::now(), from: peer.ip() };
        visits.lock().unwrap_or_else(PoisonError::into_inner).push(visit);
        // A client that hangs up early is the scenario's business, not an error of the server.
        tokio::spawn(async move {
            match speaks {
                Speaks::Http => answer_http(stream).await,
                Speaks::Irc { ping_every } => answer_irc(stream, ping_every).await,
            }
        });
    }
}

async fn answer_http(mut stream: TcpStream) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read.take(REQUEST_BYTES_MAX)).lines();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    write.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n").await?;
    write.shutdown().await
}

async fn answer_irc(mut stream: TcpStream, ping_every: Duration) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let mut ping = tokio::time::interval(ping_every);
    let mut nick = "guest".to_owned();
    loop {
        tokio::select! {
            _ = ping.tick() => write.write_all(b"PING :host.example.test\r\n").await?,
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                if let Some(wanted) = line.strip_prefix("NICK ") {
                    wanted.trim().clone_into(&mut nick);
                    write.write_all(format!(":host.example.test 001 {nick} :Welcome\r\n").as_bytes()).await?;
                } else if let Some(channel) = line.strip_prefix("JOIN ") {
                    let channel = channel.trim();
                    write.write_all(format!(":{nick}!u@h JOIN {channel}\r\n").as_bytes()).await?;
                }
            }
        }
    }
}
