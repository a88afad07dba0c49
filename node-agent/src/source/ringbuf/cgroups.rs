//! The cgroups that events may name: which are known, which are wanted, and the repair of a lost record.

use std::collections::HashMap;

use aya::maps::{HashMap as KernelHashMap, Map, MapData};
use beaconwatch_engine::input::Event;
use node_agent_common::map::CgroupPath;

use super::tree::Tree;

/// Cgroups remembered; then the removed ones are forgotten.
const KNOWN_MAX: usize = 65_536;

struct KnownCgroup {
    wanted: bool,
    removed: bool,
}

/// The table.
pub(super) struct KnownCgroups {
    paths: Option<KernelHashMap<MapData, u64, CgroupPath>>,
    /// With slashes at both ends; everything is wanted if `None`.
    scope: Option<String>,
    known: HashMap<u64, KnownCgroup>,
    tree: Tree,
}

impl KnownCgroups {
    /// With the kernel's map of paths, and the cgroup that everything is limited to.
    pub(super) fn with(paths: Option<Map>, scope: Option<&str>) -> Self {
        let paths = paths.and_then(|map| KernelHashMap::try_from(map).ok());
        let scope = scope.map(|scope| format!("{}/", scope.trim_end_matches('/')));
        Self { paths, scope, known: HashMap::new(), tree: Tree::default() }
    }

    /// The cgroup that the agent itself runs in.
    pub(super) fn see_own(&mut self, path: &str) {
        self.tree.see_own(path);
    }

    /// An event of a record, with paths relative to the agent's root.
    pub(super) fn of_record(&mut self, event: Event, root_level: u32) -> Event {
        let Event::CgroupCreated { cgroup, path } = event else { return event };
        Event::CgroupCreated { cgroup, path: self.tree.of_record(path, root_level) }
    }

    /// The same as the engine wants it: relative to the node's root.
    pub(super) fn in_node(&self, event: Event) -> Event {
        let Event::CgroupCreated { cgroup, path } = event else { return event };
        Event::CgroupCreated { cgroup, path: self.tree.in_node(path) }
    }

    /// The path of a cgroup that no record told of, if the kernel still has it.
    pub(super) fn repair(&mut self, cgroup: u64) -> Option<Box<str>> {
        if cgroup == 0 || self.known.contains_key(&cgroup) {
            return None;
        }
        let path = self.paths.as_ref().and_then(|paths| paths.get(&cgroup, 0).ok());
        let path = path.as_ref().and_then(|path| path.split(|byte| *byte == 0).next());
        let path = path.filter(|path| !path.is_empty()).map(|path| Box::from(String::from_utf8_lossy(path)));
        let path = path.map(|path| self.tree.of_kept(path));
        self.remember(cgroup, path.as_deref());
        path
    }

    /// Takes note of cgroups, and says whether an event is wanted.
    pub(super) fn admits(&mut self, cgroup: u64, event: &Event) -> bool {
        if let Event::CgroupCreated { cgroup, path } = event {
            self.remember(*cgroup, Some(path));
        }
        if matches!(event, Event::CgroupRemoved { .. })
            && let Some(known) = self.known.get_mut(&cgroup)
        {
            known.removed = true;
        }
        // An end names no cgroup by itself that matters: whoever does not know the process ignores it.
        self.scope.is_none() || self.known.get(&cgroup).is_some_and(|known| known.wanted)
    }

    fn remember(&mut self, cgroup: u64, path: Option<&str>) {
        if self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, known| !known.removed);
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let wanted = match (&self.scope, path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(scope), Some(path)) => format!("{path}/").starts_with(scope.as_str()),
        };
        self.known.insert(cgroup, KnownCgroup { wanted, removed: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(cgroup: u64, path: &str) -> Event {
        Event::CgroupCreated { cgroup, path: path.into() }
    }

    #[test]
    fn only_events_below_the_scope_are_wanted() {
        let mut known = KnownCgroups::with(None, Some("/a/b"));
        for (cgroup, path, wanted) in
            [(1, "/a/b", true), (2, "/a/b/c", true), (3, "/a/bc", false), (4, "/a", false), (5, "/", false)]
        {
            assert_eq!(known.admits(cgroup, &created(cgroup, path)), wanted, "{path}");
            assert_eq!(known.admits(cgroup, &Event::ProcessExited { pid: 1 }), wanted, "{path}");
        }
        assert!(!known.admits(99, &Event::ProcessExited { pid: 1 }));
        assert!(known.admits(2, &Event::CgroupRemoved { cgroup: 2 }));
        assert!(known.admits(2, &Event::ProcessExited { pid: 1 }), "flows may still come after the removal");
    }

    #[test]
    fn without_a_scope_everything_is_wanted_and_the_table_is_bounded() {
        let mut known = KnownCgroups::with(None, None);
        assert!(known.admits(7, &Event::ProcessExited { pid: 1 }));
        for cgroup in 0..KNOWN_MAX as u64 * 2 {
            known.admits(cgroup, &created(cgroup, "/x"));
            known.admits(cgroup, &Event::CgroupRemoved { cgroup });
        }
        assert!(known.known.len() <= KNOWN_MAX);
        assert_eq!(known.repair(u64::MAX), None);
    }
}
