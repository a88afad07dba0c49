use super::*;

fn check(begin: &[u8], expect: Looks) {
    assert_eq!(Looks::of(begin), expect, "{}", String::from_utf8_lossy(begin));
}

#[test]
fn what_every_option_reads_is_known_by_its_first_bytes() {
    check(b"\xd4\xc3\xb2\xa1\x02\0\x04\0", Looks::Capture);
    check(b"\x34\xcd\xb2\xa1\x02\0\x04\0", Looks::Capture);
    check(b"\x0a\x0d\x0d\x0a\x1c\0\0\0", Looks::Capture);
    check(b"#separator \\x09\n#set_separator\t,\n", Looks::Zeek);
    check(br#"{"ts":1.5,"uid":"C1","id.orig_h":"10.0.0.5","id.resp_h":"192.0.2.7"}"#, Looks::Zeek);
    check(br#"{"message":"{\"ts\":1.5,\"id.orig_h\":\"10.0.0.5\"}","host":{"name":"a"}}"#, Looks::Zeek);
    check(b"1700000000.5\tCabcdefgh123\t10.0.0.5\t1\n", Looks::Zeek);
    check(br#"{"timestamp":"2026","flow_id":1,"event_type":"dns","src_ip":"10.0.0.5"}"#, Looks::Suricata);
    check(br#"{"time_unix_nano":1767571200000000000,"event":"connect"}"#, Looks::Events);
    check(br#"{"k8s.pod.uid":"a","k8s.pod.name":"web"}"#, Looks::Pods);
    check(b"ts,src,dst,dport\n1,10.0.0.5,192.0.2.7,443\n", Looks::ConnCsv);
    check(b"\xef\xbb\xbfts,src,dst,dport\r\n", Looks::ConnCsv);
    check(br#"{"k8s.namespace.name":"shop","process.executable.path":"/usr/bin/curl"}"#, Looks::Baseline);
    check(b"apiVersion: beaconwatch.io/v1alpha1\nkind: BeaconPolicy\n", Looks::Policy);
    check(b"# ours\nkind: BeaconPolicy\napiVersion: beaconwatch.io/v1alpha1\n", Looks::Policy);
    check(br#"{"apiVersion":"beaconwatch.io/v1alpha1","kind":"BeaconPolicy"}"#, Looks::Policy);
    for (sample, expect) in [
        ("envoy.jsonl", Looks::Envoy),
        ("envoy.log", Looks::Envoy),
        ("squid.log", Looks::Squid),
        ("vpc-flow.log", Looks::VpcFlow),
        ("vpc-flow-v2.log", Looks::VpcFlow),
        ("vpc-flow-custom.log", Looks::VpcFlow),
        ("hubble.jsonl", Looks::Hubble),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samples").join(sample);
        assert_eq!(Looks::of_file(&path).unwrap(), expect, "{sample}");
    }
}

#[test]
fn what_no_option_reads_is_known_too() {
    check(b"", Looks::Empty);
    check(b"\n\n", Looks::Empty);
    check(b"snoop\0\0\0\0\0\0\x02", Looks::OtherCapture(OtherCapture::Snoop));
    check(b"\x28\xb5\x2f\xfd\x24", Looks::Packed(Packing::Zstd));
    check(b"\x1f\x8b\x08\0", Looks::PackedTwice);
    check(b"PK\x03\x04\x14\0", Looks::Archive);
    check(b"Salted__\x01\x02", Looks::Encrypted);
    check(b"-----BEGIN PGP MESSAGE-----\n", Looks::Encrypted);
    check(b"<!DOCTYPE html>\n<html>", Looks::WebPage);
    check(b"12:00:00.000001 IP 10.0.0.5.41000 > 192.0.2.7.443: Flags [S]\n", Looks::PacketText);
    check(br#"10.0.0.5 - - [05/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1"#, Looks::WebServerLog);
    check(b"---\napiVersion: v1\n", Looks::KubernetesObject);
    check(
        b"{\n  \"apiVersion\": \"v1\",\n  \"items\": [],\n  \"kind\": \"List\"\n}\n",
        Looks::KubernetesObject,
    );
    check(b"[\n  {\n    \"a\": 1", Looks::JsonDocument);
    check(b"{\n  \"a\": 1", Looks::JsonDocument);
    check(br#"{"level":"info","msg":"hello"}"#, Looks::OtherJson);
    check(b"\xff\xfet\0s\0", Looks::WideText);
    check(b"Jan  5 00:00:00 host sshd[1]: hello\n", Looks::OtherText);
    check(b"\x7fELF\x02\x01\x01\0\0", Looks::OtherBytes);
}

#[test]
fn each_is_told_with_the_option_that_reads_it_or_what_to_do() {
    assert_eq!(Looks::Capture.to_string(), "looks like a capture (pcap or pcapng), which --pcap reads");
    assert_eq!(
        Looks::Packed(Packing::Xz).to_string(),
        "looks like a file compressed with xz: unpack it first"
    );
    let said = Looks::OtherCapture(OtherCapture::Snoop).to_string();
    assert_eq!(
        said,
        "looks like a capture of Solaris snoop: convert it with editcap, and read the result with --pcap"
    );
}
