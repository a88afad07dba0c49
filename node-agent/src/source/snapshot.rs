//! What runs already when the agent starts: cgroups, processes, and open sockets with their owners.
//!
//! Taken once, after the programs are attached, so that nothing falls between. What it finds is stamped with the
//! time of the start; a live event of the same process follows it and knows better.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use beaconwatch_engine::input::Event;
use beaconwatch_engine::observe::contact::Transport;

use crate::decode::{DecodeError, Decoded, FoundSocket, decode_processes, decode_sockets};
use crate::ebpf::{CgroupRoot, Older};

mod process;

/// Cgroups taken.
const CGROUPS_MAX: usize = 65_536;
/// Bytes of the process list taken: more than 100 000 processes.
const PROCESSES_BYTES_MAX: u64 = 32 << 20;
/// Bytes of the socket list taken: some 95 000 sockets.
const SOCKETS_BYTES_MAX: u64 = 8 << 20;
/// State of a listening TCP socket, and of one that is not connected (`net/tcp_states.h`).
const TCP_LISTEN: u8 = 10;
const TCP_CLOSE: u8 = 7;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// As events: cgroups, processes, sockets.
    pub(crate) events: Vec<Decoded>,
    /// Path of the cgroup that the agent itself runs in, below its root.
    pub(crate) own: Box<str>,
    /// Processes among them.
    pub(crate) processes: u64,
    /// Processes whose executable stays unknown.
    pub(crate) nameless: u64,
}

/// Processes that ran before the agent did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OlderProcesses {
    /// Found when the agent started.
    pub found: u64,
    /// Those of them whose executable stays unknown.
    pub nameless: u64,
}

impl OlderProcesses {
    /// What is not known of them, in a few words; `None` if every one has its executable.
    #[must_use]
    pub fn limit(&self) -> Option<String> {
        let Self { found, nameless } = *self;
        (nameless > 0)
            .then(|| format!("{nameless} of {found} processes older than the agent have no executable"))
    }
}

/// Walks cgroups, processes and sockets.
pub(crate) fn take(root: &CgroupRoot, older: Older) -> Walk {
    let mut events = Vec::new();
    let mut cgroup_of: HashMap<u32, u64> = HashMap::new();
    walk(&root.path, &mut events, &mut cgroup_of);
    let own = own_path(&events, cgroup_of.get(&std::process::id()));
    let cgroups: HashSet<u64> = events.iter().map(|decoded| decoded.cgroup).collect();
    let listed = read(older.processes, PROCESSES_BYTES_MAX, "processes", decode_processes);
    let mut processes = match listed {
        Some(found) if !found.is_empty() => process::with_arguments(found),
        Some(_) | None => process::of_proc(&cgroup_of),
    };
    // Seen from inside a cgroup namespace, what is outside of it is not watched.
    processes.retain(|process| root.whole || cgroups.contains(&process.cgroup));
    let nameless = processes.iter().filter(|process| process.executable.is_empty()).count() as u64;
    let count = processes.len() as u64;
    events.extend(processes.into_iter().map(|process| Decoded {
        boot_ns: 0,
        cgroup: process.cgroup,
        root_level: 0,
        event: Event::ProcessStarted(Box::new(process)),
    }));
    if let Some(found) = read(older.sockets, SOCKETS_BYTES_MAX, "open sockets", decode_sockets) {
        events.extend(found_sockets(found));
    }
    Walk { events, own, processes: count, nameless }
}

fn own_path(events: &[Decoded], own: Option<&u64>) -> Box<str> {
    let path_of = |decoded: &Decoded| {
        let Event::CgroupCreated { cgroup, path } = &decoded.event else { return None };
        (Some(cgroup) == own).then(|| path.clone())
    };
    events.iter().find_map(path_of).unwrap_or_default()
}

/// Everything that an iterator says; `None` if there is none, or if it fails, which is said.
fn read<T>(
    iterator: Option<File>,
    bytes_max: u64,
    what: &str,
    decode: fn(&[u8]) -> Result<Vec<T>, DecodeError>,
) -> Option<Vec<T>> {
    let mut bytes = Vec::new();
    let read = iterator?.take(bytes_max).read_to_end(&mut bytes);
    let decoded = read
        .map_err(|error| error.to_string())
        .and_then(|_| decode(&bytes).map_err(|error| error.to_string()));
    match decoded {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::warn!(error, "cannot list the {what} that are older than the agent");
            None
        }
    }
}

