//! State that survives a restart of the agent: conversations with their bets, and what was learned here.
//!
//! A byte string of our own: little-endian, versioned, with a checksum. One that does not fit (another version,
//! damaged, cut) is refused with the reason, and the engine begins anew. Open findings are not in it: their
//! conversations are, so each is told again under the same identity when it is judged next.

mod fields;

use std::sync::Arc;

use thiserror::Error;

use crate::collections::hash_of;

/// Changes whenever the layout of anything that is saved does.
const VERSION: u32 = 7;
/// Up to here identities were hashes that no other version can make again.
const UNSPECIFIED_IDENTITIES: u32 = 6;
const MAGIC: [u8; 4] = *b"BWCP";

/// Why a checkpoint was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// Not a checkpoint.
    #[error("reading a checkpoint: these bytes are none")]
    Foreign,
    /// Of a version before identities were specified: nothing in it can be recognised.
    #[error(
        "reading a checkpoint: it is of version {found}, in which identities were made in another way; conversations \
         and baselines begin anew, this once"
    )]
    Identities {
        /// Its version.
        found: u32,
    },
    /// Of another version of the engine.
    #[error("reading a checkpoint: it is of version {found}, this engine reads {}", VERSION)]
    Version {
        /// Its version.
        found: u32,
    },
    /// Damaged or cut.
    #[error("reading a checkpoint: it is damaged or cut")]
    Damaged,
}

/// Frames a body: magic, version, checksum.
pub(crate) fn seal(body: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer { bytes: Vec::new() };
    body(&mut writer);
    let mut out = Vec::with_capacity(writer.bytes.len() + 16);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&hash_of(&writer.bytes).to_le_bytes());
    out.append(&mut writer.bytes);
    out
}

/// Checks the frame and gives the body.
pub(crate) fn open(bytes: &[u8]) -> Result<Reader<'_>, CheckpointError> {
    let mut reader = Reader { rest: bytes };
    if reader.take(4).is_none_or(|magic| magic != MAGIC) {
        return Err(CheckpointError::Foreign);
    }
    let found = u32::load(&mut reader).ok_or(CheckpointError::Damaged)?;
    if found <= UNSPECIFIED_IDENTITIES {
        return Err(CheckpointError::Identities { found });
    }
    if found != VERSION {
        return Err(CheckpointError::Version { found });
    }
    let checksum = u64::load(&mut reader).ok_or(CheckpointError::Damaged)?;
    if hash_of(&reader.rest.to_vec()) == checksum { Ok(reader) } else { Err(CheckpointError::Damaged) }
}

/// Bytes that are written.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

/// Bytes that are read.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
}

/// Something that can be saved. `load` reads what `save` wrote, and fails on anything else.
pub(crate) trait Saved: Sized {
    fn save(&self, out: &mut Writer);
    fn load(from: &mut Reader<'_>) -> Option<Self>;
}

/// Saves a struct field by field: one list serves both ways, and a forgotten field does not compile.
macro_rules! saved {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::checkpoint::Saved for $name {
            fn save(&self, out: &mut $crate::checkpoint::Writer) {
                let Self { $($field),+ } = self;
                $($crate::checkpoint::Saved::save($field, out);)+
            }

            fn load(from: &mut $crate::checkpoint::Reader<'_>) -> Option<Self> {
                $(let $field = $crate::checkpoint::Saved::load(from)?;)+
                Some(Self { $($field),+ })
            }
        }
    };
}
pub(crate) use saved;

/// Saves an enum without fields as the place of its variant.
macro_rules! saved_enum {
    ($name:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl $crate::checkpoint::Saved for $name {
            fn save(&self, out: &mut $crate::checkpoint::Writer) {
                let code: u8 = match self { $(Self::$variant => $code),+ };
                $crate::checkpoint::Saved::save(&code, out);
            }

            fn load(from: &mut $crate::checkpoint::Reader<'_>) -> Option<Self> {
                let code: u8 = $crate::checkpoint::Saved::load(from)?;
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use saved_enum;

/// Saves a number in little-endian bytes.
macro_rules! saved_number {
    ($($name:ty),+) => {
        $(impl Saved for $name {
            fn save(&self, out: &mut Writer) {
                out.bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn load(from: &mut Reader<'_>) -> Option<Self> {
                let bytes = from.take(size_of::<Self>())?;
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        })+
    };
}
saved_number!(u8, u16, u32, u64, i16, f32);

impl Saved for bool {
    fn save(&self, out: &mut Writer) {
        u8::from(*self).save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        match u8::load(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Saved> Saved for Option<T> {
    fn save(&self, out: &mut Writer) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(if bool::load(from)? { Some(T::load(from)?) } else { None })
    }
}

impl<T: Saved + Default + Copy, const N: usize> Saved for [T; N] {
    fn save(&self, out: &mut Writer) {
        self.iter().for_each(|value| value.save(out));
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::load(from)?;
        }
        Some(values)
    }
}

impl<A: Saved, B: Saved> Saved for (A, B) {
    fn save(&self, out: &mut Writer) {
        self.0.save(out);
        self.1.save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::load(from)?, B::load(from)?))
    }
}

impl<T: Saved> Saved for Vec<T> {
    fn save(&self, out: &mut Writer) {
        save_all(self.len(), self.iter(), out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        // No room is made ahead: a damaged count must not cost memory.
        let count = u32::load(from)?;
        let mut values = Self::new();
        for _ in 0..count {
            values.push(T::load(from)?);
        }
        Some(values)
    }
}

/// Saves a sequence as a `Vec` reads it.
pub(crate) fn save_all<'a, T: Saved + 'a>(count: usize, all: impl Iterator<Item = &'a T>, out: &mut Writer) {
    u32::try_from(count).unwrap_or(u32::MAX).save(out);
    all.for_each(|value| value.save(out));
}

impl Saved for Box<str> {
    fn save(&self, out: &mut Writer) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).save(out);
        out.bytes.extend_from_slice(self.as_bytes());
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        let count = usize::try_from(u32::load(from)?).ok()?;
        core::str::from_utf8(from.take(count)?).ok().map(Self::from)
    }
}

impl Saved for Arc<str> {
    fn save(&self, out: &mut Writer) {
        Box::<str>::from(&**self).save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Box::<str>::load(from).map(Self::from)
    }
}

impl<T: Saved> Saved for Box<T> {
    fn save(&self, out: &mut Writer) {
        (**self).save(out);
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        T::load(from).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_back() {
        let value: Vec<(Option<u16>, Box<str>)> = vec![(Some(7), "x".into()), (None, "longer".into())];
        let bytes = seal(|out| value.save(out));
        assert_eq!(Vec::load(&mut open(&bytes).unwrap()), Some(value));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let bytes = seal(|out| 7_u32.save(out));
        assert!(matches!(open(b"something else"), Err(CheckpointError::Foreign)));
        let mut newer = bytes.clone();
        newer[4] = 9;
        assert!(matches!(open(&newer), Err(CheckpointError::Version { found: 9 })));
        newer[4] = 6;
        assert!(matches!(open(&newer), Err(CheckpointError::Identities { found: 6 })));
        for cut in 8..bytes.len() {
            assert!(matches!(open(&bytes[..cut]), Err(CheckpointError::Damaged)), "{cut}");
        }
        let mut damaged = bytes;
        *damaged.last_mut().unwrap() ^= 1;
        assert!(matches!(open(&damaged), Err(CheckpointError::Damaged)));
    }
}
