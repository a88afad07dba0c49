//! Member offsets from the kernel's own type description (BTF).
//!
//! Only what is needed for that: named structs, unions, typedefs, and the members of anonymous ones. A crate that
//! does it was measured: sixteen times slower, seven times the memory (docs/decisions). The tests compare with it.

use std::collections::HashMap;

/// Kinds of type, as in `linux/btf.h`.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
    pub(super) const LAST: u32 = 19;
}

const MAGIC: u16 = 0xeb9f;
/// Bytes of a type before what its kind adds.
const TYPE_LEN: usize = 12;
/// Deepest nesting of anonymous structs, and longest chain of typedefs.
const DEPTH_MAX: u32 = 16;

/// What is wrong with a type description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// It does not begin as BTF does.
    #[error("not a BTF type description")]
    Magic,
    /// It ends in the middle of something.
    #[error("the type description is cut short")]
    Short,
    /// A kind of type that is not known, so that what follows cannot be found.
    #[error("unknown kind {0} in the type description")]
    Kind(u32),
}

/// A parsed type description.
pub(super) struct Btf<'a> {
    bytes: &'a [u8],
    strings_at: usize,
    /// Where each type is, by id.
    types: Vec<u32>,
    structs: HashMap<&'a [u8], u32>,
}

impl<'a> Btf<'a> {
    /// Reads `/sys/kernel/btf/vmlinux`, which is given.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let magic = bytes.first_chunk::<2>().map(|bytes| u16::from_ne_bytes(*bytes));
        if magic != Some(MAGIC) {
            return Err(BtfError::Magic);
        }
        let number = |at| number(bytes, at).ok_or(BtfError::Short);
        let header_len = number(4)?;
        let mut at = header_len + number(8)?;
        let end = at + number(12)?;
        let strings_at = header_len + number(16)?;
        let mut btf = Self { bytes, strings_at, types: vec![0], structs: HashMap::new() };
        while at < end {
            let info = number(at + 4)?;
            let (kind, count) = (kind_of(info), info & 0xffff);
            let id = u32::try_from(btf.types.len()).map_err(|_| BtfError::Short)?;
            btf.types.push(u32::try_from(at).map_err(|_| BtfError::Short)?);
            let name = btf.string(number(at)?).ok_or(BtfError::Short)?;
            if kind == kind::STRUCT && !name.is_empty() && count > 0 {
                btf.structs.entry(name).or_insert(id);
            }
            at += TYPE_LEN + more_bytes(kind, count)?;
        }
        Ok(btf)
    }

    /// Byte offset of a member, such as `f_path.dentry` in `file`; `None` if there is none (or it is a bit field).
    #[must_use]
    pub(super) fn offset(&self, structure: &str, path: &str) -> Option<u32> {
        let mut id = *self.structs.get(structure.as_bytes())?;
        let mut bits = 0_u32;
        for member in path.split('.') {
            let (offset, member_type) = self.member(self.plain(id)?, member.as_bytes(), DEPTH_MAX)?;
            bits = bits.checked_add(offset)?;
            id = member_type;
        }
        bits.is_multiple_of(8).then_some(bits / 8)
    }

    /// Bit offset and type of a member, also inside anonymous members.
    fn member(&self, id: u32, wanted: &[u8], depth: u32) -> Option<(u32, u32)> {
        let at = self.at(id)?;
        let info = number(self.bytes, at + 4)?;
        if !is_compound(info) {
            return None;
        }
        // With this flag, offsets carry the size of bit fields in their upper byte.
        let has_bit_fields = info >> 31 != 0;
        for index in 0..u32::try_from(info & 0xffff).ok()? {
            let member_at = at + TYPE_LEN + 12 * usize::try_from(index).ok()?;
            let name = self.string(number(self.bytes, member_at)?)?;
            let member_type = u32::try_from(number(self.bytes, member_at + 4)?).ok()?;
            let offset = u32::try_from(number(self.bytes, member_at + 8)?).ok()?;
            let bits = if has_bit_fields { offset & 0x00ff_ffff } else { offset };
            if name == wanted {
                let is_bit_field = has_bit_fields && offset >> 24 != 0;
                return (!is_bit_field).then_some((bits, member_type));
            }
            if name.is_empty() && depth > 0 {
                let inner = self.plain(member_type).and_then(|id| self.member(id, wanted, depth - 1));
                if let Some((inside, member_type)) = inner {
                    return Some((bits.checked_add(inside)?, member_type));
                }
            }
        }
        None
    }

    /// The type behind typedefs and qualifiers.
    fn plain(&self, mut id: u32) -> Option<u32> {
        for _ in 0..DEPTH_MAX {
            let at = self.at(id)?;
            match kind_of(number(self.bytes, at + 4)?) {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = u32::try_from(number(self.bytes, at + 8)?).ok()?;
                }
                _ => return Some(id),
            }
        }
        None
    }

    fn at(&self, id: u32) -> Option<usize> {
        let at = *self.types.get(usize::try_from(id).ok()?)?;
        if at == 0 { None } else { usize::try_from(at).ok() }
    }

    fn string(&self, offset: usize) -> Option<&'a [u8]> {
        let from = self.bytes.get(self.strings_at.checked_add(offset)?..)?;
        from.split(|byte| *byte == 0).next()
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_ne_bytes(*word)).ok()
}

