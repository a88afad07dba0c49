//! A DNS message as a record.

use std::borrow::Cow;
use std::net::IpAddr;

use beaconwatch_engine::observe::protocol::{DnsData, DnsMessage};
use serde_json::{Map, Value, json};

const CNAME: u16 = 5;

/// The list a message belongs to: what is asked of neighbours by multicast is not told by resolvers.
pub(super) fn list(responder_port: u16) -> &'static str {
    match responder_port {
        5353 => "mdns",
        5355 => "llmnr",
        _ => "dns",
    }
}

pub(super) fn write(record: &mut Map<String, Value>, message: &DnsMessage) {
    let mut set = |key: &str, value: Value| {
        record.insert(key.to_owned(), value);
    };
    let [_, answers, ..] = message.counts;
    set("dns.flags.response", json!(u8::from(message.response).to_string()));
    set("dns.id", json!(format!("{:#06x}", message.id)));
    set("dns.qry.name", json!(message.questions.iter().map(|q| shown(q.name.as_str())).collect::<Vec<_>>()));
    set("dns.qry.type", json!(message.questions.iter().map(|q| q.kind.0.to_string()).collect::<Vec<_>>()));
    set(
        "dns.qry.type.name",
        json!(message.questions.iter().map(|q| q.kind.name()).collect::<Vec<Cow<'_, str>>>()),
    );
    if message.response {
        // The header's part of it, as tshark has it; the bits of EDNS are in `dns.rcode`.
        set("dns.flags.rcode", json!((message.rcode & 0xf).to_string()));
        set("dns.rcode", json!(message.rcode));
    }
    set("dns.count.answers", json!(answers.to_string()));
    let mut v4 = Vec::new();
    let mut v6 = Vec::new();
    let mut aliases = Vec::new();
    for data in &message.records {
        match &data.data {
            DnsData::Address(IpAddr::V4(address)) => v4.push(address.to_string()),
            DnsData::Address(IpAddr::V6(address)) => v6.push(address.to_string()),
            DnsData::Name(name) if data.kind.0 == CNAME => aliases.push(shown(name.as_str())),
            DnsData::Name(_) | DnsData::Service { .. } | DnsData::Other => {}
        }
    }
    set("dns.a", json!(v4));
    set("dns.aaaa", json!(v6));
    set("dns.cname", json!(aliases));
    set("size", json!(message.size));
    set("cut", json!(message.cut));
}

/// A canonical name as tshark shows it: the root by name, bytes beyond ASCII as UTF-8 where they are that.
fn shown(name: &str) -> String {
    if name == "." {
        return "<Root>".to_owned();
    }
    let mut raw = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [d0 @ b'0'..=b'9', d1, d2, tail @ ..]) => {
                let value =
                    [d0, d1, d2].iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(**digit - b'0'));
                match u8::try_from(value) {
                    Ok(byte) if byte >= 0x80 || byte == b' ' => raw.push(byte),
                    Ok(byte) => raw.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                    Err(_) => {}
                }
                tail
            }
            (b'\\', [literal, tail @ ..]) => {
                raw.push(*literal);
                tail
            }
            (byte, tail) => {
                raw.push(byte);
                tail
            }
        };
    }
    String::from_utf8_lossy(&raw).into_owned()
}
