//! What a replay says of inputs that are damaged, empty, elsewhere in time, or of another format.

use std::io::Write;
use std::path::Path;

use beaconwatch_engine::counters::{BoundedTable, Usage};
use beaconwatch_replay::Summary;

use crate::directory::Directory;
use crate::program::{replay, suggest, summary};

/// `reason: count at line`, for each reason.
fn refused(summary: &Summary) -> Vec<String> {
    let words = summary.rejected.iter().map(|(reason, count, place)| {
        let file = Path::new(&*place.file).file_name().unwrap().to_string_lossy().into_owned();
        format!("{}: {count}, first in {file}:{}", reason, place.line)
    });
    words.collect()
}

/// A capture of so many packets, one a second, each of its own flow.
fn capture(packets: u16) -> Vec<u8> {
    let mut file = Vec::new();
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(field.to_le_bytes());
    }
    for number in 0..packets {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 5, 192, 0, 2, 7];
        packet.extend((1024 + number).to_be_bytes());
        packet.extend([0x10, 0x92, 0, 8, 0, 0]);
        for field in [1_700_000_000 + u32::from(number), 0, 28, 28] {
            file.extend(field.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

/// Each needs the first line of the events format.
const EVENT: &str = r#"{"time_unix_nano":1767571200000000000,"event":"connect","source.address":"10.0.0.5","destination.address":"192.0.2.7","destination.port":443}"#;

/// A host that scans: what its share of conversations cannot hold is part of the answer.
#[test]
fn what_found_no_place_is_told() {
    let directory = Directory::of("scan");
    let mut rows = String::new();
    for number in 0..5000_u32 {
        let (high, low, ts) = (number >> 8, number & 255, 1_700_000_000 + number);
        rows += &format!(
            r#"{{"time_unix_nano":{ts}000000000,"event":"connect","source.address":"10.0.0.5","destination.address":"198.18.{high}.{low}","destination.port":443}}"#
        );
        rows.push('\n');
    }
    let scan = summary(&["--events", &directory.file("scan.jsonl", rows)]).unwrap();
    let Usage { held, evicted, refused: without } = scan.counters.table(BoundedTable::Conversations);
    assert_eq!(held + without + evicted, 5000);
    let said = scan.to_string();
    assert!(said.contains(&format!("1 host, {held} conversations held at the end")), "{said}");
    assert!(
        said.contains(&format!("{without} connections to new destinations that were not tracked")),
        "{said}"
    );
    let whole = summary(&["--pcap", &directory.file("whole.pcap", capture(9))]).unwrap().to_string();
    assert!(!whole.contains("without a conversation"), "{whole}");
}

/// Kind of input, sample, rows, hosts, contacts, records lost at the source.
const SAMPLES: &[(&str, &str, u64, usize, u64, u64)] = &[
    ("--zeek", "zeek-conn.log", 2, 1, 2, 0),
    ("--zeek", "zeek-shipped.json", 3, 1, 2, 0),
    ("--events", "events.jsonl", 3, 1, 3, 0),
    ("--csv", "connections.csv", 2, 1, 2, 0),
    ("--suricata", "suricata.json", 5, 1, 2, 0),
    ("--envoy", "envoy.jsonl", 3, 2, 3, 0),
    ("--envoy", "envoy.log", 2, 2, 2, 0),
    ("--squid", "squid.log", 8, 3, 7, 0),
    ("--vpc-flow", "vpc-flow.log", 4, 1, 2, 0),
    ("--vpc-flow", "vpc-flow-v2.log", 6, 2, 3, 1),
    ("--vpc-flow", "vpc-flow-custom.log", 2, 1, 1, 0),
    ("--hubble", "hubble.jsonl", 5, 1, 3, 7),
];

#[test]
fn every_sample_of_the_docs_is_read_whole() {
    for (kind, name, rows, hosts, contacts, lost) in SAMPLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples").join(name);
        let read = summary(&[kind, path.to_str().unwrap()]).unwrap();
        assert_eq!(refused(&read), Vec::<String>::new(), "{name}");
        let counted = (read.rows, read.hosts, read.counters.contacts, read.counters.lost);
        assert_eq!(counted, (*rows, *hosts, *contacts, *lost), "{name}");
    }
}

#[test]
fn who_calls_in_from_outside_is_left_out_where_home_is_known() {
    let dir = Directory::of("home");
    let stranger = EVENT.replace("10.0.0.5", "198.51.100.9");
    let events = dir.file("events.jsonl", format!("{EVENT}\n{stranger}\n"));
    let all = summary(&["--events", &events]).unwrap();
    assert_eq!((all.counters.contacts, all.hosts, all.strangers), (2, 2, 0));
    let ours = summary(&["--events", &events, "--home", "10.0.0.0/8", "--home", "fd00::/8"]).unwrap();
    assert_eq!((ours.counters.contacts, ours.hosts, ours.strangers), (1, 1, 1));
    assert!(ours.to_string().contains("1 connection left out: from hosts outside --home"), "{ours}");
    let capture = dir.file("capture.pcap", capture(9));
    let none = summary(&["--pcap", &capture, "--home", "192.0.2.0/24"]).unwrap();
    assert_eq!((none.counters.contacts, none.strangers), (0, 9));
    assert!(summary(&["--events", &events, "--home", "everywhere"]).is_err());
}

#[test]
fn a_capture_that_was_cut_says_where() {
    let dir = Directory::of("cut");
    let whole = capture(10);
    let all = summary(&["--pcap", &dir.file("whole.pcap", &whole)]).unwrap();
    assert_eq!((all.rows, refused(&all)), (10, vec![]));
    let cut = summary(&["--pcap", &dir.file("cut.pcap", &whole[..whole.len() - 5])]).unwrap();
    assert_eq!(cut.rows, 9);
    assert_eq!(refused(&cut), ["file cannot be read on: 1, first in cut.pcap:10"]);
    assert!(cut.is_an_answer());

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(&whole).unwrap();
    let packed = packed.finish().unwrap();
    let cut = summary(&["--pcap", &dir.file("cut.pcap.gz", &packed[..packed.len() - 40])]).unwrap();
    assert_eq!(refused(&cut), ["file cannot be read on: 1, first in cut.pcap.gz:10"]);
}

#[test]
fn a_capture_that_was_cut_into_files_is_one_capture() {
    let dir = Directory::of("pieces");
    // Packets of the same flow, ten minutes of them: it is one contact.
    let mut whole = capture(600);
    for number in 0..600 {
        let port = 24 + number * 44 + 16 + 20;
        whole[port..port + 2].copy_from_slice(&1024_u16.to_be_bytes());
    }
    let (head, packets) = whole.split_at(24);
    let pieces: Vec<String> = packets
        .chunks(200 * 44)
        .enumerate()
        .map(|(number, piece)| dir.file(&format!("{number}.pcap"), [head, piece].concat()))
        .collect();
    let [first, second, third] = pieces.as_slice() else { panic!("{pieces:?}") };
    let whole_file = dir.file("whole.pcap", &whole);
    let alone = summary(&["--pcap", &whole_file]).unwrap();
    let joined = summary(&["--pcap", third, "--pcap", first, "--pcap", second]).unwrap();
    assert_eq!(joined.rows, 600);
    assert_eq!(format!("{:?}", joined.counters), format!("{:?}", alone.counters));
    // Two that overlap in time are apart: somebody else saw the same.
    let twice = summary(&["--pcap", &whole_file, "--pcap", first]).unwrap();
    assert!(twice.counters.contacts > alone.counters.contacts, "{twice}");
}

#[test]
fn a_packet_that_makes_no_sense_is_counted_with_its_number() {
    let dir = Directory::of("packet");
    let mut bytes = capture(10);
    // The fourth packet has a header of four bytes, as it says.
    bytes[24 + 3 * 44 + 16] = 0x41;
    let damaged = summary(&["--pcap", &dir.file("damaged.pcap", &bytes)]).unwrap();
    assert_eq!((damaged.rows, damaged.counters.contacts), (10, 9));
    assert_eq!(refused(&damaged), ["malformed headers: 1, first in damaged.pcap:4"]);
}

#[test]
fn a_file_that_is_no_capture_costs_the_others_nothing() {
    let dir = Directory::of("others");
    let (good, empty) = (dir.file("good.pcap", capture(10)), dir.file("empty.pcap", ""));
    let both = summary(&["--pcap", &empty, "--pcap", &good]).unwrap();
    assert_eq!(both.counters.contacts, 10);
    assert_eq!(refused(&both), ["is empty: 1, first in empty.pcap:0"]);
    assert!(both.is_an_answer());
    let alone = summary(&["--pcap", &empty]).unwrap();
    assert!(!alone.is_an_answer(), "silence of a file that was not read says nothing");
}

#[test]
fn a_line_after_one_that_is_too_long_has_its_own_number() {
    let dir = Directory::of("long");
    let long = "x".repeat(2 << 20);
    let events = dir.file("events.jsonl", format!("{EVENT}\n{long}\nnonsense\n{EVENT}\n"));
    let read = summary(&["--events", &events]).unwrap();
    assert_eq!((read.rows, read.counters.contacts), (4, 2));
    assert_eq!(
        refused(&read),
        ["line too long: 1, first in events.jsonl:2", "not a JSON object: 1, first in events.jsonl:3"]
    );
}

#[test]
fn input_of_another_format_is_not_taken_for_silence() {
    let dir = Directory::of("format");
    let events = dir.file("events.jsonl", format!("{EVENT}\n"));
    for format in ["--squid", "--envoy", "--vpc-flow", "--hubble", "--csv"] {
        let read = summary(&[format, &events]).unwrap();
        let said = read.to_string();
        assert!(said.starts_with("no connections found"), "{format}: {said}");
        let first = said.lines().next().unwrap();
        assert!(first.contains("looks like events in the import format, which --events reads"), "{said}");
        assert!(!read.is_an_answer(), "{format}: {said}");
    }
    assert!(summary(&["--events", &events]).unwrap().is_an_answer());
    assert!(summary(&[]).is_err(), "there must be an input");
    assert!(summary(&["--events", dir.0.to_str().unwrap()]).is_err(), "a directory holds no rows");
}

#[test]
fn a_pipe_is_read_once_and_whole() {
    let dir = Directory::of("pipe");
    let pipe = dir.0.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writing = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(writing, format!("{EVENT}\n").repeat(5000)));
    let read = summary(&["--events", pipe.to_str().unwrap()]).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!((read.rows, read.rejected.total()), (5000, 0));
}

