//! One IRC line: tags, prefix, command, parameters.

use crate::observe::protocol::feed::{Detail, Sender};
use crate::observe::protocol::observation::IrcMessage;
use crate::observe::protocol::text::Text;

/// Parameters kept of one message; the protocol allows 15.
const PARAMETERS_MAX: usize = 32;

/// Commands of clients and servers (RFC 1459, RFC 2812, IRCv3).
const COMMANDS: [&[u8]; 49] = [
    b"PASS",
    b"NICK",
    b"USER",
    b"SERVER",
    b"OPER",
    b"QUIT",
    b"SQUIT",
    b"JOIN",
    b"PART",
    b"MODE",
    b"TOPIC",
    b"NAMES",
    b"LIST",
    b"INVITE",
    b"KICK",
    b"VERSION",
    b"STATS",
    b"LINKS",
    b"TIME",
    b"CONNECT",
    b"TRACE",
    b"ADMIN",
    b"INFO",
    b"PRIVMSG",
    b"NOTICE",
    b"WHO",
    b"WHOIS",
    b"WHOWAS",
    b"KILL",
    b"PING",
    b"PONG",
    b"ERROR",
    b"AWAY",
    b"REHASH",
    b"RESTART",
    b"SUMMON",
    b"USERS",
    b"WALLOPS",
    b"USERHOST",
    b"ISON",
    b"CAP",
    b"AUTHENTICATE",
    b"STARTTLS",
    b"ACCOUNT",
    b"CHGHOST",
    b"MOTD",
    b"LUSERS",
    b"TAGMSG",
    b"SERVICE",
];

/// A line taken apart, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) prefix: Option<&'a [u8]>,
    pub(super) command: &'a [u8],
    middles: &'a [u8],
    pub(super) trailing: Option<&'a [u8]>,
}

pub(super) fn is_command(word: &[u8]) -> bool {
    COMMANDS.iter().any(|command| command.eq_ignore_ascii_case(word))
}

/// The value of a three-digit numeric.
pub(super) fn numeric(word: &[u8]) -> Option<u16> {
    match word {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => None,
    }
}

/// Takes a line apart; `None` for an empty one.
pub(super) fn split(line: &[u8]) -> Option<Parts<'_>> {
    let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
    // Servers pass over blanks before a line, and so do we: some clients indent theirs.
    while let [b' ' | b'\t', after @ ..] = rest {
        rest = after;
    }
    if rest.starts_with(b"@") {
        rest = word(rest).1;
    }
    let mut prefix = None;
    if let Some(after) = rest.strip_prefix(b":") {
        let (text, behind) = word(after);
        prefix = Some(text);
        rest = behind;
    }
    let (command, rest) = word(rest);
    if command.is_empty() {
        return None;
    }
    let (middles, trailing) = match rest.strip_prefix(b":") {
        Some(trailing) => (&[][..], Some(trailing)),
        None => {
            match memchr::memchr_iter(b':', rest).find(|at| rest.get(at.wrapping_sub(1)) == Some(&b' ')) {
                Some(at) => (rest.get(..at - 1)?, rest.get(at + 1..)),
                None => (rest, None),
            }
        }
    };
    Some(Parts { prefix, command, middles, trailing })
}

/// The first word, and what follows it without spaces before.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let (first, mut rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    while let Some(after) = rest.strip_prefix(b" ") {
        rest = after;
    }
    (first, rest)
}

impl<'a> Parts<'a> {
    pub(super) fn middles(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.middles.split(|b| *b == b' ').filter(|part| !part.is_empty())
    }

    pub(super) fn parameter_count(&self) -> usize {
        self.middles().count() + usize::from(self.trailing.is_some())
    }

    pub(super) fn observe(&self, sender: Sender, detail: Detail) -> IrcMessage {
        let private = [&b"PRIVMSG"[..], b"NOTICE", b"PASS", b"AUTHENTICATE"]
            .iter()
            .any(|command| command.eq_ignore_ascii_case(self.command));
        let secret = self.command.eq_ignore_ascii_case(b"PASS") && detail == Detail::Evidence;
        IrcMessage {
            sender,
            prefix: self.prefix.map(Text::escape),
            command: Text::escape(self.command),
            numeric: numeric(self.command),
            parameters: self
                .middles()
                .take(if secret { 0 } else { PARAMETERS_MAX })
                .map(Text::escape)
                .collect(),
            trailing: self.trailing.filter(|_| detail == Detail::Full || !private).map(Text::escape),
        }
    }
}
