use beaconwatch_engine::actor::FileId;
use beaconwatch_engine::time::Timestamp;

use super::*;
use zerocopy::IntoBytes;

fn header(kind: Kind, len: usize) -> Header {
    Header { time_ns: 7, cgroup: 42, kind: kind as u32, len: u32::try_from(len).unwrap() }
}

fn record(fixed: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut bytes = [fixed, tail].concat();
    let len = u32::try_from(bytes.len()).unwrap();
    bytes[20..24].copy_from_slice(&len.to_ne_bytes());
    // A ring hands out more than the record uses.
    bytes.extend_from_slice(&[0xAA; 16]);
    bytes
}

fn exec(path: &[u8], filename: &[u8], args: &[u8], flags: u32) -> Vec<u8> {
    let fixed = event::Exec {
        header: header(Kind::Exec, 0),
        start_ns: 5,
        inode: 99,
        changed_sec: 3,
        changed_nsec: 4 | 1 << 31,
        device: 8 << 20 | 1,
        pid: 10,
        parent_pid: 9,
        uid: 1000,
        login_uid: u32::MAX,
        links: 1,
        flags,
        path_len: u32::try_from(path.len()).unwrap(),
        filename_len: u32::try_from(filename.len()).unwrap(),
        args_len: u32::try_from(args.len()).unwrap(),
        reader_pid: 0,
    };
    record(fixed.as_bytes(), &[path, filename, args].concat())
}

fn started(bytes: &[u8]) -> beaconwatch_engine::input::ProcessStarted {
    let event = decode(bytes).unwrap().event;
    let Event::ProcessStarted(started) = event else { panic!("{event:?}") };
    *started
}

#[test]
fn a_path_is_put_together_from_its_names() {
    let started = started(&exec(b"curl\0bin\0usr\0", b"curl", b"curl\0-s\0\0x\0", exec_flags_all()));
    assert_eq!(&*started.executable, "/usr/bin/curl");
    assert_eq!(&*started.filename, "curl");
    let args: Vec<&str> = started.args.iter().map(|arg| &**arg).collect();
    assert_eq!(args, ["curl", "-s", "", "x"]);
    assert_eq!(started.file, FileId { device: 8 << 20 | 1, inode: 99 });
    assert_eq!((started.links, started.changed), (Some(1), Some(Timestamp::from_nanos(3_000_000_004))));
    assert_eq!((started.uid, started.login_uid, started.pid, started.parent_pid), (1000, None, 10, 9));
}

fn exec_flags_all() -> u32 {
    event::exec_flags::FILE | event::exec_flags::CHANGED
}

#[test]
fn what_the_kernel_does_not_know_is_unknown() {
    let started = started(&exec(b"", b"", b"", 0));
    assert_eq!((started.file, started.links, started.changed), (FileId::default(), None, None));
    assert_eq!((&*started.executable, started.args.len()), ("", 0));
}

#[test]
fn a_memory_file_has_a_path_of_its_own_and_a_deep_path_says_that_it_is_cut() {
    assert_eq!(&*started(&exec(b"memfd:x\0", b"/proc/self/fd/3", b"a\0", 0)).executable, "/memfd:x");
    let cut = exec(b"c\0b\0", b"", b"", event::exec_flags::PATH_CUT);
    assert_eq!(&*started(&cut).executable, "/.../b/c");
}

#[test]
fn a_name_that_is_no_text_does_not_stop_the_record() {
    let started = started(&exec(b"\xff\xfe\0tmp\0", b"\xff", b"\xf0\x28", 0));
    assert_eq!(&*started.executable, "/tmp/\u{fffd}\u{fffd}");
    assert_eq!(started.args.len(), 1);
}

