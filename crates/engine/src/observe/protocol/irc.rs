//! IRC: lines of a client and a server, on any port.
//!
//! It must not know what is encrypted: an accepted STARTTLS ends it.

mod message;

use super::feed::{Detail, Sender};
use super::observation::IrcSession;
use super::observation::Observation;
use super::probe::Probe;
use super::text::Text;

/// Longest line that is put together: 512 by RFC 1459, and 8191 of tags before it (IRCv3).
const LINE_BYTES_MAX: usize = 8192 + 512;
/// Server reply to STARTTLS: go ahead.
const STARTTLS_ACCEPTED: u16 = 670;

/// What a first line says about being IRC.
pub(crate) fn probe_line(line: &[u8], sender: Sender) -> Probe {
    let Some(parts) = message::split(line) else { return Probe::No };
    let known = message::is_command(parts.command);
    if parts.prefix.is_some() {
        return if known || message::numeric(parts.command).is_some() { Probe::Yes } else { Probe::No };
    }
    if !known {
        return Probe::No;
    }
    let first = parts.middles().next().unwrap_or_default();
    let channel = matches!(first.first(), Some(b'#' | b'&' | b'+' | b'!'));
    match (parts.command.to_ascii_uppercase().as_slice(), sender) {
        (b"NICK", Sender::Originator) if !first.is_empty() || parts.trailing.is_some() => Probe::Yes,
        (b"USER", Sender::Originator) if parts.parameter_count() >= 4 => Probe::Yes,
        (b"CAP", _) if matches!(first, b"LS" | b"REQ" | b"END" | b"LIST" | b"ACK" | b"NAK" | b"*") => {
            Probe::Yes
        }
        (b"JOIN" | b"PART", _) if channel => Probe::Yes,
        (b"PRIVMSG", _) if parts.parameter_count() >= 2 => Probe::Yes,
        (b"NOTICE", _) if parts.parameter_count() >= 2 && parts.trailing.is_some() => Probe::Yes,
        (b"PASS" | b"PING" | b"PONG" | b"STARTTLS" | b"USER" | b"ERROR", _) => Probe::Maybe,
        _ => Probe::No,
    }
}

/// The IRC parser of a flow.
#[derive(Debug, Default)]
pub(crate) struct IrcStream {
    originator: Half,
    responder: Half,
    nick: Option<Text>,
    user: Option<Text>,
    registered: bool,
    confirmed: bool,
    secured: bool,
}

#[derive(Debug, Default)]
struct Half {
    /// A line under way.
    line: Vec<u8>,
    /// The line under way is too long or its begin is missing: it is dropped.
    dropping: bool,
}

impl IrcStream {
    pub(crate) fn push(
        &mut self,
        sender: Sender,
        bytes: &[u8],
        missing: bool,
        detail: Detail,
        seen: &mut Vec<Observation>,
    ) {
        let mut rest = bytes;
        while !self.secured
            && let Some(newline) = memchr::memchr(b'\n', rest)
        {
            let part = rest.get(..newline).unwrap_or_default();
            rest = rest.get(newline + 1..).unwrap_or_default();
            let half = self.half(sender);
            if core::mem::take(&mut half.dropping) {
                continue;
            }
            if half.line.is_empty() {
                self.read(sender, part, detail, seen);
            } else {
                let mut line = core::mem::take(&mut half.line);
                line.extend_from_slice(part);
                self.read(sender, &line, detail, seen);
            }
        }
        let half = self.half(sender);
        if missing || half.line.len() + rest.len() > LINE_BYTES_MAX {
            half.line = Vec::new();
            half.dropping = true;
        } else if !half.dropping {
            half.line.extend_from_slice(rest);
        }
    }

    fn read(&mut self, sender: Sender, line: &[u8], detail: Detail, seen: &mut Vec<Observation>) {
        let Some(parts) = message::split(line) else { return };
        let message = parts.observe(sender, detail);
        match (message.command.as_str(), sender) {
            ("NICK", Sender::Originator) if !self.confirmed => {
                self.nick = message.parameters.first().or(message.trailing.as_ref()).cloned();
            }
            ("USER", Sender::Originator) => self.user = message.parameters.first().cloned(),
            _ => {}
        }
        let numeric = message.numeric.filter(|_| sender == Sender::Responder);
        self.secured |= numeric == Some(STARTTLS_ACCEPTED);
        seen.push(Observation::Irc(message));
        self.note_session(numeric, seen);
    }

    fn note_session(&mut self, numeric: Option<u16>, seen: &mut Vec<Observation>) {
        let (Some(nick), Some(user)) = (&self.nick, &self.user) else { return };
        // Registration is confirmed by RPL_WELCOME and what follows it, not by an error such as "nick in use".
        let confirms = numeric.is_some_and(|n| n < 400);
        if self.registered && (self.confirmed || !confirms) {
            return;
        }
        self.registered = true;
        self.confirmed |= confirms;
        let session = IrcSession { nick: nick.clone(), user: user.clone(), confirmed: self.confirmed };
        seen.push(Observation::IrcSession(session));
    }

    fn half(&mut self, sender: Sender) -> &mut Half {
        match sender {
            Sender::Originator => &mut self.originator,
            Sender::Responder => &mut self.responder,
        }
    }

    /// Says what is left of a last line without end.
    pub(crate) fn finish(&mut self, detail: Detail, seen: &mut Vec<Observation>) {
        for sender in [Sender::Originator, Sender::Responder] {
            let half = self.half(sender);
            let line = core::mem::take(&mut half.line);
            if !half.dropping && !self.secured && !line.is_empty() {
                self.read(sender, &line, detail, seen);
            }
        }
    }

    /// STARTTLS was accepted: what follows is TLS.
    pub(crate) fn is_secured(&self) -> bool {
        self.secured
    }
}

#[cfg(test)]
mod tests;
