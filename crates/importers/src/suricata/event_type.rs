//! Types of events.

use crate::rejected::UnusedEvent;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    Flow,
    Dns,
    Tls,
    Quic,
    Http,
    Ssh,
    Smtp,
    Unused(UnusedEvent),
}

impl EventType {
    /// By its name in `event_type`.
    pub(super) fn by_name(name: &[u8]) -> Self {
        match name {
            b"flow" => Self::Flow,
            b"dns" => Self::Dns,
            b"tls" => Self::Tls,
            b"quic" => Self::Quic,
            b"http" => Self::Http,
            b"ssh" => Self::Ssh,
            b"smtp" => Self::Smtp,
            other => Self::Unused(UnusedEvent::by_name(other)),
        }
    }
}
