//! Rows that Elastic's modules for Zeek and Suricata took apart, put together again.

use std::borrow::Cow;

use super::super::flat_json::{self, Value, member};

/// Fields of the Elastic Common Schema, and of the modules.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    zeek: Option<&'a [u8]>,
    eve: Option<&'a [u8]>,
    timestamp: Option<Value<'a>>,
    event: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    destination: Option<&'a [u8]>,
    network: Option<&'a [u8]>,
    url: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    http: Option<&'a [u8]>,
    dns: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// Keeps a member of the envelope, if it is one of them.
    pub(super) fn take(&mut self, key: &[u8], value: Value<'a>) {
        let object = match value {
            Value::Nested(object) => object,
            Value::Text(_) | Value::Bare(_) => {
                if key == b"@timestamp" {
                    self.timestamp = Some(value);
                }
                return;
            }
        };
        let slot = match key {
            b"zeek" => &mut self.zeek,
            b"suricata" => {
                if let Some(Value::Nested(eve)) = member(object, b"eve") {
                    self.eve = Some(eve);
                }
                return;
            }
            b"suricata.eve" => &mut self.eve,
            b"event" => &mut self.event,
            b"source" => &mut self.source,
            b"destination" => &mut self.destination,
            b"network" => &mut self.network,
            b"url" => &mut self.url,
            b"user_agent" => &mut self.user_agent,
            b"http" => &mut self.http,
            b"dns" => &mut self.dns,
            _ => return,
        };
        *slot = Some(object);
    }

    /// There is a row of Zeek or Suricata among them.
    pub(super) fn has_row(&self) -> bool {
        self.zeek.is_some() || self.eve.is_some()
    }

    /// The row, whole again.
    pub(super) fn row(&self) -> Option<Cow<'a, [u8]>> {
        self.eve.map(|eve| self.suricata(eve)).or_else(|| self.zeek.and_then(|zeek| self.zeek_row(zeek)))
    }

    fn suricata(&self, eve: &'a [u8]) -> Cow<'a, [u8]> {
        if member(eve, b"timestamp").is_some() && member(eve, b"src_ip").is_some() {
            return Cow::Borrowed(eve);
        }
        let mut row = Row::default();
        row.put(b"timestamp", self.timestamp);
        row.put(b"src_ip", either(self.source, b"address", b"ip"));
        row.put(b"src_port", of(self.source, b"port"));
        row.put(b"dest_ip", either(self.destination, b"address", b"ip"));
        row.put(b"dest_port", of(self.destination, b"port"));
        row.put(b"proto", of(self.network, b"transport"));
        row.put(b"app_proto", of(self.network, b"protocol"));
        row.put(b"resolved_ip", of(self.dns, b"resolved_ip"));
        row.put_all(eve, |key| key);
        row.finish()
    }

    /// `zeek` holds the row itself, or (of Elastic's module) an object named as the log with what was not moved.
    fn zeek_row(&self, zeek: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if member(zeek, b"ts").is_some() {
            return Some(Cow::Borrowed(zeek));
        }
        let mut log = None;
        flat_json::scan(zeek, |key, value| {
            if let Value::Nested(object) = value {
                log = log.or(Some((key, object)));
            }
        })?;
        let (name, object) = log?;
        let name: &[u8] = if name == b"connection" { b"conn" } else { name };
        let mut row = Row::default();
        row.put(b"_path", Some(Value::Text(name)));
        self.put_times(&mut row);
        row.put(b"uid", member(zeek, b"session_id"));
        row.put(b"id.orig_h", either(self.source, b"address", b"ip"));
        row.put(b"id.orig_p", of(self.source, b"port"));
        row.put(b"id.resp_h", either(self.destination, b"address", b"ip"));
        row.put(b"id.resp_p", of(self.destination, b"port"));
        row.put(b"proto", of(self.network, b"transport"));
        row.put(b"service", either(self.network, b"application", b"protocol"));
        row.put(b"host", of(self.url, b"domain"));
        row.put(b"user_agent", of(self.user_agent, b"original"));
        let request = of(self.http, b"request").map(Value::raw);
        row.put(b"method", request.and_then(|request| member(request, b"method")));
        if let Some(Value::Nested(server)) = member(object, b"server") {
            row.put(b"server_name", member(server, b"name"));
        }
        row.put_all(object, |key| if key == b"state" { b"conn_state" } else { key });
        Some(row.finish())
    }

    /// Before Elastic's pipeline, `event.created` is Zeek's time and `event.duration` is in seconds; after it, the
    /// time is `@timestamp` and the duration in nanoseconds.
    fn put_times(&self, row: &mut Row) {
        let (created, duration) = (of(self.event, b"created"), of(self.event, b"duration"));
        if let Some(Value::Bare(_)) = created {
            row.put(b"ts", created);
            row.put(b"duration", duration);
            return;
        }
        row.put(b"ts", self.timestamp);
        let nanos = duration.and_then(|value| core::str::from_utf8(value.raw()).ok()?.parse::<u64>().ok());
        if let Some(nanos) = nanos {
            let secs = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
            row.put(b"duration", Some(Value::Bare(secs.as_bytes())));
        }
    }
}

