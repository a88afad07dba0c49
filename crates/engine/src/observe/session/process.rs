//! The processes of the node: what they run, whose children they are, how they came into their container.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use super::originator::Originator;
use super::sandbox::{SandboxRuntime, served_by, served_id};
use crate::actor::FileId;
use crate::bounded::FairTable;
use crate::counters::Usage;
use crate::limits::Limits;
use crate::observe::event::ProcessStarted;
use crate::time::Timestamp;

/// Ancestors that a process remembers.
const ANCESTORS_MAX: usize = 8;
/// Bytes of arguments kept per process ...
const ARGS_BYTES_MAX: usize = 4096;
/// ... and when the table holds many.
const ARGS_BYTES_MAX_CROWDED: usize = 256;
const CROWDED: usize = 8192;

/// A process over its life: process ids are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessId {
    pub(super) pid: u32,
    pub(super) start_ns: u64,
}

/// What a process runs; shared with the children it forks, until they call `execve`.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) executable: Arc<str>,
    pub(super) filename: Box<str>,
    pub(super) file: FileId,
    pub(super) links: Option<u32>,
    pub(super) changed: Option<Timestamp>,
    pub(super) args: Arc<[Box<str>]>,
    /// When the kernel executed it, or the start-up walk found it.
    pub(super) executed: Timestamp,
    pub(super) snapshot: bool,
    /// It serves a sandbox.
    sandbox: Option<SandboxRuntime>,
    /// A container runtime at work: what it starts enters the container from outside.
    pub(super) runtime: bool,
}

/// One process.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: ProcessId,
    pub(super) parent_pid: u32,
    pub(super) cgroup: u64,
    pub(super) uid: Option<u32>,
    pub(super) login_uid: Option<u32>,
    /// `None`: it forked from a process that is not known.
    pub(super) image: Option<Arc<Image>>,
    /// `None`: to be read from the table (start-up walk).
    lineage: Option<Arc<[Box<str>]>>,
    /// Lineage of its children, made once.
    children_lineage: Option<Arc<[Box<str>]>>,
    /// The process of its line that entered the container from outside.
    pub(super) entry: Option<ProcessId>,
    pub(super) snapshot: bool,
    exited: bool,
    pub(super) originator: Option<Originator>,
}

/// All processes, bounded.
#[derive(Debug)]
pub(super) struct Processes {
    by_pid: FairTable<u32, Record>,
    /// Ended processes, by the time they may be forgotten.
    exited: VecDeque<(Timestamp, ProcessId)>,
    linger: Duration,
}

impl Processes {
    pub(super) fn with_limits(limits: &Limits) -> Self {
        Self {
            by_pid: FairTable::with_capacity_max(limits.processes_max),
            exited: VecDeque::new(),
            linger: limits.process_linger,
        }
    }

    pub(super) fn get(&self, pid: u32) -> Option<&Record> {
        self.by_pid.get(&pid)
    }

    pub(super) fn get_mut(&mut self, pid: u32) -> Option<&mut Record> {
        self.by_pid.get_mut(&pid)
    }

    /// A process forked. `entry`: by which process its line entered the container, as far as known.
    pub(super) fn forked(
        &mut self,
        id: ProcessId,
        parent_pid: u32,
        (cgroup, scope): (u64, u64),
        entry: Option<ProcessId>,
    ) {
        let lineage = self.children_lineage(parent_pid);
        let parent = self.by_pid.get(&parent_pid);
        let record = Record {
            id,
            parent_pid,
            cgroup,
            uid: parent.and_then(|p| p.uid),
            login_uid: parent.and_then(|p| p.login_uid),
            image: parent.and_then(|p| p.image.clone()),
            lineage,
            children_lineage: None,
            entry,
            snapshot: false,
            exited: false,
            originator: None,
        };
        self.by_pid.insert(id.pid, scope, record);
    }

