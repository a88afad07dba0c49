//! How payload comes to a parser, and how much it shall say.

/// Which side of a flow sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// From the side that opened the flow.
    Originator,
    /// From the side that was called.
    Responder,
}

/// How payload is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// A byte stream (TCP): pushes may split and join messages anywhere.
    Stream,
    /// Datagrams (UDP): each push is one.
    Datagram,
}

/// How much the observations carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Detail {
    /// What detection needs.
    #[default]
    Evidence,
    /// Also what only comparison with other tools needs: JA3 texts, what IRC users say.
    Full,
}
