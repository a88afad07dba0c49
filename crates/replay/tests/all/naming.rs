//! The same traffic is named the same, whether it comes as a capture, as Zeek's logs, or as events of the kernel.

mod forms;
mod traffic;
mod wire;

use forms::{capture, events, zeek};
use traffic::{Step, at, connect, look_up, plain};

const JVM: &str = "192.0.2.1";

/// What each form of the traffic says is what is expected, line by line.
fn check(test: &str, steps: &[Step], expect: &[&str]) {
    assert_eq!(capture(test, steps), expect, "as a capture");
    assert_eq!(zeek(test, steps), expect, "as logs");
    assert_eq!(events(steps), expect, "as events");
}

#[test]
fn a_process_that_looks_up_once_is_named_for_as_long_as_its_server_name_agrees() {
    let mut steps = vec![look_up(at(0), "api.example", &[JVM], 60)];
    let mut expect = vec!["0 query api.example Unknown".to_owned()];
    // Every ten minutes for nine hours, then every three hours for three days.
    let often = (1..=54).map(|n| n * 600);
    let rarely = (1..=24).map(|n| 32_400 + n * 10_800);
    for secs in often.chain(rarely) {
        steps.push(connect(at(secs), JVM, "api.example"));
        expect.push(format!("{secs} connect api.example Dns Consistent"));
    }
    steps.push(connect(at(300_000), JVM, "other.example"));
    expect.push("300000 connect other.example Sni NoLookup".to_owned());
    let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
    check("jvm", &steps, &expect);
}

#[test]
fn what_is_not_looked_up_in_sight_is_told_after_an_hour_unless_it_was_in_use_before() {
    let steps = [
        look_up(at(0), "a.example", &["192.0.2.1"], 60),
        connect(at(700), "192.0.2.2", "old.example"),
        plain(at(700), "192.0.2.3", 5000),
        connect(at(3500), "192.0.2.4", "-"),
        connect(at(3700), "192.0.2.2", "old.example"),
        plain(at(3700), "192.0.2.3", 5000),
        connect(at(3700), "192.0.2.4", "-"),
        connect(at(3700), "192.0.2.5", "new.example"),
        connect(at(90_000), "192.0.2.2", "old.example"),
        connect(at(90_000), "192.0.2.2", "another.example"),
    ];
    let expect = [
        "0 query a.example Unknown",
        "700 connect - Unknown",
        "700 connect old.example Sni Unknown",
        "3500 connect - SniMissing",
        "3700 connect - NoLookup",
        "3700 connect - NoLookup",
        "3700 connect new.example Sni NoLookup",
        "3700 connect old.example Sni Unknown",
        "90000 connect another.example Sni NoLookup",
        "90000 connect old.example Sni Unknown",
    ];
    check("visible", &steps, &expect);
}

#[test]
fn names_expire_where_they_are_not_used() {
    let steps = [
        look_up(at(0), "short.example", &["192.0.2.1"], 5),
        look_up(at(0), "long.example", &["192.0.2.2"], 7200),
        look_up(at(0), "used.example", &["192.0.2.3"], 5),
        plain(at(2000), "192.0.2.3", 5000),
        plain(at(3700), "192.0.2.1", 5000),
        plain(at(3700), "192.0.2.2", 5000),
        plain(at(3700), "192.0.2.3", 5000),
        connect(at(3800), "192.0.2.1", "short.example"),
        plain(at(3900), "192.0.2.1", 5000),
    ];
    let expect = [
        "0 query long.example Unknown",
        "0 query short.example Unknown",
        "0 query used.example Unknown",
        "2000 connect used.example Dns Consistent",
        "3700 connect - Unknown",
        "3700 connect long.example Dns Consistent",
        "3700 connect used.example Dns Consistent",
        "3800 connect short.example Dns Consistent",
        "3900 connect short.example Dns Consistent",
    ];
    check("expiry", &steps, &expect);
}

