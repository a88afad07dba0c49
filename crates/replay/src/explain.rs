//! `--explain`: why a conversation did or did not become a finding, term by term.

use core::fmt::Write;
use std::collections::BTreeSet;
use std::net::IpAddr;

use beaconwatch_engine::actor::{Actor, Pod};
use beaconwatch_engine::assess::finding::Finding;
use beaconwatch_engine::detection::{Alias, Candidate, Explanation, Outcome};
use beaconwatch_engine::observe::contact::Destination;
use beaconwatch_report::text::Style;
use beaconwatch_report::{calendar, figure, sanitize};

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
    /// an executable (its path or only its name), or the start of a container's id; the destination a name or an
    /// address, any that the conversation had.
    #[must_use]
    pub fn means(&self, candidate: &Candidate<'_>) -> bool {
        let Candidate { actor, pod, destination, aliases } = *candidate;
        self.port.is_none_or(|port| port == destination.port)
            && (self.means_destination(destination) || aliases.iter().any(|alias| self.is_named(alias)))
            && self.means_source(actor, pod)
    }

    fn means_destination(&self, destination: &Destination) -> bool {
        destination.address.is_some_and(|address| self.destination.parse() == Ok(address))
            || destination.name.as_deref() == Some(self.destination.as_str())
    }

    fn is_named(&self, alias: &Alias) -> bool {
        match alias {
            Alias::Name(name) => **name == *self.destination,
            Alias::Address(address) => self.destination.parse() == Ok(*address),
        }
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
            || actor.process.as_ref().is_some_and(|process| is_executable(source, &process.executable))
            || (source.len() >= 8 && actor.container.as_ref().is_some_and(|id| id.starts_with(source)));
        of_pod || of_actor
    }
}

/// Its path, or the last part of it, such as `curl`.
fn is_executable(asked: &str, path: &str) -> bool {
    asked == path || (!asked.is_empty() && path.rsplit('/').next() == Some(asked))
}

/// Destinations that are named when none is the one that was asked about.
const OTHERS_MAX: usize = 10;

/// Names and addresses that are written of one conversation.
const ALIASES_MAX: usize = 8;

/// The answer as text. `ended`: findings of what was asked about, in case it was forgotten before the end; `others`:
/// what else the source did.
#[must_use]
pub fn text(
    question: &Question,
    explanations: &[Explanation],
    ended: &[Finding],
    others: &[Explanation],
) -> String {
    let mut out = String::new();
    if explanations.len() > 1 {
        line(&mut out, &format!("{} conversations fit:", explanations.len()));
        for (index, explanation) in explanations.iter().enumerate() {
            line(&mut out, &format!("  {}. {}", index + 1, heading(explanation)));
        }
        out.push('\n');
    }
    if explanations.is_empty() && !ended.is_empty() {
        out.push_str("It ended and was forgotten before the end of the input, but it was a finding:\n\n");
        for finding in ended {
            out.push_str(&beaconwatch_report::text::finding(finding, &Style::PLAIN));
        }
    } else if explanations.is_empty() {
        out.push_str("No such conversation was seen, or it was forgotten after a long silence.\n");
        let places: BTreeSet<String> = others.iter().map(|other| place(&other.destination)).collect();
        if !places.is_empty() {
            line(
                &mut out,
                &format!("The source is known; it contacted {} destinations, such as:", places.len()),
            );
        }
        for place in places.iter().take(OTHERS_MAX) {
            line(&mut out, &format!("  {place}"));
        }
    }
    for explanation in explanations {
        one(&mut out, question, explanation);
        out.push('\n');
    }
    out
}

/// Who had to do with what.
fn heading(explanation: &Explanation) -> String {
    let Explanation { actor, pod, destination, destinations, protocol, .. } = explanation;
    let who = pod.as_ref().map(|pod| format!("{}/{}", pod.namespace, pod.name));
    let who =
        who.or_else(|| actor.address.map(|address| address.to_string())).unwrap_or_else(|| "unknown".into());
    let executable = actor.process.as_ref().map_or("", |process| &process.executable);
    let name = destination.name.as_deref().unwrap_or("-");
    let address = destination.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
    let others = if *destinations > 1 { format!(" and {} others", destinations - 1) } else { String::new() };
    format!(
        "{who} {executable} -> {name} ({address}):{} {}/{}{others}",
        destination.port,
        destination.transport.as_str(),
        protocol.as_str()
    )
}

/// Names and addresses that the conversation had besides those of its heading, the one that was asked for first.
fn also(question: &Question, explanation: &Explanation) -> Option<String> {
    let Explanation { destination, aliases, .. } = explanation;
    let further_one = |alias: &&Alias| match alias {
        Alias::Name(name) => destination.name.as_ref() != Some(name),
        Alias::Address(address) => destination.address != Some(*address),
    };
    let mut further: Vec<&Alias> = aliases.iter().filter(further_one).collect();
    further.sort_by_key(|alias| !question.is_named(alias));
    let more = further.len().saturating_sub(ALIASES_MAX);
    let mut words: Vec<String> = further
        .into_iter()
        .take(ALIASES_MAX)
        .map(|alias| match alias {
            Alias::Name(name) => name.to_string(),
            Alias::Address(address) => address.to_string(),
        })
        .collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

fn one(out: &mut String, question: &Question, explanation: &Explanation) {
    line(out, &heading(explanation));
    if let Some(also) = also(question, explanation) {
        line(out, &format!("  also     {also}"));
    }
    let Explanation {
        actor: _, // the heading says it
        pod: _,
        destination: _,
        aliases: _,
        destinations: _,
        protocol: _,
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
        line(
            out,
            &format!(
                "  {:<12} {alert:+5.1}  alert threshold in force, raised by the policy's budget of alarms",
                "alert"
            ),
        );
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
    let _ = writeln!(out, "{}", sanitize(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use beaconwatch_engine::actor::Process;
    use beaconwatch_engine::observe::contact::Transport;

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
                Question::of(source, asked).means(&Candidate {
                    actor: &actor,
                    pod: Some(&pod),
                    destination: &destination,
                    aliases: &[],
                }),
                means,
                "{source} {asked}"
            );
        }
        let v6 = to("2001:db8::1", 443, None);
        let candidate = Candidate { actor: &actor, pod: None, destination: &v6, aliases: &[] };
        assert!(Question::of("10.0.0.5", "2001:db8::1").means(&candidate));
        assert!(Question::of("10.0.0.5", "[2001:db8::1]:443").means(&candidate));
    }

    #[test]
    fn a_question_names_its_conversation_by_whatever_it_was_called() {
        let process = Process { executable: "/usr/bin/curl".into(), ..Process::default() };
        let actor = Actor { process: Some(process), ..Actor::default() };
        let destination = to("192.0.2.7", 443, Some("a.example"));
        let aliases = [
            Alias::Name("a.example".into()),
            Alias::Name("front.example".into()),
            Alias::Address("192.0.2.8".parse().unwrap()),
        ];
        let candidate = Candidate { actor: &actor, pod: None, destination: &destination, aliases: &aliases };
        for (source, asked, means) in [
            ("/usr/bin/curl", "a.example", true),
            ("curl", "front.example:443", true),
            ("curl", "192.0.2.8", true),
            ("curl", "front.example:80", false),
            ("curl", "other.example", false),
            ("bin/curl", "a.example", false),
            ("cur", "a.example", false),
            ("", "a.example", false),
        ] {
            assert_eq!(Question::of(source, asked).means(&candidate), means, "{source} {asked}");
        }
    }
}
