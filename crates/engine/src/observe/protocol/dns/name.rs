//! Names: compressed labels to canonical text.

use crate::observe::protocol::observation::DnsName;
use crate::observe::protocol::reader::Reader;

/// Bytes of a name on the wire (RFC 1035).
const NAME_BYTES_MAX: usize = 255;

/// Reads the name at the reader's place in `message`, following compression pointers, which may only point
/// backwards. The reader ends behind the name.
pub(crate) fn read<'a>(message: &'a [u8], reader: &mut Reader<'a>) -> Option<DnsName> {
    let mut text = [0_u8; NAME_BYTES_MAX * 4];
    let mut out = Canonical { text: &mut text, len: 0 };
    let mut wire_len = 0;
    let mut lowest = message.len().saturating_sub(reader.rest().len());
    let mut cursor = *reader;
    let mut jumped = false;
    loop {
        let len = cursor.u8()?;
        match len >> 6 {
            0 if len == 0 => break,
            0 => {
                wire_len += usize::from(len) + 1;
                if wire_len >= NAME_BYTES_MAX {
                    return None;
                }
                out.put_label(cursor.take(usize::from(len))?);
            }
            3 => {
                let low = cursor.u8()?;
                let target = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                if target >= lowest {
                    return None;
                }
                lowest = target;
                if !jumped {
                    *reader = cursor;
                }
                jumped = true;
                cursor = Reader::over(message.get(target..)?);
            }
            _ => return None,
        }
    }
    if !jumped {
        *reader = cursor;
    }
    Some(out.finish())
}

struct Canonical<'a> {
    text: &'a mut [u8],
    len: usize,
}

impl Canonical<'_> {
    fn put(&mut self, byte: u8) {
        if let Some(slot) = self.text.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    fn put_label(&mut self, label: &[u8]) {
        if self.len > 0 {
            self.put(b'.');
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' => {
                    self.put(b'\\');
                    self.put(byte);
                }
                0x21..=0x7e => self.put(byte.to_ascii_lowercase()),
                _ => {
                    self.put(b'\\');
                    self.put(b'0' + byte / 100);
                    self.put(b'0' + byte / 10 % 10);
                    self.put(b'0' + byte % 10);
                }
            }
        }
    }

    fn finish(self) -> DnsName {
        let text = self.text.get(..self.len).and_then(|t| core::str::from_utf8(t).ok()).unwrap_or_default();
        DnsName(if text.is_empty() { ".".into() } else { text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &[u8], at: usize, expect: Option<&str>) {
        let mut reader = Reader::over(&message[at..]);
        assert_eq!(read(message, &mut reader).as_ref().map(DnsName::as_str), expect);
    }

    #[test]
    fn names_are_lower_case_and_escaped() {
        check(b"\x03WwW\x07ExAmple\x00", 0, Some("www.example"));
        check(b"\x05a.b\\\xff\x00", 0, Some("a\\.b\\\\\\255"));
        check(b"\x02a \x00", 0, Some("a\\032"));
        check(b"\x00", 0, Some("."));
    }

    #[test]
    fn pointers_may_only_go_back() {
        check(b"\x01a\x00\x01b\xc0\x00", 3, Some("b.a"));
        check(b"\x01a\xc0\x00", 0, None);
        check(b"\xc0\x02\xc0\x00", 0, None);
        check(b"\x01a\xc0", 0, None);
    }

    #[test]
    fn a_name_over_255_bytes_is_refused() {
        let mut long = Vec::new();
        for _ in 0..4 {
            long.push(63);
            long.extend([b'a'; 63]);
        }
        long.push(0);
        check(&long, 0, None);
    }
}
