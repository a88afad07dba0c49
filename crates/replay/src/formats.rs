//! Formats of files of rows, and the reader of each.

use std::path::Path;

use beaconwatch_importers::Reader;
use beaconwatch_importers::conn_csv::ConnCsvReader;
use beaconwatch_importers::envoy::EnvoyReader;
use beaconwatch_importers::events::EventsReader;
use beaconwatch_importers::hubble::HubbleReader;
use beaconwatch_importers::squid::SquidReader;
use beaconwatch_importers::suricata::SuricataReader;
use beaconwatch_importers::vpc_flow::VpcFlowReader;
use beaconwatch_importers::zeek::ZeekReader;

/// Format of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A Zeek log.
    Zeek,
    /// Suricata's EVE log.
    Suricata,
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

impl FileKind {
    /// The option that names files of this format.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Zeek => "--zeek",
            Self::Suricata => "--suricata",
            Self::ConnCsv => "--csv",
            Self::Events { .. } => "--events",
            Self::Envoy => "--envoy",
            Self::Squid => "--squid",
            Self::VpcFlow => "--vpc-flow",
            Self::Hubble => "--hubble",
        }
    }
}

/// Opens a file for reading.
///
/// # Errors
///
/// When the file cannot be opened.
pub fn open(path: &Path, kind: FileKind) -> std::io::Result<Box<dyn Reader>> {
    Ok(match kind {
        FileKind::Zeek => Box::new(ZeekReader::open(path)?),
        FileKind::Suricata => Box::new(SuricataReader::open(path)?),
        FileKind::ConnCsv => Box::new(ConnCsvReader::open(path)?),
        FileKind::Events { announce_pods } => Box::new(EventsReader::open(path, announce_pods)?),
        FileKind::Envoy => Box::new(EnvoyReader::open(path)?),
        FileKind::Squid => Box::new(SquidReader::open(path)?),
        FileKind::VpcFlow => Box::new(VpcFlowReader::open(path)?),
        FileKind::Hubble => Box::new(HubbleReader::open(path)?),
    })
}
