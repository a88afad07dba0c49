//! A newcomer's errors: one line says what the file looks like, and which option reads it.

use super::{WRAPS, connections, replay, said};
use crate::directory::Directory;

const ZEEK: &str = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\n\
                    1700000100.5\tCabcdefgh1\t10.0.0.5\t1\t192.0.2.7\t443\n";
const EVENTS: &str = "{\"time_unix_nano\":1767571200000000000,\"event\":\"connect\",\"source.address\":\"10.0.0.5\",\
                      \"destination.address\":\"192.0.2.7\",\"destination.port\":443}\n";
const ENCRYPTED: &[u8] = b"Salted__\x01\x02\x03\x04\x05\x06\x07\x08garbage";

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zipped, bytes).unwrap();
    zipped.finish().unwrap()
}

#[test]
fn a_file_that_another_option_reads_is_told_with_that_option() {
    let dir = Directory::of("newcomer");
    let capture = connections(&WRAPS[0]);
    let zipped = zip(&capture);
    let check = |option: &str, name: &str, bytes: &[u8], expect: &str| {
        let file = dir.file(name, bytes);
        let (success, first) = said(&[option, &file]);
        let line = format!("{file} {expect}");
        assert!(
            first.starts_with("no connections found") && first.contains(&line),
            "{option} {name}: {first}"
        );
        assert!(!success, "{option} {name}");
    };
    let pcap = "looks like a capture (pcap or pcapng), which --pcap reads";
    for option in ["--zeek", "--events", "--csv", "--envoy", "--squid", "--vpc-flow", "--hubble"] {
        check(option, "a.pcap", &capture, pcap);
        check(option, "a.pcap.gz", &zipped, pcap);
        check(option, "empty.log", b"", "is empty");
        check(option, "secret.log", ENCRYPTED, "looks like an encrypted file: decrypt it first");
        check(option, "logs.zip", b"PK\x03\x04\x14\0", "looks like an archive of several files");
    }
    for option in ["--pcap", "--events", "--squid", "--hubble", "--vpc-flow"] {
        check(option, "conn.log", ZEEK.as_bytes(), "looks like a Zeek log, which --zeek reads");
    }
    for option in ["--pcap", "--zeek", "--csv", "--envoy", "--squid"] {
        check(
            option,
            "events.jsonl",
            EVENTS.as_bytes(),
            "looks like events in the import format, which --events reads",
        );
    }
    check("--pcap", "secret.pcap", ENCRYPTED, "looks like an encrypted file: decrypt it first");
    check("--pcap", "empty.pcap", b"", "is empty");
    check("--pcap", "cap.xz", b"\xfd7zXZ\0\0\x04", "looks like a file compressed with xz: unpack it first");
    check("--pcap", "snoop.cap", b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", "looks like a capture of Solaris snoop");
    check("--zeek", "page.log", b"<!DOCTYPE html>\n<html>404</html>\n", "looks like a web page");
    let text = b"12:00:00.000001 IP 10.0.0.5.41000 > 192.0.2.7.443: Flags [S]\n";
    check(
        "--pcap",
        "capture.txt",
        text,
        "looks like the text that tcpdump prints: --pcap reads what tcpdump -w writes",
    );
}

#[test]
fn a_directory_without_what_was_asked_for_says_what_it_holds() {
    let dir = Directory::of("directories");
    let capture = dir.file("captures/a.pcap", connections(&WRAPS[0]));
    let log = dir.file("logs/conn.log", ZEEK);
    let empty = dir.0.join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let check = |option: &str, path: &str, expect: &str| {
        let (success, first) = said(&[option, path]);
        assert!(first.ends_with(expect), "{option} {path}: {first}");
        assert!(!success, "{option} {path}");
    };
    let below = |file: &str| file.rsplit_once('/').unwrap().0.to_owned();
    let is_capture = format!("{capture} looks like a capture (pcap or pcapng), which --pcap reads");
    check("--zeek", &below(&capture), &is_capture);
    check("--pcap", &below(&log), &format!("{log} looks like a Zeek log, which --zeek reads"));
    check("--zeek", empty.to_str().unwrap(), "it holds no file");
    check("--pcap", empty.to_str().unwrap(), "it holds no file");
}

#[test]
fn what_belongs_to_an_input_is_told_the_same_way() {
    let dir = Directory::of("beside");
    let capture = connections(&WRAPS[0]);
    let good = dir.file("good.pcap", &capture);
    let pods = "{\"k8s.pod.uid\":\"a\",\"k8s.pod.name\":\"web\"}\n";
    let baseline = "{\"k8s.namespace.name\":\"shop\",\"process.executable.path\":\"/usr/bin/curl\"}\n";
    let policy = "apiVersion: beaconwatch.io/v1alpha1\nkind: ClusterBeaconPolicy\nmetadata: {name: a}\n";
    let list = "{\n  \"apiVersion\": \"v1\",\n  \"items\": [],\n  \"kind\": \"List\"\n}\n";
    let files = [
        ("a.pcap", &*capture, "looks like a capture (pcap or pcapng), which --pcap reads"),
        ("conn.log", ZEEK.as_bytes(), "looks like a Zeek log, which --zeek reads"),
        ("secret", ENCRYPTED, "looks like an encrypted file: decrypt it first"),
        ("page.html", b"<!DOCTYPE html>\n", "looks like a web page: was the download refused?"),
        ("pods.jsonl", pods.as_bytes(), "looks like pods in the import format, which --pods reads"),
        (
            "baseline.jsonl",
            baseline.as_bytes(),
            "looks like a baseline in the import format, which --baseline reads",
        ),
        ("policy.yaml", policy.as_bytes(), "looks like a policy, which --policy reads"),
        (
            "list.json",
            list.as_bytes(),
            "looks like a Kubernetes object: of those only policies are read, with --policy",
        ),
    ];
    for (name, bytes, looks) in files {
        let file = dir.file(name, bytes);
        for option in ["--pods", "--baseline", "--policy", "--recording"] {
            let reads = looks.ends_with(&format!("which {option} reads"));
            if reads || (option == "--policy" && name == "list.json") {
                continue;
            }
            let output = replay(&["--pcap", &good, option, &file]);
            let errors = output.stderr;
            assert!(errors.contains(&format!("{file} {looks}\n")), "{option} {name}: {errors}");
            assert!(!output.success, "{option} {name}");
            assert_eq!(errors.lines().count(), 1, "{option} {name}: {errors}");
        }
    }
    let directory = dir.0.to_str().unwrap();
    for option in ["--pods", "--baseline", "--recording", "--events"] {
        let (_, first) = said(&["--pcap", &good, option, directory]);
        assert!(first.ends_with(&format!("{directory}: it is a directory; name its files")), "{first}");
    }
    // Nobody was known before, and no pod is there; but a recording has a begin.
    let empty = dir.file("empty", b"");
    for option in ["--pods", "--baseline"] {
        assert!(said(&["--pcap", &good, option, &empty]).0, "{option}");
    }
    let zipped = zip(include_bytes!("../../../../../demo/scene.bwrec"));
    let zipped = dir.file("scene.bwrec.gz", zipped);
    let expect = format!("beaconwatch-agent: {zipped} is a recording that was compressed: unpack it first");
    assert_eq!(said(&["--recording", &zipped]), (false, expect));
    let (success, first) = said(&["--recording", &empty]);
    assert_eq!((success, first), (false, format!("beaconwatch-agent: {empty} is empty")));
}
