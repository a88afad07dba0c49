//! SOCKS4, 4a and 5: the destination that is asked for; then the flow is a tunnel.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::feed::Sender;
use super::observation::Observation;
use super::observation::{ProxyKind, ProxyTarget};
use super::probe::Probe;
use super::reader::Reader;
use super::text::Text;

/// Longest handshake message.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Whether the first bytes of a client are a SOCKS handshake.
pub(crate) fn probe(bytes: &[u8], sender: Sender) -> Probe {
    if sender == Sender::Responder {
        return Probe::No;
    }
    match bytes {
        [] => Probe::Maybe,
        [4] => Probe::Maybe,
        [4, 1 | 2, rest @ ..] if rest.len() < 7 => Probe::Maybe,
        [4, 1 | 2, ..] if bytes.ends_with(&[0]) => Probe::Yes,
        [5] => Probe::Maybe,
        // Greeting: as many methods as announced, all of known kinds, and nothing behind them.
        [5, count @ 1..=9, methods @ ..] => {
            let known = methods.iter().all(|m| matches!(m, 0..=9));
            match methods.len().cmp(&usize::from(*count)) {
                core::cmp::Ordering::Less if known => Probe::Maybe,
                core::cmp::Ordering::Equal if known => Probe::Yes,
                core::cmp::Ordering::Less | core::cmp::Ordering::Equal | core::cmp::Ordering::Greater => {
                    Probe::No
                }
            }
        }
        _ => Probe::No,
    }
}

/// Where the handshake is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Greeting,
    /// SOCKS5: name and password may come before the request.
    Request,
    /// The request was made: the next reply of the server opens the tunnel.
    Asked(ProxyKind),
}

/// The SOCKS parser of a flow.
#[derive(Debug, Default)]
pub(crate) struct SocksStream {
    stage: Stage,
    originator: Vec<u8>,
    responder: Vec<u8>,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Went,
    /// What follows is what is inside; this many of the last bytes belong to it.
    Tunnel {
        left: usize,
    },
    /// Not SOCKS after all, or refused.
    Over,
}

impl SocksStream {
    pub(crate) fn push(&mut self, sender: Sender, bytes: &[u8], seen: &mut Vec<Observation>) -> Outcome {
        let buffer = match sender {
            Sender::Originator => &mut self.originator,
            Sender::Responder => &mut self.responder,
        };
        buffer.extend_from_slice(bytes);
        if buffer.len() > MESSAGE_BYTES_MAX {
            return Outcome::Over;
        }
        match sender {
            Sender::Originator => self.read_client(seen),
            Sender::Responder => self.read_server(),
        }
    }

    fn read_client(&mut self, seen: &mut Vec<Observation>) -> Outcome {
        loop {
            let mut reader = Reader::over(&self.originator);
            let target = match (self.stage, self.originator.first()) {
                (_, None) => return Outcome::Went,
                (Stage::Greeting, Some(4)) => read_v4(&mut reader),
                (Stage::Greeting, Some(_)) => {
                    let Some(_) = skip_counted(&mut reader) else { return Outcome::Went };
                    self.stage = Stage::Request;
                    None
                }
                // Name and password (RFC 1929): version 1.
                (Stage::Request, Some(1)) => {
                    let Some(_) = skip_counted(&mut reader).and_then(|()| {
                        let len = reader.u8()?;
                        reader.take(usize::from(len))
                    }) else {
                        return Outcome::Went;
                    };
                    None
                }
                (Stage::Request, Some(5)) => read_v5(&mut reader),
                (Stage::Request, Some(_)) => return Outcome::Over,
                // A client that does not wait for the reply.
                (Stage::Asked(_), Some(_)) => return Outcome::Tunnel { left: self.originator.len() },
            };
            let before = self.originator.len();
            let rest = reader.rest().to_vec();
            let progress = rest.len() < before;
            if let Some(target) = target {
                self.stage = Stage::Asked(target.via);
                seen.push(Observation::ProxyTarget(target));
            } else if !progress || matches!(self.stage, Stage::Greeting) {
                return Outcome::Went;
            }
            self.originator = rest;
        }
    }

