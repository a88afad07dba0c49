//! Whether the port fits what is spoken on it.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::detector::ports::PortFit;
use crate::observe::contact::NameSource;
use crate::observe::protocol::AppProtocol;

/// Only of destinations outside.
pub(super) type Port = PortFit;

impl TermLevel for Port {
    const ALL: &'static [Self] = &[Self::Usual, Self::Registered, Self::Unusual, Self::Mismatch];
    const GROUP: Option<Group> = Some(Group::Address);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        // The port of a proxy says nothing about the destination behind it.
        let proxied = about.conversation.destination.name_source == Some(NameSource::Proxy);
        about.port.filter(|_| about.scope.is_outside() && !proxied)
    }

    fn row(self) -> Row {
        match self {
            Self::Usual => Row::new("usual", 0.70, 0.90).on_network(0.755),
            Self::Registered => Row::new("registered", 0.12, 0.05).on_network(0.18),
            Self::Unusual => Row::new("unusual", 0.12, 0.035).on_network(0.05),
            Self::Mismatch => Row::new("of-another-protocol", 0.06, 0.015).on_network(0.015),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        sentence(self, about.conversation.destination.port, about.conversation.protocol)
    }
}

/// A protocol that was not recognised is not named: nobody speaks "unknown".
fn sentence(fit: Port, port: u16, protocol: AppProtocol) -> String {
    let name = protocol.as_str();
    match (fit, protocol) {
        (Port::Usual, AppProtocol::Unknown) => format!("port {port} is a well-known port"),
        (Port::Registered, AppProtocol::Unknown) => format!("port {port} is used by common software"),
        (Port::Unusual | Port::Mismatch, AppProtocol::Unknown) => format!("port {port} is unusual"),
        (Port::Usual, _) => format!("port {port} is usual for {name}"),
        (Port::Registered, _) => format!("port {port} is used by common software, here for {name}"),
        (Port::Unusual, _) => format!("port {port} is unusual for {name}"),
        (Port::Mismatch, _) => format!("port {port} belongs to a protocol other than {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_that_was_not_recognised_is_not_named() {
        let check = |fit, protocol, expected| assert_eq!(sentence(fit, 5151, protocol), expected);
        check(Port::Unusual, AppProtocol::Unknown, "port 5151 is unusual");
        check(Port::Usual, AppProtocol::Unknown, "port 5151 is a well-known port");
        check(Port::Unusual, AppProtocol::Tls, "port 5151 is unusual for tls");
    }
}
