//! State that survives a restart of the agent: conversations with their bets, and what was learned here.
//!
//! Sections of values ([`crate::codec`]), each under its name. The crate `beaconwatch-codec` makes a file of them and
//! reads it back. Open findings are not in it: their conversations are, so each is published again under the same identity
//! when it is judged next.

use std::borrow::Cow;

use thiserror::Error;

use crate::codec::{Dropped, Reader, VERSION};

/// What an engine knows that outlives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The version its values are written in.
    pub version: u16,
    /// Its sections, in the order they were written.
    pub sections: Vec<Section>,
}

/// A part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it holds.
    pub name: Cow<'static, str>,
    /// Its values.
    pub bytes: Vec<u8>,
}

/// Why a checkpoint was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// The bytes of a section are none.
    #[error("reading a checkpoint: its section {name} says what cannot be")]
    Section {
        /// Which.
        name: &'static str,
    },
}

impl Checkpoint {
    /// One of this version without a section.
    pub(crate) fn empty() -> Self {
        Self { version: VERSION, sections: Vec::new() }
    }

    /// Adds a section.
    pub(crate) fn add(&mut self, name: &'static str, put: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        put(&mut bytes);
        self.sections.push(Section { name: Cow::Borrowed(name), bytes });
    }

    /// Reads a section to its end; `None`: it is not there, since nobody wrote it in the version of the checkpoint.
    pub(crate) fn read<T>(
        &self,
        name: &'static str,
        dropped: &mut Dropped,
        take: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<Option<T>, CheckpointError> {
        let Some(section) = self.sections.iter().find(|section| section.name == name) else {
            return Ok(None);
        };
        let mut reader = Reader::of_version(self.version, &section.bytes);
        let damaged = CheckpointError::Section { name };
        let value = take(&mut reader).ok_or_else(|| damaged.clone())?;
        dropped.add(reader.end().ok_or(damaged)?);
        Ok(Some(value))
    }
}
