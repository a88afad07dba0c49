//! Pods and baselines that belong to events.

use std::path::Path;
use std::sync::Arc;

use beaconwatch_engine::actor::{Owner, Pod};
use beaconwatch_engine::input::BaselineEntry;
use beaconwatch_engine::observe::contact::Transport;
use beaconwatch_engine::time::Timestamp;

use super::row::{Field, Row};
use crate::lines::Lines;
use crate::{Reason, RejectedRows, flat_json, value};

/// The pod that an event names; `None`: it names none.
pub(super) fn of_event(row: &Row<'_>) -> Option<Arc<Pod>> {
    let text = |field| row.text(field).map(|raw| Arc::<str>::from(value::printable(&raw)));
    let containers = text(Field::Container).map(|id| Arc::from([(id, Box::from(""))])).unwrap_or_default();
    Some(Arc::new(Pod {
        uid: text(Field::PodUid)?,
        name: text(Field::PodName).unwrap_or_default(),
        namespace: text(Field::Namespace).unwrap_or_default(),
        node: text(Field::Node).unwrap_or_default(),
        owner: owner(row),
        replicas: row.get(Field::OwnerReplicas).and_then(value::unsigned).and_then(|n| u32::try_from(n).ok()),
        started: row.get(Field::PodStart).and_then(value::unsigned).map(Timestamp::from_nanos),
        addresses: row.get(Field::PodAddress).and_then(value::address).into_iter().collect(),
        containers,
        config_hash: text(Field::ConfigHash),
        ..Pod::default()
    }))
}

fn owner(row: &Row<'_>) -> Owner {
    let text =
        |field| row.text(field).map(|raw| Arc::<str>::from(value::printable(&raw))).unwrap_or_default();
    Owner { kind: text(Field::OwnerKind), name: text(Field::OwnerName) }
}

/// Reads a file of pods.
///
/// # Errors
///
/// When the file cannot be opened.
pub fn read_pods(path: &Path, rejected: &mut RejectedRows) -> std::io::Result<Vec<Arc<Pod>>> {
    read(path, rejected, |row| of_event(row).ok_or(Reason::ColumnsMissing))
}

/// Reads a file of baseline signatures.
///
/// # Errors
///
/// When the file cannot be opened.
pub fn read_baseline(path: &Path, rejected: &mut RejectedRows) -> std::io::Result<Vec<BaselineEntry>> {
    read(path, rejected, signature)
}

fn signature(row: &Row<'_>) -> Result<BaselineEntry, Reason> {
    let text = |field| row.text(field).map(|raw| Arc::<str>::from(value::printable(&raw)));
    let names = row.get(Field::DestinationNames).map(|list| {
        let items = flat_json::items(list).map(|item| flat_json::unescape(item.raw()));
        items.filter_map(|name| value::host_name(&name)).collect()
    });
    Ok(BaselineEntry {
        namespace: text(Field::Namespace).ok_or(Reason::ColumnsMissing)?,
        owner: owner(row),
        executable: text(Field::Executable).ok_or(Reason::ColumnsMissing)?,
        names: names.unwrap_or_default(),
        address: row.get(Field::DestinationAddress).and_then(value::address),
        port: row.get(Field::DestinationPort).and_then(value::port).unwrap_or(0),
        transport: row.get(Field::Transport).map_or(Transport::Tcp, value::transport),
    })
}

fn read<T>(
    path: &Path,
    rejected: &mut RejectedRows,
    make: impl Fn(&Row<'_>) -> Result<T, Reason>,
) -> std::io::Result<Vec<T>> {
    let mut lines = Lines::open(path)?;
    let name = Arc::clone(lines.name());
    let mut made = Vec::new();
    loop {
        let place = lines.line() + 1;
        let Some(line) = lines.next(rejected) else { return Ok(made) };
        if line.is_empty() {
            continue;
        }
        match Row::parse(line).ok_or(Reason::NotJson).and_then(|row| make(&row)) {
            Ok(entry) => made.push(entry),
            Err(reason) => rejected.add(reason, &name, place),
        }
    }
}
