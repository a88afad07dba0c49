use beaconwatch_engine::observe::contact::{Destination, Transport};

use super::*;
use std::sync::Arc;

fn check(text: impl AsRef<[u8]>, named: &[&str], not_named: &[&str], refused: usize) {
    let directory =
        std::env::temp_dir().join(format!("beaconwatch-list-{}-{:p}", std::process::id(), text.as_ref()));
    std::fs::write(&directory, text.as_ref()).unwrap();
    let loaded = load(std::slice::from_ref(&directory));
    std::fs::remove_file(&directory).unwrap();
    let loaded = loaded.unwrap();
    assert_eq!(loaded.refused, refused, "{:?}", loaded.first_refused);
    let lookup = |text: &&str| {
        let address = text.parse().ok();
        let name = address.is_none().then(|| Arc::from(*text));
        let destination =
            Destination { address, port: 443, transport: Transport::Tcp, name, name_source: None };
        loaded.list.lookup(&destination).is_some()
    };
    assert!(named.iter().all(lookup), "{named:?} are all named");
    assert!(!not_named.iter().any(lookup), "none of {not_named:?} is named");
}

#[test]
fn plain_lists_hold_addresses_networks_domains_and_hosts_lines() {
    let text = "# comment\n198.51.100.3\n203.0.113.0/24 ; a network\nBad.Example.\n0.0.0.0 ads.example\n\
                https://x.example/path\n2001:db8::/32\nnot a domain\n";
    check(
        text,
        &[
            "198.51.100.3",
            "203.0.113.77",
            "bad.example",
            "a.bad.example",
            "ads.example",
            "x.example",
            "2001:db8::1",
        ],
        &["198.51.100.4", "example", "0.0.0.0"],
        1,
    );
}

#[test]
fn csv_takes_the_column_of_the_indicator() {
    let text = "first_seen,indicator,confidence\n2026-01-01,\"c2.example\",90\n2026-01-01,192.0.2.1,50\n";
    check(text, &["c2.example", "192.0.2.1"], &["2026-01-01"], 0);
}

#[test]
fn stix_bundles_give_their_unrevoked_indicators() {
    let text = r#"{"type":"bundle","id":"bundle--1","objects":[
        {"type":"identity","name":"x"},
        {"type":"indicator","pattern":"[ipv4-addr:value = '198.51.100.3'] OR [domain-name:value='c2.example']"},
        {"type":"indicator","pattern":"[ipv4-addr:value ISSUBSET '203.0.113.0/24']"},
        {"type":"indicator","pattern":"[file:hashes.MD5 = 'x']"},
        {"type":"indicator","revoked":true,"pattern":"[domain-name:value='old.example']"}]}"#;
    check(text, &["198.51.100.3", "c2.example", "203.0.113.1"], &["old.example"], 1);
}

#[test]
fn a_list_without_entries_says_what_was_expected() {
    let file = std::env::temp_dir().join(format!("beaconwatch-list-none-{}", std::process::id()));
    std::fs::write(&file, "<html>\n").unwrap();
    let error = load(std::slice::from_ref(&file)).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    assert!(error.contains(":1: `<html>`"), "{error}");
}

#[test]
fn entries_with_ports_paths_and_brackets_stand_for_their_hosts() {
    check(
        "192.0.2.9:8080\nhttp://198.51.100.1:81/x.sh\n[2001:db8::1]:443\nhttps://u:p@c2.example:8443/a?b#c\n\
         evil.example:443\n999.1.1.1\n1.2.3.4/33\n",
        &["192.0.2.9", "198.51.100.1", "2001:db8::1", "c2.example", "evil.example"],
        &["1.2.3.4", "u"],
        2,
    );
}

#[test]
fn csv_may_have_comments_quotes_and_a_byte_order_mark() {
    check(b"\xef\xbb\xbfindicator,note\r\nc2.example,\"#1, bad\"\r\n", &["c2.example"], &[], 0);
    check(
        "# a list\n# of the month\n\"seen\",\"note\",\"dst_ip\"\n\"2026\",\"a, b; c\",\"192.0.2.1\"\n",
        &["192.0.2.1"],
        &[],
        0,
    );
    check(
        "# \"first_seen_utc\",\"ioc_id\",\"ioc_value\"\n\"2026-01-01 00:00:00\", \"7\", \"192.0.2.1:4444\"\n",
        &["192.0.2.1"],
        &[],
        0,
    );
}

#[test]
fn what_is_refused_is_told_with_file_and_line() {
    let directory = std::env::temp_dir().join(format!("beaconwatch-lists-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    write("a.txt", "# comment\n192.0.2.1\nnot/valid\n\u{202e}\n");
    write("b.txt", "192.0.2.2\n");
    write(".hidden", "192.0.2.3\n");
    let loaded = load(std::slice::from_ref(&directory)).unwrap();
    assert_eq!(loaded.list.len(), 2, "the files of a directory, hidden ones not");
    let problems = loaded.problems();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("2 entries") && problems[0].ends_with("a.txt:3: `not/valid`"),
        "{problems:?}"
    );
    write("c.json", "{\"type\":\"bundle\",\n\"objects\":[{\"type\"");
    let error = load(std::slice::from_ref(&directory)).unwrap_err();
    let error = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(error.contains("c.json") && error.contains("line 2"), "{error}");
}
