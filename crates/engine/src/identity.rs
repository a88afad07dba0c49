//! Identities: the one place where they are made.
//!
//! An identity is 128 bits of a hash over explicit bytes ([`message`]), the same on every machine, in every version of
//! the program and of the compiler. Nobody compares what stands behind two of them: that they are equal is enough.
//!
//! What nodes, runs and outputs share (workload, executable, replica, destination, signature, finding) is SHA-256, cut:
//! everybody has to come to the same, so there is no secret, and who chooses names can only try 2^64 of them. What stays
//! inside one engine and is made for every contact (conversation) is SipHash-1-3 under a key of the engine's own.
//!
//! `docs/decisions/35-identity.md` says why; `crates/engine/tests/identity-vectors.txt` holds what comes out.

mod message;
mod siphash;

use core::fmt;
use core::net::IpAddr;

use sha2::{Digest, Sha256};

use self::message::Message;
pub use self::message::VERSION;
use crate::codec::{Coded, Reader, newtype};
use crate::transport::Transport;

/// An identity: 128 bits, ordered as its bytes are.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    high: u64,
    low: u64,
}

/// What keeps others from steering identities that stay inside one engine. Not the same in two engines that run live;
/// a replay has the recording's, so that it comes to the same.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Secret(pub [u8; 16]);

/// Who keeps to itself: an actor without a known pod, by the best that is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alone<'a> {
    Container(&'a str),
    Address(Option<IpAddr>),
    Cgroup(u64),
}

/// A destination as a baseline knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class<'a> {
    Name(&'a str, u16, Transport),
    /// An address of the cluster's own: by port only, since pods come and go.
    Inside(u16, Transport),
    Address(Option<IpAddr>, u16, Transport),
    /// All destinations outside that are not known here.
    Aggregate,
}

