//! From a process id and a cgroup to an actor. An actor is built once per process and shared by all its flows.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::cgroups::{Cgroups, Init};
use super::origin::{ContainerFacts, Executable, SLACK, TICK, judge};
use super::originator::{FlowSource, Originator};
use super::process::{Image, ProcessId, Processes, Record};
use crate::actor::{Actor, ExecutableOrigin, FileId, Process};
use crate::bounded::FairTable;
use crate::counters::{BoundedTable, Counters, Usage};
use crate::identity::{self, Alone};
use crate::limits::Limits;
use crate::observe::event::ProcessStarted;
use crate::observe::naming::Client;
use crate::time::Timestamp;

/// Steps up the tree of processes while the first of a container's line is looked for.
const STEPS_MAX: usize = 64;
/// Actors that wait for somebody to ask for their digest; where nobody does (a replay), the rest is not kept.
const WANTED_MAX: usize = 256;

/// Tables of cgroups and processes, joined.
#[derive(Debug)]
pub(super) struct Attribution {
    pub(super) cgroups: Cgroups,
    pub(super) processes: Processes,
    /// Actors of recorded traffic, which is known by its source address only.
    addresses: FairTable<IpAddr, Originator>,
    digests: FairTable<FileId, Digest>,
    /// Actors whose digest a policy may ask for; `None`: no policy does.
    wanted: Option<VecDeque<Arc<Actor>>>,
    wanted_refused: u64,
    /// What the boot clock has to be shifted by to be wall time, as the least delay of a fork record shows it.
    boot_shift_ns: Option<u64>,
    pub(super) processes_unknown: u64,
}

#[derive(Debug)]
struct Digest {
    sha256: [u8; 32],
    /// Change time of the file when it was computed; another one makes it void.
    changed: Option<Timestamp>,
}

/// A host of recorded traffic is a workload of its own.
fn workload_of_address(address: Option<IpAddr>) -> u64 {
    identity::alone(Alone::Address(address)).bits()
}

impl Attribution {
    pub(super) fn with_limits(limits: &Limits) -> Self {
        Self {
            cgroups: Cgroups::with_limits(limits),
            processes: Processes::with_limits(limits),
            addresses: FairTable::with_capacity_max(limits.addresses_max()),
            digests: FairTable::with_capacity_max(limits.digests_max()),
            wanted: None,
            wanted_refused: 0,
            boot_shift_ns: None,
            processes_unknown: 0,
        }
    }

    /// Writes its own figures into the counters.
    pub(super) fn count(&self, counters: &mut Counters) {
        let Self { cgroups, processes, addresses, digests, wanted, wanted_refused, .. } = self;
        let waiting = wanted.as_ref().map_or(0, VecDeque::len) as u64;
        let wanted = Usage { held: waiting, evicted: 0, refused: *wanted_refused };
        counters.set(BoundedTable::Cgroups, cgroups.usage());
        counters.set(BoundedTable::Processes, processes.usage());
        counters.set(BoundedTable::Addresses, addresses.usage());
        counters.set(BoundedTable::Digests, digests.usage());
        counters.set(BoundedTable::DigestsWanted, wanted);
        counters.processes_unknown = self.processes_unknown;
    }

    pub(super) fn forked(&mut self, now: Timestamp, id: ProcessId, parent_pid: u32, cgroup: u64) {
        let shift = now.as_nanos().saturating_sub(id.start_ns);
        self.boot_shift_ns = Some(self.boot_shift_ns.map_or(shift, |least| least.min(shift)));
        let parent = self.processes.get(parent_pid);
        let entry = parent.filter(|p| self.shares_container(p.cgroup, cgroup)).and_then(|p| p.entry);
        self.processes.forked(id, parent_pid, (cgroup, self.cgroups.workload(cgroup)), entry);
    }

    pub(super) fn started(&mut self, now: Timestamp, event: ProcessStarted) {
        let (pid, file, changed) = (event.pid, event.file, event.changed);
        if self.digests.get(&file).is_some_and(|digest| digest.changed != changed) {
            self.digests.remove(&file);
        }
        let before = self.processes.get(pid).filter(|r| r.id.start_ns == event.start_ns).map(|r| r.cgroup);
        let cgroup = event.cgroup;
        self.processes.started(now, event, self.cgroups.workload(cgroup));
        let moved = before.is_some_and(|before| !self.shares_container(before, cgroup));
        self.enter(pid, moved);
    }

    pub(super) fn set_digest(&mut self, file: FileId, sha256: [u8; 32]) {
        let changed = self.processes.digest_known(file);
        self.digests.insert(file, 0, Digest { sha256, changed });
    }

    /// Whether some policy judges by digest.
    pub(super) fn want_digests(&mut self, wanted: bool) {
        self.wanted = wanted.then(|| self.wanted.take().unwrap_or_default());
    }

    /// The next actor whose executable's digest is not known and wanted.
    pub(super) fn poll_digest_wanted(&mut self) -> Option<Arc<Actor>> {
        self.wanted.as_mut()?.pop_front()
    }

