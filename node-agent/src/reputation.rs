//! Destination lists of the user: plain text, CSV, or STIX 2.1 indicators; addresses, networks and domains.
//!
//! A list is one item of evidence, never a verdict. What cannot be read in a list is counted and costs nothing
//! else; a list that cannot be read at all keeps the last good one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use beaconwatch_engine::reputation::ReputationList;
use serde::Deserialize;

/// Column names that hold the indicator in a CSV file, in order of preference.
const CSV_COLUMNS: [&str; 11] =
    ["indicator", "ioc", "value", "domain", "host", "hostname", "cidr", "network", "ip", "address", "dst_ip"];

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
    #[error("destination list {} is not a STIX 2.1 bundle", path.display())]
    Stix {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Not one entry could be read.
    #[error(
        "destination list {} has no address, network or domain in it; line {line} is `{text}`. Expected: one a line, \
         CSV with a column such as `indicator`, or a STIX 2.1 bundle",
        path.display()
    )]
    Nothing {
        /// Which.
        path: PathBuf,
        /// First line that was refused.
        line: usize,
        /// Its text, escaped and cut.
        text: String,
    },
}

/// What was read from all lists.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The compiled list.
    pub list: ReputationList,
    /// Entries that were refused: file, line (or object), text.
    pub refused: usize,
    /// The first of them, for people.
    pub first_refused: Option<String>,
}

/// Reads every file; the name of a list is its file name.
///
/// # Errors
///
/// The first list that cannot be read at all.
pub fn load(paths: &[PathBuf]) -> Result<Loaded, ReputationError> {
    let mut loaded = Loaded::default();
    for path in paths {
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
    first_refused: Option<(usize, String)>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), ReputationError> {
        let open = || File::open(self.path).map(BufReader::new);
        let unreadable = |source| ReputationError::Read { path: self.path.to_owned(), source };
        let mut file = open().map_err(unreadable)?;
        let start = file.fill_buf().map_err(unreadable)?;
        if start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
            self.read_stix(file)?;
        } else {
            self.read_lines(file)
                .map_err(|source| ReputationError::Read { path: self.path.to_owned(), source })?;
        }
        match (&self.first_refused, self.taken) {
            (Some((line, text)), 0) => {
                Err(ReputationError::Nothing { path: self.path.to_owned(), line: *line, text: text.clone() })
            }
            _ => Ok(()),
        }
    }

    fn read_lines(&mut self, file: impl BufRead) -> std::io::Result<()> {
        let mut column = None;
        for (index, line) in file.split(b'\n').enumerate() {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            let line = line.split(['#', ';']).next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            if index == 0
                && let Some(found) = csv_column(line)
            {
                column = Some(found);
                continue;
            }
            let field = match column {
                Some(column) => line.split(',').nth(column),
                None => line
                    .split([',', ' ', '\t'])
                    .rfind(|part| !part.is_empty())
                    .filter(|_| is_hosts_line(line)),
            };
            let field = field.or_else(|| line.split([',', ' ', '\t']).next()).unwrap_or_default();
            self.take(index + 1, field.trim().trim_matches('"'));
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
                self.refuse(index + 1, &object.pattern);
            }
            values.for_each(|value| self.take(index + 1, value));
        }
        Ok(())
    }

    fn take(&mut self, line: usize, text: &str) {
        match entry(text) {
            Some(Entry::Domain(domain)) => self.loaded.list.add_domain(self.name, domain),
            Some(Entry::Network(address, length)) => self.loaded.list.add_network(self.name, address, length),
            None => return self.refuse(line, text),
        }
        self.taken += 1;
    }

    fn refuse(&mut self, line: usize, text: &str) {
        let text: String = text.chars().take(80).flat_map(char::escape_default).collect();
        self.loaded.refused += 1;
        if self.loaded.first_refused.is_none() {
            self.loaded.first_refused = Some(format!("{}:{line}: `{text}`", self.path.display()));
        }
        self.first_refused.get_or_insert((line, text));
    }
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

enum Entry<'a> {
    Domain(&'a str),
    Network(IpAddr, u8),
}

fn entry(text: &str) -> Option<Entry<'_>> {
    // An URL stands for its host.
    let host = text
        .split_once("://")
        .map_or(text, |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Entry::Network(address, if address.is_ipv4() { 32 } else { 128 }));
    }
    if let Some((address, length)) = host.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = length.parse().ok()?;
        let fits = length <= if address.is_ipv4() { 32 } else { 128 };
        return fits.then_some(Entry::Network(address, length));
    }
    let domain = host.strip_prefix("*.").unwrap_or(host).trim_end_matches('.');
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let is_domain = domain.contains('.') && domain.len() <= 253 && domain.split('.').all(label);
    is_domain.then_some(Entry::Domain(domain))
}

