//! DNS messages over UDP and TCP, on any port.
//!
//! Our own code and not hickory-proto or simple-dns: both give up on a message at its first odd record, and
//! tunnels are made of odd records. Here what was read before the fault is a result.
//!
//! It must not know addresses or time; who may answer whom is for the caller.

mod kind;
mod name;
mod record;

use super::feed::Sender;
use super::observation::Observation;
use super::observation::{DNS_RECORDS_MAX, DnsMessage, DnsSection, DnsType};
use super::probe::Probe;
use super::reader::Reader;
use crate::observe::protocol::observation::DnsEdns;

/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 12;
/// Questions kept of one message; those beyond are counted. More than one does not occur outside tests and attacks.
const QUESTIONS_MAX: usize = 64;
/// Longest message over TCP that is put together.
const STREAM_MESSAGE_BYTES_MAX: usize = 16 << 10;
/// Queries of a flow that wait for their response; the oldest gives way.
const OPEN_QUERIES_MAX: usize = 16;
/// OPT pseudo record (EDNS).
const OPT: u16 = 41;

/// The fixed part of a message.
#[derive(Clone, Copy, Debug)]
struct Header {
    id: u16,
    flags: u16,
    counts: [u16; 4],
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let id = reader.u16()?;
        let flags = reader.u16()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        Some(Self { id, flags, counts })
    }

    fn response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    fn opcode(&self) -> u8 {
        u8::try_from(self.flags >> 11 & 0xf).unwrap_or_default()
    }

    fn rcode(&self) -> u16 {
        self.flags & 0xf
    }
}

/// Whether a datagram or message is DNS, going by itself only: a sane header, and a question that can be read.
pub(crate) fn probe(message: &[u8]) -> bool {
    let mut reader = Reader::over(message);
    let Some(header) = Header::read(&mut reader) else { return false };
    let [questions, answers, authority, additional] = header.counts;
    // The reserved Z bit is zero; AD and CD may be set.
    let sane = matches!(header.opcode(), 0 | 4 | 5)
        && header.flags & 0x0040 == 0
        && header.rcode() <= 11
        && questions == 1
        && (header.response() || answers == 0 && (header.opcode() != 0 || authority == 0) && additional <= 2)
        && answers < 256
        && authority < 256
        && additional < 256;
    if !sane {
        return false;
    }
    let Some(question) = record::read_question(message, &mut reader) else { return false };
    matches!(question.class & 0x7fff, 1 | 3 | 4 | 254 | 255)
        && question.kind.0 != 0
        && (header.response() || additional > 0 || header.opcode() != 0 || reader.is_empty())
}

/// Reads a message; `None` when it has no whole header. `whole_size` is its size on the wire, which is more
/// than `message` holds when it was cut.
pub(crate) fn read(message: &[u8], whole_size: u32) -> Option<DnsMessage> {
    let mut reader = Reader::over(message);
    let header = Header::read(&mut reader)?;
    let mut dns = DnsMessage {
        id: header.id,
        response: header.response(),
        opcode: header.opcode(),
        rcode: header.rcode(),
        truncated: header.flags & 0x0200 != 0,
        questions: Vec::new(),
        questions_left_out: 0,
        records: Vec::new(),
        counts: header.counts,
        size: whole_size,
        edns: None,
        query_size: None,
        cut: false,
    };
    dns.cut = read_sections(message, &mut reader, &mut dns).is_none();
    Some(dns)
}

fn read_sections<'a>(message: &'a [u8], reader: &mut Reader<'a>, dns: &mut DnsMessage) -> Option<()> {
    let [questions, answers, authority, additional] = dns.counts;
    for _ in 0..questions {
        let question = record::read_question(message, reader)?;
        if dns.questions.len() < QUESTIONS_MAX {
            dns.questions.push(question);
        } else {
            dns.questions_left_out += 1;
        }
    }
    let sections = [
        (DnsSection::Answer, answers),
        (DnsSection::Authority, authority),
        (DnsSection::Additional, additional),
    ];
    for (section, count) in sections {
        for _ in 0..count {
            let record = record::read(message, reader, section)?;
            if record.kind.0 == OPT {
                apply_edns(dns, record.class, record.ttl_s);
            } else if dns.records.len() < DNS_RECORDS_MAX {
                dns.records.push(record);
            } else {
                return None;
            }
        }
    }
    Some(())
}

/// The OPT record keeps the sender's size in the class, and rcode bits, version and flags in the TTL.
fn apply_edns(dns: &mut DnsMessage, class: u16, ttl: u32) {
    let [extended_rcode, version, flags, _] = ttl.to_be_bytes();
    dns.rcode |= u16::from(extended_rcode) << 4;
    dns.edns = Some(DnsEdns { udp_size: class, version, dnssec_ok: flags & 0x80 != 0 });
}

/// A query that waits for its response.
#[derive(Clone, Copy, Debug)]
struct OpenQuery {
    id: u16,
    kind: DnsType,
    size: u32,
}

/// The DNS parser of a flow, over datagrams or a stream.
#[derive(Debug, Default)]
pub(crate) struct DnsFlow {
    open: Vec<OpenQuery>,
    /// Unfinished messages of a stream, with their length prefix.
    originator: Vec<u8>,
    responder: Vec<u8>,
}

impl DnsFlow {
    /// Takes one datagram. `missing` bytes of it were cut off.
    pub(crate) fn push_datagram(&mut self, datagram: &[u8], missing: bool, seen: &mut Vec<Observation>) {
        let size = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        self.push_message(datagram, size, missing, seen);
    }

