//! What a field is, and what it holds.

use beaconwatch_engine::assess::finding::Finding;
use serde::Serialize;
use serde::ser::Serializer;

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
