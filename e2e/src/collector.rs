//! A real OpenTelemetry Collector outside the cluster, and the log records that it forwards to the scenario.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::outside::host;
use crate::{cluster_cache, repository};

/// The collector's place outside: `host-200.example.test`.
pub const HOST: u8 = 200;

/// A collector that runs until it is dropped.
#[derive(Debug)]
pub struct Collector {
    process: Child,
    records: Arc<Mutex<Vec<Value>>>,
    receiver: JoinHandle<()>,
}

impl Collector {
    /// What the agents export to (`otlp.endpoint`).
    #[must_use]
    pub fn endpoint() -> String {
        format!("http://host-{HOST}.example.test:4317")
    }

    /// Starts the collector and what it forwards to.
    ///
    /// # Errors
    ///
    /// It was not built, or its ports are taken.
    pub async fn start() -> Result<Self> {
        let records = Arc::new(Mutex::new(Vec::new()));
        let listener =
            TcpListener::bind("127.0.0.1:14319").await.context("cannot listen for the collector")?;
        let receiver = tokio::spawn(receive(listener, Arc::clone(&records)));
        let process = Command::new(cluster_cache().join("bin/otelcol"))
            .arg("--config")
            .arg(repository().join("e2e/cluster/manifests/otelcol.yaml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the collector (e2e/cluster/build.sh otelcol)")?;
        Ok(Self { process, records, receiver })
    }

    /// Whether it accepts connections yet.
    pub async fn listens(&self) -> bool {
        TcpStream::connect(SocketAddr::new(host(HOST), 4317)).await.is_ok()
    }

    /// Every log record that was forwarded, as OTLP JSON, with its resource's attributes under `resource`.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.receiver.abort();
        // Nothing can be done if it has ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// An attribute of a record or resource, by OTLP's own list of pairs.
#[must_use]
pub fn attribute<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let attributes = of.get("attributes")?.as_array()?;
    let pair = attributes.iter().find(|pair| pair.get("key").is_some_and(|key| key == name))?;
    pair.get("value")?.as_object()?.values().next()
}

async fn receive(listener: TcpListener, records: Arc<Mutex<Vec<Value>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let records = Arc::clone(&records);
        tokio::spawn(async move { serve(stream, &records).await });
    }
}

async fn serve(mut stream: TcpStream, records: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    while let Some(body) = read_request(&mut read).await? {
        if let Ok(export) = serde_json::from_slice::<Value>(&body) {
            records.lock().unwrap_or_else(PoisonError::into_inner).extend(flatten(&export));
        }
        write
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            .await?;
    }
    Ok(())
}

async fn read_request(read: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if read.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let head = line.trim().to_ascii_lowercase();
        if head.is_empty() {
            break;
        }
        if let Some(value) = head.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    Ok(Some(body))
}

fn flatten(export: &Value) -> Vec<Value> {
    let list = |of: &Value, name: &str| of.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut records = Vec::new();
    for resource in list(export, "resourceLogs") {
        for scope in list(&resource, "scopeLogs") {
            for mut record in list(&scope, "logRecords") {
                if let (Some(record), Some(of)) = (record.as_object_mut(), resource.get("resource")) {
                    record.insert("resource".to_owned(), of.clone());
                }
                records.push(record);
            }
        }
    }
    records
}
