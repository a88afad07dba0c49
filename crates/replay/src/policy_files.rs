//! Policy files, and what is said of a file that was taken for one: whoever names a capture with `--policy` reads which
//! option it belongs to, and not where it is no YAML. Without a file, the default policy judges.

use std::path::PathBuf;
use std::sync::Arc;

use beaconwatch_crds::file::{self, Loaded};
use beaconwatch_engine::assess::policy::{
    Detectors, Mode, Policy, PolicyId, PolicySource, Thresholds, WorkloadSelector,
};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_importers::sniff::Looks;

/// What keeps files from being applied.
#[derive(Debug)]
pub struct Refused {
    /// Every problem of every file, a line each; one line of a file that is something else.
    pub problems: Vec<String>,
    /// The policies as far as they can be read.
    pub rest: Loaded,
}

/// Reads and compiles policy files.
///
/// # Errors
///
/// Every problem of every file.
pub fn load(files: &[PathBuf]) -> Result<Loaded, Refused> {
    let file::Refused { problems, rest } = match file::load(files) {
        Ok(loaded) => return Ok(loaded),
        Err(refused) => refused,
    };
    let mut lines: Vec<String> = Vec::new();
    for problem in &problems {
        let other = Looks::of_file(&problem.file).ok().filter(|looks| is_no_policy(*looks));
        let line = match other {
            Some(looks) => format!("{} {looks}", problem.file.display()),
            None => problem.to_string(),
        };
        if other.is_none() || !lines.contains(&line) {
            lines.push(line);
        }
    }
    Err(Refused { problems: lines, rest })
}

/// The policy that judges when none is given: everything on, default thresholds, no exceptions.
#[must_use]
pub fn default_policy() -> Policy {
    Policy {
        id: PolicyId { namespace: None, name: Arc::from("default") },
        source: PolicySource::File,
        created: Timestamp::ZERO,
        workloads: WorkloadSelector::default(),
        mode: Mode::default(),
        thresholds: Thresholds::default(),
        detectors: Detectors::default(),
        exceptions: Vec::new(),
    }
}

/// Whether what a file looks like says more than the problems that a reader of policies has with it.
const fn is_no_policy(looks: Looks) -> bool {
    match looks {
        Looks::Policy
        | Looks::KubernetesObject
        | Looks::Empty
        | Looks::JsonDocument
        | Looks::OtherJson
        | Looks::OtherText => false,
        Looks::Capture
        | Looks::OtherCapture(_)
        | Looks::Recording
        | Looks::Zeek
        | Looks::Suricata
        | Looks::Events
        | Looks::Pods
        | Looks::Baseline
        | Looks::ConnCsv
        | Looks::Envoy
        | Looks::Squid
        | Looks::VpcFlow
        | Looks::Hubble
        | Looks::Packed(_)
        | Looks::PackedTwice
        | Looks::Archive
        | Looks::Encrypted
        | Looks::WebPage
        | Looks::PacketText
        | Looks::WebServerLog
        | Looks::WideText
        | Looks::OtherBytes => true,
    }
}
