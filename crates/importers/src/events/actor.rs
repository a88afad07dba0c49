//! Who an event is about.

use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ExecutableOrigin, Process};

use super::row::{Field, Row};
use crate::actors::SeededHash;
use crate::value;

/// What tells one actor from another in the rows.
pub(super) fn key(row: &Row<'_>, hash: &SeededHash) -> u64 {
    let get = |field| row.get(field);
    hash.of(&(
        get(Field::Container),
        get(Field::PodUid),
        get(Field::SourceAddress),
        get(Field::Executable),
        get(Field::Origin),
        get(Field::ExecSession),
        get(Field::Command),
    ))
}

/// The actor of a row.
pub(super) fn of_event(row: &Row<'_>) -> Actor {
    let text = |field| row.text(field).map(|raw| value::printable(&raw));
    let process = text(Field::Executable).map(|executable| Process {
        executable: executable.into(),
        origin: row.get(Field::Origin).map_or(ExecutableOrigin::Unknown, origin),
        args: text(Field::Command).map(|command| Arc::from([command.into_boxed_str()])).unwrap_or_default(),
        exec_session: row.get(Field::ExecSession).and_then(super::boolean),
        ..Process::default()
    });
    Actor {
        container: text(Field::Container).map(Into::into),
        pod_uid: text(Field::PodUid).map(Into::into),
        address: row.get(Field::SourceAddress).and_then(value::address),
        process,
        cgroup: 0,
    }
}

fn origin(name: &[u8]) -> ExecutableOrigin {
    match name {
        b"image" => ExecutableOrigin::Image,
        b"drift" => ExecutableOrigin::Drift,
        b"writable" => ExecutableOrigin::Writable,
        b"deleted" => ExecutableOrigin::Deleted,
        b"memfd" => ExecutableOrigin::Memfd,
        _ => ExecutableOrigin::Unknown,
    }
}