    /// A process called `execve`, or was found. What its record knew of its line is kept.
    pub(super) fn started(&mut self, executed: Timestamp, event: ProcessStarted, scope: u64) {
        let ProcessStarted {
            pid,
            start_ns,
            parent_pid,
            cgroup,
            executable,
            filename,
            file,
            links,
            changed,
            args,
            uid,
            login_uid,
            snapshot,
        } = event;
        let id = ProcessId { pid, start_ns };
        let runtime = is_runtime(&executable, &filename, &args);
        let sandbox = served_by(&executable, &args);
        let args =
            cut(args, if self.by_pid.len() < CROWDED { ARGS_BYTES_MAX } else { ARGS_BYTES_MAX_CROWDED });
        let image = Arc::new(Image {
            executable: Arc::from(executable),
            filename,
            file,
            links,
            changed,
            args: args.into(),
            executed,
            snapshot,
            sandbox,
            runtime,
        });
        if let Some(known) = self.by_pid.get_mut(&pid).filter(|k| same(k.id, id)) {
            if snapshot && known.image.as_ref().is_some_and(|image| !image.snapshot) {
                // Found by the walk after its own `execve` was seen.
                return;
            }
            known.id = id;
            known.image = Some(image);
            known.uid = Some(uid);
            known.login_uid = login_uid;
            known.children_lineage = None;
            known.originator = None;
            if known.cgroup != cgroup && cgroup != 0 {
                known.cgroup = cgroup;
            }
            return;
        }
        let lineage = if snapshot { None } else { self.children_lineage(parent_pid) };
        let record = Record {
            id,
            parent_pid,
            cgroup,
            uid: Some(uid),
            login_uid,
            image: Some(image),
            lineage,
            children_lineage: None,
            entry: None,
            snapshot,
            exited: false,
            originator: None,
        };
        self.by_pid.insert(pid, scope, record);
    }

    pub(super) fn exited(&mut self, now: Timestamp, pid: u32) {
        let Some(record) = self.by_pid.get_mut(&pid).filter(|r| !r.exited) else { return };
        record.exited = true;
        self.exited.push_back((now + self.linger, record.id));
    }