#[test]
fn from_and_to_are_included_and_what_lies_outside_is_said() {
    let dir = Directory::of("span");
    let path = dir.file("capture.pcap", capture(10));
    let within = |from: &str, to: &str| summary(&["--pcap", &path, "--from", from, "--to", to]);
    let part = within("1700000002", "2023-11-14T22:13:25Z").unwrap();
    assert_eq!(part.counters.contacts, 4, "seconds 2, 3, 4 and 5: {part}");
    assert!(part.to_string().contains("outside --from and --to"), "{part}");
    let zone = within("2023-11-14T23:13:22+01:00", "2023-11-14T22:13:25").unwrap();
    assert_eq!(zone.counters.contacts, 4, "{zone}");
    let none = within("1800000000", "1800000001").unwrap();
    assert!(none.to_string().contains("from 2023-11-14 22:13:20 to"), "{none}");
    assert!(!none.is_an_answer(), "nothing was judged");
    assert!(within("1700000003", "1700000002").is_err());
}

#[test]
fn connections_that_nobody_judges_count_for_hosts_and_time() {
    let dir = Directory::of("unjudged");
    let log = "#separator \\x09\n#path\tconn\n\
        #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tconn_state\n\
        1700000100\tC1\t10.0.0.5\t1\t192.0.2.7\t443\ttcp\tssl\tSF\n\
        1700000000\tC2\t10.0.0.6\t2\t10.0.0.53\t53\tudp\tdns\tSF\n\
        1700000900\tC3\t198.51.100.7\t8\t10.0.0.5\t0\ticmp\t-\tOTH\n";
    let log = dir.file("conn.log", log);
    let read = |more: &[&str]| summary(&[&["--zeek", &*log], more].concat()).unwrap();
    let seconds = |read: &Summary| read.span.map(|(first, last)| (first.as_secs_f64(), last.as_secs_f64()));
    let all = read(&[]);
    assert_eq!((all.rows, all.hosts, all.counters.contacts), (3, 3, 1));
    assert_eq!(seconds(&all), Some((1_700_000_000.0, 1_700_000_900.0)));
    let ours = read(&["--home", "10.0.0.0/8"]);
    assert_eq!((ours.hosts, ours.strangers), (2, 1));
    assert_eq!(seconds(&ours), Some((1_700_000_000.0, 1_700_000_100.0)));
    let late = read(&["--from", "1700000050"]);
    assert_eq!((late.hosts, late.left_out.map(|out| out.inputs)), (2, Some(1)));
}