/// Every cgroup, parents first, and the processes in it.
fn walk(root: &Path, events: &mut Vec<Decoded>, cgroup_of: &mut HashMap<u32, u64>) {
    let mut waiting = vec![String::new()];
    while let Some(path) = waiting.pop() {
        if events.len() >= CGROUPS_MAX {
            tracing::warn!(CGROUPS_MAX, "there are more cgroups than the walk at start takes");
            return;
        }
        let directory = root.join(path.trim_start_matches('/'));
        let Ok(metadata) = directory.metadata() else { continue };
        let cgroup = metadata.ino();
        // Fails in threaded cgroups; their processes are in the threaded root above.
        for pid in std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default().lines() {
            if let Ok(pid) = pid.parse() {
                cgroup_of.insert(pid, cgroup);
            }
        }
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(format!("{path}/{}", entry.file_name().to_string_lossy()));
            }
        }
        let path = if path.is_empty() { "/".into() } else { path.into_boxed_str() };
        events.push(Decoded {
            boot_ns: 0,
            cgroup,
            root_level: 0,
            event: Event::CgroupCreated { cgroup, path },
        });
    }
}

/// Sockets as events. Each once: a process that forks shares its sockets with its children.
fn found_sockets(found: Vec<FoundSocket>) -> Vec<Decoded> {
    let listens =
        |found: &&FoundSocket| found.opened.transport == Transport::Tcp && found.state == TCP_LISTEN;
    let port = |found: &FoundSocket| (found.opened.netns, found.opened.local.map_or(0, |local| local.port()));
    let listening: HashSet<(u64, u16)> = found.iter().filter(listens).map(port).collect();
    let mut seen = HashSet::new();
    let mut events = Vec::new();
    for socket in found {
        if !seen.insert(socket.opened.socket) {
            continue;
        }
        let accepted = socket.opened.transport == Transport::Tcp && listening.contains(&port(&socket));
        let FoundSocket { mut opened, state } = socket;
        let cgroup = opened.cgroup;
        let connected = opened.remote.port() != 0;
        let event = match (opened.transport, connected, opened.local) {
            (Transport::Tcp, true, _) if state != TCP_LISTEN && state != TCP_CLOSE => {
                opened.outbound = !accepted;
                Event::SocketOpened(Box::new(opened))
            }
            (Transport::Udp, true, _) => Event::SocketOpened(Box::new(opened)),
            (Transport::Tcp, _, Some(local)) if state == TCP_LISTEN => {
                Event::SocketListening { cgroup, pid: opened.pid, local, transport: Transport::Tcp }
            }
            (Transport::Udp, false, Some(local)) => {
                Event::SocketListening { cgroup, pid: opened.pid, local, transport: Transport::Udp }
            }
            _ => continue,
        };
        events.push(Decoded { boot_ns: 0, cgroup, root_level: 0, event });
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use beaconwatch_engine::input::{SocketId, SocketOpened};

    fn socket(id: u64, local: &str, remote: &str, state: u8) -> FoundSocket {
        FoundSocket {
            opened: SocketOpened {
                socket: SocketId(id),
                cgroup: 1,
                pid: 2,
                uid: None,
                netns: 3,
                transport: Transport::Tcp,
                local: local.parse().ok(),
                remote: remote.parse().unwrap(),
                outbound: true,
                snapshot: true,
            },
            state,
        }
    }

    #[test]
    fn an_established_socket_on_a_port_that_is_listened_on_was_accepted() {
        let found = vec![
            socket(1, "0.0.0.0:80", "0.0.0.0:0", TCP_LISTEN),
            socket(2, "192.0.2.1:80", "192.0.2.9:40000", 1),
            socket(3, "192.0.2.1:40001", "192.0.2.9:80", 1),
            socket(3, "192.0.2.1:40001", "192.0.2.9:80", 1),
            socket(4, "192.0.2.1:40002", "192.0.2.9:80", TCP_CLOSE),
        ];
        let events: Vec<String> =
            found_sockets(found).into_iter().map(|decoded| say(&decoded.event)).collect();
        assert_eq!(events, ["listening 0.0.0.0:80", "2 outbound false", "3 outbound true"]);
    }

    fn say(event: &Event) -> String {
        if let Event::SocketOpened(opened) = event {
            return format!("{} outbound {}", opened.socket.0, opened.outbound);
        }
        let Event::SocketListening { local, .. } = event else { panic!("{event:?}") };
        format!("listening {local}")
    }
}
