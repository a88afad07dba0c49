//! Exceptions: approved automation.

use std::sync::Arc;

use beaconwatch_engine::assess::policy;
use beaconwatch_engine::inside::Network;
use beaconwatch_engine::time::Timestamp;

use super::Field;
use crate::exceptions::{
    DESTINATION_ALLOWED, DIGEST_ALLOWED, EXECUTABLE_ALLOWED, Exception, ExceptionMatch, MATCH_ALLOWED,
};
use crate::protocol::Protocol;
use crate::units::{TIME_ALLOWED, TimeText};

/// Name of the exception that `spec.protocols` stands for.
const UNWATCHED_NAME: &str = "protocols-not-watched";

/// Compiles a list. One with both names and networks becomes two of the same name, since either suffices.
pub(super) fn compile(wire: &[Exception], field: &mut Field<'_>) -> Vec<policy::Exception> {
    let mut compiled: Vec<policy::Exception> = Vec::with_capacity(wire.len());
    for (index, exception) in wire.iter().enumerate() {
        let mut entry = field.entry(index);
        if compiled.iter().any(|seen| *seen.name == *exception.name) {
            entry.field("name").refuse(format!("must be unique, but {:?} was used before", exception.name));
        }
        let one = compile_one(exception, &mut entry);
        if one.names.is_empty() || one.networks.is_empty() {
            compiled.push(one);
        } else {
            compiled.push(policy::Exception { networks: Vec::new(), ..one.clone() });
            compiled.push(policy::Exception { names: Vec::new(), ..one });
        }
    }
    compiled
}

/// `spec.protocols` as an exception for all the others; nothing if all are watched.
pub(super) fn unwatched(watched: &[Protocol]) -> Option<policy::Exception> {
    if watched.is_empty() {
        return None;
    }
    let protocols: Vec<_> =
        Protocol::ALL.into_iter().filter(|one| !watched.contains(one)).map(Into::into).collect();
    (!protocols.is_empty()).then(|| policy::Exception {
        name: Arc::from(UNWATCHED_NAME),
        reason: Arc::from("not among spec.protocols"),
        protocols,
        ..policy::Exception::default()
    })
}

fn compile_one(wire: &Exception, field: &mut Field<'_>) -> policy::Exception {
    let Exception { name, reason, expires, matches } = wire;
    let ExceptionMatch { executables, digests, destinations, ports, protocols } = matches;
    if name.is_empty() {
        field.field("name").refuse("must not be empty");
    }
    if reason.trim().is_empty() {
        field.field("reason").refuse("must say why this is tolerated, and who says so");
    }
    let expires = expires.as_ref().map(|expires| time(expires, &mut field.field("expires")));
    let mut field = field.field("match");
    if *matches == ExceptionMatch::default() {
        field.refuse(MATCH_ALLOWED);
    }
    let (names, networks) = destination_list(destinations, &mut field.field("destinations"));
    if ports.contains(&0) {
        field.field("ports").refuse("must be from 1 to 65535");
    }
    policy::Exception {
        name: Arc::from(name.as_str()),
        reason: Arc::from(reason.as_str()),
        expires,
        executables: executable_list(executables, &mut field.field("executables")),
        digests: digest_list(digests, &mut field.field("digests")),
        names,
        networks,
        ports: ports.clone(),
        protocols: protocols.iter().map(|protocol| (*protocol).into()).collect(),
    }
}

fn time(wire: &TimeText, field: &mut Field<'_>) -> Timestamp {
    Timestamp::from_nanos(wire.parse_nanos().unwrap_or_else(|| {
        field.refuse(format!("{TIME_ALLOWED}, but is {:?}", wire.0));
        0
    }))
}

fn executable_list(wire: &[String], field: &mut Field<'_>) -> Vec<Box<str>> {
    for (index, path) in wire.iter().enumerate() {
        if !(path.starts_with('/') || path.starts_with("**")) {
            field.entry(index).refuse(format!("{EXECUTABLE_ALLOWED}, but is {path:?}"));
        }
    }
    wire.iter().map(|path| path.as_str().into()).collect()
}

fn digest_list(wire: &[String], field: &mut Field<'_>) -> Vec<[u8; 32]> {
    let mut digests = Vec::with_capacity(wire.len());
    for (index, text) in wire.iter().enumerate() {
        match digest(text) {
            Some(digest) => digests.push(digest),
            None => field.entry(index).refuse(format!("{DIGEST_ALLOWED}, but is {text:?}")),
        }
    }
    digests
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

/// A destination as a user wrote it.
enum Written {
    Name(Box<str>),
    Network(Network),
}

fn destination_list(wire: &[String], field: &mut Field<'_>) -> (Vec<Box<str>>, Vec<Network>) {
    let (mut names, mut networks) = (Vec::new(), Vec::new());
    for (index, text) in wire.iter().enumerate() {
        match destination(text) {
            Some(Written::Name(name)) => names.push(name),
            Some(Written::Network(network)) => networks.push(network),
            None => field.entry(index).refuse(format!("{DESTINATION_ALLOWED}, but is {text:?}")),
        }
    }
    (names, networks)
}

fn destination(text: &str) -> Option<Written> {
    if let Ok(network) = text.parse() {
        return Some(Written::Network(network));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let labels = name.strip_prefix("*.").unwrap_or(name);
    let looks_like_an_address = labels.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_a_name = !looks_like_an_address && name.len() <= 253 && labels.split('.').all(is_label);
    is_a_name.then(|| Written::Name(name.to_ascii_lowercase().into_boxed_str()))
}

fn is_label(label: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    label.len() <= 63
        && label.bytes().all(|byte| word(byte) || byte == b'-')
        && label.bytes().next().is_some_and(word)
        && label.bytes().last().is_some_and(word)
}
