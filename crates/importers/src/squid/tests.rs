use super::*;

fn read(text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
    let mut reader = SquidReader::over(Lines::from_bytes("access.log", text.as_bytes().to_vec()));
    let mut rejected = RejectedRows::default();
    (core::iter::from_fn(|| reader.next(&mut rejected)).collect(), rejected)
}

#[test]
fn a_tunnel_goes_to_the_name_that_was_asked_and_began_before_its_line() {
    let (records, rejected) = read(
        "1672843056.956    769 10.0.0.5 TCP_TUNNEL/200 1144 CONNECT www.example.org:443 - HIER_DIRECT/192.0.2.7 -\n",
    );
    assert_eq!(rejected.total(), 0);
    let [(time, Record::Contact(contact))] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(time.as_nanos(), 1_672_843_056_187_000_000);
    assert_eq!(contact.destination.name.as_deref(), Some("www.example.org"));
    assert_eq!(contact.destination.address, "192.0.2.7".parse().ok());
    assert_eq!(contact.protocol, AppProtocol::Tls);
}

#[test]
fn addresses_of_both_families_are_read_and_a_parent_is_not_the_destination() {
    let (records, rejected) = read(
        "1672843056.956 61 2001:db8::5 TCP_TUNNEL/200 39 CONNECT [2001:db8::7]:8443 - HIER_DIRECT/2001:db8::7 -\n\
1672843057.956 61 10.0.0.5 TCP_TUNNEL/200 39 CONNECT a.example:443 - FIRSTUP_PARENT/10.9.9.9 -\n\
1672843058.956 0 10.0.0.5 TCP_DENIED/403 39 CONNECT a.example:443 - HIER_NONE/- text/html\n",
    );
    assert_eq!(rejected.total(), 0);
    let [(_, Record::Contact(v6)), (_, Record::Contact(parent)), (_, Record::Contact(denied))] =
        records.as_slice()
    else {
        panic!("{records:?}")
    };
    assert_eq!(v6.actor.address, "2001:db8::5".parse().ok());
    assert_eq!(
        (v6.destination.address, v6.destination.port, v6.destination.name.as_deref()),
        ("2001:db8::7".parse().ok(), 8443, None)
    );
    assert_eq!((parent.destination.address, parent.destination.name.as_deref()), (None, Some("a.example")));
    assert_eq!(denied.kind, ContactKind::Connect { established: Some(false) });
}

#[test]
fn requests_denied_and_damaged_lines_are_told_apart() {
    let (records, rejected) = read(
        "1.5 3 10.0.0.5 TCP_MISS/503 3 GET http://a.example:8080/x?y - HIER_NONE/- text/html\n\
x 3 10.0.0.5 TCP_MISS/200 3 GET http://a.example/ - HIER_NONE/- -\n1 3 10.0.0.5\n1 3 host TCP_MISS/200 3 GET http://a/ - - -\n\
2 0 10.0.0.5 NONE_NONE/400 3 - error:invalid-request - HIER_NONE/- -\n",
    );
    let [(_, Record::Contact(contact))] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(contact.kind, ContactKind::Connect { established: Some(false) });
    assert_eq!(contact.destination.port, 8080);
    let reasons: Vec<_> = rejected.iter().map(|(reason, count, _)| (reason, count)).collect();
    assert_eq!(reasons, [(Reason::ColumnsMissing, 1), (Reason::BadTime, 1), (Reason::BadAddress, 2)]);
}

