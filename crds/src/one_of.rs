//! Words of closed sets, as objects hold them.
//!
//! The schema lists the words, so that the API server takes no others, but objects outlive versions: a list that holds
//! one word of another version is still read, whole.

use core::fmt;
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A closed set whose members have a word each on the wire.
pub trait ClosedSet: Copy + Eq + 'static {
    /// Its members, in their order.
    const ALL: &'static [Self];
    /// Words of the version before, still taken from agents that run it and read from objects that it wrote.
    const RENAMED: &'static [(&'static str, Self)] = &[];

    /// The word of a member.
    fn word(self) -> &'static str;

    /// The member of a word, its former one included.
    fn of(word: &str) -> Option<Self> {
        let known = Self::ALL.iter().copied().find(|member| member.word() == word);
        known.or_else(|| Self::RENAMED.iter().find(|(former, _)| *former == word).map(|(_, member)| *member))
    }
}

/// One member of a closed set, or a word that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneOf<T> {
    /// A member.
    Known(T),
    /// A word of another version; empty where there was none. It is written back as it was.
    Other(String),
}

impl<T: ClosedSet> OneOf<T> {
    /// The member, if this version knows it.
    #[must_use]
    pub const fn known(&self) -> Option<T> {
        match self {
            Self::Known(member) => Some(*member),
            Self::Other(_) => None,
        }
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(member) => member.word(),
            Self::Other(word) => word,
        }
    }
}

impl<T> Default for OneOf<T> {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl<T> From<T> for OneOf<T> {
    fn from(member: T) -> Self {
        Self::Known(member)
    }
}

impl<T: PartialEq> PartialEq<T> for OneOf<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(member) if member == other)
    }
}

impl<T: ClosedSet> fmt::Display for OneOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T: ClosedSet> Serialize for OneOf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, T: ClosedSet> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        Ok(T::of(&word).map_or_else(|| Self::Other(word.into_owned()), Self::Known))
    }
}

impl<T: ClosedSet> JsonSchema for OneOf<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        core::any::type_name::<Self>().into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let former = T::RENAMED.iter().map(|(word, _)| *word);
        let words: Vec<&str> = T::ALL.iter().map(|member| member.word()).chain(former).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// Names every member of a set once, with its word.
macro_rules! closed_set {
    ($set:ty { $($member:ident = $word:literal),+ $(,)? }) => {
        impl $crate::one_of::ClosedSet for $set {
            const ALL: &'static [Self] = &[$(Self::$member),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$member => $word),+
                }
            }
        }
    };
}

pub(crate) use closed_set;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beacon_finding::{Severity, Term};

    #[test]
    fn a_word_of_another_version_is_kept() {
        let read: Vec<OneOf<Severity>> = serde_json::from_str(r#"["High", "Catastrophic"]"#).unwrap();
        assert_eq!(read, [OneOf::Known(Severity::High), OneOf::Other("Catastrophic".to_owned())]);
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["High","Catastrophic"]"#);
    }

    #[test]
    fn a_former_word_is_read_as_the_member_that_it_named() {
        let read: Vec<OneOf<Term>> = serde_json::from_str(r#"["lag", "onset"]"#).unwrap();
        assert!(read.iter().all(|term| *term == Term::Onset), "{read:?}");
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["onset","onset"]"#);
    }
}