    fn push_message(&mut self, message: &[u8], size: u32, cut: bool, seen: &mut Vec<Observation>) {
        let Some(mut dns) = read(message, size) else { return };
        dns.cut |= cut;
        let kind = dns.questions.first().map_or(DnsType(0), |q| q.kind);
        if dns.response {
            let asked = self.open.iter().position(|q| q.id == dns.id && (kind.0 == 0 || q.kind == kind));
            dns.query_size = asked.map(|at| self.open.remove(at).size);
        } else {
            if self.open.len() >= OPEN_QUERIES_MAX {
                self.open.remove(0);
            }
            self.open.push(OpenQuery { id: dns.id, kind, size });
        }
        seen.push(Observation::Dns(dns));
    }

    /// Takes bytes of a stream, in which each message has its length before it.
    pub(crate) fn push_stream(
        &mut self,
        sender: Sender,
        bytes: &[u8],
        missing: bool,
        seen: &mut Vec<Observation>,
    ) {
        let buffer = self.buffer(sender);
        let mut held = core::mem::take(buffer);
        let input = if held.is_empty() {
            bytes
        } else {
            held.extend_from_slice(bytes);
            held.as_slice()
        };
        let mut reader = Reader::over(input);
        loop {
            let begin = reader;
            let Some(len) = reader.u16() else {
                reader = begin;
                break;
            };
            let (message, whole) = reader.take_up_to(usize::from(len));
            if !whole && (missing || message.len() >= STREAM_MESSAGE_BYTES_MAX) {
                self.push_message(message, u32::from(len), true, seen);
            }
            if !whole {
                reader = begin;
                break;
            }
            self.push_message(message, u32::from(len), false, seen);
        }
        let rest = reader.rest();
        if !missing && rest.len() < STREAM_MESSAGE_BYTES_MAX {
            *self.buffer(sender) = rest.to_vec();
        }
    }

    fn buffer(&mut self, sender: Sender) -> &mut Vec<u8> {
        match sender {
            Sender::Originator => &mut self.originator,
            Sender::Responder => &mut self.responder,
        }
    }

    /// Says what is left of messages that will not be completed.
    pub(crate) fn finish(&mut self, seen: &mut Vec<Observation>) {
        for sender in [Sender::Originator, Sender::Responder] {
            self.push_stream(sender, &[], true, seen);
        }
    }
}

/// How much bytes of a stream look like a DNS message behind its length.
pub(crate) fn probe_stream(bytes: &[u8]) -> Probe {
    let mut reader = Reader::over(bytes);
    let Some(len) = reader.u16() else { return Probe::Maybe };
    if usize::from(len) < HEADER_BYTES + 5 {
        return Probe::No;
    }
    let (message, whole) = reader.take_up_to(usize::from(len));
    // Two bytes of the id say nothing; flags and counts do.
    match (whole, message.len()) {
        (true, _) if probe(message) => Probe::Yes,
        (true, _) => Probe::No,
        (false, 0..HEADER_BYTES) if message.get(2).is_none_or(|flags| flags & 0x78 <= 0x28) => Probe::Maybe,
        (false, 0..HEADER_BYTES) => Probe::No,
        (false, _) => probe_cut(message),
    }
}

/// The start of a message: its header and, as soon as that is there, its question.
fn probe_cut(message: &[u8]) -> Probe {
    let mut reader = Reader::over(message);
    let sane = Header::read(&mut reader).is_some_and(|h| {
        let [questions, answers, authority, additional] = h.counts;
        matches!(h.opcode(), 0 | 4 | 5)
            && h.flags & 0x0040 == 0
            && questions == 1
            && [answers, authority, additional].iter().all(|count| *count < 256)
    });
    match (sane, record::read_question(message, &mut reader)) {
        (false, _) => Probe::No,
        (true, Some(question)) if matches!(question.class & 0x7fff, 1 | 3 | 4 | 254 | 255) => Probe::Yes,
        (true, Some(_)) => Probe::No,
        (true, None) if message.len() < HEADER_BYTES + 260 => Probe::Maybe,
        (true, None) => Probe::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the questions that are kept of a query with so many, and how many are not.
    fn kept(questions: u16) -> (Vec<String>, u16, bool) {
        let counts = [questions, 0, 0, 0].map(u16::to_be_bytes).concat();
        let asked = (0..questions).flat_map(|n| {
            let label = format!("n{n}");
            [&[u8::try_from(label.len()).unwrap()], label.as_bytes(), &[0, 0, 1, 0, 1]].concat()
        });
        let message: Vec<u8> = [0, 7, 1, 0].into_iter().chain(counts).chain(asked).collect();
        let dns = read(&message, 0).unwrap();
        let names = dns.questions.iter().map(|question| question.name.as_str().to_owned()).collect();
        (names, dns.questions_left_out, dns.cut)
    }

    #[test]
    fn every_question_is_kept_up_to_the_bound_and_those_beyond_are_counted() {
        let (names, left_out, cut) = kept(10);
        assert_eq!(
            (names.len(), names.last().map(String::as_str), left_out, cut),
            (10, Some("n9"), 0, false)
        );
        let (names, left_out, cut) = kept(100);
        assert_eq!((names.len(), left_out, cut), (QUESTIONS_MAX, 36, false));
    }
}
