use super::*;
use crate::observe::contact::Transport;
use crate::observe::protocol::{DnsName, DnsQuestion, DnsRecord};

const HOUR: u64 = 3600;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_nanos(secs * 1_000_000_000)
}

fn look_ups(limits: &Limits) -> LookUps {
    LookUps::with_limits(limits)
}

fn learn(look_ups: &mut LookUps, secs: u64, client: ClientKey, name: &str, address: &str, ttl_s: u32) {
    let addresses = [(address.parse().unwrap(), ttl_s)].into_iter();
    look_ups.learn(at(secs), client, (&Arc::from(name), 1), addresses);
}

/// Connects; `sni` empty: no TLS.
fn connect(look_ups: &mut LookUps, secs: u64, client: Client, address: &str, sni: &str) -> (String, Naming) {
    let to = Destination {
        address: Some(address.parse().unwrap()),
        port: 443,
        transport: Transport::Tcp,
        name: None,
        name_source: None,
    };
    let sni = Some(Arc::from(sni)).filter(|sni: &Arc<str>| !sni.is_empty());
    let indicated = Indicated { sni: sni.as_ref(), ech: Some(false), ..Indicated::default() };
    let (destination, naming) = look_ups.name((at(secs), at(secs)), client, to, &indicated);
    (destination.name.map(|name| name.to_string()).unwrap_or_default(), naming)
}

fn client(key: ClientKey) -> Client {
    Client { key, watched_whole: true }
}

fn is(name: &str, naming: Naming) -> (String, Naming) {
    (name.to_owned(), naming)
}

#[test]
fn an_address_has_the_names_its_own_client_looked_up() {
    let mut all = look_ups(&Limits::default());
    learn(&mut all, 0, 1, "one.example", "192.0.2.1", 30);
    learn(&mut all, 0, 1, "two.example", "192.0.2.1", 30);
    learn(&mut all, 0, 1, "one.example", "192.0.2.1", 30);
    learn(&mut all, 0, 2, "other.example", "192.0.2.9", 30);
    assert_eq!(connect(&mut all, 1, client(1), "192.0.2.1", ""), is("one.example", Naming::Consistent));
    assert_eq!(
        connect(&mut all, 1, client(1), "::ffff:192.0.2.1", "two.example"),
        is("two.example", Naming::Consistent)
    );
    assert_eq!(connect(&mut all, 1, client(2), "192.0.2.1", ""), is("", Naming::NoLookup));
    assert_eq!(connect(&mut all, 1, client(3), "192.0.2.1", ""), is("", Naming::Unknown));
}

#[test]
fn an_unused_name_outlives_its_record_but_not_for_ever() {
    let mut all = look_ups(&Limits::default());
    learn(&mut all, 0, 1, "short.example", "192.0.2.1", 5);
    learn(&mut all, 0, 1, "long.example", "192.0.2.2", u32::MAX);
    learn(&mut all, 0, 2, "short.example", "192.0.2.1", 5);
    assert_eq!(connect(&mut all, 3604, client(1), "192.0.2.1", ""), is("short.example", Naming::Consistent));
    assert_eq!(connect(&mut all, 3605, client(2), "192.0.2.1", ""), is("", Naming::Unknown));
    assert_eq!(connect(&mut all, 86_399, client(1), "192.0.2.2", ""), is("long.example", Naming::Consistent));
    learn(&mut all, 0, 2, "long.example", "192.0.2.2", u32::MAX);
    assert_eq!(connect(&mut all, 86_400, client(2), "192.0.2.2", ""), is("", Naming::Unknown));
}

#[test]
fn a_name_stands_for_its_address_as_long_as_it_is_used() {
    for sni in ["kept.example", ""] {
        let mut all = look_ups(&Limits::default());
        learn(&mut all, 0, 1, "kept.example", "192.0.2.1", 60);
        for n in 1..200 {
            let named = connect(&mut all, n * 1700, client(1), "192.0.2.1", sni);
            assert_eq!(named, is("kept.example", Naming::Consistent), "{sni:?} {n}");
        }
    }
}

#[test]
fn a_server_name_that_agrees_makes_a_look_up_good_again_however_old() {
    let mut all = look_ups(&Limits::default());
    learn(&mut all, 0, 1, "kept.example", "192.0.2.1", 60);
    assert_eq!(connect(&mut all, 5 * HOUR, client(1), "192.0.2.1", ""), is("", Naming::Unknown));
    let kept = is("kept.example", Naming::Consistent);
    assert_eq!(connect(&mut all, 50 * HOUR, client(1), "192.0.2.1", "kept.example"), kept);
    assert_eq!(connect(&mut all, 50 * HOUR + 60, client(1), "192.0.2.1", ""), kept);
}

#[test]
fn another_server_name_does_not_keep_a_name() {
    let mut all = look_ups(&Limits::default());
    learn(&mut all, 0, 1, "a.example", "192.0.2.1", 60);
    for secs in (60..3660).step_by(60) {
        let named = connect(&mut all, secs, client(1), "192.0.2.1", "b.example");
        assert_eq!(named, is("a.example", Naming::SniMismatch), "{secs}");
    }
    assert_eq!(
        connect(&mut all, 3660, client(1), "192.0.2.1", "b.example"),
        is("b.example", Naming::NoLookup)
    );
}

