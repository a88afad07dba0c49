//! Where the cgroup2 hierarchy is mounted, and what that means for what can be seen.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::EbpfError;

/// Magic number of the cgroup2 file system (`linux/magic.h`).
const CGROUP2_MAGIC: rustix::fs::FsWord = 0x6367_7270;
/// Inode number of the root of a kernfs hierarchy.
const ROOT_INODE: u64 = 1;

/// How cgroups are laid out on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupLayout {
    /// Version 2 only.
    Unified,
    /// Version 1 with an extra version 2 hierarchy: a runtime that uses version 1 only leaves all its
    /// containers in the root of version 2, where they cannot be told apart.
    Hybrid,
}

/// The cgroup2 hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupRoot {
    /// Where it is mounted.
    pub path: PathBuf,
    /// Layout of the node.
    pub layout: CgroupLayout,
    /// It is the real root; false inside a private cgroup namespace, where only what is below is seen.
    pub whole: bool,
    /// Its id: the inode number of its directory.
    pub id: u64,
}

impl CgroupRoot {
    /// Takes the given directory, or finds the hierarchy among the mounts.
    ///
    /// # Errors
    ///
    /// There is no cgroup2 hierarchy, or the given directory is not one.
    pub fn find(given: Option<&Path>) -> Result<Self, EbpfError> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let path = match given {
            Some(path) => path.to_path_buf(),
            None => first_root(&mounts).ok_or(EbpfError::NoCgroup2)?,
        };
        let magic = rustix::fs::statfs(&path).map(|found| found.f_type);
        if magic != Ok(CGROUP2_MAGIC) {
            return Err(EbpfError::NotCgroup2 { path });
        }
        let layout = if has_version_1(&mounts) { CgroupLayout::Hybrid } else { CgroupLayout::Unified };
        let id = std::fs::metadata(&path).map_or(0, |metadata| metadata.ino());
        Ok(Self { path, layout, whole: id == ROOT_INODE, id })
    }

    /// What this means for what can be seen, if anything.
    #[must_use]
    pub fn limits(&self) -> Option<&'static str> {
        match (self.layout, self.whole) {
            (_, false) => Some(
                "the cgroup root is that of a cgroup namespace: what runs outside of it is not watched; to watch the \
                 whole host, mount its /sys/fs/cgroup and name it with --cgroup-root",
            ),
            (CgroupLayout::Hybrid, true) => Some(
                "hybrid cgroup layout: containers of a runtime that uses cgroup v1 look like processes of the host",
            ),
            (CgroupLayout::Unified, true) => None,
        }
    }
}

/// Mount points of the cgroup2 file system; the one that shows the hierarchy from its root first.
fn first_root(mounts: &str) -> Option<PathBuf> {
    let of_version_2 = || rows(mounts).filter(|row| row.file_system == "cgroup2");
    of_version_2()
        .find(|row| row.root == "/")
        .or_else(|| of_version_2().next())
        .map(|row| PathBuf::from(unescape(row.mount_point)))
}

/// A controller of version 1 is mounted (systemd's own named hierarchy does not count).
fn has_version_1(mounts: &str) -> bool {
    rows(mounts).any(|row| row.file_system == "cgroup" && !row.options.contains("name=systemd"))
}

struct Row<'a> {
    root: &'a str,
    mount_point: &'a str,
    file_system: &'a str,
    options: &'a str,
}

/// Rows of `mountinfo` (proc_pid_mountinfo(5)): optional fields end with a dash.
fn rows(mounts: &str) -> impl Iterator<Item = Row<'_>> {
    mounts.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let mut right = right.split(' ');
        Some(Row {
            root: left.next()?,
            mount_point: left.next()?,
            file_system: right.next()?,
            options: right.nth(1).unwrap_or(""),
        })
    })
}

/// `mountinfo` writes spaces and the like as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, character)| text.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mounts: &str, path: Option<&str>, hybrid: bool) {
        assert_eq!(first_root(mounts).as_deref(), path.map(Path::new));
        assert_eq!(has_version_1(mounts), hybrid);
    }

    #[test]
    fn the_hierarchy_is_found_in_both_layouts() {
        let unified = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        check(unified, Some("/sys/fs/cgroup"), false);
        let hybrid = "31 30 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw\n\
                      32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                      33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        check(hybrid, Some("/sys/fs/cgroup/unified"), true);
        let named_only = "32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd";
        check(named_only, None, false);
        check("", None, false);
    }

    #[test]
    fn a_mount_of_the_whole_hierarchy_is_preferred() {
        let mounts = "1 2 0:26 /kubepods/pod1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n\
                      3 2 0:26 / /host/sys/fs\\040cgroup rw - cgroup2 cgroup rw";
        check(mounts, Some("/host/sys/fs cgroup"), false);
    }
}
