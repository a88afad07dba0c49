//! `--explain`: why a conversation did or did not become a finding, term by term.

use core::fmt::Write;
use std::collections::BTreeSet;
use std::net::IpAddr;

use beaconwatch_engine::actor::{Actor, Pod};
use beaconwatch_engine::contact::Destination;
use beaconwatch_engine::detection::{Explanation, Outcome};

use beaconwatch_engine::finding::Finding;

use crate::render::text::Style;
use crate::render::{self, calendar, figure, harmless};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    source: String,
    destination: String,
    port: Option<u16>,
}

impl Question {
    /// From the words of the command line: a source, and a destination with or without a port.
    #[must_use]
    pub fn of(source: &str, destination: &str) -> Self {
        let whole = || (destination.trim_matches(['[', ']']).to_ascii_lowercase(), None);
        // An IPv6 address without brackets has colons, but no port.
        let (destination, port) = match destination.rsplit_once(':') {
            Some((host, port)) if destination.parse::<IpAddr>().is_err() => match port.parse() {
                Ok(port) => (host.trim_matches(['[', ']']).to_ascii_lowercase(), Some(port)),
                Err(_) => whole(),
            },
            _ => whole(),
        };
        Self { source: source.to_owned(), destination, port }
    }

    /// Whether a conversation is meant. The source is an address, a pod (with or without its namespace), an owner,
    /// an executable, or the begin of a container's id; the destination an address or a name.
    #[must_use]
    pub fn means(&self, actor: &Actor, pod: Option<&Pod>, destination: &Destination) -> bool {
        let to = self.destination.parse().is_ok_and(|address: IpAddr| destination.address == Some(address))
            || destination.name.as_deref() == Some(self.destination.as_str());
        to && self.port.is_none_or(|port| port == destination.port) && self.means_source(actor, pod)
    }

    /// Whether the source is meant, whatever the destination.
    #[must_use]
    pub fn means_source(&self, actor: &Actor, pod: Option<&Pod>) -> bool {
        let source = self.source.as_str();
        let of_pod = pod.is_some_and(|pod| {
            source == &*pod.name
                || source == &*pod.uid
                || source == &*pod.owner.name
                || source.split_once('/').is_some_and(|(namespace, name)| {
                    namespace == &*pod.namespace && (name == &*pod.name || name == &*pod.owner.name)
                })
        });
        let of_actor = source.parse().is_ok_and(|address: IpAddr| actor.address == Some(address))
            || actor.pod_uid.as_deref() == Some(source)
            || actor.process.as_ref().is_some_and(|process| &*process.executable == source)
            || (source.len() >= 8 && actor.container.as_ref().is_some_and(|id| id.starts_with(source)));
        of_pod || of_actor
    }
}

/// Destinations that are named when none is the one that was asked about.
const OTHERS_MAX: usize = 10;

/// The answer as text. `ended`: findings of what was asked about, in case it was forgotten before the end; `others`:
/// what the source did else.
#[must_use]
pub fn text(explanations: &[Explanation], ended: &[Finding], others: &[Explanation]) -> String {
    let mut out = String::new();
    if explanations.is_empty() && !ended.is_empty() {
        out.push_str("It ended and was forgotten before the end of the input, but it was a finding:\n\n");
        for finding in ended {
            out.push_str(&render::text::finding(finding, &Style::PLAIN));
        }
    } else if explanations.is_empty() {
        out.push_str(
            "No such conversation was seen, or it was forgotten: nothing was heard of it for long.\n",
        );
        let places: BTreeSet<String> = others.iter().map(|other| place(&other.destination)).collect();
        if !places.is_empty() {
            line(
                &mut out,
                &format!("The source is known; it turned to {} destinations, such as:", places.len()),
            );
        }
        for place in places.iter().take(OTHERS_MAX) {
            line(&mut out, &format!("  {place}"));
        }
    }
    for explanation in explanations {
        one(&mut out, explanation);
        out.push('\n');
    }
    out
}