#[test]
fn lengths_that_point_outside_are_refused() {
    let mut bytes = exec(b"a\0", b"b", b"c\0", 0);
    let args_len_at = size_of::<event::Exec>() - 8;
    bytes[args_len_at..args_len_at + 4].copy_from_slice(&1000_u32.to_ne_bytes());
    assert_eq!(decode(&bytes).unwrap_err(), DecodeError::Length);
    bytes[args_len_at..args_len_at + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
    assert_eq!(decode(&bytes).unwrap_err(), DecodeError::Length);
    assert_eq!(decode(&bytes[..30]).unwrap_err(), DecodeError::Short);
    assert_eq!(decode(&[]).unwrap_err(), DecodeError::Short);
    bytes[16..20].copy_from_slice(&77_u32.to_ne_bytes());
    assert_eq!(decode(&bytes).unwrap_err(), DecodeError::Kind);
}

fn socket(kind: Kind, family: u8, remote: [u8; 16]) -> Vec<u8> {
    let fixed = event::Socket {
        header: header(kind, 0),
        socket: 3,
        netns: 4,
        local: [0; 16],
        remote,
        pid: 10,
        uid: 0,
        local_port: 0,
        remote_port: 443,
        family,
        transport: transport::TCP,
        accepted: 0,
        state: 1,
    };
    record(fixed.as_bytes(), &[])
}

fn remote(family: u8, remote: [u8; 16]) -> String {
    let event = decode(&socket(Kind::SocketOpened, family, remote)).unwrap().event;
    let Event::SocketOpened(opened) = event else { panic!("{event:?}") };
    assert_eq!((opened.local, opened.outbound, opened.uid), (None, true, Some(0)));
    opened.remote.to_string()
}

#[test]
fn addresses_of_both_families_are_read_and_mapped_ones_are_ipv4() {
    let mut v4 = [0; 16];
    v4[..4].copy_from_slice(&[192, 0, 2, 1]);
    assert_eq!(remote(family::INET, v4), "192.0.2.1:443");
    assert_eq!(
        remote(family::INET6, "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets()),
        "[2001:db8::1]:443"
    );
    let mapped = "::ffff:192.0.2.1".parse::<Ipv6Addr>().unwrap().octets();
    assert_eq!(remote(family::INET6, mapped), "192.0.2.1:443");
    assert_eq!(decode(&socket(Kind::SocketOpened, 77, v4)).unwrap_err(), DecodeError::Family);
}

#[test]
fn payload_is_the_bytes_in_use_and_says_how_long_it_was() {
    let fixed = event::Payload {
        header: header(Kind::Payload, 0),
        socket: 3,
        remote: [0; 16],
        wire_len: 900,
        data_len: 5,
        local_port: 40000,
        remote_port: 80,
        family: family::INET,
        transport: transport::TCP,
        received: 1,
        gap_before: 1,
    };
    let Decoded { boot_ns, cgroup, root_level: _, event } =
        decode(&record(fixed.as_bytes(), b"hello")).unwrap();
    assert_eq!((boot_ns, cgroup), (7, 42));
    let Event::Payload(payload) = event else { panic!("{event:?}") };
    assert_eq!((&*payload.bytes, payload.wire_len), (&b"hello"[..], 900));
    assert_eq!((payload.direction, payload.gap_before), (Direction::Received, true));
}

#[test]
fn sockets_of_the_snapshot_come_one_after_the_other() {
    let one = &socket(Kind::SocketSnapshot, family::INET, [0; 16])[..size_of::<event::Socket>()];
    let found = decode_sockets(&[one, one].concat()).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found[1].opened.snapshot && found[1].state == 1);
    assert_eq!(decode_sockets(&one[1..]).unwrap_err(), DecodeError::Short);
}

#[test]
fn processes_of_the_snapshot_come_one_after_the_other_however_long_they_are() {
    let found = |path: &[u8], reader_pid: u32| {
        let mut bytes = exec(path, b"", b"", exec_flags_all());
        bytes[16..20].copy_from_slice(&(Kind::ProcessSnapshot as u32).to_ne_bytes());
        let reader_pid_at = size_of::<event::Exec>() - 4;
        bytes[reader_pid_at..reader_pid_at + 4].copy_from_slice(&reader_pid.to_ne_bytes());
        bytes.truncate(bytes.len() - 16);
        bytes
    };
    let both = [found(b"sh\0bin\0", 3), found(b"", 0)].concat();
    let processes = decode_processes(&both).unwrap();
    let said: Vec<_> =
        processes.iter().map(|p| (&*p.started.executable, p.reader_pid, p.started.snapshot)).collect();
    assert_eq!(said, [("/bin/sh", 3, true), ("", 0, true)]);
    assert_eq!(decode_processes(&both[..both.len() - 1]).unwrap_err(), DecodeError::Short);
    assert_eq!(decode_processes(&exec(b"", b"", b"", 0)).unwrap_err(), DecodeError::Kind);
}

/// Every byte of every kind of record, set to values that lengths and kinds do not like.
#[test]
fn a_damaged_record_is_refused_or_decoded_but_never_more_than_there_is() {
    let records = [
        exec(b"curl\0bin\0", b"/bin/curl", b"curl\0-s\0", exec_flags_all()),
        socket(Kind::SocketOpened, family::INET6, [1; 16]),
        socket(Kind::SocketListening, family::INET, [1; 16]),
    ];
    for record in records {
        for at in 0..record.len() {
            for value in [0, 1, 2, 10, 0x7f, 0x80, 0xff] {
                let mut damaged = record.clone();
                damaged[at] = value;
                if let Ok(Decoded { event: Event::ProcessStarted(process), .. }) = decode(&damaged) {
                    assert!(process.args.iter().map(|arg| arg.len()).sum::<usize>() <= 3 * damaged.len());
                }
                let _ = decode(&damaged[..at]);
                let _ = decode_sockets(&damaged);
                let _ = decode_processes(&damaged);
            }
        }
    }
}
