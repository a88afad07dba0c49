//! Evidence in plain words and numbers.

use super::levels::{Circumstances, Replicas, asks_for_the_time, producer_consumer_ratio};
use crate::assess::detector::beacon;
use crate::assess::finding::{ReplicaCount, RhythmKind, Term};
use crate::observe::contact::NameSource;
use crate::observe::protocol::AppProtocol;
use crate::text::{bytes_text, duration_text, gap_range};

/// Why an item has its level.
pub(crate) fn sentence(term: Term, level: u8, about: &Circumstances<'_>) -> String {
    match term {
        Term::Who => who(level, about),
        Term::Ja4 => match level {
            1 => "the TLS fingerprint is not the usual one of this image".to_owned(),
            _ => "the TLS fingerprint is the usual one of this image".to_owned(),
        },
        Term::Naming => naming(level, about),
        Term::Port => port(level, about),
        Term::Destination => match level {
            1 => "no other workload turns to this destination".to_owned(),
            2 => format!("{} workloads turn to this destination", about.prevalence.workloads),
            3 => "many workloads turn to this destination".to_owned(),
            _ => "the destination is inside the cluster".to_owned(),
        },
        Term::Baseline => match level {
            1 => "new to this workload, which has a baseline".to_owned(),
            _ => "known to this workload's baseline".to_owned(),
        },
        Term::Lag => lag(level, about),
        Term::Population => population(about),
        Term::Timing => timing(about),
        Term::Size => size(level, about),
        Term::Balance => balance(level, about),
        Term::Answer => {
            let (c, tries) =
                (about.conversation, about.conversation.answered + about.conversation.unanswered);
            format!("the peer answered {} of {tries} connections", c.answered)
        }
        Term::DnsPayload => dns(about),
        Term::Reputation => {
            format!("the destination stands on the list {:?}", about.listed.as_deref().unwrap_or_default())
        }
        Term::Period => {
            format!("about {} between check-ins", duration_text(beacon::effective_period(about.conversation)))
        }
        Term::Protocol => match level {
            1 => "speaks IRC".to_owned(),
            _ if asks_for_the_time(about.conversation) => {
                "asks for the time: NTP's intervals and sizes are so by design and do not count".to_owned()
            }
            _ => format!("speaks {}", about.conversation.protocol.as_str()),
        },
    }
}

fn who(level: u8, about: &Circumstances<'_>) -> String {
    let name = about.conversation.actor.process.as_ref().map_or("", |process| process.program());
    match level {
        1 => "the executable runs from memory, or was unlinked from a writable place".to_owned(),
        2 => "the executable is not part of the image and lies in a writable place".to_owned(),
        3 => "the executable is not part of the image".to_owned(),
        4 => "the executable was unlinked while it runs".to_owned(),
        5 => format!("{name} is a network tool, unusual in a service"),
        6 => format!("{name} is a network tool, in a job"),
        7 => format!("a shell ({name}) opens the connection itself"),
        8 => format!("{name} is an interpreter of the image"),
        _ => "the executable is part of the image".to_owned(),
    }
}

fn naming(level: u8, about: &Circumstances<'_>) -> String {
    let name = about.conversation.destination.name.as_deref();
    match level {
        1 => match about.conversation.destination.name_source {
            Some(NameSource::Sni | NameSource::HttpHost) => {
                "connects to an address that it did not look up before".to_owned()
            }
            _ => "connects to a bare address, without looking a name up".to_owned(),
        },
        2 => "the TLS server name is not the name that was looked up".to_owned(),
        3 if about.conversation.protocol == AppProtocol::Http => "HTTP without the name of a host".to_owned(),
        3 => "TLS without a server name".to_owned(),
        _ => format!("looked up as {}", name.unwrap_or("a name, and used under it")),
    }
}

fn port(level: u8, about: &Circumstances<'_>) -> String {
    port_sentence(level, about.conversation.destination.port, about.conversation.protocol)
}

/// What was not recognised is not named: nobody speaks "unknown".
fn port_sentence(level: u8, port: u16, protocol: AppProtocol) -> String {
    let name = protocol.as_str();
    match (level, protocol) {
        (1, AppProtocol::Unknown) => format!("port {port} is a well-known one"),
        (2, AppProtocol::Unknown) => format!("port {port} is one that common software uses"),
        (_, AppProtocol::Unknown) => format!("port {port} is an unusual one"),
        (1, _) => format!("port {port} is usual for {name}"),
        (2, _) => format!("port {port} is an alternative port, with {name}"),
        (3, _) => format!("port {port} is unusual for {name}"),
        _ => format!("port {port} belongs to another protocol than {name}"),
    }
}