/// A conversation within its scope.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer<'a> {
    /// Questions for names under this domain.
    Domain(&'a str),
    Name(&'a str, u16, Transport),
    Address(Option<IpAddr>, u16, Transport),
    /// Questions to this resolver that are for no registered domain.
    Resolver(Option<IpAddr>),
    /// All destinations outside that are not known here.
    Aggregate,
}

/// What each message is about; never used again for something else.
mod domain {
    pub(super) const ALONE: u8 = 1;
    pub(super) const ACTOR: u8 = 2;
    pub(super) const WORKLOAD: u8 = 3;
    pub(super) const REPLICA: u8 = 4;
    pub(super) const EXECUTABLE: u8 = 5;
    pub(super) const DESTINATION: u8 = 6;
    pub(super) const SIGNATURE: u8 = 7;
    pub(super) const FINDING: u8 = 8;
    pub(super) const OBJECT: u8 = 9;
    pub(super) const EVENT: u8 = 10;
    pub(super) const SCOPE: u8 = 11;
    pub(super) const CONVERSATION: u8 = 12;
    pub(super) const SKETCH: u8 = 13;
    pub(super) const CLIENT: u8 = 14;
}

/// An actor without a known pod, among all that have none.
pub(crate) fn alone(who: Alone<'_>) -> Id {
    let mut message = Message::of(domain::ALONE);
    put_alone(&mut message, who);
    shared(&message)
}

/// An actor: where it runs, and what. `executable` is a path; `None`: no process is known.
pub(crate) fn actor(who: Alone<'_>, executable: Option<&str>) -> Id {
    let mut message = Message::of(domain::ACTOR);
    put_alone(&mut message, who);
    match executable {
        Some(path) => message.text(path),
        None => message.nothing(),
    }
    shared(&message)
}

/// A workload of Kubernetes: its namespace, and kind and name of its owner.
pub(crate) fn workload(namespace: &str, kind: &str, name: &str) -> Id {
    let mut message = Message::of(domain::WORKLOAD);
    [namespace, kind, name].into_iter().for_each(|text| message.text(text));
    shared(&message)
}

/// A replica of a workload: its pod, by uid.
pub(crate) fn replica(pod_uid: &str) -> Id {
    let mut message = Message::of(domain::REPLICA);
    message.text(pod_uid);
    shared(&message)
}

/// An executable, by its path.
pub(crate) fn executable(path: &str) -> Id {
    let mut message = Message::of(domain::EXECUTABLE);
    message.text(path);
    shared(&message)
}

/// A destination: by name, else by address; a domain that questions are for is another than a peer of that name.
pub(crate) fn destination(asked_for: bool, name: Option<&str>, address: Option<IpAddr>) -> Id {
    let mut message = Message::of(domain::DESTINATION);
    message.code(u8::from(asked_for));
    match name {
        Some(name) => message.text(name),
        None => message.address(address),
    }
    shared(&message)
}

/// What a baseline knows: this workload's executable contacts destinations of this class.
pub(crate) fn signature(workload: Id, executable: Option<Id>, class: Class<'_>) -> Id {
    let mut message = Message::of(domain::SIGNATURE);
    message.identity(Some(workload));
    message.identity(executable);
    match class {
        Class::Name(name, port, transport) => {
            message.code(1);
            message.text(name);
            put_port(&mut message, port, transport);
        }
        Class::Inside(port, transport) => {
            message.code(2);
            put_port(&mut message, port, transport);
        }
        Class::Address(address, port, transport) => {
            message.code(3);
            message.address(address);
            put_port(&mut message, port, transport);
        }
        Class::Aggregate => message.code(4),
    }
    shared(&message)
}

/// A finding: its signature, the destination if it is one for itself, and what stands for its kind.
pub(crate) fn finding(signature: Id, destination: Option<Id>, kind: u8) -> Id {
    let mut message = Message::of(domain::FINDING);
    message.identity(Some(signature));
    message.identity(destination);
    message.code(kind);
    shared(&message)
}

/// The object that a node stores a finding in.
#[must_use]
pub fn object(finding: Id, node: &str) -> Id {
    let mut message = Message::of(domain::OBJECT);
    message.identity(Some(finding));
    message.text(node);
    shared(&message)
}

/// A Kubernetes Event about a change of an object.
#[must_use]
pub fn event(object: &str, change: &str, severity: &str, first_seen: &str) -> Id {
    let mut message = Message::of(domain::EVENT);
    [object, change, severity, first_seen].into_iter().for_each(|text| message.text(text));
    shared(&message)
}

/// What separates an actor's conversations from others'.
pub(crate) fn scope_of_actor(secret: Secret, actor: Id) -> Id {
    let mut message = Message::of(domain::SCOPE);
    message.identity(Some(Id::from_bytes(secret.0)));
    message.code(1);
    message.identity(Some(actor));
    shared(&message)
}

/// The same for a job: each run is another pod, so its conversations are those of workload and executable.
pub(crate) fn scope_of_job(secret: Secret, workload: Id, executable: Option<Id>) -> Id {
    let mut message = Message::of(domain::SCOPE);
    message.identity(Some(Id::from_bytes(secret.0)));
    message.code(2);
    message.identity(Some(workload));
    message.identity(executable);
    shared(&message)
}

/// A conversation. Its scope is the key of the hash, and a secret, since the engine's secret is in it.
#[inline]
pub(crate) fn conversation(scope: Id, with: Peer<'_>) -> Id {
    let mut message = Message::of(domain::CONVERSATION);
    match with {
        Peer::Domain(name) => {
            message.code(1);
            message.text(name);
        }
        Peer::Name(name, port, transport) => {
            message.code(2);
            message.text(name);
            put_port(&mut message, port, transport);
        }
        Peer::Address(address, port, transport) => {
            message.code(3);
            message.address(address);
            put_port(&mut message, port, transport);
        }
        Peer::Resolver(address) => {
            message.code(4);
            message.address(address);
        }
        Peer::Aggregate => message.code(5),
    }
    keyed(scope, &message)
}

/// Where a conversation counts one of many names (or addresses) in a sketch of how many there are: who chooses names
/// cannot choose the place.
pub(crate) fn place_in_sketch(conversation: Id, name: Option<&str>, address: Option<IpAddr>) -> u64 {
    let mut message = Message::of(domain::SKETCH);
    match name {
        Some(name) => message.text(name),
        None => message.address(address),
    }
    keyed(conversation, &message).high
}

/// Who looked names up in recorded traffic, where no more is known of a client than its address.
pub(crate) fn client(address: Option<IpAddr>) -> Id {
    let mut message = Message::of(domain::CLIENT);
    message.address(address);
    keyed(Id::default(), &message)
}

fn put_alone(message: &mut Message, who: Alone<'_>) {
    match who {
        Alone::Container(id) => {
            message.code(1);
            message.text(id);
        }
        Alone::Address(address) => {
            message.code(2);
            message.address(address);
        }
        Alone::Cgroup(cgroup) => {
            message.code(3);
            message.number(cgroup);
        }
    }
}

#[inline]
fn put_port(message: &mut Message, port: u16, transport: Transport) {
    message.port(port);
    message.code(match transport {
        Transport::Tcp => 1,
        Transport::Udp => 2,
        Transport::Other => 3,
    });
}

/// The first 128 bits of SHA-256.
fn shared(message: &Message) -> Id {
    let digest: [u8; 32] = Sha256::digest(message.bytes()).into();
    Id::from_bytes(digest.first_chunk().copied().unwrap_or_default())
}

#[inline]
fn keyed(key: Id, message: &Message) -> Id {
    Id::from_bytes(siphash::siphash::<1, 3>(key.to_bytes(), message.bytes()))
}

impl Id {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let whole = u128::from_be_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        Self { high: (whole >> 64) as u64, low: whole as u64 }
    }

    /// Its bytes, in the order in which it is written in hexadecimal digits.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        (((self.high as u128) << 64) | self.low as u128).to_be_bytes()
    }

    /// Some of its bits, for places in tables and sketches.
    pub(crate) const fn bits(self) -> u64 {
        self.low
    }
}

/// The identity whose bytes are this number: for tests.
impl From<u64> for Id {
    fn from(low: u64) -> Self {
        Self { high: 0, low }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.high, self.low)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

newtype!(Secret);

/// All of its bytes: none is likelier than another.
impl Coded for Id {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        from.array().map(Self::from_bytes)
    }
}

/// It does not get into logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests;