/// Starts (seconds after the first minute), destinations and ports of the contacts of a log.
fn contacts(text: &str) -> Vec<(u64, String, u16)> {
    let (records, rejected) = read(text);
    assert_eq!(rejected.total(), 0);
    let mut found: Vec<_> = records
        .iter()
        .map(|(time, record)| {
            let Record::Contact(contact) = record else { panic!("{record:?}") };
            let Destination { name, address, port, .. } = &contact.destination;
            let to = name.as_deref().map(str::to_owned).or(address.map(|address| address.to_string()));
            (time.as_nanos() / 1_000_000_000 - 60, to.unwrap(), *port)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_bumped_tunnel_and_its_first_request_are_one_contact() {
    let log = "60.1 0 10.0.0.5 NONE_NONE/200 0 CONNECT 203.0.113.9:443 - HIER_NONE/- -\n\
61.6 500 10.0.0.5 TCP_MISS/200 705 GET https://cdn.partner.example/get - HIER_DIRECT/203.0.113.9 -\n\
90.6 500 10.0.0.5 TCP_MISS/200 705 GET https://cdn.partner.example/get - PINNED/203.0.113.9 -\n";
    let once = || "cdn.partner.example".to_owned();
    assert_eq!(contacts(log), [(1, once(), 443), (30, once(), 443)]);
    let (records, _) = read(log);
    let [(_, Record::Contact(contact)), _] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(contact.protocol, AppProtocol::Tls);
    assert_eq!(contact.destination.address, "203.0.113.9".parse().ok());

    // Asked of the proxy by name; spliced instead of bumped; older tags.
    let log = "60.1 0 10.0.0.5 TAG_NONE/200 0 CONNECT cdn.partner.example:443 - HIER_NONE/- -\n\
60.9 300 10.0.0.5 TCP_MISS/200 7 GET https://cdn.partner.example/get - FIRSTUP_PARENT/10.9.9.9 -\n\
70.1 0 10.0.0.5 NONE/200 0 CONNECT 203.0.113.9:443 - HIER_NONE/- -\n\
99.1 28900 10.0.0.5 TCP_TUNNEL/200 900 CONNECT cdn.partner.example:443 - ORIGINAL_DST/203.0.113.9 -\n";
    assert_eq!(contacts(log), [(0, once(), 443), (10, once(), 443)]);
}

#[test]
fn an_announcement_that_nothing_follows_is_a_contact_of_its_own() {
    let own = "60.1 0 10.0.0.5 NONE_NONE/200 0 CONNECT 203.0.113.9:443 - HIER_NONE/- -\n";
    let address = || "203.0.113.9".to_owned();
    assert_eq!(contacts(own), [(0, address(), 443)]);
    for other in [
        // Another client, another destination, much later, before.
        "61 9 10.0.0.6 TCP_MISS/200 7 GET https://a.example/ - HIER_DIRECT/203.0.113.9 -\n",
        "61 9 10.0.0.5 TCP_MISS/200 7 GET https://a.example/ - HIER_DIRECT/203.0.113.10 -\n",
        "961 9 10.0.0.5 TCP_MISS/200 7 GET https://a.example/ - HIER_DIRECT/203.0.113.9 -\n",
        "61 9 10.0.0.5 TCP_MISS/200 7 GET http://a.example/ - HIER_DIRECT/203.0.113.9 -\n",
        "61 9 10.0.0.5 TCP_MISS/200 7 GET https://a.example:8443/ - HIER_DIRECT/203.0.113.9 -\n",
    ] {
        let found = contacts(&format!("{own}{other}"));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&(0, address(), 443)), "{found:?}");
    }
    // A failed one announces nothing.
    let failed = own.replace("/200", "/503");
    let follows = "61 9 10.0.0.5 TCP_MISS/200 7 GET https://a.example/ - HIER_DIRECT/203.0.113.9 -\n";
    assert_eq!(contacts(&format!("{failed}{follows}")).len(), 2);
}

#[test]
fn announcements_are_bounded() {
    let many: String = (0..3000)
        .map(|n| {
            format!(
                "60.1 0 10.0.{}.{} NONE_NONE/200 0 CONNECT 203.0.113.9:443 - HIER_NONE/- -\n",
                n / 250,
                n % 250
            )
        })
        .collect();
    let (records, _) = read(&many);
    assert_eq!(records.len(), 3000);
}
