//! The files that were asked for, each with its format.

use std::path::{Path, PathBuf};

use crate::source::Reader;
use crate::source::conn_csv::ConnCsvReader;
use crate::source::envoy::EnvoyReader;
use crate::source::events::EventsReader;
use crate::source::hubble::HubbleReader;
use crate::source::squid::SquidReader;
use crate::source::vpc_flow::VpcFlowReader;
use crate::source::zeek::ZeekReader;

/// Format of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A Zeek log.
    Zeek,
    /// Connections as CSV.
    ConnCsv,
    /// Events as JSON lines.
    Events {
        /// No file of pods was given: pods are announced by their first event.
        announce_pods: bool,
    },
    /// Envoy's access log.
    Envoy,
    /// Squid's access log.
    Squid,
    /// VPC flow logs.
    VpcFlow,
    /// Hubble's flows.
    Hubble,
}

/// Opens a file for reading.
///
/// # Errors
///
/// When the file cannot be opened.
pub fn open(path: &Path, kind: FileKind) -> std::io::Result<Box<dyn Reader>> {
    Ok(match kind {
        FileKind::Zeek => Box::new(ZeekReader::open(path)?),
        FileKind::ConnCsv => Box::new(ConnCsvReader::open(path)?),
        FileKind::Events { announce_pods } => Box::new(EventsReader::open(path, announce_pods)?),
        FileKind::Envoy => Box::new(EnvoyReader::open(path)?),
        FileKind::Squid => Box::new(SquidReader::open(path)?),
        FileKind::VpcFlow => Box::new(VpcFlowReader::open(path)?),
        FileKind::Hubble => Box::new(HubbleReader::open(path)?),
    })
}

/// The Zeek logs at a path: the file itself, or every log below a directory, sorted.
///
/// # Errors
///
/// When the path or a directory below cannot be read.
pub fn zeek_logs(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if is_zeek_log(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `conn.log`, `conn.00:00:00-01:00:00.log.gz`, `conn.log.labeled`, `dns.json`.
fn is_zeek_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    name.split('.').skip(1).any(|part| matches!(part, "log" | "json" | "ndjson" | "jsonl"))
}