#[test]
fn an_address_has_many_names_and_another_one_is_told() {
    let names: Vec<String> = (1..=8).map(|n| format!("n{n}.example")).collect();
    let mut steps: Vec<Step> =
        names.iter().map(|name| look_up(at(0), name, &["192.0.2.1"], 86_400)).collect();
    steps.extend([
        connect(at(4000), "192.0.2.1", "n1.example"),
        connect(at(4000), "192.0.2.1", "front.example"),
        connect(at(4000), "192.0.2.1", "-"),
        plain(at(4000), "192.0.2.1", 5000),
        look_up(at(4100), "n9.example", &["192.0.2.1"], 86_400),
        connect(at(4200), "192.0.2.1", "n1.example"),
        connect(at(4200), "192.0.2.1", "n2.example"),
    ]);
    let asked: Vec<String> = names.iter().map(|name| format!("0 query {name} Unknown")).collect();
    let mut expect: Vec<&str> = asked.iter().map(String::as_str).collect();
    expect.extend([
        "4000 connect n1.example Dns Consistent",
        "4000 connect n8.example Dns Consistent",
        "4000 connect n8.example Dns SniMismatch",
        "4000 connect n8.example Dns SniMissing",
        "4100 query n9.example Unknown",
        "4200 connect n2.example Dns Consistent",
        "4200 connect n9.example Dns Unknown",
    ]);
    check("many", &steps, &expect);
}

#[test]
fn search_domains_and_aliases_lead_to_the_name_that_was_meant() {
    let steps = [
        look_up(at(0), "api.shop.svc.cluster.local", &["192.0.2.1"], 30),
        look_up(at(0), "www.shop.example.web.svc.cluster.local", &["192.0.2.2"], 30)
            .with_alias("www.shop.example"),
        look_up(at(0), "www.site.example", &["192.0.2.3"], 30).with_alias("edge.cdn.example"),
        connect(at(60), "192.0.2.1", "api"),
        connect(at(60), "192.0.2.2", "www.shop.example"),
        connect(at(60), "192.0.2.3", "www.site.example"),
        plain(at(60), "192.0.2.3", 5000),
    ];
    let expect = [
        "0 query cluster.local Unknown",
        "0 query cluster.local Unknown",
        "0 query site.example Unknown",
        "60 connect api Dns Consistent",
        "60 connect www.shop.example Dns Consistent",
        "60 connect www.site.example Dns Consistent",
        "60 connect www.site.example Dns Consistent",
    ];
    check("meant", &steps, &expect);
}

#[test]
fn an_outer_name_is_no_mismatch_for_who_asks_for_its_key() {
    let steps = [
        look_up(at(0), "secret.example", &["192.0.2.1"], 86_400),
        connect(at(4000), "192.0.2.1", "outer.example").with_ech(),
        look_up(at(4100), "secret.example", &[], 30).of_type(65),
        connect(at(4200), "192.0.2.1", "outer.example").with_ech(),
    ];
    let expect = [
        "0 query secret.example Unknown",
        "4000 connect secret.example Dns SniMismatch",
        "4100 query secret.example Unknown",
        "4200 connect secret.example Dns Unknown",
    ];
    check("ech", &steps, &expect);
}

#[test]
fn hosts_and_proxies_name_what_they_name() {
    let http = |secs, address, head: &str| plain(at(secs), address, 80).saying(head);
    let proxied = |secs, head: &str| plain(at(secs), "10.0.0.9", 3128).saying(head);
    let steps = [
        look_up(at(0), "a.example", &["192.0.2.1"], 86_400),
        http(4000, "192.0.2.1", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        http(4001, "192.0.2.1", "GET / HTTP/1.0\r\n\r\n"),
        http(4002, "192.0.2.2", "GET / HTTP/1.1\r\nHost: b.example:80\r\n\r\n"),
        http(4003, "192.0.2.2", "GET / HTTP/1.1\r\nHost: 192.0.2.2\r\n\r\n"),
        http(4004, "192.0.2.2", "GET / HTTP/1.0\r\n\r\n"),
        proxied(4005, "CONNECT c2.example:8443 HTTP/1.1\r\nHost: c2.example:8443\r\n\r\n"),
        proxied(4006, "GET http://c3.example/x HTTP/1.1\r\nHost: c3.example\r\n\r\n"),
        proxied(4007, "CONNECT 192.0.2.77:443 HTTP/1.0\r\n\r\n"),
    ];
    let expect = [
        "0 query a.example Unknown",
        "4000 connect a.example Dns Consistent",
        "4001 connect a.example Dns SniMissing",
        "4002 connect b.example HttpHost NoLookup",
        "4003 connect - NoLookup",
        "4004 connect - NoLookup",
        "4005 connect c2.example Proxy Unknown to :8443 over Unknown",
        "4006 connect c3.example Proxy Unknown to :80 over Http",
        "4007 connect - Proxy Unknown to 192.0.2.77:443 over Unknown",
    ];
    check("hosts", &steps, &expect);
}