fn of<'a>(object: Option<&'a [u8]>, name: &[u8]) -> Option<Value<'a>> {
    object.and_then(|object| member(object, name))
}

fn either<'a>(object: Option<&'a [u8]>, name: &[u8], other: &[u8]) -> Option<Value<'a>> {
    of(object, name).or_else(|| of(object, other))
}

/// An object that is being written.
#[derive(Debug, Default)]
struct Row {
    text: Vec<u8>,
}

impl Row {
    /// A later member of the same name wins with the readers.
    fn put(&mut self, key: &[u8], value: Option<Value<'_>>) {
        let Some(value) = value else { return };
        self.text.extend_from_slice(if self.text.is_empty() { b"{\"" } else { b",\"" });
        self.text.extend_from_slice(key);
        self.text.extend_from_slice(b"\":");
        match value {
            Value::Text(text) => {
                self.text.push(b'"');
                self.text.extend_from_slice(text);
                self.text.push(b'"');
            }
            Value::Bare(text) | Value::Nested(text) => self.text.extend_from_slice(text),
        }
    }

    /// Every member of an object, under the names that `rename` gives.
    fn put_all<'a>(&mut self, object: &'a [u8], rename: impl Fn(&'a [u8]) -> &'a [u8]) {
        let _ = flat_json::scan(object, |key, value| self.put(rename(key), Some(value)));
    }

    fn finish(mut self) -> Cow<'static, [u8]> {
        self.text.extend_from_slice(if self.text.is_empty() { b"{}" } else { b"}" });
        Cow::Owned(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;

    fn check(line: &str, row: &str) {
        let opened = open(line.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&opened.row), row, "{line}");
    }

    #[test]
    fn a_connection_of_the_zeek_module_is_whole_again() {
        let who = r#""source":{"address":"10.0.0.1","port":5,"ip":"10.0.0.1"},"destination":{"ip":"192.0.2.7","port":443},"network":{"transport":"tcp","protocol":"ssl"}"#;
        let tail = r#""uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":5,"id.resp_h":"192.0.2.7","id.resp_p":443,"proto":"tcp","service":"ssl","conn_state":"SF","history":"ShAD"}"#;
        let zeek = r#""zeek":{"session_id":"C1","connection":{"state":"SF","history":"ShAD"}}"#;
        check(
            &format!(
                r#"{{"@timestamp":"2026-01-05T00:00:00Z","event":{{"duration":1250000000,"created":"2026-01-05T00:00:09Z"}},{who},{zeek}}}"#
            ),
            &format!(r#"{{"_path":"conn","ts":"2026-01-05T00:00:00Z","duration":1.250000000,{tail}"#),
        );
        check(
            &format!(
                r#"{{"@timestamp":"2026-01-05T00:00:09Z","event":{{"duration":1.25,"created":15.5}},{who},{zeek}}}"#
            ),
            &format!(r#"{{"_path":"conn","ts":15.5,"duration":1.25,{tail}"#),
        );
    }

    #[test]
    fn a_flow_of_the_suricata_module_is_whole_again() {
        check(
            r#"{"@timestamp":"t","source":{"address":"10.0.0.1","port":5},"destination":{"address":"192.0.2.7","port":443},"network":{"transport":"TCP","protocol":"tls"},"suricata":{"eve":{"event_type":"flow","flow_id":7}}}"#,
            r#"{"timestamp":"t","src_ip":"10.0.0.1","src_port":5,"dest_ip":"192.0.2.7","dest_port":443,"proto":"TCP","app_proto":"tls","event_type":"flow","flow_id":7}"#,
        );
    }

    #[test]
    fn a_name_of_the_zeek_module_is_found() {
        check(
            r#"{"@timestamp":"t","zeek":{"session_id":"C1","ssl":{"server":{"name":"a.example"}}}}"#,
            r#"{"_path":"ssl","ts":"t","uid":"C1","server_name":"a.example","server":{"name":"a.example"}}"#,
        );
    }
}
