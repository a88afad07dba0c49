//! Policy files: read at start and again on SIGHUP.

use std::path::PathBuf;
use std::sync::Arc;

use beaconwatch_engine::assess::policy::PolicySet;

/// Reads and compiles policy files. Every problem of every file is printed; `None` if there was one.
pub(super) fn load(files: &[PathBuf]) -> Option<Arc<PolicySet>> {
    match beaconwatch_replay::policy_files::load(files) {
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
