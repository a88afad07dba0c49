//! What log shippers put around a row, taken off: Filebeat and Elastic Agent, Fluent Bit, Vector, Logstash, container
//! runtimes, Splunk, an export of Elasticsearch.
//!
//! The row is inside as text (`message`, `log`, `event.original`) or taken apart (`zeek`, `suricata.eve`). Elastic's
//! modules move addresses, ports and times out of the row into fields of their schema (ECS); they are put back under
//! the names that Zeek and Suricata have for them ([`elastic`]), so that no reader needs to know of it.

use std::borrow::Cow;

use super::flat_json::{self, Value, member};

mod elastic;

/// Envelopes inside one another that are opened.
pub const ENVELOPES_MAX: usize = 3;

/// A row that was inside.
#[derive(Debug)]
pub struct Opened<'a> {
    /// The row.
    pub row: Cow<'a, [u8]>,
    /// The file that the shipper took it from.
    pub path: Option<Cow<'a, [u8]>>,
}

/// Where a row may be, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrapping {
    /// `event.original`: the row as it was, whatever became of it since.
    Original,
    /// `message` of Filebeat, Logstash and Vector.
    Message,
    /// `log` of Fluent Bit and of container runtimes.
    Log,
    /// `line`, `_raw`, and others that are less common.
    Text,
    /// The row, or another envelope, as an object.
    Object,
}

/// Takes the outermost envelope off. `None`: there is none that is known.
#[must_use]
pub fn open(line: &[u8]) -> Option<Opened<'_>> {
    let mut best: Option<(Wrapping, Value<'_>)> = None;
    let mut path = None;
    let mut elastic = elastic::Fields::default();
    flat_json::scan(line, |key, value| {
        elastic.take(key, value);
        if let Some(file) = file_of(key, value) {
            path = Some(file);
        }
        if let Some((place, value)) = candidate(key, value)
            && best.is_none_or(|(known, _)| place < known)
        {
            best = Some((place, value));
        }
    })?;
    let row = match best {
        Some((_, Value::Text(text))) => flat_json::unescape(text),
        Some((_, Value::Nested(row))) if !elastic.has_row() => Cow::Borrowed(row),
        Some((_, Value::Nested(_) | Value::Bare(_))) | None => elastic.row()?,
    };
    Some(Opened { row, path })
}

/// What may be the row, or hold it.
fn candidate<'a>(key: &[u8], value: Value<'a>) -> Option<(Wrapping, Value<'a>)> {
    match value {
        Value::Text(text) => {
            let place = match key {
                b"event.original" => Wrapping::Original,
                b"message" => Wrapping::Message,
                b"log" => Wrapping::Log,
                b"line" | b"_raw" | b"raw" | b"event" | b"msg" | b"MESSAGE" | b"body" => Wrapping::Text,
                _ => return None,
            };
            begins_object(text).then_some((place, value))
        }
        Value::Nested(object) => match key {
            b"_source" | b"jsonPayload" | b"result" | b"json" | b"parsed" | b"data" | b"body" => {
                Some((Wrapping::Object, value))
            }
            b"event" => match member(object, b"original") {
                Some(original @ Value::Text(text)) if begins_object(text) => {
                    Some((Wrapping::Original, original))
                }
                Some(_) | None => is_row(object).then_some((Wrapping::Object, value)),
            },
            b"message" | b"log" => is_row(object).then_some((Wrapping::Object, value)),
            _ => None,
        },
        Value::Bare(_) => None,
    }
}

/// Text, its escapes not yet undone, whose first character is that of an object.
fn begins_object(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [b'{', ..] => return true,
            [b' ' | b'\t', rest @ ..] | [b'\\', b'n' | b'r' | b't', rest @ ..] => rest,
            _ => return false,
        };
    }
}

