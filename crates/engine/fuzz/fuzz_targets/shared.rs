// What the targets have in common.

use beaconwatch_engine::observe::protocol::{AppProtocol, Carrier, Detail, Sender, FlowParser, Observation};

/// Feeds `data` in pieces: a byte says sender, length and gap of the next one.
pub fn feed(parser: &mut FlowParser, mut data: &[u8]) -> Vec<Observation> {
    let mut seen = Vec::new();
    while let Some((&control, rest)) = data.split_first() {
        let len = usize::from(control & 0x1f) * usize::from(control & 0x1f);
        let (piece, rest) = rest.split_at(len.min(rest.len()));
        let sender = if control & 0x80 == 0 { Sender::Originator } else { Sender::Responder };
        if control & 0x60 == 0x60 {
            parser.skip(sender, u64::from(control), &mut seen);
        }
        parser.push(sender, piece, control & 0x40 != 0, &mut seen);
        data = rest;
    }
    parser.finish(&mut seen);
    seen
}

/// What is seen of a stream that is `begin` and `data`, in one piece and in two: it must be the same, unless nothing
/// is recognised in it that is read on. Such a stream is looked at again with each piece, where TLS may begin.
pub fn split(begin: &[u8], data: &[u8]) {
    let Some((&at, rest)) = data.split_first() else { return };
    let stream = [begin, rest].concat();
    let mut whole = Vec::new();
    let mut parser = FlowParser::open(Carrier::Stream, 4444, Detail::Full);
    parser.push(Sender::Originator, &stream, false, &mut whole);
    parser.finish(&mut whole);
    use AppProtocol::{Smtp, Ssh, Text, Unknown};
    if let Some(Observation::Recognised(Unknown | Text | Ssh | Smtp)) = whole.first() {
        return;
    }
    let mut parts = Vec::new();
    let mut parser = FlowParser::open(Carrier::Stream, 4444, Detail::Full);
    let (first, second) = stream.split_at((begin.len() + usize::from(at)).min(stream.len()));
    parser.push(Sender::Originator, first, false, &mut parts);
    parser.push(Sender::Originator, second, false, &mut parts);
    parser.finish(&mut parts);
    assert_eq!(whole, parts);
}
