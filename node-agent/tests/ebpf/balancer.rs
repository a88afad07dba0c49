//! A socket load balancer (as Cilium's) that was there before the agent: the address that a program asked for is told.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};

use beaconwatch_engine::input::{Event, Input};

use crate::scene::{ANSWER, CLOSES, SERVER, Scene, Watch, load};

/// The address of a service; nobody has it.
const SERVICE: &str = "10.96.0.10";

/// `connect()` to 10.96.0.10 becomes one to 10.77.0.1: six instructions (`linux/bpf.h`).
#[rustfmt::skip]
static PROGRAM: [[u8; 8]; 6] = [
    [0x61, 0x12, 4, 0, 0, 0, 0, 0],                // r2 = ctx->user_ip4
    [0x55, 0x02, 2, 0, 10, 96, 0, 10],             // if r2 != 10.96.0.10 goto exit
    [0xb7, 0x03, 0, 0, 10, 77, 0, 1],              // r3 = 10.77.0.1
    [0x63, 0x31, 4, 0, 0, 0, 0, 0],                // ctx->user_ip4 = r3
    [0xb7, 0x00, 0, 0, 1, 0, 0, 0],                // r0 = 1
    [0x95, 0x00, 0, 0, 0, 0, 0, 0],                // exit
];

fn bpf(command: libc::c_long, attributes: &[u64; 16]) -> OwnedFd {
    #[expect(unsafe_code, reason = "no crate of the tests loads programs")]
    // SAFETY: the attributes and what they point to outlive the call; the answer is a new descriptor.
    unsafe {
        let answer = libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes));
        assert!(answer >= 0, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(i32::try_from(answer).unwrap())
    }
}

fn pair(low: usize, high: usize) -> u64 {
    (low | high << 32) as u64
}

/// Attaches the load balancer to a cgroup; it goes with its descriptors.
fn balance(directory: &std::path::Path) -> [OwnedFd; 2] {
    const CONNECT4: usize = 10;
    const SOCK_ADDR: usize = 18;
    let license = c"GPL";
    let mut attributes = [0; 16];
    attributes[0] = pair(SOCK_ADDR, PROGRAM.len());
    attributes[1] = PROGRAM.as_ptr() as u64;
    attributes[2] = license.as_ptr() as u64;
    // After log, version, flags, name and interface: the place where it will be attached.
    attributes[8] = pair(0, CONNECT4);
    let program = bpf(5, &attributes);
    let cgroup = File::open(directory).unwrap();
    let fd = |file: i32| usize::try_from(file).unwrap();
    let mut attributes = [0; 16];
    attributes[0] = pair(fd(program.as_raw_fd()), fd(cgroup.as_raw_fd()));
    attributes[1] = pair(CONNECT4, 0);
    [bpf(28, &attributes), program]
}

/// The kernel lets links say that they come first.
fn has_order() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(17))
}

#[test]
fn a_load_balancer_that_was_there_first_does_not_hide_the_service() {
    let Some((probe, _)) = load(&beaconwatch_agent::ebpf::EbpfOptions::default()) else { return };
    drop(probe);
    let scene = Scene::with_rooms(1);
    let _balancer = balance(&scene.cgroup(""));
    let watch = Watch::begin(&scene.options()).unwrap();
    let scope = scene.cgroup(&format!("kubepods.slice/cri-containerd-{}.scope", "b".repeat(64)));
    std::fs::create_dir_all(&scope).unwrap();
    let script = format!(
        "echo 0 > \"$0\"; exec 3<>/dev/tcp/{SERVICE}/{CLOSES}; echo hello >&3; [ \"$(head -c {ANSWER} <&3 | wc -c)\" = {ANSWER} ]"
    );
    let status = scene.inside(1, || {
        Command::new("bash")
            .args(["-c", &script])
            .arg(scope.join("cgroup.procs"))
            .stdin(Stdio::null())
            .status()
            .unwrap()
    });
    assert!(status.success());
    let limits: Vec<&str> = watch.ebpf.limits().filter(|limit| limit.contains("load balancer")).collect();
    assert_eq!(watch.ebpf.may_see_backends(), !has_order(), "findings say it, too");
    let opened = |(_, input): &(_, Input)| {
        let Input::Event(Event::SocketOpened(opened)) = input else { return None };
        opened.outbound.then(|| opened.remote.ip().to_string())
    };
    let seen: Vec<String> = watch.end().iter().filter_map(opened).collect();
    if has_order() {
        assert_eq!((seen, limits.len()), (vec![SERVICE.to_owned()], 0));
    } else {
        assert_eq!((seen, limits.len()), (vec![SERVER.to_string()], 1), "the backend, and it is said");
    }
}
