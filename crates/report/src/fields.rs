//! One finding state as a flat record: the JSON line, and the attributes of the OTLP log record.
//!
//! [`FIELDS`] is the one list of fields: their names, what they hold, and how each is read from a finding. The
//! JSON line, the OTLP attributes and `docs/finding-format.md` are all made from it.

mod list;
pub mod page;

use std::io;

use beaconwatch_engine::assess::finding::Finding;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::ser::{CharEscape, Formatter};

pub use list::FIELDS;

/// One field of a record.
#[derive(Debug)]
pub struct Field {
    /// Name in the JSON line.
    pub name: &'static str,
    /// The name is one of OpenTelemetry's semantic conventions; ours have `beaconwatch.` before them in OTLP.
    pub convention: bool,
    /// What it means, its unit, and when it is there; Markdown.
    pub meaning: &'static str,
    /// Reads it from a finding; `None`: it is not known, and left out.
    pub read: fn(&Finding) -> Option<Value>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(u64),
    /// A number.
    Number(f32),
    /// Yes or no.
    Flag(bool),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of whole numbers.
    Wholes(Vec<u64>),
    /// A list of items of evidence.
    Evidence(Vec<EvidenceValue>),
}

/// One item of evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvidenceValue {
    /// Which item.
    pub term: &'static str,
    /// Its level.
    pub level: &'static str,
    /// Bits.
    #[serde(serialize_with = "short")]
    pub bits: f32,
    /// Why.
    pub sentence: String,
}

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

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Whole(number) => serializer.serialize_u64(*number),
            Self::Number(number) => short(number, serializer),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Wholes(numbers) => numbers.serialize(serializer),
            Self::Evidence(items) => items.serialize(serializer),
        }
    }
}

/// `12.4` and not the `12.399999618530273` that widening makes of it.
fn short<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(widened(*number))
}

/// The shortest number that is this one, as a double; zero if it is not finite, since JSON has no word for it.
#[must_use]
pub fn widened(number: f32) -> f64 {
    if !number.is_finite() {
        return 0.0;
    }
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
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
