//! Columns that are used, and a row as its fields.

use std::borrow::Cow;
use std::sync::Arc;

use crate::flat_json;
use crate::value;

/// A column that some log has and we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Column {
    Ts,
    Uid,
    OrigH,
    OrigP,
    RespH,
    RespP,
    Proto,
    Service,
    Duration,
    OrigBytes,
    RespBytes,
    ConnState,
    Query,
    QType,
    QTypeName,
    RCode,
    Answers,
    Ttls,
    Rtt,
    Method,
    Host,
    Uri,
    UserAgent,
    TransDepth,
    RequestLen,
    ResponseLen,
    Version,
    ServerName,
    Ja4,
    Command,
    Path,
}

/// Number of columns.
pub(super) const COLUMNS: usize = 31;

impl Column {
    /// By its name in a header or as a key.
    pub(super) fn by_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"ts" => Self::Ts,
            b"uid" => Self::Uid,
            b"id.orig_h" | b"id_orig_h" | b"orig_h" => Self::OrigH,
            b"id.orig_p" | b"id_orig_p" | b"orig_p" => Self::OrigP,
            b"id.resp_h" | b"id_resp_h" | b"resp_h" => Self::RespH,
            b"id.resp_p" | b"id_resp_p" | b"resp_p" => Self::RespP,
            b"proto" => Self::Proto,
            b"service" => Self::Service,
            b"duration" => Self::Duration,
            b"orig_bytes" => Self::OrigBytes,
            b"resp_bytes" => Self::RespBytes,
            b"conn_state" => Self::ConnState,
            b"query" => Self::Query,
            b"qtype" => Self::QType,
            b"qtype_name" => Self::QTypeName,
            b"rcode" => Self::RCode,
            b"answers" => Self::Answers,
            b"TTLs" => Self::Ttls,
            b"rtt" => Self::Rtt,
            b"method" => Self::Method,
            b"host" => Self::Host,
            b"uri" => Self::Uri,
            b"user_agent" => Self::UserAgent,
            b"trans_depth" => Self::TransDepth,
            b"request_body_len" => Self::RequestLen,
            b"response_body_len" => Self::ResponseLen,
            b"version" => Self::Version,
            b"server_name" => Self::ServerName,
            b"ja4" => Self::Ja4,
            b"command" => Self::Command,
            b"_path" | b"@stream" => Self::Path,
            _ => return None,
        })
    }
}

/// A row: the fields of the columns that are used.
#[derive(Debug)]
pub(super) struct Row<'a> {
    fields: [&'a [u8]; COLUMNS],
    /// Text is escaped as JSON has it.
    pub(super) json: bool,
}

impl Default for Row<'_> {
    fn default() -> Self {
        Self { fields: [&[]; COLUMNS], json: false }
    }
}

impl<'a> Row<'a> {
    pub(super) fn set(&mut self, column: Column, field: &'a [u8]) {
        if let Some(slot) = self.fields.get_mut(column as usize) {
            *slot = field;
        }
    }

    /// It has what every row of Zeek has. JSON of others may have a column or two by chance.
    #[inline]
    pub(super) fn is_zeeks(&self) -> bool {
        !self.json || self.get(Column::Ts).is_some() || self.get(Column::Path).is_some()
    }

    /// The field, unless it is unset or empty.
    pub(super) fn get(&self, column: Column) -> Option<&'a [u8]> {
        self.fields.get(column as usize).copied().filter(|field| !field.is_empty())
    }

    /// A number.
    pub(super) fn number(&self, column: Column) -> Option<u64> {
        self.get(column).and_then(value::unsigned)
    }

    /// Text with JSON escapes undone.
    fn unescaped(&self, column: Column) -> Option<Cow<'a, [u8]>> {
        let raw = self.get(column)?;
        Some(if self.json { flat_json::unescape(raw) } else { Cow::Borrowed(raw) })
    }

    /// A host name in canonical form.
    pub(super) fn host_name(&self, column: Column) -> Option<Arc<str>> {
        value::host_name(&self.unescaped(column)?)
    }

    /// Text made printable.
    pub(super) fn text(&self, column: Column) -> Option<Arc<str>> {
        self.unescaped(column).map(|text| value::printable(&text).into())
    }
}
