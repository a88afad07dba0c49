//! Payload as it is on the wire.

use std::net::IpAddr;

use super::traffic::{Does, Step};

/// What the client sends.
pub(crate) fn sent(step: &Step) -> Vec<u8> {
    match &step.does {
        Does::LookUp { name, rr_type, .. } => question(0x0100, 0, name, *rr_type),
        Does::Tls { sni, ech, .. } => client_hello(sni.as_deref(), *ech),
        Does::Says { bytes, .. } => bytes.clone().into_bytes(),
    }
}

/// What it gets back.
pub(crate) fn received(step: &Step) -> Vec<u8> {
    let Does::LookUp { name, rr_type, alias, addresses, ttl_s } = &step.does else {
        return b"\x05\x06\x07\x08 answer".to_vec();
    };
    let answers = addresses.len() + usize::from(alias.is_some());
    let mut message = question(0x8180, u16::try_from(answers).unwrap(), name, *rr_type);
    let mut record = |owner: &[u8], kind: u16, data: &[u8]| {
        message.extend(owner);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        message.extend(ttl_s.to_be_bytes());
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
    };
    const QUESTION: [u8; 2] = [0xc0, 12];
    let mut owner = QUESTION.to_vec();
    if let Some(alias) = alias {
        record(&owner, 5, &labels(alias));
        owner = labels(alias);
    }
    for address in addresses {
        match address {
            IpAddr::V4(v4) => record(&owner, 1, &v4.octets()),
            IpAddr::V6(v6) => record(&owner, 28, &v6.octets()),
        }
    }
    message
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn question(flags: u16, answers: u16, name: &str, rr_type: u16) -> Vec<u8> {
    let mut message = Vec::new();
    for word in [7, flags, 1, answers, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend(labels(name));
    message.extend(rr_type.to_be_bytes());
    message.extend([0, 1]);
    message
}

fn client_hello(server_name: Option<&str>, ech: bool) -> Vec<u8> {
    let long = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        extensions.extend([0, 0]);
        extensions.extend(long(name.len() + 5));
        extensions.extend(long(name.len() + 3));
        extensions.push(0);
        extensions.extend(long(name.len()));
        extensions.extend(name.as_bytes());
    }
    if ech {
        extensions.extend([0xfe, 0x0d, 0, 4, 0, 0, 1, 0]);
    }
    extensions.extend([0, 43, 0, 3, 2, 3, 4]);
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0x13, 0x01, 0x13, 0x02, 1, 0]);
    hello.extend(long(extensions.len()));
    hello.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend(long(hello.len() + 4));
    record.extend([1, 0]);
    record.extend(long(hello.len()));
    record.extend(hello);
    record
}
