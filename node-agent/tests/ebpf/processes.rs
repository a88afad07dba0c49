//! What the kernel side says about programs, and what it says when its rings are full.

use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use beaconwatch_agent::ebpf::EbpfOptions;
use beaconwatch_engine::input::{Event, Input, LossPlace, ProcessStarted};
use node_agent_common::event::Kind;

use crate::container::{self, Mode};
use crate::scene::{Scene, Watch, load};

/// A directory of this test run, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn with_copy_of_true(name: &str) -> (Self, PathBuf) {
        let directory = std::env::temp_dir().join(format!("beaconwatch-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let program = directory.join("program");
        std::fs::copy("/bin/true", &program).unwrap();
        (Self(directory), program)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn started(input: &Input) -> Option<&ProcessStarted> {
    if let Input::Event(Event::ProcessStarted(process)) = input { Some(process) } else { None }
}

/// Runs a program and returns what was said about it.
fn run(watch: &Watch, mut command: Command) -> ProcessStarted {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    child.wait().unwrap();
    let pid = child.id();
    let live = |process: &ProcessStarted| process.pid == pid && !process.snapshot;
    let seen = watch.until("the program", |input| started(input).is_some_and(live));
    seen.last().and_then(|(_, input)| started(input)).unwrap().clone()
}

#[test]
fn a_program_is_known_by_its_file_its_user_and_its_arguments() {
    let Some(watch) = Watch::begin(&EbpfOptions::default()) else { return };
    let (directory, program) = Directory::with_copy_of_true("exec");
    let link = directory.0.join("link");
    symlink(&program, &link).unwrap();
    std::fs::hard_link(&program, directory.0.join("other-name")).unwrap();
    let mut command = Command::new(&link);
    command.args(["one", "", "t\u{e4}st"]).args(vec!["x".repeat(1000); 5]);
    let process = run(&watch, command);
    let metadata = std::fs::metadata(&program).unwrap();
    assert_eq!(Path::new(&*process.executable), program);
    assert_eq!(Path::new(&*process.filename), link);
    assert_eq!((process.file.inode, process.links), (metadata.ino(), Some(2)));
    let changed = metadata.ctime() as u64 * 1_000_000_000 + metadata.ctime_nsec() as u64;
    assert_eq!(process.changed.map(|changed| changed.as_nanos()), Some(changed));
    assert_eq!((process.parent_pid, process.uid), (std::process::id(), 0));
    assert_eq!((&*process.args[1], &*process.args[2], &*process.args[3]), ("one", "", "t\u{e4}st"));
    let args: usize = process.args.iter().map(|arg| arg.len() + 1).sum();
    assert_eq!(args, 4097, "4 KiB, and the end that the last one lost");
}

#[test]
fn a_program_that_is_in_memory_only_says_so() {
    let Some(watch) = Watch::begin(&EbpfOptions::default()) else { return };
    let file = rustix::fs::memfd_create("hidden", rustix::fs::MemfdFlags::empty()).unwrap();
    std::io::copy(
        &mut std::fs::File::open("/bin/true").unwrap(),
        &mut std::fs::File::from(file.try_clone().unwrap()),
    )
    .unwrap();
    let process =
        run(&watch, Command::new(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file))));
    assert_eq!((&*process.executable, process.links), ("/memfd:hidden", Some(0)));
}

/// runc starts itself so: it mounts its own file, and takes the mount out of the tree.
#[test]
fn a_program_whose_mount_is_in_no_tree_has_its_name() {
    let Some(watch) = Watch::begin(&EbpfOptions::default()) else { return };
    let (_directory, place) = Directory::with_copy_of_true("detached");
    let script = "mount --bind /bin/true \"$0\" && exec 9<\"$0\" && umount --lazy \"$0\" && exec /proc/self/fd/9 detached";
    let status = Command::new("unshare").args(["--mount", "sh", "-c", script]).arg(&place).status().unwrap();
    assert!(status.success());
    let is_it = |process: &ProcessStarted| process.args.get(1).is_some_and(|arg| &**arg == "detached");
    let seen = watch.until("the program", |input| started(input).is_some_and(is_it));
    let process = seen.last().and_then(|(_, input)| started(input)).unwrap();
    assert_eq!((&*process.executable, &*process.filename), ("/true", "/proc/self/fd/9"));
    assert!(process.links > Some(0));
}

