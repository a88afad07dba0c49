//! One observation as a JSON record.

mod dns;

use beaconwatch_engine::observe::protocol::{
    Banner, HttpRequest, HttpResponse, IrcMessage, Observation, ProxyKind, Sender, Text, TlsCarrier,
    TlsClientHello, TlsServerHello,
};
use beaconwatch_importers::pcap::{CaptureCounters, FlowOpened, FlowProtocol, FlowSide};
use beaconwatch_importers::{Effect, RejectedRows};
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

/// Whose record it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) flow: FlowOpened,
    /// Who sent the packet that completed it; `None` at the end of the flow.
    pub(super) side: Option<FlowSide>,
    pub(super) packet: u64,
    pub(super) time_ns: u64,
}

impl Ends {
    /// A record with the addresses of the sender first. `sender` overrides who sent the packet.
    fn record(&self, sender: Option<FlowSide>) -> Map<String, Value> {
        let FlowOpened { originator, responder, protocol, .. } = self.flow;
        let (source, destination) = match sender.or(self.side).unwrap_or(FlowSide::Originator) {
            FlowSide::Originator => (originator, responder),
            FlowSide::Responder => (responder, originator),
        };
        // tshark has no common name for the ports of other transports.
        let port = |port: u16| match protocol {
            FlowProtocol::Tcp | FlowProtocol::Udp => port.to_string(),
            FlowProtocol::Sctp => String::new(),
        };
        let mut record = Map::new();
        record.insert("frame".to_owned(), json!(self.packet));
        record.insert(
            "ts".to_owned(),
            json!(format!("{}.{:09}", self.time_ns / 1_000_000_000, self.time_ns % 1_000_000_000)),
        );
        record.insert("src".to_owned(), json!(source.ip().to_string()));
        record.insert("dst".to_owned(), json!(destination.ip().to_string()));
        record.insert("sport".to_owned(), json!(port(source.port())));
        record.insert("dport".to_owned(), json!(port(destination.port())));
        record
    }
}

/// The list an observation belongs to, and its record.
pub(super) fn of(observation: &Observation, ends: &Ends) -> (&'static str, Value) {
    let mut record = ends.record(None);
    let list = match observation {
        Observation::Dns(message) => {
            dns::write(&mut record, message);
            dns::list(ends.flow.responder.port())
        }
        Observation::HttpRequest(request) => {
            record = ends.record(ends.side.or(Some(FlowSide::Originator)));
            http_request(&mut record, request)
        }
        Observation::HttpResponse(response) => {
            record = ends.record(ends.side.or(Some(FlowSide::Responder)));
            http_response(&mut record, response)
        }
        Observation::Irc(message) => {
            record = ends.record(Some(side(message.sender)));
            irc(&mut record, message)
        }
        Observation::TlsClientHello(hello) => client_hello(&mut record, hello),
        Observation::TlsServerHello(hello) => server_hello(&mut record, hello),
        Observation::TlsCertificate(certificate) => {
            put(&mut record, "subject", &certificate.subject);
            put(&mut record, "issuer", &certificate.issuer);
            record.insert("self_signed".to_owned(), json!(certificate.self_signed));
            record.insert("not_before".to_owned(), json!(certificate.not_before_s));
            record.insert("not_after".to_owned(), json!(certificate.not_after_s));
            record.insert("names".to_owned(), texts(&certificate.names));
            "tls_certificate"
        }
        Observation::ProxyTarget(target) => {
            let via = match target.via {
                ProxyKind::HttpConnect => "http-connect",
                ProxyKind::HttpAbsolute => "http",
                ProxyKind::Socks4 => "socks4",
                ProxyKind::Socks5 => "socks5",
            };
            record.insert("via".to_owned(), json!(via));
            put(&mut record, "host", &target.host);
            record.insert("port".to_owned(), json!(target.port));
            "proxy_target"
        }
        Observation::IrcSession(session) => {
            put(&mut record, "nick", &session.nick);
            put(&mut record, "user", &session.user);
            record.insert("confirmed".to_owned(), json!(session.confirmed));
            "irc_session"
        }
        Observation::QuicInitial(initial) => {
            record.insert("version".to_owned(), hex(u64::from(initial.version), 8));
            "quic_initial"
        }
        Observation::Recognised(protocol) => {
            record = ends.record(Some(FlowSide::Originator));
            record.insert("protocol".to_owned(), json!(protocol.as_str()));
            "protocol"
        }
        Observation::SshBanner(line) => banner(&mut record, ends, line, "ssh_banner"),
        Observation::SmtpHello(line) => banner(&mut record, ends, line, "smtp_hello"),
        Observation::TextLines(line) => banner(&mut record, ends, line, "text_lines"),
    };
    (list, Value::Object(record))
}

fn side(sender: Sender) -> FlowSide {
    match sender {
        Sender::Originator => FlowSide::Originator,
        Sender::Responder => FlowSide::Responder,
    }
}

fn put(record: &mut Map<String, Value>, key: &str, text: &Text) {
    record.insert(key.to_owned(), json!(plain(text)));
}

fn put_some(record: &mut Map<String, Value>, key: &str, text: Option<&Text>) {
    if let Some(text) = text {
        put(record, key, text);
    }
}

/// JSON escapes by itself, so the text is given as it was, as far as it is UTF-8.
fn plain(text: &Text) -> String {
    String::from_utf8_lossy(&text.bytes()).into_owned()
}