/// Connections of one host, one a minute for two hours, with random ports.
fn beacon(source: &str, destination: &str, from: u64) -> String {
    let row =
        |n: u64| format!("{},{source},{destination},4444,tcp,1,300,600,true\n", from + n * 60 + n * n % 3);
    (0..120).map(row).collect()
}

#[test]
fn what_is_suggested_silences_what_was_found_also_what_ended_long_ago() {
    let dir = Directory::of("suggest");
    let head = "ts,src,dst,dport,proto,duration,orig_bytes,resp_bytes,established\n";
    // The second begins ten days after the first, which is forgotten by then.
    let rows =
        beacon("10.0.0.5", "203.0.113.9", 1_700_000_000) + &beacon("10.0.0.6", "203.0.113.10", 1_700_864_000);
    let csv = dir.file("conn.csv", head.to_owned() + &rows);
    let low = "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {name: low}\n\
               spec:\n  thresholds: {record: 0}\n";
    let low_file = dir.file("low.yaml", low);
    let count = |policy: &str| {
        let read = summary(&["--csv", &csv, "--policy", policy]).unwrap();
        read.findings.iter().map(|(_, count)| count).sum::<usize>()
    };
    assert_eq!(count(&low_file), 2);
    let proposed = suggest(&["--csv", &csv, "--policy", &low_file]).stdout;
    let exceptions = proposed.split_once("spec:\n").unwrap().1.replace("reason: \"\"", "reason: known");
    let tolerant = dir.file("tolerant.yaml", low.to_owned() + &exceptions);
    assert_eq!(count(&tolerant), 0, "{proposed}");
}

