//! A newcomer's errors: one line says what the file looks like, and which option reads it.

use super::{Directory, WRAPS, connections, said};

const ZEEK: &str = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\n\
                    1700000100.5\tCabcdefgh1\t10.0.0.5\t1\t192.0.2.7\t443\n";
const EVENTS: &str = "{\"time_unix_nano\":1767571200000000000,\"event\":\"connect\",\"source.address\":\"10.0.0.5\",\
                      \"destination.address\":\"192.0.2.7\",\"destination.port\":443}\n";
const ENCRYPTED: &[u8] = b"Salted__\x01\x02\x03\x04\x05\x06\x07\x08garbage";

#[test]
fn a_file_that_another_option_reads_is_told_with_that_option() {
    let dir = Directory::of("newcomer");
    let capture = connections(&WRAPS[0]);
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zipped, &capture).unwrap();
    let zipped = zipped.finish().unwrap();
    let check = |option: &str, name: &str, bytes: &[u8], expect: &str| {
        let file = dir.file(name, bytes);
        let (code, first) = said(&[option, &file]);
        let line = format!("{file} {expect}");
        assert!(
            first.starts_with("no connections found") && first.contains(&line),
            "{option} {name}: {first}"
        );
        assert_eq!(code, Some(1), "{option} {name}");
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
        let (code, first) = said(&[option, path]);
        assert!(first.ends_with(expect), "{option} {path}: {first}");
        assert_eq!(code, Some(1), "{option} {path}");
    };
    let below = |file: &str| file.rsplit_once('/').unwrap().0.to_owned();
    let is_capture = format!("{capture} looks like a capture (pcap or pcapng), which --pcap reads");
    check("--zeek", &below(&capture), &is_capture);
    check("--pcap", &below(&log), &format!("{log} looks like a Zeek log, which --zeek reads"));
    check("--zeek", empty.to_str().unwrap(), "it holds no file");
    check("--pcap", empty.to_str().unwrap(), "it holds no file");
}