fn texts(list: &[Text]) -> Value {
    json!(list.iter().map(plain).collect::<Vec<_>>())
}

fn hex(number: u64, digits: usize) -> Value {
    json!(format!("0x{number:0digits$x}"))
}

fn banner(record: &mut Map<String, Value>, ends: &Ends, banner: &Banner, list: &'static str) -> &'static str {
    *record = ends.record(Some(side(banner.sender)));
    put(record, "line", &banner.line);
    list
}

fn http_request(record: &mut Map<String, Value>, request: &HttpRequest) -> &'static str {
    put(record, "http.request.method", &request.method);
    put(record, "http.request.uri", &request.target);
    put(record, "http.request.version", &request.version);
    put_some(record, "http.host", request.host.as_ref());
    put_some(record, "http.user_agent", request.user_agent.as_ref());
    put_some(record, "http.content_type", request.content_type.as_ref());
    if let Some(length) = request.content_length {
        record.insert("http.content_length_header".to_owned(), json!(length.to_string()));
    }
    record.insert("cut".to_owned(), json!(request.cut));
    "http"
}

fn http_response(record: &mut Map<String, Value>, response: &HttpResponse) -> &'static str {
    record.insert("http.response.code".to_owned(), json!(response.status.to_string()));
    put_some(record, "http.content_type", response.content_type.as_ref());
    put_some(record, "http.server", response.server.as_ref());
    if let Some(length) = response.content_length {
        record.insert("http.content_length_header".to_owned(), json!(length.to_string()));
    }
    record.insert("cut".to_owned(), json!(response.cut));
    "http"
}

fn irc(record: &mut Map<String, Value>, message: &IrcMessage) -> &'static str {
    let kind = match message.sender {
        Sender::Originator => "request",
        Sender::Responder => "response",
    };
    let key = |name: &str| format!("irc.{kind}.{name}");
    put_some(record, &key("prefix"), message.prefix.as_ref());
    put(record, &key("command"), &message.command);
    if let Some(numeric) = message.numeric {
        record.insert(key("num_command"), json!(numeric.to_string()));
    }
    record.insert(key("command_parameter"), texts(&message.parameters));
    put_some(record, &key("trailer"), message.trailing.as_ref());
    "irc"
}

fn client_hello(record: &mut Map<String, Value>, hello: &TlsClientHello) -> &'static str {
    let versions: Vec<Value> = hello.versions.iter().map(|v| hex(u64::from(*v), 4)).collect();
    record.insert("tls.handshake.version".to_owned(), hex(u64::from(hello.legacy_version), 4));
    record.insert("tls.handshake.extensions.supported_version".to_owned(), Value::Array(versions));
    put_some(record, "tls.handshake.extensions_server_name", hello.server_name.as_ref());
    record.insert("tls.handshake.extensions_alpn_str".to_owned(), texts(&hello.alpn));
    if let Some(ja3) = &hello.ja3 {
        record.insert("tls.handshake.ja3".to_owned(), json!(md5_of(ja3)));
    }
    if let Some(ja4) = hello.ja4 {
        record.insert("ja4".to_owned(), json!(ja4.as_str()));
    }
    record.insert("ech".to_owned(), json!(hello.ech));
    record.insert("cut".to_owned(), json!(hello.cut));
    match hello.carrier {
        TlsCarrier::Tcp | TlsCarrier::Quic => "tls_client_hello",
        TlsCarrier::Dtls => "dtls_client_hello",
    }
}

fn server_hello(record: &mut Map<String, Value>, hello: &TlsServerHello) -> &'static str {
    record.insert("tls.handshake.version".to_owned(), hex(u64::from(hello.legacy_version), 4));
    if let Some(version) = hello.selected_version {
        record.insert("tls.handshake.extensions.supported_version".to_owned(), hex(u64::from(version), 4));
    }
    record.insert("cipher".to_owned(), hex(u64::from(hello.cipher), 4));
    put_some(record, "tls.handshake.extensions_alpn_str", hello.alpn.as_ref());
    if let Some(ja3s) = &hello.ja3s {
        record.insert("tls.handshake.ja3s".to_owned(), json!(md5_of(ja3s)));
    }
    match hello.carrier {
        TlsCarrier::Tcp | TlsCarrier::Quic => "tls_server_hello",
        TlsCarrier::Dtls => "dtls_server_hello",
    }
}

/// JA3 is defined by its MD5.
fn md5_of(text: &str) -> String {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was read of the file, and what could not be used.
pub(super) fn of_counters(counters: &CaptureCounters, rejected: &RejectedRows) -> Value {
    let refused = rejected.iter().filter(|(reason, ..)| reason.effect() != Effect::Changed);
    let refused: Map<String, Value> =
        refused.map(|(reason, count, _)| (reason.to_string(), Value::from(count))).collect();
    let CaptureCounters {
        packets,
        captured_bytes,
        wire_bytes,
        snapped,
        used,
        damaged,
        times_raised,
        fragments_lost,
        stream_bytes_lost,
        flows_evicted,
        file_cut,
    } = *counters;
    json!({
        "packets": packets,
        "captured_bytes": captured_bytes,
        "wire_bytes": wire_bytes,
        "snapped": snapped,
        "packets_used": used,
        "packets_refused": refused,
        "damaged_places": damaged,
        "times_raised": times_raised,
        "fragments_lost": fragments_lost,
        "stream_bytes_lost": stream_bytes_lost,
        "flows_evicted": flows_evicted,
        "file_cut": file_cut,
    })
}
