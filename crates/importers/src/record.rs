//! What a row of recorded traffic says, before it is joined with other rows.

use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;

use beaconwatch_engine::actor::{Actor, ActorKey};
use beaconwatch_engine::input::WorkloadChange;
use beaconwatch_engine::observe::contact::{
    Bytes, Contact, ContactKind, Destination, NameSource, Naming, Transport,
};
use beaconwatch_engine::observe::naming::{Asked, Indicated};
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

/// Identity of a connection in a log, hashed (Zeek's `uid`); 0: the row has none.
pub type Uid = u64;

/// One row.
#[derive(Debug)]
pub enum Record {
    /// A connection; its name may be known from other rows.
    Connection {
        /// Joins it with other rows.
        uid: Uid,
        /// What is known from this row alone.
        connection: Connection,
        /// It was still open when the row was written (`open_conn`): another row of this uid will follow.
        open: bool,
    },
    /// A later row about a connection that was reported before: its totals.
    Totals {
        /// Which.
        uid: Uid,
        /// Payload until now.
        bytes: Bytes,
        /// How long it has lasted.
        duration: Duration,
        /// The peer answered.
        established: Option<bool>,
        /// More will follow.
        open: bool,
    },
    /// A DNS question with its answer.
    Dns {
        /// Connection that carried it.
        uid: Uid,
        /// The question.
        contact: Box<Contact>,
        /// What was answered.
        answers: Answers,
    },
    /// A request inside a connection that was used before (HTTP keep-alive).
    Request {
        /// Connection that carried it.
        uid: Uid,
        /// The request, as a burst.
        contact: Box<Contact>,
    },
    /// Something that is known about a connection; not an event of its own.
    About {
        /// Which.
        uid: Uid,
        /// What.
        about: Box<About>,
    },
    /// A contact with nothing to join.
    Contact(Box<Contact>),
    /// A pod was announced.
    Workload(WorkloadChange),
    /// The source says that it lost so many records.
    Lost(u64),
}

/// A connection as a row tells it. Kept in place and small, since many rows wait for their turn in time.
#[derive(Debug)]
pub struct Connection {
    /// When it began.
    pub start: Timestamp,
    /// Who.
    pub actor: (Arc<Actor>, ActorKey),
    /// Where to, as far as the row has an address.
    pub address: Option<IpAddr>,
    /// The name that the row gives to it.
    pub name: Option<Arc<str>>,
    /// Port; 0 for transports without ports.
    pub port: u16,
    /// Transport.
    pub transport: Transport,
    /// What is spoken, as the row says.
    pub protocol: AppProtocol,
    /// The peer answered.
    pub established: Option<bool>,
    /// Payload.
    pub bytes: Option<Bytes>,
    /// How long it lasted.
    pub duration: Option<Duration>,
}

impl Connection {
    /// As a contact; `id` ties later rows to it, 0 if there are none.
    #[must_use]
    pub fn contact(self, id: Uid) -> Box<Contact> {
        let Self {
            start,
            actor: (actor, actor_key),
            address,
            name,
            port,
            transport,
            protocol,
            established,
            bytes,
            duration,
        } = self;
        let name_source = name.as_ref().map(|_| NameSource::Dns);
        Box::new(Contact {
            id,
            start,
            actor,
            actor_key,
            destination: Destination { address, port, transport, name, name_source },
            kind: ContactKind::Connect { established },
            protocol,
            naming: Naming::Unknown,
            sni: None,
            ja4: None,
            ja4_odd: None,
            user_agent: None,
            bytes,
            duration,
        })
    }
}

/// A contact of which nothing is known but who, where to and when.
#[must_use]
pub fn bare_contact(
    start: Timestamp,
    (actor, actor_key): (Arc<Actor>, ActorKey),
    destination: Destination,
    kind: ContactKind,
) -> Box<Contact> {
    Box::new(Contact {
        id: 0,
        start,
        actor,
        actor_key,
        destination,
        kind,
        protocol: AppProtocol::Unknown,
        naming: Naming::Unknown,
        sni: None,
        ja4: None,
        ja4_odd: None,
        user_agent: None,
        bytes: None,
        duration: None,
    })
}

/// A destination that has no name yet.
#[must_use]
pub fn nameless(address: Option<IpAddr>, port: u16, transport: Transport) -> Destination {
    Destination { address, port, transport, name: None, name_source: None }
}

/// What a resolver answered to a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Addresses, each with the seconds that its record lives; 0 where the log does not have them.
    pub addresses: Vec<(IpAddr, u32)>,
    /// Names that the asked one is an alias of.
    pub aliases: Vec<Arc<str>>,
}

/// What the rows of application protocols say about a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Server name of TLS or QUIC.
    pub sni: Option<Arc<str>>,
    /// TLS without a server name, or HTTP without the name of a host.
    pub sni_missing: bool,
    /// Host asked of a web server.
    pub http_host: Option<Arc<str>>,
    /// What was asked of a proxy.
    pub proxy_target: Option<Asked>,
    /// Whether the hello offered ECH; `None`: the row does not say so.
    pub ech: Option<bool>,
    /// JA4 fingerprint, where the log has it.
    pub ja4: Option<Arc<str>>,
    /// User agent.
    pub user_agent: Option<Arc<str>>,
    /// What is spoken.
    pub protocol: AppProtocol,
    /// The connection carried DNS messages that have rows of their own.
    pub dns: bool,
}

impl About {
    /// What the client itself says about its destination.
    #[must_use]
    pub fn indicated(&self) -> Indicated<'_> {
        Indicated {
            sni: self.sni.as_ref(),
            host: self.http_host.as_ref(),
            nameless: self.sni_missing,
            ech: self.ech,
            proxy: self.proxy_target.as_ref(),
        }
    }

    /// Adds what another row says; what was known first stays.
    pub fn merge(&mut self, other: Self) {
        let Self { sni, sni_missing, http_host, proxy_target, ech, ja4, user_agent, protocol, dns } = other;
        self.sni = self.sni.take().or(sni);
        self.sni_missing = (self.sni_missing || sni_missing) && self.sni.is_none();
        self.http_host = self.http_host.take().or(http_host);
        self.proxy_target = self.proxy_target.take().or(proxy_target);
        self.ech = self.ech.or(ech);
        self.ja4 = self.ja4.take().or(ja4);
        self.user_agent = self.user_agent.take().or(user_agent);
        if self.protocol == AppProtocol::Unknown || protocol == AppProtocol::Tls {
            self.protocol = protocol;
        }
        self.dns |= dns;
    }
}
