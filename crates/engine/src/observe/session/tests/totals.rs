use super::scene::*;
use crate::observe::contact::Transport;
use crate::observe::event::{Direction, Event};

const TCP: Transport = Transport::Tcp;

#[test]
fn bursts_share_the_bytes_of_their_connection() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.sent(1, &client_hello(Some("evil.example")));
    scene.wait_ms(60_000);
    scene.burst(1, 500, 3000);
    scene.wait_ms(60_000);
    scene.burst(1, 600, 3100);
    scene.wait_ms(10_000);
    scene.close(1, 650, 3300);
    assert_eq!(
        scene.said(),
        [
            "1 connect evil.example 443 Tls Unknown",
            "end 1 500/3000 60000 ms (open)",
            "2 burst evil.example 443 Tls Unknown",
            "end 2 100/100 60000 ms",
            "3 burst evil.example 443 Tls Unknown",
            "end 3 50/200 10000 ms",
            "end 1 500/3000 130000 ms",
        ]
    );
}

#[test]
fn a_provisional_end_is_followed_by_the_final_one() {
    let mut scene = Scene::container();
    scene.open(1, 100, INSIDE, (TCP, "203.0.113.9:443"));
    scene.sent(1, &client_hello(Some("evil.example")));
    scene.said();
    scene.end(1, 500, 3000, true, Some(true));
    scene.wait_ms(10);
    scene.end(1, 500, 3010, false, Some(true));
    assert_eq!(scene.said(), ["end 1 500/3000 0 ms (open)", "end 1 500/3010 10 ms"]);
    assert_eq!(scene.ends[1].established, Some(true));
}

#[test]
fn a_connection_older_than_the_agent_is_no_contact_but_its_bursts_are() {
    let mut scene = Scene::container();
    let mut old = opened(1, (TCP, "203.0.113.9:443"));
    (old.cgroup, old.pid, old.snapshot) = (INSIDE, 100, true);
    scene.event(Event::SocketOpened(Box::new(old)));
    scene.wait_ms(5000);
    assert_eq!(scene.said(), [""; 0]);
    scene.burst(1, 10_000, 20_000);
    scene.wait_ms(1000);
    scene.close(1, 10_100, 20_400);
    assert_eq!(scene.said(), ["1 burst - 443 Unknown Unknown", "end 1 100/400 1000 ms"]);
}

#[test]
fn datagrams_to_one_peer_make_contacts_after_pauses() {
    let mut scene = Scene::new();
    let to = (Transport::Udp, "203.0.113.9:4500");
    let send = |scene: &mut Scene| {
        scene.open(1, 100, INSIDE, to);
        let mut datagram = payload(1, Direction::Sent, &[0xfe; 48]);
        (datagram.transport, datagram.remote) = (to.0, Some(to.1.parse().unwrap()));
        scene.event(Event::Payload(datagram));
    };
    send(&mut scene);
    scene.wait_ms(100);
    send(&mut scene);
    scene.wait_ms(60_000);
    send(&mut scene);
    scene.close(1, 144, 0);
    let said = scene.said();
    assert!(said[0].starts_with("1 connect - 4500"), "{said:?}");
    assert_eq!(said[1], "end 1 96/0 60100 ms (open)");
    assert!(said[2].starts_with("2 burst - 4500"), "{said:?}");
    assert_eq!(said[3..], ["end 2 48/0 0 ms", "end 1 96/0 60100 ms"]);
}

#[test]
fn a_datagram_after_a_pause_is_one_contact_however_often_it_is_told() {
    let mut scene = Scene::container();
    let to = (Transport::Udp, "203.0.113.9:4500");
    scene.open(1, 100, INSIDE, to);
    scene.wait_ms(60_000);
    scene.said();
    scene.open(1, 100, INSIDE, to);
    scene.burst(1, 48, 0);
    assert_eq!(scene.said().iter().filter(|line| line.contains("burst")).count(), 1);
}