fn one(out: &mut String, explanation: &Explanation) {
    let Explanation {
        actor,
        pod,
        destination,
        destinations: _, // the summary says it
        protocol,
        window,
        check_ins,
        bytes,
        rhythm,
        bits,
        kind,
        summary,
        score,
        evidence,
        alert_raised,
        outcome,
    } = explanation;
    let who = pod.as_ref().map(|pod| format!("{}/{}", pod.namespace, pod.name));
    let who =
        who.or_else(|| actor.address.map(|address| address.to_string())).unwrap_or_else(|| "unknown".into());
    let executable = actor.process.as_ref().map_or("", |process| &process.executable);
    let name = destination.name.as_deref().unwrap_or("-");
    let address = destination.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
    line(
        out,
        &format!(
            "{who} {executable} -> {name} ({address}):{} {}/{}",
            destination.port,
            destination.transport.as_str(),
            protocol.as_str()
        ),
    );
    line(out, &format!("  {summary}"));
    line(
        out,
        &format!(
            "  seen     {check_ins} check-ins, {} .. {} UTC, {} sent, {} received",
            calendar::date_time(window.0),
            calendar::date_time(window.1),
            figure::bytes(bytes.sent),
            figure::bytes(bytes.received)
        ),
    );
    line(out, &format!("  rhythm   {:.1} bits; repeated sizes {:.1} bits", bits.0, bits.1));
    if let Some(rhythm) = rhythm {
        let (from, to) = rhythm.window_secs;
        line(
            out,
            &format!(
                "           {}: {} of {} gaps in {}, chance {} each",
                rhythm.kind.as_str(),
                rhythm.hits,
                rhythm.gaps,
                figure::range(from.into(), to.into()),
                figure::percent(rhythm.chance.into())
            ),
        );
    }
    for item in evidence {
        let (term, level) = (item.term.as_str(), item.level);
        line(out, &format!("  {term:<12} {:+5.1}  {level}: {}", item.bits, item.sentence));
    }
    line(out, &format!("  {:<12} {score:+5.1}  as {}", "sum", kind.as_str()));
    if let Some(alert) = alert_raised {
        line(out, &format!("  told from {alert:+5.1}  raised by the policy's budget of alarms"));
    }
    line(out, &format!("  => {}", verdict(outcome)));
}

fn place(destination: &Destination) -> String {
    let address = destination.address.map(|address| address.to_string());
    let host = destination.name.as_deref().map(str::to_owned).or(address).unwrap_or_else(|| "-".to_owned());
    format!("{host} port {}", destination.port)
}

fn verdict(outcome: &Outcome) -> String {
    match outcome {
        Outcome::NoPolicy => "no finding: no policy selects this workload".to_owned(),
        Outcome::Closed(why) => format!("no finding, whatever the sum: {why}"),
        Outcome::Below { record } => format!("no finding: the sum is below {record:.1} bits"),
        Outcome::Excepted(name) => format!("no finding: the exception {name} tolerates it"),
        Outcome::Finding(severity) => format!("a finding of severity {}", severity.as_str()),
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", harmless(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use beaconwatch_engine::contact::Transport;

    fn to(address: &str, port: u16, name: Option<&str>) -> Destination {
        Destination {
            address: address.parse().ok(),
            port,
            transport: Transport::Tcp,
            name: name.map(Into::into),
            name_source: None,
        }
    }

    #[test]
    fn a_question_names_its_conversation_by_address_name_pod_or_executable() {
        let actor = Actor { address: "10.0.0.5".parse().ok(), ..Actor::default() };
        let pod = Pod { name: "web-1".into(), namespace: "shop".into(), ..Pod::default() };
        let destination = to("192.0.2.7", 443, Some("a.example"));
        for (source, asked, means) in [
            ("10.0.0.5", "192.0.2.7", true),
            ("10.0.0.5", "192.0.2.7:443", true),
            ("10.0.0.5", "A.example:443", true),
            ("shop/web-1", "a.example", true),
            ("web-1", "a.example", true),
            ("other/web-1", "a.example", false),
            ("10.0.0.6", "a.example", false),
            ("10.0.0.5", "a.example:80", false),
        ] {
            assert_eq!(
                Question::of(source, asked).means(&actor, Some(&pod), &destination),
                means,
                "{source} {asked}"
            );
        }
        let v6 = to("2001:db8::1", 443, None);
        assert!(Question::of("10.0.0.5", "2001:db8::1").means(&actor, None, &v6));
        assert!(Question::of("10.0.0.5", "[2001:db8::1]:443").means(&actor, None, &v6));
    }
}
