//! Policy files and destination lists: read at start and again on SIGHUP, lists also when their files change.

use std::path::PathBuf;
use std::sync::Arc;

use beaconwatch_engine::assess::policy::PolicySet;
use beaconwatch_engine::reputation::ReputationList;

use crate::reputation::{self, ReputationError};

/// Reads and compiles policy files. Every problem of every file is printed; `None` if there was one.
pub(super) fn load(files: &[PathBuf]) -> Option<Arc<PolicySet>> {
    match crate::policy_files::load(files) {
        Ok(loaded) => {
            loaded.notes.iter().for_each(|note| eprintln!("{note}"));
            Some(Arc::new(loaded.into_policy_set()))
        }
        Err(refused) => {
            for problem in refused.problems {
                eprintln!("{problem}");
            }
            None
        }
    }
}

/// The destination lists to begin with. In a cluster one that cannot be read does not keep the agent from watching:
/// it begins without lists, and takes them once they are mended.
pub(super) fn first_lists(files: &[PathBuf], cluster: bool) -> Result<Arc<ReputationList>, ReputationError> {
    load_lists(files).or_else(|error| {
        if !cluster {
            return Err(error);
        }
        tracing::error!("{}; watching without destination lists until it is mended", super::chain(&error));
        Ok(Arc::default())
    })
}

/// Reads destination lists; what was refused in them is told on standard error.
pub(super) fn load_lists(files: &[PathBuf]) -> Result<Arc<ReputationList>, ReputationError> {
    let loaded = reputation::load(files)?;
    for problem in loaded.problems() {
        eprintln!("beaconwatch: {problem}");
    }
    Ok(Arc::new(loaded.list))
}
