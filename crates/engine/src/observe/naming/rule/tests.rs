use super::*;
use crate::observe::contact::Transport;

fn to(address: &str) -> Destination {
    let address = Some(address.parse().unwrap());
    Destination { address, port: 443, transport: Transport::Tcp, name: None, name_source: None }
}

fn known(names: &[&str], seen: bool) -> Vec<NameOfAddress> {
    names.iter().map(|name| NameOfAddress { name: Arc::from(*name), seen }).collect()
}

/// `indicated`: server name, or "-" for TLS without one; nothing for no TLS.
fn check(indicated: &str, looked_up: &LookedUp<'_>, expect: (&str, Naming)) {
    let sni = Some(Arc::from(indicated)).filter(|name: &Arc<str>| !matches!(&**name, "" | "-"));
    let hello =
        Indicated { sni: sni.as_ref(), nameless: indicated == "-", ech: Some(false), ..Indicated::default() };
    let (destination, naming) = name(to("192.0.2.1"), &hello, looked_up);
    let name = destination.name.as_deref().unwrap_or("");
    assert_eq!((name, naming), expect, "{indicated:?} {looked_up:?}");
    assert_eq!(destination.name.is_some(), destination.name_source.is_some());
}

fn of(names: &[NameOfAddress], all_seen: bool) -> LookedUp<'_> {
    LookedUp { names, fresh: true, all_seen, ..LookedUp::default() }
}

#[test]
fn the_looked_up_name_and_the_indicated_one_are_compared() {
    let names = known(&["b.example", "a.example"], true);
    check("a.example", &of(&names, true), ("a.example", Naming::Consistent));
    check("c.example", &of(&names, true), ("b.example", Naming::SniMismatch));
    check("c.example", &of(&names, false), ("b.example", Naming::Unknown));
    check("-", &of(&names, true), ("b.example", Naming::SniMissing));
    check("", &of(&names, true), ("b.example", Naming::Consistent));
    check("", &of(&names, false), ("b.example", Naming::Consistent));
    let inside = known(&["api.shop.svc.cluster.local"], true);
    check("api", &of(&inside, true), ("api", Naming::Consistent));
}

#[test]
fn without_a_look_up_the_client_names_its_destination_itself() {
    check("a.example", &of(&[], true), ("a.example", Naming::NoLookup));
    check("a.example", &of(&[], false), ("a.example", Naming::Unknown));
    check("-", &of(&[], true), ("", Naming::NoLookup));
    check("-", &of(&[], false), ("", Naming::SniMissing));
    check("", &of(&[], true), ("", Naming::NoLookup));
    check("", &of(&[], false), ("", Naming::Unknown));
    // What stands for a name is an address.
    check("192.0.2.1", &of(&[], false), ("", Naming::SniMissing));
}

#[test]
fn a_look_up_that_is_long_past_counts_where_its_name_is_used() {
    let names = known(&["b.example"], true);
    let past = LookedUp { fresh: false, ..of(&names, true) };
    check("b.example", &past, ("b.example", Naming::Consistent));
    check("c.example", &past, ("c.example", Naming::NoLookup));
    check("c.example", &LookedUp { all_seen: false, ..past }, ("c.example", Naming::Unknown));
    check("", &past, ("", Naming::Unknown));
    check("-", &past, ("", Naming::SniMissing));
}

#[test]
fn a_name_that_was_in_use_before_the_look_ups_were_seen_says_nothing() {
    let names = known(&["b.example"], false);
    check("b.example", &of(&names, true), ("b.example", Naming::Unknown));
    check("c.example", &of(&names, true), ("c.example", Naming::NoLookup));
    check("", &of(&names, true), ("", Naming::NoLookup));
}

#[test]
fn a_bound_is_no_evidence_of_another_name() {
    let names = known(&["b.example"], true);
    check("c.example", &LookedUp { cut: true, ..of(&names, true) }, ("b.example", Naming::Unknown));
}

