use Sender::{Originator, Responder};

use super::*;

fn see(detail: Detail, pushes: &[(Sender, &[u8])]) -> Vec<Observation> {
    let mut irc = IrcStream::default();
    let mut seen = Vec::new();
    for (sender, bytes) in pushes {
        irc.push(*sender, bytes, false, detail, &mut seen);
    }
    irc.finish(detail, &mut seen);
    seen
}

fn sessions(seen: &[Observation]) -> Vec<(&str, &str, bool)> {
    let mut sessions = Vec::new();
    for observation in seen {
        if let Observation::IrcSession(session) = observation {
            sessions.push((session.nick.as_str(), session.user.as_str(), session.confirmed));
        }
    }
    sessions
}

#[test]
fn nick_and_user_register_in_either_order_and_a_numeric_confirms() {
    for registration in [&b"NICK bot\r\nUSER b 0 * :B\r\n"[..], b"USER b 0 * :B\r\nNICK bot\r\n"] {
        let seen =
            see(Detail::Evidence, &[(Originator, registration), (Responder, b":s 001 bot :Welcome\r\n")]);
        assert_eq!(sessions(&seen), [("bot", "b", false), ("bot", "b", true)]);
    }
}

#[test]
fn blanks_before_a_line_are_passed_over() {
    let lines = b"  NICK bot\r\n\tUSER b 0 * :B\r\n   \r\n";
    let seen = see(Detail::Evidence, &[(Originator, lines), (Responder, b" :s 001 bot :Welcome\r\n")]);
    assert_eq!(sessions(&seen), [("bot", "b", false), ("bot", "b", true)]);
    let messages = seen.iter().filter(|seen| matches!(seen, Observation::Irc(_))).count();
    assert_eq!(messages, 3, "a line of blanks is no message: {seen:?}");
    assert_eq!(probe_line(b"  NICK bot\r", Originator), Probe::Yes);
}

#[test]
fn an_error_numeric_confirms_nothing() {
    let registration = b"NICK bot\r\nUSER b 0 * :B\r\n";
    let seen = see(Detail::Evidence, &[(Originator, registration), (Responder, b":s 433 * bot :In use\r\n")]);
    assert_eq!(sessions(&seen), [("bot", "b", false)]);
}

#[test]
fn what_people_say_and_passwords_are_no_evidence() {
    let seen = see(Detail::Evidence, &[(Originator, b"PASS secret\r\nPRIVMSG #c :hello there\r\n")]);
    let text = format!("{seen:?}");
    assert!(text.contains("PRIVMSG") && text.contains("#c"), "{text}");
    assert!(!text.contains("secret") && !text.contains("hello"), "{text}");
}

#[test]
fn starttls_ends_it() {
    let seen = see(
        Detail::Evidence,
        &[(Originator, b"STARTTLS\r\n"), (Responder, b":s 670 * :go ahead\r\n"), (Originator, b"NICK x\r\n")],
    );
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[test]
fn a_line_that_never_ends_is_dropped() {
    let mut irc = IrcStream::default();
    let mut seen = Vec::new();
    for _ in 0..1000 {
        irc.push(Originator, &[b'a'; 100], false, Detail::Full, &mut seen);
        assert!(irc.originator.line.len() <= LINE_BYTES_MAX);
    }
    irc.push(Originator, b"\r\nNICK late\r\n", false, Detail::Full, &mut seen);
    assert_eq!(seen.len(), 1, "{seen:?}");
}
