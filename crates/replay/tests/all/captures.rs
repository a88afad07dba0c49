//! Captures through `replay`: what is inside of tunnels is judged and the tunnels are not, each packet is used or
//! refused for a reason, and what was not understood is said first.

mod differential;
mod newcomer;
mod packets;

use std::path::Path;

use beaconwatch_replay::Summary;

use crate::directory::Directory;
use crate::program::{self, Output, replay};
use packets::{CONNECTIONS, PACKETS_EACH, WRAPS, Wrap, connections, ethernet, ipv4, pcap, wireless};

/// Whether there was an answer, and the first line of standard error.
fn said(options: &[&str]) -> (bool, String) {
    let Output { success, stderr, .. } = replay(options);
    (success, stderr.lines().next().unwrap_or_default().to_owned())
}

/// The summary of a replay with these options.
fn summary(options: &[&str]) -> Summary {
    program::summary(options).unwrap()
}

#[test]
fn what_is_inside_of_mirrors_and_tunnels_is_judged_and_they_are_not() {
    let dir = Directory::of("wraps");
    let bare = summary(&["--pcap", &dir.file("bare.pcap", connections(&WRAPS[0]))]);
    for wrap in WRAPS {
        let read = summary(&["--pcap", &dir.file(&format!("{}.pcap", wrap.name), connections(wrap))]);
        assert_eq!(read.rejected.iter().count(), 0, "{}: {read}", wrap.name);
        assert_eq!(read.packets, u64::from(CONNECTIONS) * PACKETS_EACH, "{}", wrap.name);
        assert_eq!(read.hosts, 1, "{}: {read}", wrap.name);
        assert_eq!(read.counters.contacts, u64::from(CONNECTIONS), "{}: {read}", wrap.name);
        assert_eq!(format!("{:?}", read.counters), format!("{:?}", bare.counters), "{}", wrap.name);
    }
}

#[test]
fn a_capture_that_is_not_understood_says_so_first_and_fails() {
    let dir = Directory::of("first");
    let of = |name: &str, link: u32, around: fn(&[u8]) -> Vec<u8>| {
        dir.file(name, connections(&Wrap { name: "", link, around }))
    };
    let check = |file: &str, because: &str| {
        for options in [&["--pcap", file][..], &["--pcap", file, "--output", "observations"]] {
            let (success, first) = said(options);
            assert_eq!(first, format!("no connections found in 120 packets: {because}"), "{options:?}");
            assert!(!success, "{options:?}");
        }
    };
    check(&of("erf.pcap", 197, <[u8]>::to_vec), "link type ERF is not supported");
    check(&of("wpa.pcap", 127, |ip| wireless(0x41, ip)), "encrypted below IP (WPA, MACsec, MPPE)");
    check(&of("arp.pcap", 1, |_| ethernet(0x0806, &[0; 28])), "ARP");
    check(
        &of("esp.pcap", 101, |ip| ipv4(50, [10, 0, 0, 5], [192, 0, 2, 7], ip)),
        "ESP, which is encrypted (IP protocol 50) is not supported",
    );
}

#[test]
fn a_few_connections_among_what_is_encrypted_are_no_clean_bill() {
    let dir = Directory::of("mostly");
    let mut packets = vec![(0, ipv4(50, [10, 0, 0, 5], [192, 0, 2, 7], &[0; 40])); 200];
    packets.push((1, ipv4(17, [10, 0, 0, 5], [192, 0, 2, 7], &[0x9c, 0x40, 0x13, 0x88, 0, 8, 0, 0])));
    let file = dir.file("mostly.pcap", pcap(101, &packets));
    let (success, first) = said(&["--pcap", &file]);
    let expect = "most of the input was not understood: 200 of 201 packets: ESP, which is encrypted (IP protocol 50) \
                  is not supported";
    assert_eq!((success, &*first), (false, expect));
    packets.resize(1000, packets[200].clone());
    let (success, _) = said(&["--pcap", &dir.file("few.pcap", pcap(101, &packets))]);
    assert!(success);
}

#[test]
fn contacts_that_nobody_judges_are_no_clean_bill() {
    let dir = Directory::of("unjudged");
    let udp = |to: [u8; 4]| ipv4(17, [10, 0, 0, 5], to, &[0x9c, 0x40, 0x07, 0x6c, 0, 9, 0, 0, b'M']);
    let multicast = |count: u32| (0..count).map(|n| (u64::from(n), udp([239, 255, 255, 250]))).collect();
    let mut packets: Vec<_> = multicast(50);
    let (success, first) = said(&["--pcap", &dir.file("multicast.pcap", pcap(101, &packets))]);
    let why = "1 connection with multicast or broadcast addresses, with DNS resolvers, or by ICMP";
    assert_eq!((success, first), (false, format!("no connections to judge in 50 packets: {why}")));
    let row = "1700000100.5\tCabcdefgh1\t10.0.0.5\t5353\t224.0.0.251\t5353\tudp\n";
    let fields = "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto";
    let log = dir.file("conn.log", format!("#separator \\x09\n#path\tconn\n#fields\t{fields}\n{row}"));
    let (success, first) = said(&["--zeek", &log]);
    assert_eq!((success, first), (false, format!("no connections to judge in 1 row: {why}")));
    packets.push((50, udp([192, 0, 2, 7])));
    let (success, _) = said(&["--pcap", &dir.file("one.pcap", pcap(101, &packets))]);
    assert!(success);
}

#[test]
fn a_directory_is_searched_for_captures_whatever_their_names() {
    let dir = Directory::of("directory");
    let expect = u64::from(CONNECTIONS);
    dir.file("a/day.pcap0", connections(&WRAPS[0]));
    dir.file("a/notes.txt", "captured on Monday");
    let named = dir.0.join("a");
    assert_eq!(summary(&["--pcap", named.to_str().unwrap()]).counters.contacts, expect);
    let text = dir.file("b/notes.txt", "captured on Monday");
    let (success, first) = said(&["--pcap", Path::new(&text).parent().unwrap().to_str().unwrap()]);
    assert!(!success);
    let expect = format!("{text} looks like text of another program: no option reads it");
    assert!(first.contains("no capture below") && first.ends_with(&expect), "{first}");
}