    fn read_server(&mut self) -> Outcome {
        let mut reader = Reader::over(&self.responder);
        match self.stage {
            Stage::Greeting => Outcome::Went,
            // Method choice, and the result of the password: two bytes each.
            Stage::Request => {
                if let Some(choice) = reader.array::<2>() {
                    self.responder = reader.rest().to_vec();
                    return if choice == [5, 0xff] { Outcome::Over } else { Outcome::Went };
                }
                Outcome::Went
            }
            Stage::Asked(ProxyKind::Socks4) => match reader.array::<8>() {
                Some([0, 0x5a, ..]) => Outcome::Tunnel { left: reader.rest().len() },
                Some(_) => Outcome::Over,
                None => Outcome::Went,
            },
            Stage::Asked(ProxyKind::Socks5 | ProxyKind::HttpConnect | ProxyKind::HttpAbsolute) => {
                while !matches!(reader.rest(), [5, _, 0, ..] | [] | [5] | [5, _]) && reader.take(2).is_some()
                {
                }
                let mut reply = reader;
                let granted = reply.rest().get(1) == Some(&0);
                match read_v5(&mut reply) {
                    Some(_) if granted => Outcome::Tunnel { left: reply.rest().len() },
                    Some(_) => Outcome::Over,
                    None => Outcome::Went,
                }
            }
        }
    }
}

/// A version byte, then a counted list.
fn skip_counted(reader: &mut Reader<'_>) -> Option<()> {
    reader.u8()?;
    let len = reader.u8()?;
    reader.take(usize::from(len)).map(|_| ())
}

fn read_v4(reader: &mut Reader<'_>) -> Option<ProxyTarget> {
    reader.take(2)?;
    let port = reader.u16()?;
    let address = reader.array::<4>()?;
    text_until_zero(reader)?;
    // 4a: an address 0.0.0.x stands for a name behind the user.
    let host = match address {
        [0, 0, 0, 1..=255] => Text::escape_up_to(text_until_zero(reader)?, 255),
        address => Text::escape(Ipv4Addr::from(address).to_string().as_bytes()),
    };
    Some(ProxyTarget { via: ProxyKind::Socks4, host, port })
}

fn text_until_zero<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = memchr::memchr(0, reader.rest())?;
    let text = reader.take(len)?;
    reader.u8()?;
    Some(text)
}

/// Request and reply of SOCKS5 have one shape.
fn read_v5(reader: &mut Reader<'_>) -> Option<ProxyTarget> {
    reader.take(3)?;
    let host = match reader.u8()? {
        1 => Text::escape(Ipv4Addr::from(reader.array::<4>()?).to_string().as_bytes()),
        4 => Text::escape(Ipv6Addr::from(reader.array::<16>()?).to_string().as_bytes()),
        3 => {
            let len = reader.u8()?;
            Text::escape(reader.take(usize::from(len))?)
        }
        _ => return None,
    };
    Some(ProxyTarget { via: ProxyKind::Socks5, host, port: reader.u16()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socks5_names_its_destination_and_opens_a_tunnel() {
        let mut socks = SocksStream::default();
        let mut seen = Vec::new();
        assert_eq!(probe(b"\x05\x01\x00", Sender::Originator), Probe::Yes);
        assert_eq!(socks.push(Sender::Originator, b"\x05\x01\x00", &mut seen), Outcome::Went);
        assert_eq!(socks.push(Sender::Responder, b"\x05\x00", &mut seen), Outcome::Went);
        let request = b"\x05\x01\x00\x03\x0bexample.org\x01\xbb";
        assert_eq!(socks.push(Sender::Originator, request, &mut seen), Outcome::Went);
        let reply = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00SSH-";
        assert_eq!(socks.push(Sender::Responder, reply, &mut seen), Outcome::Tunnel { left: 4 });
        let host = Text::escape(b"example.org");
        let target = ProxyTarget { via: ProxyKind::Socks5, host, port: 443 };
        assert_eq!(seen, [Observation::ProxyTarget(target)]);
    }

    #[test]
    fn socks4a_takes_the_name_behind_the_user() {
        let mut socks = SocksStream::default();
        let mut seen = Vec::new();
        let request = b"\x04\x01\x00\x50\x00\x00\x00\x01user\x00example.org\x00";
        assert_eq!(socks.push(Sender::Originator, request, &mut seen), Outcome::Went);
        let host = Text::escape(b"example.org");
        assert_eq!(seen, [Observation::ProxyTarget(ProxyTarget { via: ProxyKind::Socks4, host, port: 80 })]);
        let reply = b"\x00\x5a\x00\x00\x00\x00\x00\x00";
        assert_eq!(socks.push(Sender::Responder, reply, &mut seen), Outcome::Tunnel { left: 0 });
    }
}
