use std::borrow::Cow;
use std::collections::BTreeSet;

use super::*;
use crate::assess::finding::FindingKind;
use crate::assess::identities::kind_code;

/// The words of a line, one after the other.
struct Words<'a>(core::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn word(&mut self) -> &'a str {
        self.0.next().unwrap()
    }

    fn text(&mut self) -> Cow<'a, str> {
        text(self.word())
    }

    fn maybe_text(&mut self) -> Option<Cow<'a, str>> {
        Some(self.word()).filter(|word| *word != "-").map(text)
    }

    fn id(&mut self) -> Id {
        self.maybe_id().unwrap()
    }

    fn maybe_id(&mut self) -> Option<Id> {
        let word = Some(self.word()).filter(|word| *word != "-")?;
        Some(Id::from_bytes(u128::from_str_radix(word, 16).unwrap().to_be_bytes()))
    }

    fn secret(&mut self) -> Secret {
        Secret(self.id().to_bytes())
    }

    fn address(&mut self) -> Option<IpAddr> {
        address(self.word())
    }

    fn port(&mut self) -> (u16, Transport) {
        let port = self.word().parse().unwrap();
        let all = [Transport::Tcp, Transport::Udp, Transport::Other];
        let word = self.word();
        (port, all.into_iter().find(|transport| transport.as_str() == word).unwrap())
    }
}

fn text(word: &str) -> Cow<'_, str> {
    if word == "\"\"" {
        return Cow::Borrowed("");
    }
    let mut parts = word.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    Cow::Owned(String::from_utf8(bytes).unwrap())
}

fn address(word: &str) -> Option<IpAddr> {
    (word != "-").then(|| word.parse().unwrap())
}

fn who(word: &str) -> Alone<'_> {
    match word.split_once(':').unwrap() {
        ("container", id) => Alone::Container(id),
        ("address", ip) => Alone::Address(address(ip)),
        ("cgroup", number) => Alone::Cgroup(number.parse().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn kind(word: &str) -> u8 {
    let all = [
        FindingKind::Beacon,
        FindingKind::Unbalanced,
        FindingKind::DnsBeacon,
        FindingKind::DnsTunnel,
        FindingKind::Irc,
        FindingKind::LongConnection,
        FindingKind::UnexpectedPort,
        FindingKind::FailedRetries,
    ];
    kind_code(all.into_iter().find(|kind| kind.as_str() == word).unwrap())
}

fn signature_of(words: &mut Words<'_>) -> Id {
    let (workload, executable, form) = (words.id(), words.maybe_id(), words.word());
    let name = if form == "name" { words.text() } else { Cow::default() };
    let ip = if form == "address" { words.address() } else { None };
    let (port, transport) = if form == "aggregate" { (0, Transport::Tcp) } else { words.port() };
    let class = match form {
        "name" => Class::Name(&name, port, transport),
        "inside" => Class::Inside(port, transport),
        "address" => Class::Address(ip, port, transport),
        "aggregate" => Class::Aggregate,
        other => panic!("{other}"),
    };
    signature(workload, executable, class)
}

fn conversation_of(words: &mut Words<'_>) -> Id {
    let (scope, form) = (words.id(), words.word());
    let name = if matches!(form, "name" | "domain") { words.text() } else { Cow::default() };
    let ip = if matches!(form, "address" | "resolver") { words.address() } else { None };
    let (port, transport) =
        if matches!(form, "name" | "address") { words.port() } else { (0, Transport::Tcp) };
    let with = match form {
        "domain" => Peer::Domain(&name),
        "name" => Peer::Name(&name, port, transport),
        "address" => Peer::Address(ip, port, transport),
        "resolver" => Peer::Resolver(ip),
        "aggregate" => Peer::Aggregate,
        other => panic!("{other}"),
    };
    conversation(scope, with)
}

fn made(function: &str, words: &mut Words<'_>) -> String {
    let id = match function {
        "alone" => alone(who(words.word())),
        "actor" => actor(who(words.word()), words.maybe_text().as_deref()),
        "workload" => workload(&words.text(), &words.text(), &words.text()),
        "replica" => replica(&words.text()),
        "executable" => executable(&words.text()),
        "destination" => {
            destination(words.word() == "domain", words.maybe_text().as_deref(), words.address())
        }
        "signature" => signature_of(words),
        "finding" => finding(words.id(), words.maybe_id(), kind(words.word())),
        "object" => object(words.id(), &words.text()),
        "event" => event(&words.text(), &words.text(), &words.text(), &words.text()),
        "scope-of-actor" => scope_of_actor(words.secret(), words.id()),
        "scope-of-job" => scope_of_job(words.secret(), words.id(), words.maybe_id()),
        "conversation" => conversation_of(words),
        "sketch" => {
            let place = place_in_sketch(words.id(), words.maybe_text().as_deref(), words.address());
            return format!("{place:016x}");
        }
        "client" => client(words.address()),
        other => panic!("{other}"),
    };
    id.to_string()
}

#[test]
fn identities_are_those_of_the_second_computation() {
    let vectors = include_str!("../../tests/identity-vectors.txt");
    let mut functions = BTreeSet::new();
    for line in vectors.lines().filter(|line| !line.starts_with('#')) {
        let mut words = Words(line.split(' '));
        let (expect, function) = (words.word(), words.word());
        assert_eq!(made(function, &mut words), expect, "{line}");
        assert_eq!(words.0.next(), None, "{line}");
        functions.insert(function);
    }
    assert_eq!(functions.len(), 15, "every function has its vectors: {functions:?}");
}

#[test]
fn an_address_that_was_mapped_into_ipv6_is_the_same() {
    let (plain, mapped) = ("192.0.2.7".parse().ok(), "::ffff:192.0.2.7".parse().ok());
    assert_eq!(alone(Alone::Address(plain)), alone(Alone::Address(mapped)));
    assert_eq!(destination(false, None, plain), destination(false, None, mapped));
}

#[test]
fn what_is_next_to_each_other_is_not_mixed_up() {
    assert_ne!(workload("a", "bc", "d"), workload("ab", "c", "d"));
    assert_ne!(destination(true, Some("a.example"), None), destination(false, Some("a.example"), None));
    assert_ne!(executable("x"), replica("x"));
    let scope = Id::default();
    assert_ne!(
        conversation(scope, Peer::Domain("a")),
        conversation(scope, Peer::Name("a", 0, Transport::Tcp))
    );
}

#[test]
fn a_secret_makes_other_conversations_and_nothing_else() {
    let [one, other] = [Secret([1; 16]), Secret([2; 16])].map(|secret| scope_of_actor(secret, Id::default()));
    assert_ne!(conversation(one, Peer::Aggregate), conversation(other, Peer::Aggregate));
    assert_eq!(format!("{:?}", Secret([1; 16])), "Secret");
}