#[test]
fn what_was_in_use_before_all_look_ups_were_seen_is_not_told_as_not_looked_up() {
    let mut all = look_ups(&Limits::default());
    let older = Client { key: 1, watched_whole: false };
    learn(&mut all, 0, 1, "other.example", "192.0.2.7", 60);
    for secs in (60..40 * HOUR).step_by(7000) {
        let named = connect(&mut all, secs, older, "192.0.2.1", "kept.example");
        assert_eq!(named, is("kept.example", Naming::Unknown), "{secs}");
    }
    // Of a bare address it is not known what was looked up for it, nor of one that comes later.
    assert_eq!(connect(&mut all, 60, older, "192.0.2.2", ""), is("", Naming::Unknown));
    assert_eq!(connect(&mut all, HOUR, older, "192.0.2.2", ""), is("", Naming::NoLookup));
    assert_eq!(
        connect(&mut all, HOUR, older, "192.0.2.3", "new.example"),
        is("new.example", Naming::NoLookup)
    );
    // Looked up in sight at last.
    learn(&mut all, 41 * HOUR, 1, "kept.example", "192.0.2.1", 60);
    let named = connect(&mut all, 41 * HOUR, older, "192.0.2.1", "kept.example");
    assert_eq!(named, is("kept.example", Naming::Consistent));
}

#[test]
fn a_client_that_looks_up_without_end_forgets_its_own_names_only() {
    let limits = Limits { names_per_workload_max: 10, names_max: 20, ..Limits::default() };
    let mut all = look_ups(&limits);
    learn(&mut all, 0, 1, "kept.example", "192.0.2.1", 30);
    for n in 0..1000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
        learn(&mut all, 0, 2, &format!("{n}.example"), &address, 30);
    }
    assert_eq!(connect(&mut all, 1, client(1), "192.0.2.1", ""), is("kept.example", Naming::Consistent));
    assert_eq!(connect(&mut all, 1, client(1), "192.0.2.2", ""), is("", Naming::NoLookup));
    assert_eq!(all.usage()[0], Usage { held: 11, evicted: 990, refused: 0 });
    // The bound took a name that was good: that an address has none says nothing for a while.
    assert_eq!(connect(&mut all, 1, client(2), "10.0.0.0", ""), is("", Naming::Unknown));
    assert_eq!(connect(&mut all, HOUR, client(2), "10.0.0.0", ""), is("", Naming::NoLookup));
}

#[test]
fn an_address_keeps_the_newest_names_and_says_that_there_were_more() {
    let mut all = look_ups(&Limits::default());
    for n in 0..8 {
        learn(&mut all, 0, 1, &format!("{n}.example"), "192.0.2.1", 30);
    }
    let consistent = is("0.example", Naming::Consistent);
    assert_eq!(connect(&mut all, 1, client(1), "192.0.2.1", "0.example"), consistent);
    assert_eq!(
        connect(&mut all, 1, client(1), "192.0.2.1", "8.example"),
        is("7.example", Naming::SniMismatch)
    );
    learn(&mut all, 0, 1, "8.example", "192.0.2.1", 30);
    assert_eq!(connect(&mut all, 1, client(1), "192.0.2.1", "0.example"), is("8.example", Naming::Unknown));
    assert_eq!(all.usage()[0], Usage { held: 1, evicted: 0, refused: 1 });
}

fn message(question: &str, kind: u16, records: Vec<DnsRecord>) -> DnsMessage {
    DnsMessage {
        id: 1,
        response: true,
        opcode: 0,
        rcode: 0,
        truncated: false,
        questions: vec![DnsQuestion { name: DnsName(question.into()), kind: DnsType(kind), class: 1 }],
        questions_left_out: 0,
        records,
        counts: [1, 1, 0, 0],
        size: 60,
        edns: None,
        query_size: None,
        cut: false,
    }
}

fn record(name: &str, kind: u16, data: DnsData) -> DnsRecord {
    let (section, name) = (DnsSection::Answer, DnsName(name.into()));
    DnsRecord { section, name, kind: DnsType(kind), class: 1, ttl_s: 30, size: 4, data }
}

#[test]
fn an_address_behind_aliases_has_the_name_that_was_meant() {
    for (question, alias, name) in [
        ("www.shop.example", "edge.cdn.example", "www.shop.example"),
        ("www.shop.example.web.svc.cluster.local", "www.shop.example", "www.shop.example"),
    ] {
        let alias = record(question, 5, DnsData::Name(DnsName(alias.into())));
        let address = record("edge.cdn.example", 1, DnsData::Address("192.0.2.1".parse().unwrap()));
        let mut all = look_ups(&Limits::default());
        all.learn_message(at(0), 1, &message(question, 1, vec![alias, address]));
        assert_eq!(connect(&mut all, 1, client(1), "192.0.2.1", ""), is(name, Naming::Consistent));
    }
}

#[test]
fn addresses_in_service_records_are_looked_up_and_make_outer_names_possible() {
    let hints = vec!["192.0.2.1".parse().unwrap()];
    let service = DnsData::Service { target: DnsName(".".into()), hints, ech: true };
    let mut all = look_ups(&Limits::default());
    all.learn_message(at(0), 1, &message("a.example", 65, vec![record("a.example", 65, service)]));
    assert_eq!(connect(&mut all, 1, client(1), "192.0.2.1", ""), is("a.example", Naming::Consistent));
    let to = Destination {
        address: "192.0.2.1".parse().ok(),
        port: 443,
        transport: Transport::Tcp,
        name: None,
        name_source: None,
    };
    let outer = Arc::from("outer.example");
    let hello = Indicated { sni: Some(&outer), ech: Some(true), ..Indicated::default() };
    let (destination, naming) = all.name((at(1), at(1)), client(1), to, &hello);
    assert_eq!((destination.name.as_deref(), naming), (Some("a.example"), Naming::Unknown));
}
