//! Text taken from the wire, made safe to store and to show.
//!
//! Everything a peer chose goes through [`Text`]: bytes outside printable ASCII become `\xNN`, a backslash
//! becomes `\\`, and the length is bounded. The form is reversible ([`Text::bytes`]), so nothing is lost that
//! fits, and nothing that reaches a terminal, an Event or a label can control it.
//!
//! It must not know which protocol the bytes came from.

use core::fmt;

/// Escaped, bounded text chosen by a peer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Box<str>);

/// Bytes of wire text that are kept at most; the rest of a longer text is dropped.
pub const TEXT_BYTES_MAX: usize = 4096;

impl Text {
    /// Escapes `bytes`, keeping at most [`TEXT_BYTES_MAX`] of them.
    pub fn escape(bytes: &[u8]) -> Self {
        Self::escape_up_to(bytes, TEXT_BYTES_MAX)
    }

    /// Escapes `bytes`, keeping at most `bytes_max` of them.
    pub fn escape_up_to(bytes: &[u8], bytes_max: usize) -> Self {
        let kept = bytes.get(..bytes_max).unwrap_or(bytes);
        if kept.iter().all(|b| matches!(b, 0x20..=0x7e) && *b != b'\\')
            && let Ok(plain) = core::str::from_utf8(kept)
        {
            return Self(plain.into());
        }
        let mut escaped = String::with_capacity(kept.len() + 16);
        for &byte in kept {
            push_escaped(&mut escaped, byte);
        }
        Self(escaped.into_boxed_str())
    }

    /// The escaped form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as they were on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut raw = Vec::with_capacity(self.0.len());
        let mut rest = self.0.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            rest = match (first, after) {
                (b'\\', [b'x', high, low, tail @ ..]) => {
                    raw.push(hex_value(*high) << 4 | hex_value(*low));
                    tail
                }
                (b'\\', [b'\\', tail @ ..]) => {
                    raw.push(b'\\');
                    tail
                }
                (byte, tail) => {
                    raw.push(byte);
                    tail
                }
            };
        }
        raw
    }
}

fn push_escaped(escaped: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    match byte {
        b'\\' => escaped.push_str("\\\\"),
        0x20..=0x7e => escaped.push(char::from(byte)),
        _ => {
            escaped.push_str("\\x");
            for nibble in [byte >> 4, byte & 0xf] {
                escaped.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or('0'));
            }
        }
    }
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|v| u8::try_from(v).ok()).unwrap_or(0)
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_comes_back_as_it_was() {
        for raw in [&b"plain text"[..], b"a\\b\x1b[31m\xff\x00", b"\\x41", "na\u{ef}ve".as_bytes()] {
            let text = Text::escape(raw);
            assert!(text.as_str().bytes().all(|b| (0x20..=0x7e).contains(&b)), "{text}");
            assert_eq!(text.bytes(), raw);
        }
    }

    #[test]
    fn a_long_text_is_cut_at_the_bound() {
        assert_eq!(Text::escape_up_to(b"abcdef", 3).as_str(), "abc");
    }
}
