//! Processes that are older than the agent. Threads of the kernel are left out.
//!
//! The kernel's iterator says what each runs; arguments come from `/proc`, which shows them to everybody. Where the
//! iterator cannot be had, all comes from `/proc`, which names the executables of processes that the agent may trace:
//! others are told without one.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use beaconwatch_engine::actor::FileId;
use beaconwatch_engine::input::ProcessStarted;
use beaconwatch_engine::time::Timestamp;

use crate::decode::{FoundProcess, arguments};

/// Arguments taken, as in a live record.
const ARGS_MAX: usize = node_agent_common::event::ARGS_MAX;

/// Processes of the kernel's iterator with their arguments, oldest first.
pub(super) fn with_arguments(found: Vec<FoundProcess>) -> Vec<ProcessStarted> {
    let whole = |FoundProcess { started, reader_pid }| {
        let pid = if reader_pid == 0 { started.pid } else { reader_pid };
        ProcessStarted { args: arguments_of(&Path::new("/proc").join(pid.to_string())), ..started }
    };
    let mut found: Vec<ProcessStarted> = found.into_iter().map(whole).collect();
    found.sort_by_key(|process| (process.start_ns, process.pid));
    found
}

/// Every process of `/proc`, oldest first.
pub(super) fn of_proc(cgroup_of: &HashMap<u32, u64>) -> Vec<ProcessStarted> {
    let mut found: Vec<ProcessStarted> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| one(pid, cgroup_of.get(&pid).copied().unwrap_or(0)))
        .collect();
    found.sort_by_key(|process| (process.start_ns, process.pid));
    found
}

fn arguments_of(directory: &Path) -> Vec<Box<str>> {
    let mut args = Vec::new();
    let file = std::fs::File::open(directory.join("cmdline"));
    // A process that ends meanwhile has none.
    let _ = file.and_then(|file| file.take(ARGS_MAX as u64).read_to_end(&mut args));
    arguments(&args)
}

fn one(pid: u32, cgroup: u64) -> Option<ProcessStarted> {
    let directory = Path::new("/proc").join(pid.to_string());
    let Stat { parent_pid, start_ns, of_kernel } =
        Stat::parse(&std::fs::read_to_string(directory.join("stat")).ok()?)?;
    if of_kernel {
        return None;
    }
    let executable = std::fs::read_link(directory.join("exe")).unwrap_or_default();
    let file = std::fs::metadata(directory.join("exe")).ok();
    let status = std::fs::read_to_string(directory.join("status")).unwrap_or_default();
    let login = std::fs::read_to_string(directory.join("loginuid")).unwrap_or_default();
    Some(ProcessStarted {
        pid,
        start_ns,
        parent_pid,
        cgroup,
        executable: path_of(&executable.to_string_lossy()).into(),
        filename: Box::default(),
        file: file.as_ref().map_or_else(FileId::default, |file| FileId {
            device: kernel_device(file.dev()),
            inode: file.ino(),
        }),
        links: file.as_ref().and_then(|file| u32::try_from(file.nlink()).ok()),
        changed: file.as_ref().and_then(|file| changed(file.ctime(), file.ctime_nsec())),
        args: arguments_of(&directory),
        uid: real_uid(&status).unwrap_or(u32::MAX),
        login_uid: login.trim().parse().ok().filter(|uid| *uid != u32::MAX),
        snapshot: true,
    })
}

/// `readlink` marks an unlinked file.
fn path_of(link: &str) -> &str {
    link.strip_suffix(" (deleted)").unwrap_or(link)
}

/// Fields 4, 9 and 22 of proc_pid_stat(5); the name before them may hold anything.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent_pid: u32,
    start_ns: u64,
    of_kernel: bool,
}

impl Stat {
    /// `PF_KTHREAD` of `linux/sched.h`.
    const OF_KERNEL: u64 = 0x0020_0000;

    fn parse(stat: &str) -> Option<Self> {
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let parent_pid = fields.nth(1)?.parse().ok()?;
        let flags: u64 = fields.nth(4)?.parse().ok()?;
        let ticks: u64 = fields.nth(12)?.parse().ok()?;
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
        let start_ns = ticks.saturating_mul(1_000_000_000 / ticks_per_second);
        Some(Self { parent_pid, start_ns, of_kernel: flags & Self::OF_KERNEL != 0 })
    }
}

fn real_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// `st_dev` as user space has it, to the kernel's own encoding.
fn kernel_device(device: u64) -> u64 {
    u64::from(rustix::fs::major(device)) << 20 | u64::from(rustix::fs::minor(device))
}

fn changed(seconds: i64, nanos: i64) -> Option<Timestamp> {
    let seconds = u64::try_from(seconds).ok()?;
    Some(Timestamp::from_nanos(
        seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(nanos).ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_hostile_name_has_the_right_parent_and_start() {
        let stat = "77 (a) 1 2 (b) S 12 77 77 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 250 9 9";
        let expect = Stat { parent_pid: 12, start_ns: 2_500_000_000, of_kernel: false };
        assert_eq!(Stat::parse(stat), Some(expect));
        assert!(Stat::parse(&stat.replace("4194304", "2129984")).is_some_and(|stat| stat.of_kernel));
        assert_eq!(Stat::parse("77 (x"), None);
        assert_eq!(Stat::parse("77 (x) S 1"), None);
    }

    #[test]
    fn this_test_finds_itself() {
        let me = std::process::id();
        let found = one(me, 5).unwrap();
        assert_eq!((found.pid, found.cgroup, found.snapshot), (me, 5, true));
        assert_eq!(Path::new(&*found.executable), std::env::current_exe().unwrap());
        assert!(!found.args.is_empty() && found.start_ns > 0 && found.links.is_some_and(|links| links > 0));
        assert!(found.changed.is_some_and(|changed| changed > Timestamp::ZERO));
        assert_eq!(path_of("/memfd:x (deleted)"), "/memfd:x");
    }
}