#[test]
fn only_a_client_that_asks_for_service_records_has_outer_names() {
    let names = known(&["b.example"], true);
    let sni = Arc::from("outer.example");
    for (ech, asks_services, expect) in [
        (Some(true), true, Naming::Unknown),
        (None, true, Naming::Unknown),
        (Some(false), true, Naming::SniMismatch),
        // ECH that is offered without a key to it is a decoy (GREASE), and its name the true one.
        (Some(true), false, Naming::SniMismatch),
        (None, false, Naming::SniMismatch),
    ] {
        let hello = Indicated { sni: Some(&sni), ech, ..Indicated::default() };
        let looked_up = LookedUp { asks_services, ..of(&names, true) };
        assert_eq!(name(to("192.0.2.1"), &hello, &looked_up).1, expect, "{ech:?} {asks_services}");
    }
}

#[test]
fn a_host_is_the_looked_up_name_or_names_what_was_not_looked_up() {
    let names = known(&["b.example", "a.example"], true);
    for (host, looked_up, expect) in [
        ("a.example", of(&names, true), ("a.example", Some(NameSource::Dns), Naming::Consistent)),
        ("c.example", of(&names, true), ("b.example", Some(NameSource::Dns), Naming::Consistent)),
        ("c.example", of(&[], true), ("c.example", Some(NameSource::HttpHost), Naming::NoLookup)),
        ("192.0.2.1", of(&[], true), ("", None, Naming::NoLookup)),
    ] {
        let host = Arc::from(host);
        let head = Indicated { host: Some(&host), ..Indicated::default() };
        let (destination, naming) = name(to("192.0.2.1"), &head, &looked_up);
        let found = (destination.name.as_deref().unwrap_or(""), destination.name_source, naming);
        assert_eq!(found, expect, "{host}");
    }
}

#[test]
fn what_is_asked_of_a_proxy_is_the_destination() {
    let sni = Arc::from("c2.example");
    let of = |names| of(names, true);
    let name_asked = Asked { host: Arc::clone(&sni), port: 8443, tunnel: true };
    let mut asked = Indicated { proxy: Some(&name_asked), ..Indicated::default() };
    let names = known(&["proxy.example"], true);
    let (destination, naming) = name(to("10.0.0.9"), &asked, &of(&names));
    assert_eq!((destination.name.as_deref(), destination.port), (Some("c2.example"), 8443));
    assert_eq!((destination.address, naming), (None, Naming::Unknown));
    asked.sni = Some(&sni);
    assert_eq!(name(to("10.0.0.9"), &asked, &of(&names)).1, Naming::Consistent);
    let address_asked = Asked { host: Arc::from("192.0.2.7"), port: 443, tunnel: true };
    asked.proxy = Some(&address_asked);
    let (destination, _) = name(to("10.0.0.9"), &asked, &of(&names));
    assert_eq!((destination.address, destination.name), ("192.0.2.7".parse().ok(), None));
    // The proxy is spoken to in HTTP; what is spoken through it may not be known.
    assert_eq!(asked.protocol(AppProtocol::Http), AppProtocol::Unknown);
    assert_eq!(asked.protocol(AppProtocol::Tls), AppProtocol::Tls);
    let request = Asked { tunnel: false, ..name_asked.clone() };
    asked.proxy = Some(&request);
    assert_eq!(asked.protocol(AppProtocol::Http), AppProtocol::Http);
}

#[test]
fn what_a_log_tells_of_look_ups_is_judged_by_the_same_rule() {
    let (a, b) = (Arc::from("a.example"), Arc::from("b.example"));
    let hello = |sni| Indicated { sni, nameless: sni.is_none(), ..Indicated::default() };
    for (looked_up, sni, all_seen, expect) in [
        (Some(&a), Some(&a), false, Naming::Consistent),
        (Some(&a), Some(&b), true, Naming::SniMismatch),
        (Some(&a), Some(&b), false, Naming::Unknown),
        (Some(&a), None, true, Naming::SniMissing),
        (None, Some(&b), true, Naming::NoLookup),
        (None, None, false, Naming::SniMissing),
    ] {
        assert_eq!(
            name_from_log(to("192.0.2.1"), &hello(sni), looked_up, all_seen).1,
            expect,
            "{looked_up:?} {sni:?}"
        );
    }
}
