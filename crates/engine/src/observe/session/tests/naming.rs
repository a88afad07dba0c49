use super::scene::*;
use crate::counters::{BoundedTable, Counters};
use crate::limits::Limits;
use crate::observe::contact::{NameSource, Transport};
use crate::observe::event::{Direction, Event};

const TCP: Transport = Transport::Tcp;

#[test]
fn a_connection_is_named_by_its_client_hello() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (TCP, "203.0.113.9:443"));
    assert_eq!(scene.said(), [""; 0]);
    scene.wait_ms(30);
    scene.sent(1, &client_hello(Some("Evil.Example")));
    assert_eq!(scene.said(), ["1 connect evil.example 443 Tls Unknown"]);
    let contact = &scene.contacts[0];
    assert_eq!(contact.destination.name_source, Some(NameSource::Sni));
    assert_eq!(contact.start.as_nanos() + 30_000_000, scene.now_ns);
    assert!(contact.ja4.as_ref().is_some_and(|ja4| ja4.starts_with("t13d")));
}

#[test]
fn a_connection_is_named_by_what_was_looked_up_for_it() {
    let mut scene = Scene::container();
    scene.look_up(1, 100, INSIDE, "www.evil.example", [203, 0, 113, 9]);
    assert_eq!(scene.said(), ["query www.evil.example rcode Some(0) 34/50 for evil.example 53 Dns"]);
    scene.open(2, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.sent(2, &client_hello(Some("www.evil.example")));
    scene.open(3, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.sent(3, &client_hello(Some("other.example")));
    scene.open(4, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.sent(4, &client_hello(None));
    scene.open(5, 100, INSIDE, (TCP, "203.0.113.10:443"));
    scene.sent(5, &client_hello(Some("other.example")));
    scene.open(6, 100, INSIDE, (TCP, "203.0.113.10:4444"));
    scene.wait_ms(2000);
    assert_eq!(
        scene.said(),
        [
            "1 connect www.evil.example 443 Tls Consistent",
            "2 connect www.evil.example 443 Tls SniMismatch",
            "3 connect www.evil.example 443 Tls SniMissing",
            "4 connect other.example 443 Tls NoLookup",
            "5 connect - 4444 Unknown NoLookup",
        ]
    );
    assert_eq!(scene.contacts[2].sni.as_deref(), Some("other.example"));
}

#[test]
fn what_another_workload_looked_up_names_nothing() {
    let mut scene = Scene::container();
    scene.look_up(1, 100, INSIDE, "www.evil.example", [203, 0, 113, 9]);
    scene.cgroup(60, "/system.slice/cron.service");
    scene.said();
    scene.open(2, 0, 60, (TCP, "203.0.113.9:80"));
    scene.sent(2, b"GET / HTTP/1.1\r\nHost: Seen.Example:80\r\nUser-Agent: curl/8\r\n\r\n");
    assert_eq!(scene.said(), ["1 connect seen.example 80 Http Unknown"]);
    assert_eq!(scene.contacts[1].user_agent.as_deref(), Some("curl/8"));
}

#[test]
fn a_container_older_than_the_agent_may_have_looked_up_before() {
    let mut scene = Scene::new();
    scene.cgroup(INSIDE, &inside_path());
    let mut init = exec();
    (init.pid, init.cgroup, init.snapshot, init.start_ns) = (100, INSIDE, true, 5);
    scene.start(init);
    scene.look_up(1, 100, INSIDE, "a.example", [203, 0, 113, 9]);
    scene.said();
    scene.open(2, 100, INSIDE, (TCP, "203.0.113.99:80"));
    scene.wait_ms(3_600_000);
    scene.open(3, 100, INSIDE, (TCP, "203.0.113.99:80"));
    scene.wait_ms(2000);
    assert_eq!(scene.said(), ["1 connect - 80 Unknown Unknown", "2 connect - 80 Unknown NoLookup"]);
}

#[test]
fn a_process_that_never_looks_up_again_has_looked_up() {
    let mut scene = Scene::container();
    scene.look_up(1, 100, INSIDE, "api.example", [203, 0, 113, 9]);
    scene.said();
    for contact in 1..=54_u64 {
        scene.open(1 + contact, 100, INSIDE, (TCP, "203.0.113.9:443"));
        scene.sent(1 + contact, &client_hello(Some("api.example")));
        scene.close(1 + contact, 0, 0);
        // Every ten minutes, and every third hour.
        scene.wait_ms(if contact < 50 { 600_000 } else { 3 * 3_600_000 });
        let said = scene.said();
        assert_eq!(said.first(), Some(&format!("{contact} connect api.example 443 Tls Consistent")));
    }
    // The same address under a name that was never looked up.
    scene.open(99, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.sent(99, &client_hello(Some("other.example")));
    assert_eq!(scene.said(), ["55 connect other.example 443 Tls NoLookup"]);
}

#[test]
fn a_connection_goes_on_to_the_name_that_it_was_opened_for() {
    let mut scene = Scene::container();
    scene.look_up(1, 100, INSIDE, "queue.example", [203, 0, 113, 9]);
    scene.open(2, 100, INSIDE, (TCP, "203.0.113.9:5672"));
    scene.wait_ms(5000);
    scene.look_up(3, 100, INSIDE, "other.example", [203, 0, 113, 9]);
    for hours in [1, 9, 40] {
        scene.said();
        scene.wait_ms(hours * 3_600_000);
        scene.burst(2, 10, 10);
        let said = scene.said();
        let burst = said.iter().find(|line| line.contains("burst")).unwrap();
        assert!(burst.ends_with("burst queue.example 5672 Unknown Consistent"), "{said:?}");
    }
}

#[test]
fn http_without_the_name_of_a_host_is_told_as_such() {
    let mut scene = Scene::container();
    scene.look_up(1, 100, INSIDE, "a.example", [203, 0, 113, 9]);
    scene.said();
    for (socket, head) in [
        (2, "GET / HTTP/1.0\r\n\r\n"),
        (3, "GET / HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n"),
        (4, "CONNECT b.example:443 HTTP/1.0\r\n\r\n"),
        (5, "GET http://b.example/ HTTP/1.0\r\n\r\n"),
    ] {
        scene.open(socket, 100, INSIDE, (TCP, "203.0.113.9:80"));
        scene.sent(socket, head.as_bytes());
        scene.wait_ms(2000);
    }
    assert_eq!(
        scene.said(),
        [
            "1 connect a.example 80 Http SniMissing",
            "2 connect a.example 80 Http Consistent",
            "3 connect b.example 443 Unknown Unknown",
            "4 connect b.example 80 Http Unknown",
        ]
    );
}

#[test]
fn without_payload_a_contact_waits_two_seconds_or_for_its_close() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.wait_ms(1999);
    assert_eq!(scene.said(), [""; 0]);
    scene.wait_ms(1);
    assert_eq!(scene.said(), ["1 connect - 443 Unknown Unknown"]);
    scene.open(2, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.end(2, 0, 0, false, Some(false));
    assert_eq!(scene.said(), ["2 refused - 443 Unknown Unknown", "end 2 0/0 0 ms"]);
}

#[test]
fn payload_that_is_reported_after_the_close_still_names_the_contact() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.wait_ms(5);
    scene.end(1, 300, 900, true, Some(true));
    scene.end(1, 300, 900, false, Some(true));
    assert_eq!(scene.said(), [""; 0]);
    scene.wait_ms(15);
    scene.sent(1, &client_hello(Some("evil.example")));
    assert_eq!(scene.said(), ["1 connect evil.example 443 Tls Unknown", "end 1 300/900 5 ms"]);
}

#[test]
fn a_hello_that_is_cut_may_have_a_name_and_has_no_fingerprint() {
    let hello = client_hello(Some("long.example"));
    let mut scene = Scene::container();
    // Its end is never reported.
    scene.open(1, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.sent(1, &hello[..hello.len() - 1]);
    scene.received(1, &[22, 3, 3, 0, 90, 2, 0, 0, 86]);
    scene.wait_ms(2000);
    // It is cut before its name, of which nothing can be said.
    scene.open(2, 100, INSIDE, (TCP, "203.0.113.9:443"));
    let mut cut = payload(2, Direction::Sent, &hello[..60]);
    cut.wire_len = 3000;
    scene.event(Event::Payload(cut));
    assert_eq!(scene.said(), ["1 connect long.example 443 Tls Unknown", "2 connect - 443 Tls Unknown"]);
    assert!(scene.contacts.iter().all(|contact| contact.ja4.is_none()));
}

#[test]
fn a_proxy_is_not_the_destination() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (TCP, "10.0.0.9:3128"));
    scene.sent(1, b"CONNECT c2.example:443 HTTP/1.1\r\nHost: c2.example:443\r\n\r\n");
    scene.received(1, b"HTTP/1.1 200 Connection established\r\n\r\n");
    scene.sent(1, &client_hello(Some("c2.example")));
    assert_eq!(scene.said(), ["1 connect c2.example 443 Tls Consistent"]);
}

#[test]
fn loopback_is_left_out_unless_asked_for() {
    for (loopback_contacts, contacts) in [(false, 0), (true, 2)] {
        let limits = Limits { loopback_contacts, ..Limits::default() };
        let mut scene = Scene::with_limits(&limits);
        scene.open(1, 100, INSIDE, (TCP, "127.0.0.1:8080"));
        scene.sent(1, b"GET / HTTP/1.1\r\n\r\n");
        scene.close(1, 18, 0);
        scene.open(2, 100, INSIDE, (TCP, "[::ffff:127.0.0.1]:8080"));
        scene.wait_ms(2000);
        assert_eq!(scene.contacts.len(), contacts);
    }
}

#[test]
fn accepted_connections_and_servers_are_no_contacts() {
    let mut scene = Scene::container();
    let mut accepted = opened(1, (TCP, "10.0.0.7:50000"));
    accepted.outbound = false;
    scene.event(Event::SocketOpened(Box::new(accepted)));
    scene.sent(1, b"HTTP/1.1 200 OK\r\n\r\n");
    scene.close(1, 19, 100);
    // A UDP server answers whoever sends first, and whoever asks its port.
    let local = "10.1.1.1:53".parse().unwrap();
    let listening = Event::SocketListening { cgroup: INSIDE, pid: 100, local, transport: Transport::Udp };
    scene.event(listening);
    let mut answer = opened(2, (Transport::Udp, "10.0.0.8:50001"));
    (answer.cgroup, answer.pid, answer.local) = (INSIDE, 100, Some(local));
    scene.event(Event::SocketOpened(Box::new(answer)));
    scene.sent(2, &dns_answer(1, "a.example", [192, 0, 2, 1]));
    scene.wait_ms(5000);
    assert_eq!(scene.said(), [""; 0]);
    let mut counters = Counters::default();
    scene.sessions.count(&mut counters);
    assert_eq!((counters.sockets_unknown, counters.table(BoundedTable::Sockets).held), (0, 1));
}