/// `0.0.0.0 name`: the format of hosts files.
fn is_hosts_line(line: &str) -> bool {
    ["0.0.0.0 ", "127.0.0.1 ", "0.0.0.0\t", "127.0.0.1\t"].iter().any(|start| line.starts_with(start))
}

fn csv_column(header: &str) -> Option<usize> {
    let names: Vec<String> =
        header.split(',').map(|n| n.trim().trim_matches('"').to_ascii_lowercase()).collect();
    CSV_COLUMNS.iter().find_map(|wanted| names.iter().position(|name| name == wanted))
}

/// Values of the comparisons in a STIX pattern that name a destination:
/// `[ipv4-addr:value = '198.51.100.3'] OR [domain-name:value = 'x.example']`.
fn stix_values(pattern: &str) -> impl Iterator<Item = &str> {
    const OBJECTS: [&str; 4] = ["ipv4-addr:value", "ipv6-addr:value", "domain-name:value", "url:value"];
    let comparisons = OBJECTS.iter().flat_map(move |object| pattern.split(object).skip(1));
    comparisons.filter_map(|rest| {
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').or_else(|| rest.strip_prefix("ISSUBSET"))?;
        rest.trim_start().strip_prefix('\'')?.split('\'').next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use beaconwatch_engine::contact::{Destination, Transport};
    use std::sync::Arc;

    fn check(text: &str, named: &[&str], not_named: &[&str], refused: usize) {
        let directory =
            std::env::temp_dir().join(format!("beaconwatch-list-{}-{:p}", std::process::id(), text));
        std::fs::write(&directory, text).unwrap();
        let loaded = load(std::slice::from_ref(&directory));
        std::fs::remove_file(&directory).unwrap();
        let loaded = loaded.unwrap();
        assert_eq!(loaded.refused, refused, "{:?}", loaded.first_refused);
        let lookup = |text: &&str| {
            let address = text.parse().ok();
            let name = address.is_none().then(|| Arc::from(*text));
            let destination =
                Destination { address, port: 443, transport: Transport::Tcp, name, name_source: None };
            loaded.list.lookup(&destination).is_some()
        };
        assert!(named.iter().all(lookup), "{named:?} are all named");
        assert!(!not_named.iter().any(lookup), "none of {not_named:?} is named");
    }

    #[test]
    fn plain_lists_hold_addresses_networks_domains_and_hosts_lines() {
        let text = "# comment\n198.51.100.3\n203.0.113.0/24 ; a network\nBad.Example.\n0.0.0.0 ads.example\n\
                    https://x.example/path\n2001:db8::/32\nnot a domain\n";
        check(
            text,
            &[
                "198.51.100.3",
                "203.0.113.77",
                "bad.example",
                "a.bad.example",
                "ads.example",
                "x.example",
                "2001:db8::1",
            ],
            &["198.51.100.4", "example", "0.0.0.0"],
            1,
        );
    }

    #[test]
    fn csv_takes_the_column_of_the_indicator() {
        let text = "first_seen,indicator,confidence\n2026-01-01,\"c2.example\",90\n2026-01-01,192.0.2.1,50\n";
        check(text, &["c2.example", "192.0.2.1"], &["2026-01-01"], 0);
    }

    #[test]
    fn stix_bundles_give_their_unrevoked_indicators() {
        let text = r#"{"type":"bundle","id":"bundle--1","objects":[
            {"type":"identity","name":"x"},
            {"type":"indicator","pattern":"[ipv4-addr:value = '198.51.100.3'] OR [domain-name:value='c2.example']"},
            {"type":"indicator","pattern":"[ipv4-addr:value ISSUBSET '203.0.113.0/24']"},
            {"type":"indicator","pattern":"[file:hashes.MD5 = 'x']"},
            {"type":"indicator","revoked":true,"pattern":"[domain-name:value='old.example']"}]}"#;
        check(text, &["198.51.100.3", "c2.example", "203.0.113.1"], &["old.example"], 1);
    }

    #[test]
    fn a_list_without_entries_says_what_was_expected() {
        let file = std::env::temp_dir().join(format!("beaconwatch-list-none-{}", std::process::id()));
        std::fs::write(&file, "<html>\n").unwrap();
        let error = load(std::slice::from_ref(&file)).unwrap_err().to_string();
        std::fs::remove_file(&file).unwrap();
        assert!(error.contains("line 1 is `<html>`"), "{error}");
    }
}
