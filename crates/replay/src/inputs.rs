//! The inputs that were asked for, each with its format.

use std::path::{Path, PathBuf};

use beaconwatch_engine::input::WorkloadChange;
use beaconwatch_importers::sniff::Looks;
use beaconwatch_importers::{Record, events};

use crate::args::ReplayArgs;
use crate::captures::Captures;
use crate::error::ReplayError;
use crate::feed::Feed;
use crate::formats::FileKind;

/// Everything that `args` name, in one stream.
///
/// # Errors
///
/// When an input cannot be opened.
pub fn feed(args: &ReplayArgs) -> Result<Feed, ReplayError> {
    let mut feed = Feed::of(files(args)?, args.look_ahead);
    for path in &args.pods {
        expect_no_directory(path)?;
        let pods = events::read_pods(path, &mut feed.rejected).map_err(unopened("the pods ", path))?;
        if pods.is_empty() {
            expect_format(path, "--pods")?;
        }
        feed.add_records(
            pods.into_iter()
                .map(|pod| (pod.started.unwrap_or_default(), Record::Workload(WorkloadChange::Applied(pod)))),
        );
    }
    let paths = captures(&args.pcap)?;
    let captures = Captures::of(&paths, &mut feed.rejected)?;
    let bytes = paths.iter().filter_map(|path| Some(std::fs::metadata(path).ok()?.len())).sum();
    feed.add(Box::new(captures), bytes);
    Ok(feed)
}

/// Files of rows, each with its format.
fn files(args: &ReplayArgs) -> Result<Vec<(PathBuf, FileKind)>, ReplayError> {
    let mut files = Vec::new();
    for path in &args.zeek {
        let logs = zeek_logs(path).map_err(unopened("", path))?;
        if logs.is_empty() {
            return Err(nothing_below(path, "no Zeek log (*.log*)"));
        }
        files.extend(logs.into_iter().map(|log| (log, FileKind::Zeek)));
    }
    for path in &args.suricata {
        let logs = below(path, is_eve_log).map_err(unopened("", path))?;
        if logs.is_empty() {
            return Err(nothing_below(path, "no EVE log (*.json*)"));
        }
        files.extend(logs.into_iter().map(|log| (log, FileKind::Suricata)));
    }
    let announce_pods = args.pods.is_empty();
    files.extend(args.events.iter().map(|path| (path.clone(), FileKind::Events { announce_pods })));
    for (paths, kind) in [
        (&args.csv, FileKind::ConnCsv),
        (&args.envoy, FileKind::Envoy),
        (&args.squid, FileKind::Squid),
        (&args.vpc_flow, FileKind::VpcFlow),
        (&args.hubble, FileKind::Hubble),
    ] {
        files.extend(paths.iter().map(|path| (path.clone(), kind)));
    }
    for (path, _) in &files {
        expect_no_directory(path)?;
        // A pipe is left alone: what it has can be read once.
        if path.is_file() {
            std::fs::File::open(path).map_err(unopened("", path))?;
        }
    }
    Ok(files)
}

/// Of an option that reads files only.
///
/// # Errors
///
/// When the path is a directory, or leads nowhere.
pub fn expect_no_directory(path: &Path) -> Result<(), ReplayError> {
    let found = std::fs::metadata(path).map_err(unopened("", path))?;
    if found.is_dir() { Err(ReplayError::Directory { path: path.to_owned() }) } else { Ok(()) }
}

/// Of a file in which an option found nothing that it reads.
///
/// # Errors
///
/// What the file looks like, if that is something else.
pub fn expect_format(path: &Path, option: &str) -> Result<(), ReplayError> {
    // A pipe was read to its end.
    if !std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    let Ok(looks) = Looks::of_file(path) else { return Ok(()) };
    // Nothing known before, or no pods, is nothing wrong.
    let may_be_empty = looks == Looks::Empty && option != "--recording";
    if may_be_empty || looks.option() == Some(option) {
        return Ok(());
    }
    Err(ReplayError::Format { path: path.to_owned(), looks })
}

/// The captures that were named: files themselves, and what looks like a capture below directories.
///
/// # Errors
///
/// When a directory cannot be read, or holds no capture.
pub fn captures(named: &[PathBuf]) -> Result<Vec<PathBuf>, ReplayError> {
    let mut found = Vec::new();
    for path in named {
        let is_capture = |path: &Path| Looks::of_file(path).is_ok_and(|looks| looks == Looks::Capture);
        let captures = below(path, is_capture).map_err(unopened("", path))?;
        if captures.is_empty() {
            return Err(nothing_below(path, "no capture"));
        }
        found.extend(captures);
    }
    Ok(found)
}

/// The Zeek logs at a path: the file itself, or every log below a directory, sorted.
///
/// # Errors
///
/// When the path or a directory below cannot be read.
pub fn zeek_logs(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    below(path, is_zeek_log)
}

/// The file itself, or every file below a directory that is wanted, sorted.
fn below(path: &Path, is_wanted: impl Fn(&Path) -> bool) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.is_file() && is_wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The error of a file or directory that cannot be opened.
pub(super) fn unopened(role: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ReplayError {
    move |source| ReplayError::Open { role, path: path.to_owned(), source }
}

/// The error of a directory without what was looked for: what the first of its files looks like instead.
fn nothing_below(path: &Path, what: &'static str) -> ReplayError {
    let files = below(path, |_| true).unwrap_or_default();
    let instead = match files.first().map(|first| (first, Looks::of_file(first))) {
        None => ": it holds no file".to_owned(),
        Some((_, Err(_))) => String::new(),
        Some((first, Ok(looks))) => format!(": {} {looks}", first.display()),
    };
    ReplayError::NothingBelow { what, directory: path.to_owned(), instead }
}

/// `eve.json`, `eve.3.json`, `eve-2026-01-05.json.gz`, `eve.json.1`. Beside it lie logs that are no JSON.
fn is_eve_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    name.split('.').skip(1).any(|part| matches!(part, "json" | "ndjson" | "jsonl"))
}

/// `conn.log`, `conn.00:00:00-01:00:00.log.gz`, `conn.log.labeled`, `dns.json`.
fn is_zeek_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    name.split('.').skip(1).any(|part| matches!(part, "log" | "json" | "ndjson" | "jsonl"))
}