/// An object that has what every row of Zeek or Suricata has.
fn is_row(object: &[u8]) -> bool {
    let mut row = false;
    let _ = flat_json::scan(object, |key, _| row |= matches!(key, b"ts" | b"_path" | b"event_type"));
    row
}

/// The file that a row was taken from.
fn file_of<'a>(key: &[u8], value: Value<'a>) -> Option<Cow<'a, [u8]>> {
    let text = match (key, value) {
        (
            b"file" | b"filename" | b"file_path" | b"filepath" | b"path" | b"source" | b"log.file.path",
            Value::Text(text),
        ) => text,
        (b"log", Value::Nested(log)) => match member(log, b"file")? {
            Value::Nested(file) => member(file, b"path")?.raw(),
            Value::Text(_) | Value::Bare(_) => return None,
        },
        _ => return None,
    };
    Some(flat_json::unescape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(line: &str) -> Option<(String, Option<String>)> {
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8_lossy(&bytes).into_owned();
        open(line.as_bytes()).map(|opened| (text(opened.row), opened.path.map(text)))
    }

    fn check(line: &str, row: &str, path: Option<&str>) {
        assert_eq!(opened(line), Some((row.to_owned(), path.map(str::to_owned))), "{line}");
    }

    const ROW: &str = r#"{"ts":1.5,"query":"a\"b"}"#;

    #[test]
    fn rows_come_out_of_every_shippers_envelope() {
        let text = r#"{\"ts\":1.5,\"query\":\"a\\\"b\"}"#;
        for (envelope, path) in [
            (
                r#"{"@timestamp":"t","message":"TEXT","log":{"file":{"path":"/opt/zeek/logs/conn.log"},"offset":1}}"#,
                Some("/opt/zeek/logs/conn.log"),
            ),
            (r#"{"date":1.1,"log":"TEXT\n"}"#, None),
            (
                r#"{"file":"/logs/dns.log","host":"x","message":"TEXT","source_type":"file","timestamp":"t"}"#,
                Some("/logs/dns.log"),
            ),
            (r#"{"log":"TEXT\n","stream":"stdout","time":"t","kubernetes":{"pod_name":"x"}}"#, None),
            (
                r#"{"event":{"original":"TEXT","kind":"event"},"zeek":{"session_id":"C"},"message":"cut"}"#,
                None,
            ),
            (r#"{"event.original":"TEXT","message":"{}"}"#, None),
            (r#"{"event":"TEXT","sourcetype":"zeek:conn","source":"conn.log"}"#, Some("conn.log")),
        ] {
            let (row, from) = opened(&envelope.replace("TEXT", text)).unwrap();
            assert_eq!((row.trim_end(), from.as_deref()), (ROW, path), "{envelope}");
        }
    }

    #[test]
    fn rows_that_were_taken_apart_come_as_they_are() {
        check(&format!(r#"{{"log":{{"file":{{"path":"x"}}}},"json":{ROW}}}"#), ROW, Some("x"));
        check(&format!(r#"{{"event":{ROW},"sourcetype":"zeek"}}"#), ROW, None);
        check(&format!(r#"{{"zeek":{ROW}}}"#), ROW, None);
        let eve = r#"{"event_type":"flow","timestamp":"t","src_ip":"10.0.0.1"}"#;
        check(&format!(r#"{{"suricata":{{"eve":{eve}}}}}"#), eve, None);
        check(r#"{"_index":"i","_source":{"message":"{}"}}"#, r#"{"message":"{}"}"#, None);
    }

    #[test]
    fn what_holds_no_row_stays_closed() {
        for line in [
            "{}",
            r#"{"message":"plain text"}"#,
            r#"{"message":"1.5\tC1\t10.0.0.1"}"#,
            r#"{"event":{"kind":"event"},"log":{"level":"info"}}"#,
            r#"{"zeek":"x","suricata":{"x":1}}"#,
            "{broken",
            "text",
        ] {
            assert_eq!(opened(line), None, "{line}");
        }
    }
}
