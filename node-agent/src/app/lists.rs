//! Destination lists: read at start, again on SIGHUP, and when their files change while the agent runs.
//!
//! Changes are seen by looking at the files now and then: it works the same for a file that is written, one that is renamed into
//! its place, and the link behind a mounted ConfigMap.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use beaconwatch_engine::assess::reputation::ReputationList;
use beaconwatch_engine::input::Input;
use beaconwatch_importers::reputation::{self, ReputationError};

use crate::chain::chain;
use crate::clock::NodeClock;
use crate::queue::{Arrival, InputSender};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// What tells one version of a file from another: inode, length, time of change.
type Version = (u64, u64, Option<SystemTime>);

/// The files, and what they looked like.
#[derive(Debug)]
pub(super) struct ListFiles {
    paths: Vec<PathBuf>,
    /// When they were read last.
    read: Vec<Option<Version>>,
    /// At the last look.
    seen: Vec<Option<Version>>,
}

impl ListFiles {
    /// These files, as they are now.
    pub(super) fn of(paths: Vec<PathBuf>) -> Self {
        let now = versions(&paths);
        Self { paths, read: now.clone(), seen: now }
    }

    /// Whether they should be read: they are not as they were read last, and have been still since the last look,
    /// so that nobody is writing.
    fn look(&mut self) -> bool {
        let now = versions(&self.paths);
        let due = now == self.seen && now != self.read;
        if due {
            self.read.clone_from(&now);
        }
        self.seen = now;
        due
    }
}

fn versions(paths: &[PathBuf]) -> Vec<Option<Version>> {
    let version = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.ino(), meta.len(), meta.modified().ok()))
    };
    let files = reputation::files(paths).unwrap_or_default();
    files.iter().map(|path| version(path)).collect()
}

/// Reads the lists again and hands them to the engine; a list that cannot be read leaves the last good ones in force.
pub(super) fn reload(lists: &[PathBuf], sender: &InputSender, clock: NodeClock) {
    match load(lists) {
        Ok(list) => {
            eprintln!("beaconwatch: destination lists read again: {} entries", list.len());
            let _ = sender.send(Arrival::Learned(clock.now(), Input::Reputation(list)));
        }
        Err(error) => {
            eprintln!("beaconwatch: {}; the last good lists stay in force", chain(&error));
        }
    }
}

/// Starts the thread that looks, if there are lists.
pub(super) fn watch(mut files: ListFiles, sender: InputSender, clock: NodeClock) -> anyhow::Result<()> {
    if files.paths.is_empty() {
        return Ok(());
    }
    let look = move || loop {
        std::thread::sleep(LOOK);
        if files.look() {
            reload(&files.paths, &sender, clock);
        }
    };
    std::thread::Builder::new()
        .name("lists".to_owned())
        .spawn(look)
        .context("watch the destination lists")?;
    Ok(())
}

/// The destination lists to begin with. In a cluster one that cannot be read does not keep the agent from watching:
/// it begins without lists, and takes them once they are corrected.
pub(super) fn first(files: &[PathBuf], cluster: bool) -> Result<Arc<ReputationList>, ReputationError> {
    load(files).or_else(|error| {
        if !cluster {
            return Err(error);
        }
        tracing::error!("{}; watching without destination lists until it is corrected", chain(&error));
        Ok(Arc::default())
    })
}

/// Reads destination lists; what was refused in them is told on standard error.
pub(super) fn load(files: &[PathBuf]) -> Result<Arc<ReputationList>, ReputationError> {
    let loaded = reputation::load(files)?;
    for problem in loaded.problems() {
        eprintln!("beaconwatch: {problem}");
    }
    Ok(Arc::new(loaded.list))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// What the kubelet does with a ConfigMap: a directory for each version, a link `..data` to the present one that
    /// is renamed over the last, and links through it that never change.
    #[test]
    fn a_config_map_that_is_swapped_behind_its_links_is_read_again() {
        let mount = std::env::temp_dir().join(format!("beaconwatch-swap-{}", std::process::id()));
        let publish = |version: &str, lists: &[(&str, &str)]| {
            std::fs::create_dir_all(mount.join(version)).unwrap();
            for (name, text) in lists {
                std::fs::write(mount.join(version).join(name), text).unwrap();
            }
            symlink(version, mount.join("..data_tmp")).unwrap();
            std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
        };
        let read = |files: &ListFiles| load(&files.paths).unwrap().len();
        std::fs::create_dir_all(&mount).unwrap();
        let mut files = ListFiles::of(vec![mount.clone()]);
        assert_eq!((files.look(), read(&files)), (false, 0), "the ConfigMap is created later");

        publish("..first", &[("feed.txt", "192.0.2.1\n")]);
        symlink("..data/feed.txt", mount.join("feed.txt")).unwrap();
        assert_eq!((files.look(), files.look(), read(&files)), (false, true, 1));

        publish("..second", &[("feed.txt", "192.0.2.2\n"), ("own.txt", "192.0.2.3\n")]);
        symlink("..data/own.txt", mount.join("own.txt")).unwrap();
        std::fs::remove_dir_all(mount.join("..first")).unwrap();
        assert_eq!((files.look(), files.look(), files.look(), read(&files)), (false, true, false, 2));
        std::fs::remove_dir_all(&mount).unwrap();
    }

    #[test]
    fn a_broken_list_keeps_no_agent_of_a_cluster_from_watching_and_is_taken_once_it_is_corrected() {
        let directory = std::env::temp_dir().join(format!("beaconwatch-broken-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let list = directory.join("bundle.json");
        std::fs::write(&list, "{").unwrap();
        let mut files = ListFiles::of(vec![directory.clone()]);
        assert!(first(&files.paths, false).is_err(), "by hand, it is told at once");
        assert_eq!(first(&files.paths, true).unwrap().len(), 0);
        std::fs::remove_file(&list).unwrap();
        std::fs::write(directory.join("feed.txt"), "192.0.2.1\n").unwrap();
        assert_eq!((files.look(), files.look()), (false, true));
        assert_eq!(load(&files.paths).unwrap().len(), 1);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_file_that_changed_is_read_once_it_is_still() {
        let directory = std::env::temp_dir().join(format!("beaconwatch-watch-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let list = directory.join("list.txt");
        std::fs::write(&list, "192.0.2.1\n").unwrap();
        let mut files = ListFiles::of(vec![directory.clone()]);
        assert!(!files.look(), "nothing changed");
        std::fs::write(&list, "192.0.2.1\n192.0.2.2\n").unwrap();
        assert!(!files.look(), "it may still be written");
        assert!(files.look(), "it is still");
        assert!(!files.look(), "it was read");
        std::fs::write(directory.join("new"), "192.0.2.3\n").unwrap();
        std::fs::rename(directory.join("new"), &list).unwrap();
        assert_eq!((files.look(), files.look(), files.look()), (false, true, false));
        std::fs::remove_file(&list).unwrap();
        assert_eq!((files.look(), files.look(), files.look()), (false, true, false));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
