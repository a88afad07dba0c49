//! One line as its fields.

use std::borrow::Cow;

use crate::flat_json;

/// A field that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Time,
    Event,
    Node,
    Namespace,
    PodName,
    PodUid,
    OwnerKind,
    OwnerName,
    OwnerReplicas,
    PodStart,
    PodAddress,
    ConfigHash,
    Container,
    Executable,
    Origin,
    ExecSession,
    Command,
    SourceAddress,
    Transport,
    Protocol,
    DestinationAddress,
    DestinationPort,
    DestinationNames,
    ServerName,
    Sni,
    Ja4,
    Ja4Odd,
    UserAgent,
    Established,
    BytesSent,
    BytesReceived,
    Duration,
    QuestionName,
    QuestionType,
    ResponseCode,
    LookupsVisible,
}

const FIELDS: usize = 36;

impl Field {
    fn by_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"time_unix_nano" => Self::Time,
            b"event" => Self::Event,
            b"node" => Self::Node,
            b"k8s.namespace.name" => Self::Namespace,
            b"k8s.pod.name" => Self::PodName,
            b"k8s.pod.uid" => Self::PodUid,
            b"k8s.owner.kind" => Self::OwnerKind,
            b"k8s.owner.name" => Self::OwnerName,
            b"k8s.owner.replicas" => Self::OwnerReplicas,
            b"k8s.pod.start_time_unix_nano" => Self::PodStart,
            b"k8s.pod.ip" => Self::PodAddress,
            b"k8s.pod.config_hash" => Self::ConfigHash,
            b"container.id" => Self::Container,
            b"process.executable.path" => Self::Executable,
            b"process.executable.origin" => Self::Origin,
            b"process.parent.exec_session" => Self::ExecSession,
            b"process.command" => Self::Command,
            b"source.address" => Self::SourceAddress,
            b"network.transport" => Self::Transport,
            b"network.protocol" => Self::Protocol,
            b"destination.address" => Self::DestinationAddress,
            b"destination.port" => Self::DestinationPort,
            b"destination.names" => Self::DestinationNames,
            b"server.name" => Self::ServerName,
            b"tls.sni" => Self::Sni,
            b"tls.ja4" => Self::Ja4,
            b"tls.ja4_odd" => Self::Ja4Odd,
            b"user_agent" => Self::UserAgent,
            b"established" => Self::Established,
            b"bytes_sent" => Self::BytesSent,
            b"bytes_received" => Self::BytesReceived,
            b"duration_nano" => Self::Duration,
            b"dns.question.name" => Self::QuestionName,
            b"dns.question.type" => Self::QuestionType,
            b"dns.response_code" => Self::ResponseCode,
            b"lookups_visible" => Self::LookupsVisible,
            _ => return None,
        })
    }
}

/// The fields of a line.
#[derive(Debug)]
pub(super) struct Row<'a> {
    fields: [&'a [u8]; FIELDS],
}

impl<'a> Row<'a> {
    /// `None`: not a JSON object.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut row = Self { fields: [&[]; FIELDS] };
        flat_json::scan(line, |key, value| {
            if let Some(slot) = Field::by_name(key).and_then(|field| row.fields.get_mut(field as usize))
                && value != flat_json::Value::Bare(b"null")
            {
                *slot = value.raw();
            }
        })?;
        Some(row)
    }

    /// The field as it stands, unless it is absent, `null` or empty.
    pub(super) fn get(&self, field: Field) -> Option<&'a [u8]> {
        self.fields.get(field as usize).copied().filter(|raw| !raw.is_empty())
    }

    /// Text with escapes undone.
    pub(super) fn text(&self, field: Field) -> Option<Cow<'a, [u8]>> {
        self.get(field).map(flat_json::unescape)
    }

    /// Whether the source of this row sees look-ups: then a missing name means that none was looked up.
    /// Rows that name a process come from an agent that sees them, unless the row says otherwise.
    pub(super) fn has_naming(&self) -> bool {
        match self.get(Field::LookupsVisible) {
            Some(visible) => visible == b"true",
            None => self.get(Field::Executable).is_some(),
        }
    }
}
