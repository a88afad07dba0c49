//! Records of processes.

use beaconwatch_engine::actor::FileId;
use beaconwatch_engine::input::{Event, ProcessStarted};
use beaconwatch_engine::time::Timestamp;
use node_agent_common::event::{Exec, Fork, exec_flags};

use super::{DecodeError, FoundProcess, fixed, tail, text};

/// A process called `execve`.
pub(super) fn exec(bytes: &[u8]) -> Result<ProcessStarted, DecodeError> {
    process(bytes, &fixed(bytes)?)
}

/// A process was found running.
pub(super) fn found(bytes: &[u8]) -> Result<FoundProcess, DecodeError> {
    let record: Exec = fixed(bytes)?;
    let started = ProcessStarted { snapshot: true, ..process(bytes, &record)? };
    Ok(FoundProcess { started, reader_pid: record.reader_pid })
}

fn process(bytes: &[u8], record: &Exec) -> Result<ProcessStarted, DecodeError> {
    let names = tail::<Exec>(bytes, 0, record.path_len)?;
    let filename = tail::<Exec>(bytes, record.path_len, record.filename_len)?;
    let args_at = record.path_len.checked_add(record.filename_len).ok_or(DecodeError::Length)?;
    let args = tail::<Exec>(bytes, args_at, record.args_len)?;
    let has = |flag: u32| record.flags & flag != 0;
    let executable = path(names, has(exec_flags::PATH_CUT));
    let filename = text(filename);
    Ok(ProcessStarted {
        pid: record.pid,
        start_ns: record.start_ns,
        parent_pid: record.parent_pid,
        cgroup: record.header.cgroup,
        filename: if filename == executable { Box::default() } else { filename },
        executable,
        file: if has(exec_flags::FILE) {
            FileId { device: u64::from(record.device), inode: record.inode }
        } else {
            FileId::default()
        },
        links: has(exec_flags::FILE).then_some(record.links),
        changed: has(exec_flags::CHANGED).then(|| changed(record.changed_sec, record.changed_nsec)),
        args: arguments(args),
        uid: record.uid,
        login_uid: (record.login_uid != u32::MAX).then_some(record.login_uid),
        snapshot: false,
    })
}

/// A new process.
pub(super) fn fork(bytes: &[u8]) -> Result<Event, DecodeError> {
    let record: Fork = fixed(bytes)?;
    Ok(Event::ProcessForked {
        pid: record.pid,
        start_ns: record.start_ns,
        parent_pid: record.parent_pid,
        cgroup: record.header.cgroup,
    })
}

/// Names, last first, each ended by NUL, to a path. The first names of a deep path may be missing.
fn path(names: &[u8], cut: bool) -> Box<str> {
    let mut parts: Vec<&[u8]> = names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    if parts.is_empty() {
        return Box::default();
    }
    if cut {
        parts.push(b"...");
    }
    let mut path = String::with_capacity(names.len() + 4);
    for part in parts.iter().rev() {
        path.push('/');
        path.push_str(&String::from_utf8_lossy(part));
    }
    path.into_boxed_str()
}

/// Arguments, each ended by NUL; the last may be cut.
pub(crate) fn arguments(bytes: &[u8]) -> Vec<Box<str>> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(text).collect()
}

/// Since Linux 6.13 the top bit of the nanoseconds says that somebody asked for the time (`I_CTIME_QUERIED`).
fn changed(seconds: i64, nanos: u32) -> Timestamp {
    const QUERIED: u32 = 1 << 31;
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let nanos = u64::from(nanos & !QUERIED);
    Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}
