//! The modal tracker, and what a conversation takes.

use super::*;
use crate::observe::contact::Transport;

fn contact(start: f64, bytes: Option<Bytes>) -> Contact {
    Contact {
        id: 0,
        start: Timestamp::from_secs_f64(start),
        actor: Arc::default(),
        actor_key: ActorKey(1.into()),
        destination: Destination {
            address: None,
            port: 443,
            transport: Transport::Tcp,
            name: None,
            name_source: None,
        },
        kind: ContactKind::Burst,
        protocol: AppProtocol::Unknown,
        naming: Naming::Unknown,
        sni: None,
        ja4: None,
        ja4_odd: None,
        user_agent: None,
        bytes,
        duration: None,
    }
}

/// Where the modal tracker is not kept, and where it is, it is what it would be if it were kept from the begin.
#[test]
fn the_modal_tracker_is_the_same_whenever_it_is_made() {
    let mut state = 7_u64;
    let mut dice = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    for round in 0..200_u64 {
        let (odd_sizes, same_until) = (1 + round % 5, dice(90));
        let (mut kept, mut class) = (Train::default(), Modal::default());
        let first = contact(0.0, None);
        let mut c = Conversation::begin(ConversationKey(1.into()), Tenant(1.into()), &first, 0);
        let mut at = 1e6;
        for n in 0..100 {
            at += [0.1, 20.0, 60.0, 61.0][dice(4) as usize];
            let odd = n >= same_until && dice(odd_sizes + 1) == 0;
            let sent = if odd { [0, 90, 1000][dice(3) as usize] } else { 400 };
            let bytes = (!odd || dice(3) > 0).then_some(Bytes { sent, received: 10 });
            if bytes.is_some_and(|bytes| bytes.sent > 0 && class.vote(size_class(bytes.sent))) {
                kept.event(None, Timestamp::from_secs_f64(at), TrackerKind::Modal.dead_time());
            }
            c.contact(&contact(at, bytes));
            if n % 40 == 39 {
                c.decay_restarts();
                kept.decay_restarts();
            }
            let modal =
                if c.modal_is_sessions { &c.sessions } else { c.modal.get_or_insert_default().tracker() };
            assert_eq!(format!("{modal:?}"), format!("{:?}", kept.tracker()), "round {round}, contact {n}");
        }
    }
}

#[test]
fn a_conversation_stays_below_a_kibibyte() {
    let (place, modal) = (size_of::<Option<Conversation>>(), size_of::<Train>());
    assert!(place <= 768 && modal <= 224, "{place} bytes in its place, {modal} once sizes differ");
}
