use super::scene::*;
use crate::observe::contact::Transport;
use crate::observe::event::{Direction, Event};

const UDP: Transport = Transport::Udp;

#[test]
fn a_question_is_a_contact_of_its_registered_domain() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (UDP, "10.96.0.10:53"));
    scene.sent(1, &dns_query(1, "abcd.tunnel.evil.example"));
    scene.sent(1, &dns_query(2, "nope.evil.example"));
    assert_eq!(scene.said(), [""; 0]);
    scene.wait_ms(40);
    scene.received(1, &dns_refusal(2, "nope.evil.example"));
    assert_eq!(scene.said(), ["query nope.evil.example rcode Some(3) 35/35 for evil.example 53 Dns"]);
    assert_eq!(scene.contacts[0].duration.map(|d| d.as_millis()), Some(40));
    scene.wait_ms(2000);
    assert_eq!(scene.said(), ["query abcd.tunnel.evil.example rcode None 42/0 for evil.example 53 Dns"]);
    scene.received(1, &dns_answer(1, "abcd.tunnel.evil.example", [192, 0, 2, 1]));
    scene.close(1, 0, 0);
    assert_eq!(scene.said(), [""; 0]);
}

#[test]
fn a_question_asked_again_while_it_waits_counts_once() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (UDP, "10.96.0.10:53"));
    for _ in 0..3 {
        scene.sent(1, &dns_query(1, "a.example"));
        scene.wait_ms(500);
    }
    scene.received(1, &dns_answer(1, "a.example", [192, 0, 2, 1]));
    scene.received(1, &dns_answer(1, "a.example", [192, 0, 2, 1]));
    assert_eq!(scene.said().len(), 1);
}

/// A message with these questions for TXT records.
fn several(id: u16, flags: u16, names: &[&str]) -> Vec<u8> {
    let mut message = [id, flags, names.len() as u16, 0, 0, 0].map(u16::to_be_bytes).concat();
    for name in names {
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, 16, 0, 1]);
    }
    message
}

#[test]
fn every_question_of_a_message_counts() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (UDP, "10.96.0.10:53"));
    let names = ["usual.example", "abcd.tunnel.example", "efgh.tunnel.example"];
    scene.sent(1, &several(1, 0x0100, &names));
    scene.sent(1, &several(1, 0x0100, &names));
    scene.received(1, &several(1, 0x8180, &names));
    // 81 bytes, a third of which each question is counted with.
    assert_eq!(
        scene.said(),
        [
            "query usual.example rcode Some(0) 27/27 for usual.example 53 Dns",
            "query abcd.tunnel.example rcode Some(0) 27/27 for tunnel.example 53 Dns",
            "query efgh.tunnel.example rcode Some(0) 27/27 for tunnel.example 53 Dns",
        ]
    );
    // The server leaves the questions out.
    scene.sent(1, &several(2, 0x0100, &names[..2]));
    scene.sent(1, &several(3, 0x0100, &names[2..]));
    scene.received(1, &several(2, 0x8181, &[]));
    assert_eq!(scene.said().len(), 2);
    scene.close(1, 0, 0);
    scene.wait_ms(2000);
    assert_eq!(scene.said().len(), 1);
}

#[test]
fn one_socket_asks_several_resolvers() {
    let mut scene = Scene::container();
    for resolver in ["10.96.0.10:53", "10.96.0.11:53"] {
        scene.open(1, 100, INSIDE, (UDP, resolver));
        let mut question = payload(1, Direction::Sent, &dns_query(1, "a.example"));
        (question.transport, question.remote) = (UDP, Some(resolver.parse().unwrap()));
        scene.event(Event::Payload(question));
    }
    let mut answer = payload(1, Direction::Received, &dns_answer(1, "a.example", [192, 0, 2, 1]));
    (answer.transport, answer.remote) = (UDP, Some("10.96.0.11:53".parse().unwrap()));
    scene.event(Event::Payload(answer));
    scene.close(1, 60, 40);
    scene.wait_ms(2000);
    assert_eq!(
        scene.said(),
        [
            "query a.example rcode Some(0) 27/43 for a.example 53 Dns",
            "query a.example rcode None 27/0 for a.example 53 Dns",
        ]
    );
    assert_eq!(scene.sessions.poll_timeout(), None);
}

#[test]
fn a_resolver_on_loopback_is_asked_like_any_other() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (UDP, "127.0.0.53:53"));
    scene.sent(1, &dns_query(1, "evil.example"));
    scene.received(1, &dns_answer(1, "evil.example", [203, 0, 113, 9]));
    scene.close(1, 0, 0);
    scene.open(2, 100, INSIDE, (Transport::Tcp, "203.0.113.9:80"));
    scene.wait_ms(2000);
    assert_eq!(
        scene.said(),
        [
            "query evil.example rcode Some(0) 30/46 for evil.example 53 Dns",
            "1 connect evil.example 80 Unknown Consistent",
        ]
    );
}

#[test]
fn a_resolver_whose_payload_is_not_seen_is_a_connection() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (UDP, "10.96.0.10:53"));
    scene.close(1, 30, 46);
    scene.wait_ms(2000);
    assert_eq!(scene.said(), ["1 connect - 53 Unknown Unknown", "end 1 30/46 0 ms"]);
}

#[test]
fn a_question_whose_socket_was_not_announced_is_still_told() {
    let mut scene = Scene::container();
    let mut question = payload(9, Direction::Sent, &dns_query(1, "a.example"));
    (question.transport, question.ports, question.cgroup) = (UDP, (40_000, 53), INSIDE);
    question.remote = Some("10.96.0.10:53".parse().unwrap());
    scene.event(Event::Payload(question));
    scene.wait_ms(2000);
    assert_eq!(scene.said(), ["query a.example rcode None 27/0 for a.example 53 Dns"]);
    assert_eq!(scene.contacts[0].actor.container.as_deref(), Some(CONTAINER));
}

#[test]
fn everything_that_waits_is_told_at_the_end() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (Transport::Tcp, "203.0.113.9:80"));
    scene.open(2, 100, INSIDE, (UDP, "10.96.0.10:53"));
    scene.sent(2, &dns_query(1, "a.example"));
    scene.finish();
    assert_eq!(
        scene.said(),
        ["1 connect - 80 Unknown Unknown", "query a.example rcode None 27/0 for a.example 53 Dns"]
    );
}

#[test]
fn a_resolver_behind_a_service_address_is_the_one_that_was_asked() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (UDP, "10.96.0.10:53"));
    let mut question = payload(1, Direction::Sent, &dns_query(1, "a.example"));
    (question.transport, question.remote) = (UDP, Some("10.244.0.3:53".parse().unwrap()));
    scene.event(Event::Payload(question));
    let mut answer = payload(1, Direction::Received, &dns_answer(1, "a.example", [192, 0, 2, 1]));
    (answer.transport, answer.remote) = (UDP, Some("10.96.0.10:53".parse().unwrap()));
    scene.event(Event::Payload(answer));
    assert_eq!(scene.said(), ["query a.example rcode Some(0) 27/43 for a.example 53 Dns"]);
    assert_eq!(scene.contacts[0].destination.address, Some("10.96.0.10".parse().unwrap()));
}
