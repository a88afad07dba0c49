//! The parser of one flow: recognises the protocol, then hands the bytes to the parser of it.
//!
//! It must not know how any protocol is parsed.

use super::{AppProtocol, Carrier, Detail, Direction, Observation};

/// Parses one flow. Small while idle; buffers are bounded and freed when no longer needed.
#[derive(Debug)]
pub struct FlowParser {
    carrier: Carrier,
    detail: Detail,
    responder_port: u16,
    protocol: AppProtocol,
}

impl FlowParser {
    /// A parser for a flow to `responder_port`.
    pub fn open(carrier: Carrier, responder_port: u16, detail: Detail) -> Self {
        Self { carrier, detail, responder_port, protocol: AppProtocol::Unknown }
    }

    /// Takes the next payload of one direction. `missing`: bytes that followed these were cut or lost, so the
    /// next push of this direction does not continue this one. What is seen is appended to `seen`.
    pub fn push(
        &mut self,
        _direction: Direction,
        _bytes: &[u8],
        _missing: bool,
        _seen: &mut Vec<Observation>,
    ) {
        let _ = (self.carrier, self.detail, self.responder_port);
    }

    /// The flow ended, or nothing more of it will be given: says what is left to say.
    pub fn finish(&mut self, _seen: &mut Vec<Observation>) {}

    /// The protocol as far as known now.
    pub fn protocol(&self) -> AppProtocol {
        self.protocol
    }

    /// Whether more payload can still change or add anything. `false` lets the caller stop copying payload.
    pub fn wants_more(&self) -> bool {
        true
    }
}
