//! What was read and is not kept.

use core::fmt;
use std::borrow::Cow;

/// What was read and is not kept, by name, and how often: fields and sections that this version no longer has, and what
/// found no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped(Vec<(Cow<'static, str>, u64)>);

/// Names that are kept apart; a file may hold any number of sections.
const NAMES_MAX: usize = 64;
const OTHERS: &str = "others";

impl Dropped {
    /// Notes that something was dropped so often.
    pub fn note(&mut self, name: impl Into<Cow<'static, str>>, count: u64) {
        if count == 0 {
            return;
        }
        let mut name = name.into();
        let mut found = self.find(&name);
        if found.is_err() && self.0.len() >= NAMES_MAX {
            name = OTHERS.into();
            found = self.find(&name);
        }
        match found {
            Ok(at) => {
                if let Some((_, noted)) = self.0.get_mut(at) {
                    *noted = noted.saturating_add(count);
                }
            }
            Err(at) => self.0.insert(at, (name, count)),
        }
    }

    /// Adds what somebody else dropped.
    pub fn add(&mut self, other: Self) {
        for (name, count) in other.0 {
            self.note(name, count);
        }
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(noted, _)| (**noted).cmp(name))
    }

    /// Nothing was dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and how often, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (&**name, *count))
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, count)) in self.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{} ({count} times)", name.escape_debug())?;
        }
        Ok(())
    }
}
