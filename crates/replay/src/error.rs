//! Why there is no replay. What is wrong with single rows is no error: it is counted.

use std::io;
use std::path::PathBuf;

use beaconwatch_importers::pcap::CaptureError;
use beaconwatch_importers::reputation::ReputationError;
use beaconwatch_importers::sniff::Looks;

use crate::observations::ObservationsError;
use crate::recording::RecordingError;

/// Why there is no replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Two options do not go together.
    #[error("{0}")]
    Options(&'static str),
    /// A file or directory cannot be opened.
    #[error("opening {role}{}", path.display())]
    Open {
        /// What it is to the replay, such as `the pods `; empty for inputs.
        role: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is a directory, of an option that reads files only.
    #[error("opening {}: it is a directory; name its files", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
    },
    /// A file is something else than its option reads.
    #[error("{} {looks}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What it looks like.
        looks: Looks,
    },
    /// A directory holds nothing that its option reads.
    #[error("{what} below {}{instead}", directory.display())]
    NothingBelow {
        /// What was looked for, such as `no capture`.
        what: &'static str,
        /// Where.
        directory: PathBuf,
        /// What there is instead.
        instead: String,
    },
    /// A capture cannot be opened.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A recording cannot be opened.
    #[error("opening the recording {}", path.display())]
    Recording {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: RecordingError,
    },
    /// A recording was compressed, which it is by itself.
    #[error("{} is a recording that was compressed: unpack it first", path.display())]
    PackedRecording {
        /// Which.
        path: PathBuf,
    },
    /// Policies cannot be applied, for these reasons.
    #[error("the policies are not valid{}", listed(.0))]
    Policies(Vec<String>),
    /// A destination list cannot be read.
    #[error(transparent)]
    List(#[from] ReputationError),
    /// A capture cannot be observed, or what was seen cannot be written.
    #[error("observing {}", path.display())]
    Observe {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: ObservationsError,
    },
    /// The output cannot be written.
    #[error("writing findings")]
    Write(#[from] io::Error),
}

/// One reason on the same line, several on lines of their own.
fn listed(reasons: &[String]) -> String {
    match reasons {
        [only] => format!(": {only}"),
        several => format!("\n{}", several.join("\n")),
    }
}
