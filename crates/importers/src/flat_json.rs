//! A scanner for JSON objects of one level, as log lines are: keys and raw values, without allocation.
//!
//! It checks as much as is needed to find the ends of things. Values that are objects or arrays come as their
//! text. Bounded by the length of the line and [`NESTING_MAX`].

use std::borrow::Cow;

/// Deepest nesting of a value that is skipped over.
pub const NESTING_MAX: u32 = 64;

/// A value as it stands in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string, without its quotes, escapes not yet undone.
    Text(&'a [u8]),
    /// A number, `true`, `false` or `null`.
    Bare(&'a [u8]),
    /// An object or array, with its brackets.
    Nested(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The text between quotes, the digits, or the whole nested value.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        match self {
            Self::Text(raw) | Self::Bare(raw) | Self::Nested(raw) => raw,
        }
    }
}

/// Calls `each` with every key and value of the object in `line`. Keys come with escapes not undone.
/// `None`: not an object, or broken; `each` may have been called before that was seen.
pub fn scan<'a>(line: &'a [u8], mut each: impl FnMut(&'a [u8], Value<'a>)) -> Option<()> {
    let mut at = skip_space(line, 0);
    at = expect(line, at, b'{')?;
    at = skip_space(line, at);
    if line.get(at) == Some(&b'}') {
        return at_end(line, at + 1);
    }
    loop {
        at = expect(line, skip_space(line, at), b'"')?;
        let key_end = string_end(line, at)?;
        let key = line.get(at..key_end)?;
        at = expect(line, skip_space(line, key_end + 1), b':')?;
        at = skip_space(line, at);
        let (value, next) = value(line, at)?;
        each(key, value);
        at = skip_space(line, next);
        match line.get(at)? {
            b',' => at += 1,
            b'}' => return at_end(line, at + 1),
            _ => return None,
        }
    }
}

/// The member of an object with this key; of several the last.
#[must_use]
pub fn member<'a>(object: &'a [u8], name: &[u8]) -> Option<Value<'a>> {
    let mut found = None;
    scan(object, |key, value| {
        if key == name {
            found = Some(value);
        }
    })?;
    found
}

/// The items of an array that is a [`Value::Nested`].
pub fn items<'a>(array: &'a [u8]) -> impl Iterator<Item = Value<'a>> {
    let mut at = array.starts_with(b"[").then_some(1);
    core::iter::from_fn(move || {
        let start = skip_space(array, at?);
        let Some((item, next)) = value(array, start) else {
            at = None;
            return None;
        };
        let next = skip_space(array, next);
        at = (array.get(next) == Some(&b',')).then_some(next + 1);
        Some(item)
    })
}

fn value(line: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    match line.get(at)? {
        b'"' => {
            let end = string_end(line, at + 1)?;
            Some((Value::Text(line.get(at + 1..end)?), end + 1))
        }
        b'{' | b'[' => {
            let end = nested_end(line, at)?;
            Some((Value::Nested(line.get(at..end)?), end))
        }
        _ => {
            let rest = line.get(at..)?;
            let len = rest
                .iter()
                .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t'))
                .unwrap_or(rest.len());
            (len > 0).then_some((Value::Bare(rest.get(..len)?), at + len))
        }
    }
}

/// Index of the quote that ends the string which starts at `at`.
fn string_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', line.get(at..)?)?;
        if line.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

/// Index behind the bracket that closes the one at `at`.
fn nested_end(line: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_u32;
    loop {
        match line.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => at = string_end(line, at + 1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
        if depth > NESTING_MAX {
            return None;
        }
    }
}

fn skip_space(line: &[u8], mut at: usize) -> usize {
    while line.get(at).is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

fn expect(line: &[u8], at: usize, byte: u8) -> Option<usize> {
    (line.get(at) == Some(&byte)).then_some(at + 1)
}

fn at_end(line: &[u8], at: usize) -> Option<()> {
    (skip_space(line, at) == line.len()).then_some(())
}

/// Undoes the escapes of a string; what is no valid escape stays as it is.
#[must_use]
pub fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&kind, tail)) = rest.split_first() else {
            out.push(b'\\');
            break;
        };
        let simple = match kind {
            b'"' | b'\\' | b'/' => kind,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                rest = unescape_unicode(tail, &mut out);
                continue;
            }
            _ => {
                out.push(b'\\');
                continue;
            }
        };
        out.push(simple);
        rest = tail;
    }
    Cow::Owned(out)
}

/// Undoes `\uXXXX`, surrogate pairs included; returns what follows.
fn unescape_unicode<'a>(tail: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let unit = |text: &[u8]| {
        let digits = core::str::from_utf8(text.get(..4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(tail) else {
        out.extend_from_slice(b"\\u");
        return tail;
    };
    let mut rest = tail.get(4..).unwrap_or_default();
    let mut code = first;
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = rest.strip_prefix(b"\\u").and_then(unit)
        && (0xdc00..0xe000).contains(&second)
    {
        code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        rest = rest.get(6..).unwrap_or_default();
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Option<Vec<(String, String)>> {
        let mut seen = Vec::new();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        scan(line.as_bytes(), |k, v| seen.push((text(k), text(v.raw()))))?;
        Some(seen)
    }

    #[test]
    fn keys_and_values_come_in_order() {
        let seen = check(r#" {"a":1, "b" : "x\"y","c":[1,{"d":"]"}],"e":true,"f":null} "#).unwrap();
        let values: Vec<_> = seen.iter().map(|(_, v)| v.as_str()).collect();
        assert_eq!(values, ["1", r#"x\"y"#, r#"[1,{"d":"]"}]"#, "true", "null"]);
        assert_eq!(check("{}"), Some(vec![]));
    }

    #[test]
    fn broken_objects_are_refused() {
        for line in
            ["", "[]", "{", r#"{"a"}"#, r#"{"a":}"#, r#"{"a":1"#, r#"{"a":1}x"#, r#"{"a":"x}"#, r#"{"a":[}"#]
        {
            assert_eq!(check(line), None, "{line}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(check(&deep), None);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(br#"a\n\"\\\u0041\ud83d\ude00\q"#).as_ref(), "a\n\"\\A\u{1f600}\\q".as_bytes());
        assert_eq!(unescape(br"\ud83d").as_ref(), "\u{fffd}".as_bytes());
        assert_eq!(unescape(br"\").as_ref(), br"\");
    }

    #[test]
    fn items_of_an_array_come_one_by_one() {
        let seen: Vec<_> = items(br#"["a", 1 ,[2]]"#).map(Value::raw).collect();
        assert_eq!(seen, [&b"a"[..], b"1", b"[2]"]);
        assert_eq!(items(b"[]").count(), 0);
        assert_eq!(items(b"x").count(), 0);
    }
}
