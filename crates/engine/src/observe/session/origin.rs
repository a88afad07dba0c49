//! Where an executable came from: the image, or later. Judged from what `execve` saw, never from the disk.
//!
//! The change time of an inode cannot be set by a program, so a file that changed after its container was created
//! is not (or no longer) the image's. For a process of the host the installed system stands for the image: packages
//! are upgraded while their services run.

use core::time::Duration;

use crate::actor::{ExecutableOrigin, FileId};
use crate::time::Timestamp;

/// A runtime prepares a container's root (its `resolv.conf`, an entry script) around the time it makes the cgroup.
pub(super) const SLACK: Duration = Duration::from_secs(1);
/// File systems stamp inodes with a clock that lags by up to a tick of the slowest kernels (100 Hz).
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What is known about an executable when its process starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Executable<'a> {
    /// Real path inside its mount.
    pub(super) path: &'a str,
    /// Path that was asked for.
    pub(super) filename: &'a str,
    pub(super) file: FileId,
    pub(super) links: Option<u32>,
    pub(super) changed: Option<Timestamp>,
    /// Seen by the start-up walk, maybe long after its `execve`.
    pub(super) snapshot: bool,
}

/// What it is compared with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ContainerFacts {
    /// It runs in a container.
    pub(super) container: bool,
    /// Until when files were the image's: until its container ran its first program if that was seen, else until the
    /// container (the cgroup, on the host) was created, and a little longer.
    pub(super) since: Option<Timestamp>,
    /// Device of the container's root file system, if known: a file on another one lies on a volume.
    pub(super) root_device: Option<u64>,
}

pub(super) fn judge(executable: &Executable<'_>, around: &ContainerFacts) -> ExecutableOrigin {
    let Executable { path, filename, file, links, changed, snapshot } = *executable;
    if path.starts_with("/memfd:") {
        return ExecutableOrigin::Memfd;
    }
    let installed = !around.container && !writable(path, filename) && is_installed(path);
    if links == Some(0) {
        // An upgraded package unlinks what still runs.
        return if snapshot && installed { ExecutableOrigin::Image } else { ExecutableOrigin::Deleted };
    }
    if path.is_empty() {
        return ExecutableOrigin::Unknown;
    }
    if installed {
        return ExecutableOrigin::Image;
    }
    if !around.container && temporary(path, filename) {
        return ExecutableOrigin::Writable;
    }
    let (Some(changed), Some(since)) = (changed, around.since) else { return ExecutableOrigin::Unknown };
    if changed <= since {
        return ExecutableOrigin::Image;
    }
    let on_volume = around.root_device.is_some_and(|root| file.device != 0 && root != file.device);
    if on_volume || writable(path, filename) { ExecutableOrigin::Writable } else { ExecutableOrigin::Drift }
}

/// A place that programs write to in the ordinary course. The real path ends at its mount (`/curl` for `/tmp/curl`
/// where `/tmp` is a mount of its own), so the path that was asked for counts too.
fn writable(path: &str, filename: &str) -> bool {
    const PLACES: [&str; 10] = [
        "/tmp/",
        "/var/tmp/",
        "/dev/shm/",
        "/run/",
        "/var/run/",
        "/home/",
        "/root/",
        "/var/lib/",
        "/var/cache/",
        "/srv/",
    ];
    temporary(path, filename) || PLACES.iter().any(|p| path.starts_with(p) || filename.starts_with(p))
}

/// A place that no installed system keeps programs in.
fn temporary(path: &str, filename: &str) -> bool {
    const PLACES: [&str; 3] = ["/tmp/", "/var/tmp/", "/dev/shm/"];
    PLACES.iter().any(|place| path.starts_with(place) || filename.starts_with(place))
}

/// A place that packages install programs to.
fn is_installed(path: &str) -> bool {
    const PLACES: [&str; 9] =
        ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/snap/", "/nix/store/", "/gnu/store/"];
    PLACES.iter().any(|place| path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: u64 = 1000;

    fn check(
        container: bool,
        (path, filename): (&str, &str),
        (changed, links, device): (Option<u64>, u32, u64),
        expect: ExecutableOrigin,
    ) {
        let at = |secs: u64| Timestamp::from_nanos(secs * 1_000_000_000);
        let executable = Executable {
            path,
            filename,
            file: FileId { device, inode: 5 },
            links: Some(links),
            changed: changed.map(at),
            snapshot: false,
        };
        let around = ContainerFacts { container, since: Some(at(CREATED)), root_device: Some(7) };
        assert_eq!(judge(&executable, &around), expect, "{path} {filename} {changed:?}");
    }

    #[test]
    fn a_file_of_a_container_is_judged_by_its_change_time_and_place() {
        use ExecutableOrigin::{Deleted, Drift, Image, Memfd, Unknown, Writable};
        let before = Some(CREATED - 100);
        let after = Some(CREATED + 100);
        check(true, ("/usr/bin/curl", ""), (before, 1, 7), Image);
        check(true, ("/usr/bin/curl", ""), (Some(CREATED), 1, 7), Image);
        check(true, ("/tmp/curl", ""), (before, 1, 7), Image);
        check(true, ("/usr/bin/curl", ""), (after, 1, 7), Drift);
        check(true, ("/usr/local/bin/agent", "/usr/local/bin/agent"), (after, 1, 7), Drift);
        check(true, ("/tmp/.x/curl", ""), (after, 1, 7), Writable);
        check(true, ("/dev/shm/x", ""), (after, 1, 7), Writable);
        check(true, ("/home/app/x", ""), (after, 1, 7), Writable);
        // mounted places: the real path ends at the mount
        check(true, ("/curl", "/tmp/curl"), (after, 1, 9), Writable);
        check(true, ("/x", "./x"), (after, 1, 9), Writable);
        check(true, ("/usr/bin/curl", ""), (after, 0, 7), Deleted);
        check(true, ("/memfd:x", "/proc/self/fd/3"), (None, 0, 1), Memfd);
        check(true, ("/usr/bin/curl", ""), (None, 1, 7), Unknown);
        check(true, ("", ""), (None, 1, 7), Unknown);
    }

    #[test]
    fn on_the_host_the_installed_system_stands_for_the_image() {
        use ExecutableOrigin::{Deleted, Image, Unknown, Writable};
        let before = Some(CREATED - 100);
        let after = Some(CREATED + 100);
        check(false, ("/usr/bin/curl", ""), (after, 1, 7), Image);
        check(false, ("/usr/bin/curl", ""), (after, 0, 7), Deleted);
        check(false, ("/tmp/x", ""), (before, 1, 7), Writable);
        check(false, ("/home/me/x", ""), (before, 1, 7), Image);
        check(false, ("/home/me/x", ""), (after, 1, 7), Writable);
        check(false, ("/home/me/x", ""), (None, 1, 7), Unknown);
    }

    #[test]
    fn a_service_that_outlived_an_upgrade_is_not_called_deleted() {
        let file = FileId { device: 7, inode: 5 };
        let mut executable = Executable {
            path: "/usr/sbin/sshd",
            filename: "",
            file,
            links: Some(0),
            changed: None,
            snapshot: true,
        };
        assert_eq!(judge(&executable, &ContainerFacts::default()), ExecutableOrigin::Image);
        executable.path = "/home/me/x";
        assert_eq!(judge(&executable, &ContainerFacts::default()), ExecutableOrigin::Deleted);
    }
}
