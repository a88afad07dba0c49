use std::io::{Cursor, Write};

use super::*;

/// A pcap with these packets, in the byte order and with the magic that are given.
fn pcap(big_endian: bool, magic: u32, packets: &[&[u8]]) -> Vec<u8> {
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = Vec::new();
    for field in [magic, 0x0004_0002, 0, 0, 65535, 101] {
        file.extend(word(field));
    }
    for (second, packet) in (1..).zip(packets) {
        let len = u32::try_from(packet.len()).unwrap();
        for field in [second, 5, len, len + 4] {
            file.extend(word(field));
        }
        if magic == 0xa1b2_cd34 {
            file.extend([0, 0, 0, 2, 0, 8, 4, 0]);
        }
        file.extend(*packet);
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let len = u32::try_from(12 + padded).unwrap().to_le_bytes();
    let mut block = [&kind.to_le_bytes()[..], &len, body].concat();
    block.resize(8 + padded, 0);
    block.extend(len);
    block
}

/// A section of little-endian blocks with one interface of this resolution.
fn section(resolution: u8) -> Vec<u8> {
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    [block(0x0a0d_0d0a, &section), interface(resolution)].concat()
}

fn interface(resolution: u8) -> Vec<u8> {
    block(1, &[&[101, 0, 0, 0, 0, 0, 0, 0][..], &[9, 0, 1, 0, resolution, 0, 0, 0], &[0; 4]].concat())
}

/// A packet of an interface, at this time in the interface's units.
fn packet(interface: u32, units: u64, packet: &[u8]) -> Vec<u8> {
    let (high, low) = (u32::try_from(units >> 32).unwrap(), u32::try_from(units & 0xffff_ffff).unwrap());
    let len = u32::try_from(packet.len()).unwrap();
    let fields: Vec<u8> =
        [interface, high, low, len, len + 4].iter().flat_map(|f: &u32| f.to_le_bytes()).collect();
    block(6, &[&fields[..], packet].concat())
}

fn pcapng(data: &[u8]) -> Vec<u8> {
    // Nanoseconds.
    [section(9), block(5, &[0; 8]), packet(0, 1_000_000_005, data)].concat()
}

/// Times and data of all packets, and what was counted.
fn read(file: Vec<u8>) -> (Vec<(u64, Vec<u8>)>, CaptureCounters) {
    let mut capture = Capture::read(Box::new(Cursor::new(file))).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = capture.next_packet().unwrap() {
        assert_eq!(packet.wire_len, packet.data.len() + 4);
        packets.push((packet.time.as_nanos(), packet.data.to_vec()));
    }
    (packets, capture.counters())
}

#[test]
fn every_form_of_pcap_is_read_the_same() {
    for (big_endian, magic, fraction) in [
        (false, 0xa1b2_c3d4, 5_000),
        (true, 0xa1b2_c3d4, 5_000),
        (false, 0xa1b2_3c4d, 5),
        (true, 0xa1b2_3c4d, 5),
        (false, 0xa1b2_cd34, 5_000),
        (true, 0xa1b2_cd34, 5_000),
    ] {
        let (packets, counters) = read(pcap(big_endian, magic, &[b"one", b"three"]));
        let expect =
            [(1_000_000_000 + fraction, b"one".to_vec()), (2_000_000_000 + fraction, b"three".to_vec())];
        assert_eq!(packets, expect);
        assert_eq!((counters.packets, counters.snapped, counters.file_cut), (2, 2, false));
    }
}

#[test]
fn pcapng_is_read_with_the_clock_of_its_interface() {
    assert_eq!(read(pcapng(b"packet")).0, [(1_000_000_005, b"packet".to_vec())]);
}

#[test]
fn a_packet_of_another_age_has_the_time_of_the_one_before_and_a_later_part_of_the_file_its_own() {
    let year = 366 * 86_400 * 1_000_000_000;
    let of = |times: &[u64]| {
        let packets = times.iter().flat_map(|time| packet(0, *time, b"data"));
        let (packets, counters) = read(section(9).into_iter().chain(packets).collect());
        (packets.iter().map(|(time, _)| *time).collect::<Vec<_>>(), counters.packets, counters.times_raised)
    };
    assert_eq!(of(&[5, 6, 90 * year, 7]), (vec![5, 6, 6, 7], 4, 1));
    assert_eq!(of(&[5, 6, 90 * year, 90 * year + 1]), (vec![5, 6, 6, 90 * year + 1], 4, 1));
}

#[test]
fn a_large_block_of_another_kind_is_passed_over() {
    let file = [section(9), block(10, &vec![6; 1 << 20]), packet(0, 1_000_000_000, b"a")].concat();
    let (packets, counters) = read(file);
    assert_eq!((packets.len(), counters.damaged), (1, 0));
}

#[test]
fn sections_and_interfaces_have_clocks_of_their_own() {
    // Milliseconds and 1/1024 of a second, then a section in which the first interface counts nanoseconds.
    let file = [
        section(3),
        interface(0x8a),
        packet(0, 7_001, b"a"),
        packet(1, 8 * 1024 + 512, b"b"),
        section(9),
        packet(0, 9_000_000_001, b"c"),
    ];
    let (packets, counters) = read(file.concat());
    let times: Vec<u64> = packets.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [7_001_000_000, 8_500_000_000, 9_000_000_001]);
    assert_eq!((counters.damaged, counters.file_cut), (0, false));
}