#[test]
fn the_same_flows_give_the_same_bytes_however_often_in_whatever_order_and_pieces() {
    let dir = Directory::of("same");
    let policy = dir.file(
        "low.yaml",
        "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {name: low}\n\
         spec:\n  thresholds: {record: 0}\n",
    );
    let row = |n: u64, host: u64| {
        let time = (1_700_000_000 + n * 60 + (n + host) * n % 3) * 1_000_000_000;
        EVENT.replace("1767571200000000000", &time.to_string()).replace("10.0.0.5", &format!("10.0.0.{host}"))
    };
    let rows: Vec<String> = (0..120).flat_map(|n| (1..20).map(move |host| row(n, host))).collect();
    let mut pieces = vec![];
    for (number, piece) in rows.chunks(500).enumerate() {
        pieces.push(dir.file(&format!("piece{number}.jsonl"), piece.join("\n") + "\n"));
    }
    let whole = vec![dir.file("whole.jsonl", rows.join("\n") + "\n")];
    let shuffled: Vec<String> = [3, 0, 4, 1, 2].iter().map(|at| pieces[*at].clone()).collect();
    for output in ["jsonl", "text"] {
        let replayed = |files: &[String]| {
            let mut options = vec!["--policy", &policy, "--output", output];
            options.extend(files.iter().flat_map(|file| ["--events", file]));
            replay(&options).stdout
        };
        let first = replayed(&whole);
        assert!(first.len() > 1000, "there is something to compare");
        for files in [&whole, &whole, &pieces, &shuffled] {
            assert!(first == replayed(files), "{files:?}");
        }
    }
}

#[test]
fn what_was_forgotten_is_still_explained_and_a_wrong_destination_is_put_right() {
    let dir = Directory::of("explain");
    let head = "ts,src,dst,dport,proto,duration,orig_bytes,resp_bytes,established\n";
    let rows =
        beacon("10.0.0.5", "203.0.113.9", 1_700_000_000) + &beacon("10.0.0.6", "203.0.113.10", 1_700_864_000);
    let csv = dir.file("conn.csv", head.to_owned() + &rows);
    let policy = dir.file(
        "low.yaml",
        "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {name: low}\n\
         spec:\n  thresholds: {record: 0}\n",
    );
    let explain = |source: &str, destination: &str| {
        replay(&["--csv", &csv, "--policy", &policy, "--explain", source, destination]).stdout
    };
    assert!(explain("10.0.0.6", "203.0.113.10:4444").contains("=> a finding"));
    let forgotten = explain("10.0.0.5", "203.0.113.9");
    assert!(forgotten.contains("it was a finding") && forgotten.contains("203.0.113.9:4444"), "{forgotten}");
    let wrong = explain("10.0.0.6", "203.0.113.99");
    assert!(wrong.contains("No such conversation") && wrong.contains("203.0.113.10 port 4444"), "{wrong}");
    assert!(!explain("10.9.9.9", "203.0.113.10").contains("The source is known"));
}
