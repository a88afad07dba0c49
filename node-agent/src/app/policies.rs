//! Policy files and destination lists: read at start and again on SIGHUP.

use std::path::PathBuf;
use std::sync::Arc;

use beaconwatch_engine::policy::PolicySet;
use beaconwatch_engine::reputation::ReputationList;

use crate::reputation::{self, ReputationError};

/// Reads and compiles policy files. Every problem of every file is printed; `None` if there was one.
pub(super) fn load(files: &[PathBuf]) -> Option<Arc<PolicySet>> {
    match beaconwatch_crds::file::load(files) {
        Ok(policies) => Some(Arc::new(policies)),
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            None
        }
    }
}

/// Reads destination lists; entries that were refused are counted on standard error.
pub(super) fn load_lists(files: &[PathBuf]) -> Result<Arc<ReputationList>, ReputationError> {
    let loaded = reputation::load(files)?;
    if let Some(first) = &loaded.first_refused {
        eprintln!(
            "beaconwatch: {} entries of the destination lists were refused, the first at {first}",
            loaded.refused
        );
    }
    if loaded.list.refused() > 0 {
        eprintln!(
            "beaconwatch: {} entries of the destination lists are beyond the bound",
            loaded.list.refused()
        );
    }
    Ok(Arc::new(loaded.list))
}