fn kind_of(info: usize) -> u32 {
    u32::try_from(info >> 24 & 0x1f).unwrap_or(0)
}

fn is_compound(info: usize) -> bool {
    matches!(kind_of(info), kind::STRUCT | kind::UNION)
}

/// What follows the common part of a type.
fn more_bytes(kind: u32, count: usize) -> Result<usize, BtfError> {
    Ok(match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * count,
        kind::ENUM | kind::FUNC_PROTO => 8 * count,
        0 => return Err(BtfError::Kind(0)),
        other if other <= kind::LAST => 0,
        other => return Err(BtfError::Kind(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ebpf::offsets::OFFSETS;

    struct Bytes<'a>(&'a [u8]);

    impl btfparse::Readable for Bytes<'_> {
        fn read(&self, offset: u64, buffer: &mut [u8]) -> btfparse::Result<()> {
            let at = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&self.0[at..at + buffer.len()]);
            Ok(())
        }
    }

    /// `None` if it has none, and the test is skipped.
    #[track_caller]
    fn types_of_this_kernel() -> Option<Vec<u8>> {
        let types = std::fs::read("/sys/kernel/btf/vmlinux").ok();
        if types.is_none() {
            beaconwatch_skip::skip("this kernel has no BTF");
        }
        types
    }

    /// Every offset that the object uses, against another reader of the running kernel's types.
    #[test]
    fn offsets_agree_with_another_reader() {
        let Some(bytes) = types_of_this_kernel() else { return };
        let ours = Btf::parse(&bytes).unwrap();
        let theirs = btfparse::TypeInformation::new(&Bytes(&bytes)).unwrap();
        let mut compared = 0;
        for spec in OFFSETS {
            for path in spec.paths {
                let expected = theirs.id_of(spec.structure).and_then(|id| theirs.offset_of(id, path).ok());
                let expected = expected.map(|(_, offset)| match offset {
                    btfparse::Offset::ByteOffset(bytes) => bytes,
                    btfparse::Offset::BitOffsetAndSize(_, _) => u32::MAX,
                });
                assert_eq!(ours.offset(spec.structure, path), expected, "{}.{path}", spec.structure);
                compared += u32::from(expected.is_some());
            }
        }
        assert!(compared > 40, "only {compared}");
    }

    #[test]
    fn a_damaged_description_is_refused_or_has_no_members() {
        assert_eq!(Btf::parse(b"").err(), Some(BtfError::Magic));
        assert_eq!(Btf::parse(&[0x9f, 0xeb, 1, 0]).err(), Some(BtfError::Short));
        let Some(bytes) = types_of_this_kernel() else { return };
        for len in [30, 1000, 100_000, bytes.len() / 2] {
            if let Ok(btf) = Btf::parse(&bytes[..len]) {
                assert_eq!(btf.offset("task_struct", "no_such_member"), None);
            }
        }
    }
}