fn lag(level: u8, about: &Circumstances<'_>) -> String {
    let started = about.participant.pod.as_ref().and_then(|pod| pod.started).unwrap_or_default();
    let after = duration_text(about.conversation.first.secs_since(started));
    match level {
        1 => format!("began {after} after the pod started"),
        _ => format!("began with the pod, {after} after its start"),
    }
}

fn population(about: &Circumstances<'_>) -> String {
    match about.replicas {
        Some(Replicas { count: ReplicaCount { doing: 1, of, at_least: false }, .. }) => {
            format!("only 1 of {of} replicas does this")
        }
        Some(Replicas { count, .. }) => format!("{count} replicas do this"),
        None => String::new(),
    }
}

fn timing(about: &Circumstances<'_>) -> String {
    let c = about.conversation;
    let kind = match about.rhythm() {
        RhythmKind::None => return format!("no rhythm proven ({:.0} bits)", c.rhythm_bits),
        RhythmKind::Ticker => "a timer locked to its phase, as schedulers have it; ",
        RhythmKind::WallClock => "at a fixed second of the minute; ",
        RhythmKind::Fixed | RhythmKind::Narrow | RhythmKind::Medium | RhythmKind::Wide => "",
    };
    let tracker = c.best_tracker();
    let window = tracker.window();
    let (gaps, len) = tracker.gaps();
    let hits = gaps.iter().take(len).filter(|gap| window.holds(**gap)).count();
    if window.growth <= 0.0 {
        return format!("{kind}each gap is like the one before: {:.0} bits of rhythm", c.rhythm_bits);
    }
    format!(
        "{kind}{hits} of the last {len} gaps fell in the predicted {} (chance {}): {:.0} bits of rhythm",
        gap_range(window.from, window.to),
        chance_text(window.chance),
        c.rhythm_bits
    )
}

/// Never `0 %`: a narrow window is hit by chance now and then.
fn chance_text(chance: f32) -> String {
    if chance < 0.005 { "less than 1 %".to_owned() } else { format!("{:.0} %", chance * 100.0) }
}

fn size(level: u8, about: &Circumstances<'_>) -> String {
    let c = about.conversation;
    let share = c.size.share() * 100.0;
    match level {
        1 => format!("{share:.0} % of the requests have the same size ({})", bytes_text(c.typical().sent)),
        2 => format!("{share:.0} % of the requests have about the same size"),
        _ => "request sizes vary".to_owned(),
    }
}

fn balance(level: u8, about: &Circumstances<'_>) -> String {
    let bytes = about.conversation.bytes;
    let (sent, received) = (bytes_text(bytes.sent), bytes_text(bytes.received));
    match level {
        1 => format!("sends more than it receives: {sent} out, {received} back"),
        3 => format!("receives more than it sends: {sent} out, {received} back"),
        4 => format!("a bulk upload: {sent} out, {received} back"),
        _ => {
            let ratio = producer_consumer_ratio(about.conversation).unwrap_or_default();
            format!("sends and receives alike: {sent} out, {received} back (balance {ratio:+.1})")
        }
    }
}

fn dns(about: &Circumstances<'_>) -> String {
    let c = about.conversation;
    let Some(dns) = &c.dns else { return String::new() };
    format!(
        "about {:.0} distinct names in an hour carry {} ({:.0} % of the questions are of types that carry data, \
         {:.0} % for names that do not exist)",
        dns.unique(),
        bytes_text_f32(dns.information(c.last)),
        dns.odd_share() * 100.0,
        dns.refused_share() * 100.0
    )
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
fn bytes_text_f32(bytes: f32) -> String {
    bytes_text(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_without_a_protocol_that_nobody_recognised() {
        let check = |level, protocol, expected| assert_eq!(port_sentence(level, 5151, protocol), expected);
        check(3, AppProtocol::Unknown, "port 5151 is an unusual one");
        check(1, AppProtocol::Unknown, "port 5151 is a well-known one");
        check(3, AppProtocol::Tls, "port 5151 is unusual for tls");
    }
}
