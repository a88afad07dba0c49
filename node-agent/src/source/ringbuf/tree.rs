//! Paths of cgroups, relative to the node's own root.
//!
//! The kernel tells paths from its own root, the walk from the one that the agent sees, and a node that is itself a
//! container (kind, k3d) has its root below that container. All become one before a path is read.

use beaconwatch_engine::observe::session::cgroup::node_root;
use node_agent_common::event::OUTSIDE_OF_ROOT;

/// Where the roots are.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Path of the agent's root as the kernel tells it; not known before the first record, and empty if it is the
    /// kernel's.
    agent: Option<Box<str>>,
    /// Path of the node's root below the agent's; empty if they are one.
    node: Box<str>,
}

impl Tree {
    /// Where the agent itself runs, as the walk found it.
    pub(super) fn see_own(&mut self, path: &str) {
        self.node = node_root(path).into();
    }

    /// A path of the agent's root as one of the node's.
    pub(super) fn in_node(&self, path: Box<str>) -> Box<str> {
        relative(path, &self.node)
    }

    /// A path of a record as one of the agent's root, to which so many of its names lead.
    pub(super) fn of_record(&mut self, path: Box<str>, root_level: u32) -> Box<str> {
        if root_level == OUTSIDE_OF_ROOT {
            return path;
        }
        let agent = self.agent.get_or_insert_with(|| first_names(&path, root_level).into());
        relative(path, agent)
    }

    /// A path that the kernel kept, as one of the agent's root; whole while nothing is known of that.
    pub(super) fn of_kept(&self, path: Box<str>) -> Box<str> {
        relative(path, self.agent.as_deref().unwrap_or_default())
    }
}

/// The beginning of a path with so many names.
fn first_names(path: &str, names: u32) -> &str {
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    let end = usize::try_from(names).ok().and_then(|names| ends.take(names).last());
    path.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// What of a path lies below a root; a path that does not lie there stays whole.
fn relative(path: Box<str>, root: &str) -> Box<str> {
    match path.strip_prefix(root) {
        _ if root.is_empty() => path,
        Some("") => "/".into(),
        Some(rest) if rest.starts_with('/') => rest.into(),
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_an_ordinary_node_paths_stay_as_they_are() {
        let mut tree = Tree::default();
        tree.see_own("/kubepods/pod0/c");
        for path in ["/", "/kubepods/pod0", "/a/b"] {
            assert_eq!(&*tree.in_node(path.into()), path);
            assert_eq!(&*tree.of_record(path.into(), 0), path);
            assert_eq!(&*tree.of_kept(path.into()), path);
        }
    }

    #[test]
    fn inside_a_cgroup_namespace_records_are_made_relative_to_its_root() {
        let mut tree = Tree::default();
        assert_eq!(&*tree.of_kept("/docker/n/a".into()), "/docker/n/a", "nothing is known yet");
        assert_eq!(&*tree.of_record("/system.slice/x".into(), OUTSIDE_OF_ROOT), "/system.slice/x");
        assert_eq!(&*tree.of_record("/docker/n/kubepods/pod0".into(), 2), "/kubepods/pod0");
        assert_eq!(&*tree.of_record("/docker/n".into(), 2), "/");
        assert_eq!(&*tree.of_kept("/docker/n/kubepods/pod0".into()), "/kubepods/pod0");
        assert_eq!(&*tree.of_kept("/docker/nn".into()), "/docker/nn");
        assert_eq!(&*tree.in_node("/kubepods/pod0".into()), "/kubepods/pod0");
    }

    #[test]
    fn a_node_that_is_a_container_is_the_root_of_its_own_pods_only() {
        let id = "1".repeat(64);
        let node = format!("/docker/{id}");
        let mut tree = Tree::default();
        tree.see_own(&format!("{node}/kubepods/pod0/c"));
        assert_eq!(&*tree.in_node(format!("{node}/kubepods/pod1/d").into()), "/kubepods/pod1/d");
        assert_eq!(&*tree.in_node("/docker/other/kubepods/pod1".into()), "/docker/other/kubepods/pod1");
    }
}
