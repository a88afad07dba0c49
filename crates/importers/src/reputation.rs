//! Destination lists of the user: plain text, CSV, or STIX 2.1 indicators; addresses, networks and domains.
//!
//! A list is one item of evidence, never a verdict. What cannot be read in a list is counted and costs nothing
//! else; a list that cannot be read at all keeps the last good one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use beaconwatch_engine::assess::reputation::ReputationList;
use serde::Deserialize;

use crate::conn_csv;

mod entry;

use entry::{Entry, csv_column, entry, is_hosts_line, stix_values};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReputationError {
    /// The file cannot be read.
    #[error("cannot read destination list {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It looks like STIX but is not.
    #[error("destination list {} begins like a STIX 2.1 bundle and is none", path.display())]
    Stix {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Not one entry could be read.
    #[error(
        "destination list {} has no address, network or domain in it; the first refused is {first}. Expected: one a \
         line, CSV with a column such as `indicator`, or a STIX 2.1 bundle",
        path.display()
    )]
    Nothing {
        /// Which.
        path: PathBuf,
        /// File, line (or object) and text of the first entry that was refused.
        first: String,
    },
}

/// What was read from all lists.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The compiled list.
    pub list: ReputationList,
    /// How many entries were refused.
    pub refused: usize,
    /// File, line (or object) and text of the first of them.
    pub first_refused: Option<String>,
}

impl Loaded {
    /// What people should know of it, a line each; empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(first) = &self.first_refused {
            let refused = self.refused;
            lines.push(format!(
                "{refused} entries of the destination lists were refused, the first at {first}"
            ));
        }
        if self.list.refused() > 0 {
            let (beyond, bound) = (self.list.refused(), beaconwatch_engine::assess::reputation::ENTRIES_MAX);
            lines.push(format!("{beyond} entries of the destination lists are beyond the bound of {bound}"));
        }
        lines
    }
}

/// The files that are meant: of a directory all that are not hidden, sorted.
///
/// # Errors
///
/// When a directory cannot be read.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ReputationError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |source| ReputationError::Read { path: path.clone(), source };
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if !entry.file_name().to_string_lossy().starts_with('.') && entry.path().is_file() {
                inside.push(entry.path());
            }
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// Reads every file; the name of a list is its file name.
///
/// # Errors
///
/// The first list that cannot be read at all.
pub fn load(paths: &[PathBuf]) -> Result<Loaded, ReputationError> {
    let mut loaded = Loaded::default();
    for path in &files(paths)? {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut reader = Reader { loaded: &mut loaded, path, name: &name, taken: 0, first_refused: None };
        reader.read()?;
    }
    Ok(loaded)
}

struct Reader<'a> {
    loaded: &'a mut Loaded,
    path: &'a Path,
    name: &'a str,
    taken: usize,
    first_refused: Option<String>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), ReputationError> {
        let open = || File::open(self.path).map(BufReader::new);
        let unreadable = |source| ReputationError::Read { path: self.path.to_owned(), source };
        let mut file = open().map_err(unreadable)?;
        if file.fill_buf().map_err(unreadable)?.starts_with(BYTE_ORDER_MARK) {
            file.consume(BYTE_ORDER_MARK.len());
        }
        let start = file.fill_buf().map_err(unreadable)?;
        if start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
            self.read_stix(file)?;
        } else {
            self.read_lines(file)
                .map_err(|source| ReputationError::Read { path: self.path.to_owned(), source })?;
        }
        match (self.first_refused.take(), self.taken) {
            (Some(first), 0) => Err(ReputationError::Nothing { path: self.path.to_owned(), first }),
            _ => Ok(()),
        }
    }

    fn read_lines(&mut self, file: impl BufRead) -> std::io::Result<()> {
        let (mut column, mut begun) = (None, false);
        for (index, line) in file.split(b'\n').enumerate() {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            // The header of a CSV file is its first line, or the last of the comments before.
            let comment = line.starts_with(['#', ';']);
            if !begun && let Some(found) = csv_column(line.trim_start_matches(['#', ' '])) {
                (column, begun) = (Some(found), !comment);
                continue;
            }
            if comment {
                continue;
            }
            begun = true;
            let field = match column {
                Some(column) => csv_field(line, column),
                None => word(line),
            };
            self.take(&format_args!(":{}", index + 1), field.trim().trim_matches('"'));
        }
        Ok(())
    }

    fn read_stix(&mut self, file: impl BufRead) -> Result<(), ReputationError> {
        let bundle: StixBundle = serde_json::from_reader(file)
            .map_err(|source| ReputationError::Stix { path: self.path.to_owned(), source })?;
        let indicators = bundle.objects.into_iter().enumerate();
        for (index, object) in indicators.filter(|(_, o)| o.kind == "indicator" && !o.revoked) {
            let mut values = stix_values(&object.pattern).peekable();
            if values.peek().is_none() {
                self.refuse(&format_args!(", object {}", index + 1), &object.pattern);
            }
            values.for_each(|value| self.take(&format_args!(", object {}", index + 1), value));
        }
        Ok(())
    }

    fn take(&mut self, place: &dyn core::fmt::Display, text: &str) {
        match entry(text) {
            Some(Entry::Domain(domain)) => self.loaded.list.add_domain(self.name, domain),
            Some(Entry::Network(address, length)) => self.loaded.list.add_network(self.name, address, length),
            None => return self.refuse(place, text),
        }
        self.taken += 1;
    }

    fn refuse(&mut self, place: &dyn core::fmt::Display, text: &str) {
        self.loaded.refused += 1;
        if self.first_refused.is_none() {
            let text: String = text.chars().take(80).flat_map(char::escape_default).collect();
            let first = format!("{}{place}: `{text}`", self.path.display());
            self.loaded.first_refused.get_or_insert_with(|| first.clone());
            self.first_refused = Some(first);
        }
    }
}

/// The field of a column; of a line with fewer, the first.
fn csv_field(line: &str, column: usize) -> &str {
    let field = conn_csv::fields(line.as_bytes()).nth(column);
    field.and_then(|field| core::str::from_utf8(field).ok()).unwrap_or_else(|| word(line))
}

/// The entry of a line without columns: its first word, or the name of a hosts file. A comment may follow.
fn word(line: &str) -> &str {
    let line = line.split(['#', ';']).next().unwrap_or_default();
    let mut words = line.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    if is_hosts_line(line) { words.nth(1) } else { words.next() }.unwrap_or_default()
}

#[derive(Deserialize)]
struct StixBundle {
    objects: Vec<StixObject>,
}

#[derive(Deserialize)]
struct StixObject {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pattern: String,
    #[serde(default)]
    revoked: bool,
}

#[cfg(test)]
mod tests;
