//! What is explained, and by which names it is found.

mod support;

use std::sync::Arc;

use beaconwatch_engine::detection::Alias;
use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;

#[test]
fn a_conversation_is_explained_by_every_name_and_address_that_it_had() {
    let played = |kept: bool| {
        let mut engine = Engine::with_limits(Limits::default());
        if kept {
            engine.keep_aliases(5);
        }
        let mut take = |at: f64, to: &str, sni: Option<&str>| {
            let mut contact = support::contact(at, "/usr/bin/curl", to, 443, None);
            contact.destination.name = Some(Arc::from("cdn.example"));
            contact.sni = sni.map(Arc::from);
            engine.handle(Timestamp::from_secs_f64(at), Input::Contact(Box::new(contact)));
        };
        take(1.0, "192.0.2.7", None);
        take(2.0, "192.0.2.8", Some("front.example"));
        take(3.0, "192.0.2.7", Some("front.example"));
        take(4.0, "192.0.2.9", Some("beyond-the-bound.example"));
        engine.explain(|candidate| candidate.aliases.is_empty() != kept)
    };
    let address = |text: &str| Alias::Address(text.parse().unwrap());
    let name = |text: &str| Alias::Name(Arc::from(text));
    let [explained] = &played(true)[..] else { panic!("one conversation") };
    assert_eq!(
        explained.aliases,
        [
            name("cdn.example"),
            address("192.0.2.7"),
            name("front.example"),
            address("192.0.2.8"),
            name("beyond-the-bound.example"),
        ]
    );
    assert_eq!(played(false).len(), 1, "nothing is kept unless it was asked for");
}