#[test]
fn what_a_full_ring_does_not_take_is_counted_to_the_last_record_and_told() {
    let Some((mut ebpf, _)) = load(&EbpfOptions::default()) else { return };
    let scene = Scene::with_rooms(1);
    // Nobody reads yet: 1 MiB holds about 240 programs with 4 KiB of arguments each.
    let long = "x".repeat(4000);
    let mut pids = std::collections::HashSet::new();
    for _ in 0..400 {
        let mut child = Command::new("/bin/true").args([&long; 2]).spawn().unwrap();
        pids.insert(child.id());
        child.wait().unwrap();
    }
    // The record of this container is lost too; its flow is not, for it goes through another ring.
    let container = scene.inside(1, || container::run(&scene, 7, Mode::Dns)).container;
    let (sender, inputs) = std::sync::mpsc::sync_channel(1 << 20);
    let clock = beaconwatch_agent::clock::NodeClock::start();
    let handle = beaconwatch_agent::source::ringbuf::spawn(&mut ebpf, clock, sender).unwrap();
    let repaired = std::sync::Arc::clone(handle.counters());
    handle.stop();
    let lost = ebpf.counters();
    let inputs: Vec<Input> = inputs.try_iter().map(|arrival| arrival.into_parts().1).collect();

    let seen = inputs.iter().filter_map(started).filter(|process| pids.contains(&process.pid)).count();
    let lost_programs = lost.lost.iter().find(|(kind, _)| *kind == Kind::Exec).map_or(0, |(_, count)| *count);
    assert!(lost_programs >= 100, "the ring did not overflow: {lost:?}");
    // Other programs of this machine may be among the lost ones.
    assert!(seen < 400 && lost_programs >= 400 - seen as u64, "{seen} seen, {lost_programs} lost");
    let told: u64 = inputs
        .iter()
        .filter_map(|input| {
            if let Input::Lost { place: LossPlace::IdentityRing, count } = input {
                Some(*count)
            } else {
                None
            }
        })
        .sum();
    assert_eq!(told, lost.lost_at(LossPlace::IdentityRing));
    let is_told = |path: &str| path.contains(&container);
    assert!(
        inputs
            .iter()
            .any(|input| matches!(input, Input::Event(Event::CgroupCreated { path, .. }) if is_told(path))),
        "the kernel's map of paths repairs what the ring lost"
    );
    assert!(repaired.cgroups_repaired.load(std::sync::atomic::Ordering::Relaxed) > 0);
}

#[test]
fn kernel_counters_are_exact() {
    let scene = Scene::with_rooms(1);
    let options = EbpfOptions { run_time: true, ..scene.options() };
    let Some(watch) = Watch::begin(&options) else { return };
    scene.inside(1, || {
        for job in 0..50 {
            container::run(&scene, job, Mode::ServerCloses);
        }
    });
    let counters = watch.ebpf.counters();
    let runs = |hook| counters.run_time.iter().find(|time| time.hook == hook).map_or(0, |time| time.runs);
    assert_eq!((runs("connect4"), runs("connect6")), (50, 0));
    let inputs = watch.end();
    let count = |wanted: fn(&Event) -> bool| {
        inputs.iter().filter(|(_, input)| matches!(input, Input::Event(event) if wanted(event))).count()
    };
    assert_eq!(count(|event| matches!(event, Event::SocketOpened(_))), 50);
    assert_eq!(count(|event| matches!(event, Event::SocketClosed { provisional: false, .. })), 50);
    assert_eq!(count(|event| matches!(event, Event::SocketClosed { provisional: true, .. })), 50);
    assert_eq!(count(|event| matches!(event, Event::Payload(_))), 100);
    assert_eq!(count(|event| matches!(event, Event::CgroupRemoved { .. })), 100, "pod and container");
    // Threads that end at the same moment may each be the last one.
    let ended: HashSet<u32> = inputs
        .iter()
        .filter_map(|(_, input)| {
            let Input::Event(Event::ProcessExited { pid }) = input else { return None };
            Some(*pid)
        })
        .collect();
    assert_eq!(ended.len(), 50);
    assert!(inputs.iter().all(|(_, input)| !matches!(input, Input::Lost { .. })));
}