    /// Cgroups of the processes that serve sandboxes now, and which sandbox they name, in no order.
    pub(super) fn sandboxes(&self) -> impl Iterator<Item = (u64, SandboxRuntime, Option<&str>)> {
        let live = self.by_pid.values().filter(|record| !record.exited);
        live.filter_map(|record| {
            let image = record.image.as_ref()?;
            Some((record.cgroup, image.sandbox?, served_id(&image.args)))
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.exited.front().map(|(due, _)| *due)
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.exited.pop_front_if(|(due, _)| *due <= now) {
            if self.by_pid.get(&id.pid).is_some_and(|record| record.exited && record.id == id) {
                self.by_pid.remove(&id.pid);
            }
        }
    }

    /// Names of the ancestors of a process, parent first.
    pub(super) fn lineage(&self, pid: u32) -> Arc<[Box<str>]> {
        let Some(record) = self.by_pid.get(&pid) else { return Arc::default() };
        if let Some(lineage) = &record.lineage {
            return Arc::clone(lineage);
        }
        let mut names: Vec<Box<str>> = Vec::new();
        let mut parent = record.parent_pid;
        while names.len() < ANCESTORS_MAX
            && let Some(ancestor) = self.by_pid.get(&parent).filter(|a| a.id.pid != pid)
        {
            names.push(ancestor.base_name().into());
            if let Some(lineage) = &ancestor.lineage {
                names.extend(lineage.iter().cloned());
                break;
            }
            parent = ancestor.parent_pid;
        }
        names.truncate(ANCESTORS_MAX);
        names.into()
    }

    /// Every process that runs this file is looked at again.
    pub(super) fn digest_known(&mut self, file: FileId) -> Option<Timestamp> {
        let mut changed = None;
        for record in self.by_pid.values_mut() {
            if let Some(image) = record.image.as_ref().filter(|image| image.file == file) {
                changed = changed.max(image.changed);
                record.originator = None;
            }
        }
        changed
    }

    pub(super) fn usage(&self) -> Usage {
        self.by_pid.usage()
    }

    fn children_lineage(&mut self, parent_pid: u32) -> Option<Arc<[Box<str>]>> {
        let parent = self.by_pid.get(&parent_pid)?;
        if let Some(lineage) = &parent.children_lineage {
            return Some(Arc::clone(lineage));
        }
        let above = self.lineage(parent_pid);
        let names = core::iter::once(parent.base_name().into()).chain(above.iter().cloned());
        let lineage: Arc<[Box<str>]> = names.take(ANCESTORS_MAX).collect();
        if let Some(parent) = self.by_pid.get_mut(&parent_pid) {
            parent.children_lineage = Some(Arc::clone(&lineage));
        }
        Some(lineage)
    }
}

impl Record {
    /// Base name of the executable, or what it was called as; `?` if neither is known.
    fn base_name(&self) -> &str {
        let image = self.image.as_ref();
        let executable = image.map(|image| &*image.executable);
        let called = image.and_then(|image| image.args.first()).map(|arg| &**arg);
        let names = executable.into_iter().chain(called).filter_map(|path| path.rsplit('/').next());
        names.into_iter().find(|name| !name.is_empty()).unwrap_or("?")
    }
}

/// The walk and the kernel's records agree on the start time; one of them may not know it.
fn same(a: ProcessId, b: ProcessId) -> bool {
    a.pid == b.pid && (a.start_ns == b.start_ns || a.start_ns == 0 || b.start_ns == 0)
}

/// Keeps whole arguments up to a bound, and the beginning of the one that crosses it.
fn cut(args: Vec<Box<str>>, bytes_max: usize) -> Vec<Box<str>> {
    let mut left = bytes_max;
    let mut kept = Vec::with_capacity(args.len().min(64));
    for arg in args {
        let end = arg.floor_char_boundary(left);
        if end < arg.len() {
            kept.push(arg.get(..end).unwrap_or_default().into());
            break;
        }
        left = left.saturating_sub(arg.len() + 1);
        kept.push(arg);
    }
    kept
}

/// Whether an executable is a container runtime on its way into a container. A program of the container that takes
/// such a name gains nothing: its parent is in the container already.
fn is_runtime(executable: &str, filename: &str, args: &[Box<str>]) -> bool {
    let name = executable.rsplit('/').next().unwrap_or_default();
    matches!(
        name,
        "runc"
            | "crun"
            | "youki"
            | "conmon"
            | "conmonrs"
            | "kata-runtime"
            | "runsc"
            | "sysbox-runc"
            | "nvidia-container-runtime"
            | "docker-runc"
    ) || name.starts_with("containerd-shim")
        || executable.starts_with("/memfd:runc_cloned")
        || (["/proc/self/", "/dev/fd/"].iter().any(|place| filename.starts_with(place))
            && args.get(1).is_some_and(|arg| &**arg == "init"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_cut_at_a_character_boundary() {
        let args = |list: &[&str]| list.iter().map(|a| Box::from(*a)).collect::<Vec<Box<str>>>();
        assert_eq!(cut(args(&["curl", "-s"]), 100), args(&["curl", "-s"]));
        assert_eq!(cut(args(&["curl", "ääää", "x"]), 10), args(&["curl", "ää"]));
        assert_eq!(cut(args(&[&"x".repeat(9999)]), 4096)[0].len(), 4096);
    }

    #[test]
    fn runtimes_are_known_by_their_names_and_by_the_way_they_start_themselves_again() {
        let args = [Box::from("runc"), Box::from("init")];
        assert!(is_runtime("/usr/bin/crun", "", &[]));
        assert!(is_runtime("/usr/bin/containerd-shim-runc-v2", "", &[]));
        assert!(is_runtime("/memfd:runc_cloned:/proc/self/exe", "/proc/self/exe", &args));
        assert!(is_runtime("/opt/k8s/my-oci", "/proc/self/exe", &args));
        // Its file is not reachable from the root any more.
        assert!(is_runtime("", "/dev/fd/6", &args));
        assert!(!is_runtime("/usr/bin/curl", "", &args));
    }
}