    /// Who a flow comes from.
    pub(super) fn originator(&mut self, from: &FlowSource) -> Originator {
        if from.pid == 0 && from.cgroup == 0 {
            return self.of_address(from.local.map(|local| local.ip().to_canonical()));
        }
        let Some(record) = self.processes.get_mut(from.pid).filter(|_| from.pid != 0) else {
            self.processes_unknown += 1;
            return self.of_cgroup(from);
        };
        if from.cgroup != 0 && record.cgroup != from.cgroup {
            // The runtime moved it after its `execve`: the socket knows better.
            let before = core::mem::replace(&mut record.cgroup, from.cgroup);
            record.originator = None;
            let moved = !self.shares_container(before, from.cgroup);
            self.enter(from.pid, moved);
        }
        self.of_process(from)
    }

    /// Asks again; a process that is still not known is not counted twice.
    pub(super) fn originator_again(&mut self, from: &FlowSource) -> Originator {
        let unknown = self.processes_unknown;
        let originator = self.originator(from);
        self.processes_unknown = unknown.min(self.processes_unknown);
        originator
    }

    /// The part of a table that a flow's state is held in.
    pub(super) fn scope(&self, from: &FlowSource) -> u64 {
        match (from.cgroup, from.pid) {
            (0, 0) => workload_of_address(from.local.map(|local| local.ip())),
            (0, pid) => self.processes.get(pid).map_or(0, |record| self.cgroups.workload(record.cgroup)),
            (cgroup, _) => self.cgroups.workload(cgroup),
        }
    }

    /// Whether a process runs a program that `wanted` selects by its path, as it came with its image.
    pub(super) fn runs(&self, pid: u32, wanted: impl Fn(&str) -> bool) -> bool {
        let Some(record) = self.processes.get(pid).filter(|_| pid != 0) else { return false };
        let Some(image) = record.image.as_ref().filter(|image| wanted(&image.executable)) else {
            return false;
        };
        match judge(&executable(image), &self.container_facts(record.cgroup)) {
            ExecutableOrigin::Image | ExecutableOrigin::Unknown => true,
            ExecutableOrigin::Drift
            | ExecutableOrigin::Writable
            | ExecutableOrigin::Deleted
            | ExecutableOrigin::Memfd => false,
        }
    }

    fn of_process(&mut self, from: &FlowSource) -> Originator {
        let Some(record) = self.processes.get(from.pid) else { return self.of_cgroup(from) };
        if let Some(known) = &record.originator {
            return known.clone();
        }
        let cgroup = self.cgroups.get(record.cgroup);
        let identity = cgroup.map(|c| c.identity.clone()).unwrap_or_default();
        let actor = Arc::new(Actor {
            container: identity.container,
            pod_uid: identity.pod_uid,
            address: known_address(from.local),
            process: Some(self.describe(record, from.uid)),
            cgroup: record.cgroup,
        });
        let originator = Originator {
            key: actor.key(),
            actor,
            client: self.client(record.cgroup),
            complete: cgroup.is_some() && record.image.is_some(),
        };
        if originator.complete
            && let Some(record) = self.processes.get_mut(from.pid)
        {
            record.originator = Some(originator.clone());
            let unknown =
                originator.actor.process.as_ref().is_some_and(|p| p.file.is_some() && p.digest.is_none());
            match self.wanted.as_mut().filter(|_| unknown) {
                Some(wanted) if wanted.len() < WANTED_MAX => wanted.push_back(Arc::clone(&originator.actor)),
                Some(_) => self.wanted_refused += 1,
                None => {}
            }
        }
        originator
    }

    fn of_cgroup(&mut self, from: &FlowSource) -> Originator {
        let known = self.cgroups.get(from.cgroup);
        if let Some(known) = known.and_then(|c| c.originator.as_ref()) {
            return known.clone();
        }
        let identity = known.map(|c| c.identity.clone()).unwrap_or_default();
        let actor = Arc::new(Actor {
            container: identity.container,
            pod_uid: identity.pod_uid,
            address: known_address(from.local),
            process: None,
            cgroup: from.cgroup,
        });
        let client = self.client(from.cgroup);
        let originator = Originator { key: actor.key(), actor, client, complete: false };
        if let Some(cgroup) = self.cgroups.get_mut(from.cgroup) {
            cgroup.originator = Some(originator.clone());
        }
        originator
    }

    fn of_address(&mut self, address: Option<IpAddr>) -> Originator {
        if let Some(known) = address.and_then(|address| self.addresses.get(&address)) {
            return known.clone();
        }
        let actor = Arc::new(Actor { address, ..Actor::default() });
        let originator =
            Originator { key: actor.key(), actor, client: Client::of_address(address), complete: true };
        if let Some(address) = address {
            self.addresses.insert(address, 0, originator.clone());
        }
        originator
    }

