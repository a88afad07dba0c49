//! The record as a line of JSON.

use std::io;

use beaconwatch_engine::assess::finding::Finding;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::ser::{CharEscape, Formatter};

use super::list::FIELDS;
use super::value::{Field, Value};

/// Reads every field that is known, in the order of [`FIELDS`].
pub fn values(finding: &Finding) -> impl Iterator<Item = (&'static Field, Value)> {
    FIELDS.iter().filter_map(move |field| Some((field, (field.read)(finding)?)))
}

/// The finding as one line of JSON, without the line's end; printable ASCII only.
#[must_use]
pub fn json_line(finding: &Finding) -> String {
    let mut bytes = Vec::with_capacity(2048);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Ascii);
    // Writing to memory cannot fail, and every value is one that JSON has.
    let _ = Line(finding).serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

struct Line<'a>(&'a Finding);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, value) in values(self.0) {
            map.serialize_entry(field.name, &value)?;
        }
        map.end()
    }
}

/// Compact JSON in printable ASCII: whatever else a text holds is written as `\uXXXX`, so that no line of it can
/// control a terminal or hide its direction.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !(' '..='~').contains(&c)) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = tail.chars();
            let mut units = [0_u16; 2];
            for unit in characters.next().unwrap_or_default().encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}