type Damage = fn(&mut Vec<u8>);

#[test]
fn damage_in_the_middle_costs_what_is_damaged() {
    let blocks = |damage: Damage| {
        let mut third = packet(0, 3_000_000_000, b"three");
        damage(&mut third);
        let of = |n: u64| packet(0, n * 1_000_000_000, b"else");
        [section(9), of(1), of(2), third, of(4), of(5)].concat()
    };
    let damages: [Damage; 6] = [
        |block| block[..8].copy_from_slice(&[0x5a, 0x5a, 0x5a, 0x5a, 0, 0, 0xf0, 0]),
        |block| block[4..8].fill(0xff),
        |block| block[4..8].fill(0),
        |block| block[4] += 4,
        |block| block[..8].fill(0x5a),
        |block| block.truncate(21),
    ];
    for damage in damages {
        let (packets, counters) = read(blocks(damage));
        assert_eq!(packets.len(), 4);
        assert_eq!((counters.damaged, counters.file_cut), (1, false));
    }

    let mut file = pcap(false, 0xa1b2_c3d4, &[b"one", b"two", b"three", b"four", b"five"]);
    file[24 + 2 * 19 + 8..24 + 2 * 19 + 12].fill(0xff);
    let (packets, counters) = read(file);
    let data: Vec<&[u8]> = packets.iter().map(|(_, data)| data.as_slice()).collect();
    assert_eq!(data, [&b"one"[..], b"two", b"four", b"five"]);
    assert_eq!((counters.damaged, counters.file_cut), (1, false));
}

#[test]
fn a_gzipped_capture_is_recognised_by_its_content() {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&pcap(false, 0xa1b2_c3d4, &[b"one"])).unwrap();
    let zipped = zip.finish().unwrap();
    assert_eq!(read(zipped.clone()).0.len(), 1);
    let cut = zipped.get(..zipped.len() - 12).unwrap().to_vec();
    assert!(read(cut).1.file_cut);
}

#[test]
fn a_file_that_ends_early_gives_what_it_holds() {
    for file in [pcap(false, 0xa1b2_c3d4, &[b"one", b"two"]), pcapng(b"two")] {
        for len in 40..file.len() {
            let (packets, counters) = read(file.get(..len).unwrap().to_vec());
            assert!(packets.len() <= 1 + usize::from(len == file.len()));
            assert!(counters.file_cut || packets.len() < 2);
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_with_what_it_looks_like() {
    let error = Capture::read(Box::new(Cursor::new(b"GIF89a..".to_vec()))).err().unwrap();
    assert_eq!(error.to_string(), "not a capture: it looks like text of another program: no option reads it");
}

#[test]
fn a_packet_larger_than_the_buffer_is_read() {
    let large = vec![7; 200_000];
    let (packets, _) = read(pcap(false, 0xa1b2_c3d4, &[&large, b"next", &large]));
    assert_eq!(packets.len(), 3);
    assert_eq!(packets[2].1, large);
}