    fn describe(&self, record: &Record, uid: Option<u32>) -> Process {
        let container = self.cgroups.container_of(record.cgroup);
        let init = container.and_then(|id| self.cgroups.container(id)).and_then(|c| c.init);
        let mut process = Process {
            pid: record.id.pid,
            start_ns: record.id.start_ns,
            parent_pid: record.parent_pid,
            uid: uid.or(record.uid),
            login_uid: record.login_uid,
            lineage: self.processes.lineage(record.id.pid),
            exec_session: init.and_then(|init| Some(self.entry_of(record)? != init.id)),
            ..Process::default()
        };
        if let Some(image) = &record.image {
            process.executable = Arc::clone(&image.executable);
            process.args = Arc::clone(&image.args);
            process.file = (image.file.inode != 0).then_some(image.file);
            process.digest = process.file.and_then(|f| self.digests.get(&f)).map(|digest| digest.sha256);
            process.origin = judge(&executable(image), &self.container_facts(record.cgroup));
        }
        process
    }

    fn client(&self, cgroup: u64) -> Client {
        let container = self.cgroups.container_of(cgroup).and_then(|id| self.cgroups.container(id));
        let watched_whole = container.and_then(|c| c.init).is_some_and(|init| !init.snapshot);
        Client { key: self.cgroups.workload(cgroup), watched_whole }
    }

    fn container_facts(&self, cgroup: u64) -> ContainerFacts {
        let Some(known) = self.cgroups.get(cgroup) else { return ContainerFacts::default() };
        let Some(container) = known.identity.container.as_ref().and_then(|id| self.cgroups.container(id))
        else {
            return ContainerFacts {
                container: false,
                since: Some(known.created + SLACK),
                root_device: None,
            };
        };
        let older = container.init.filter(|init| init.snapshot).zip(self.boot_shift_ns);
        let started =
            older.map(|(init, shift)| Timestamp::from_nanos(init.id.start_ns.saturating_add(shift)));
        ContainerFacts {
            container: true,
            // What its first program and those after it made is not the image's.
            since: container.init.and_then(|init| Some(init.executed? - TICK)).or_else(|| {
                let created = started.map_or(container.created, |started| started.min(container.created));
                Some(created + SLACK)
            }),
            // The walk and the kernel may number the device of an overlay differently.
            root_device: container.init.filter(|i| !i.snapshot).map(|i| i.device).filter(|d| *d != 0),
        }
    }

    /// A process runs a new executable, or turned up in another container: how did it get in there?
    fn enter(&mut self, pid: u32, moved: bool) {
        let Some(record) = self.processes.get(pid) else { return };
        let Some(image) = record.image.as_ref() else { return };
        let Some(container) = self.cgroups.container_of(record.cgroup).cloned() else { return };
        let init = Init {
            id: record.id,
            executed: Some(image.executed).filter(|_| !image.snapshot),
            device: image.file.device,
            snapshot: record.snapshot,
        };
        if record.snapshot && image.snapshot {
            // The walk comes in any order: the first process of a container is the one that started first.
            if let Some(known) = self.cgroups.container_mut(&container)
                && known.init.is_none_or(|i| i.snapshot && init.id.start_ns < i.id.start_ns)
            {
                known.init = Some(init);
            }
            return;
        }
        if image.runtime || (record.entry.is_some() && !moved) {
            return;
        }
        let inside = |p: &&Record| {
            self.shares_container(p.cgroup, record.cgroup)
                && !p.image.as_ref().is_some_and(|image| image.runtime)
        };
        let parent = self.processes.get(record.parent_pid).filter(inside);
        let entry = match parent {
            Some(parent) => self.entry_of(parent),
            None => Some(record.id),
        };
        if let Some(record) = self.processes.get_mut(pid) {
            record.entry = entry;
        }
        if let Some(known) = self.cgroups.container_mut(&container).filter(|c| c.init.is_none())
            && entry == Some(init.id)
        {
            known.init = Some(init);
        }
    }

    /// The process by which a line entered its container.
    fn entry_of(&self, record: &Record) -> Option<ProcessId> {
        let mut top = record;
        for _ in 0..STEPS_MAX {
            if top.entry.is_some() || !top.snapshot {
                return top.entry;
            }
            let parent = self.processes.get(top.parent_pid).filter(|p| p.id != top.id);
            match parent.filter(|p| self.shares_container(p.cgroup, record.cgroup)) {
                Some(parent) => top = parent,
                None => return Some(top.id),
            }
        }
        None
    }

    fn shares_container(&self, a: u64, b: u64) -> bool {
        let container = self.cgroups.container_of(a);
        container.is_some() && container == self.cgroups.container_of(b)
    }
}

fn executable(image: &Image) -> Executable<'_> {
    Executable {
        path: &image.executable,
        filename: &image.filename,
        file: image.file,
        links: image.links,
        changed: image.changed,
        snapshot: image.snapshot,
    }
}

fn known_address(local: Option<SocketAddr>) -> Option<IpAddr> {
    local.map(|local| local.ip().to_canonical()).filter(|address| !address.is_unspecified())
}
