//! Findings on their way to the API server, kept on disk until it has taken them: they survive the agent's
//! restart and an outage of the API server.
//!
//! One file per finding, replaced whole: what has to arrive is the last state, so a later one takes
//! the earlier one's place and the spool grows with findings, not with time. No client in here. The directory
//! may be an `emptyDir`: a pod cannot be replaced while there is no API server to do it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::replace_file::replace_file;

/// Ending of complete files; others are left-overs of a write that was cut short.
const ENDING: &str = "json";

/// Bounds of the spool.
#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    /// Entries.
    pub entries_max: usize,
    /// Bytes of one entry.
    pub entry_bytes_max: usize,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self { entries_max: 4096, entry_bytes_max: 256 << 10 }
    }
}

/// Why an entry is not on disk.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory cannot be made or read.
    #[error("cannot open the spool {path}")]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written; the entry is held in memory only.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The entry is larger than the limit; it is held in memory only.
    #[error("an entry of {bytes} bytes is too large for the spool")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The entry cannot be serialised.
    #[error("cannot serialise an entry")]
    Serialise(#[source] serde_json::Error),
}

/// Entries of type `T` by key, in memory and on disk.
#[derive(Debug)]
pub struct Spool<T> {
    directory: Option<PathBuf>,
    limits: SpoolLimits,
    entries: BTreeMap<String, T>,
    evicted: u64,
    unreadable: u64,
}

impl<T: Clone + Serialize + for<'de> Deserialize<'de>> Spool<T> {
    /// A spool in memory only.
    #[must_use]
    pub fn in_memory(limits: SpoolLimits) -> Self {
        Self { directory: None, limits, entries: BTreeMap::new(), evicted: 0, unreadable: 0 }
    }

    /// Opens (or makes) the directory and reads what an earlier run left. Files that cannot be read are
    /// counted, and removed so that they are not counted twice.
    ///
    /// # Errors
    ///
    /// The directory cannot be made or listed.
    pub fn open(directory: &Path, limits: SpoolLimits) -> Result<Self, SpoolError> {
        let failed = |source| SpoolError::Open { path: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(failed)?;
        let mut spool = Self { directory: Some(directory.to_owned()), ..Self::in_memory(limits) };
        for file in fs::read_dir(directory).map_err(failed)?.flatten() {
            let path = file.path();
            let key = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
            let whole = path.extension().is_some_and(|ending| ending == ENDING);
            let entry = whole.then(|| fs::read(&path).ok()).flatten();
            match (key, entry.and_then(|bytes| serde_json::from_slice(&bytes).ok())) {
                (Some(key), Some(entry)) if spool.entries.len() < limits.entries_max => {
                    spool.entries.insert(key, entry);
                }
                _ => {
                    spool.unreadable += u64::from(whole);
                    let _ = fs::remove_file(&path);
                }
            }
        }
        Ok(spool)
    }

    /// Keeps an entry under a key (letters, digits, `-`, `.`), in place of an earlier one. A new one that finds
    /// the spool full evicts the one that `worth` values least, perhaps itself.
    ///
    /// # Errors
    ///
    /// It is not on disk; it is held in memory all the same.
    pub fn put(&mut self, key: &str, entry: T, worth: impl Fn(&T) -> u64) -> Result<(), SpoolError> {
        if self.entries.len() >= self.limits.entries_max && !self.entries.contains_key(key) {
            let least = self.entries.iter().min_by_key(|(_, held)| worth(held));
            let least = least.filter(|(_, held)| worth(held) < worth(&entry)).map(|(key, _)| key.clone());
            self.evicted += 1;
            match least {
                Some(least) => self.remove(&least),
                None => return Ok(()),
            }
        }
        let written = self.write(key, &entry);
        self.entries.insert(key.to_owned(), entry);
        written
    }

    /// Forgets an entry: it has arrived, or is given up.
    pub fn remove(&mut self, key: &str) {
        self.entries.remove(key);
        if let Some(path) = self.path(key) {
            let _ = fs::remove_file(path);
        }
    }

    /// An entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&T> {
        self.entries.get(key)
    }

    /// Keys of all entries, in order.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.entries.keys()
    }

    /// Entries held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries given up because the spool was full.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Files of an earlier run that could not be read.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| directory.join(format!("{key}.{ENDING}")))
    }

    fn write(&self, key: &str, entry: &T) -> Result<(), SpoolError> {
        let Some(path) = self.path(key) else { return Ok(()) };
        let bytes = serde_json::to_vec(entry).map_err(SpoolError::Serialise)?;
        if bytes.len() > self.limits.entry_bytes_max {
            return Err(SpoolError::TooLarge { bytes: bytes.len() });
        }
        replace_file(&path, |file| file.write_all(&bytes))
            .map_err(|source| SpoolError::Write { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("beaconwatch-spool-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    fn limits(entries_max: usize) -> SpoolLimits {
        SpoolLimits { entries_max, entry_bytes_max: 100 }
    }

    #[test]
    fn what_was_not_sent_is_there_after_a_restart() {
        let path = directory("restart");
        let mut spool = Spool::open(&path, limits(10)).unwrap();
        spool.put("a", "one".to_owned(), |_| 0).unwrap();
        spool.put("b", "two".to_owned(), |_| 0).unwrap();
        spool.put("a", "three".to_owned(), |_| 0).unwrap();
        spool.remove("b");
        drop(spool);
        let spool: Spool<String> = Spool::open(&path, limits(10)).unwrap();
        assert_eq!(spool.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(spool.get("a"), Some(&"three".to_owned()));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_write_that_was_cut_short_is_no_entry() {
        let path = directory("short");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("a.json.new"), "\"on").unwrap();
        // As versions before named it.
        fs::write(path.join("c.part"), "\"on").unwrap();
        fs::write(path.join("b.json"), "\"tw").unwrap();
        let spool: Spool<String> = Spool::open(&path, limits(10)).unwrap();
        assert!(spool.is_empty());
        assert_eq!(spool.unreadable(), 1);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_full_spool_gives_up_what_is_worth_least_and_counts() {
        let mut spool = Spool::in_memory(limits(2));
        let worth = |entry: &u64| *entry;
        spool.put("a", 5, worth).unwrap();
        spool.put("b", 7, worth).unwrap();
        spool.put("c", 6, worth).unwrap();
        spool.put("d", 1, worth).unwrap();
        assert_eq!(spool.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(spool.evicted(), 2);
    }

    #[test]
    fn an_entry_that_cannot_be_written_is_held_in_memory() {
        let path = directory("large");
        let mut spool = Spool::open(&path, limits(10)).unwrap();
        assert!(matches!(spool.put("a", "x".repeat(200), |_| 0), Err(SpoolError::TooLarge { .. })));
        assert_eq!(spool.len(), 1);
        fs::remove_dir_all(path).unwrap();
    }
}
