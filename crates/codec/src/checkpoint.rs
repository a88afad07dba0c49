//! Checkpoints as files: what an engine learned, whole or refused.
//!
//! The head names the sections and their lengths; the blocks hold them one after another. A checkpoint of which one byte
//! is wrong is refused: what was learned belongs together.

use std::io::{self, Write};

use beaconwatch_engine::checkpoint::{Checkpoint, Section};
use beaconwatch_engine::codec::{Coded, Reader, VERSION, fields};

use crate::frame::{self, HEAD_CRC_LEN, HEAD_LEN, HEADER_LEN, Magic};

/// First bytes of a checkpoint.
const MAGIC: Magic = *b"BWCKP\r\n\x1a";
/// First bytes of those that were written before the format had versions that are kept.
const MAGIC_BEFORE: &[u8] = b"BWCP";
/// The oldest version that is read.
pub const OLDEST: u16 = 2;
/// Bytes of a block before they are compressed.
const BLOCK_BYTES: usize = 256 << 10;

/// Why a checkpoint cannot be used.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CheckpointFileError {
    /// The file is something else.
    #[error("this is no checkpoint: it does not begin as one")]
    NotACheckpoint,
    /// Written by an agent whose identities were not made to last.
    #[error(
        "it was written by an older agent, whose identities meant something to that version only: baselines start again, \
         this once"
    )]
    BeforeIdentities,
    /// Of a version that is not known here.
    #[error(
        "it has format version {found}, and this program reads {OLDEST} to {VERSION}: it was written by a newer one"
    )]
    Version {
        /// The version found.
        found: u16,
    },
    /// Damaged or cut.
    #[error("the checkpoint is damaged or cut")]
    Damaged,
}

/// The sections, as the head names them.
struct Contents {
    sections: Vec<Place>,
}

/// A section in the bytes of all blocks together.
struct Place {
    name: Box<str>,
    length: usize,
}

fields!(Contents { sections });
fields!(Place { name, length });

/// Writes a checkpoint. Returns how many bytes it has.
///
/// # Errors
///
/// When they cannot be written.
pub fn write(checkpoint: &Checkpoint, out: &mut impl Write) -> io::Result<u64> {
    let sections = checkpoint.sections.iter();
    let sections = sections
        .map(|section| Place { name: section.name.as_ref().into(), length: section.bytes.len() })
        .collect();
    let mut body = Vec::new();
    Contents { sections }.put(&mut body);
    let head = frame::head(MAGIC, &body);
    out.write_all(&head)?;
    let mut bytes = head.len() as u64;
    let chunks = checkpoint.sections.iter().flat_map(|section| section.bytes.chunks(BLOCK_BYTES));
    for (sequence, raw) in (0..).zip(chunks) {
        let block = frame::seal(sequence, raw);
        out.write_all(&block)?;
        bytes += block.len() as u64;
    }
    Ok(bytes)
}

/// Reads a checkpoint.
///
/// # Errors
///
/// When it is none, of an unknown version, damaged or cut.
pub fn read(bytes: &[u8]) -> Result<Checkpoint, CheckpointFileError> {
    let Some((version, length)) = frame::head_begin(MAGIC, bytes) else {
        let before = bytes.starts_with(MAGIC_BEFORE);
        return Err(if before {
            CheckpointFileError::BeforeIdentities
        } else {
            CheckpointFileError::NotACheckpoint
        });
    };
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(CheckpointFileError::Version { found: version });
    }
    sections(version, length, bytes)
        .map(|sections| Checkpoint { version, sections })
        .ok_or(CheckpointFileError::Damaged)
}

fn sections(version: u16, length: usize, bytes: &[u8]) -> Option<Vec<Section>> {
    let mut reader = Reader::of_version(version, frame::head_body(version, length, bytes)?);
    let contents = Contents::take(&mut reader)?;
    reader.end()?;
    let mut blocks = bytes.get(HEAD_LEN + length + HEAD_CRC_LEN..)?;
    let mut raw = Vec::new();
    for sequence in 0_u32.. {
        if blocks.is_empty() {
            break;
        }
        let header = frame::header(blocks).filter(|header| header.sequence == sequence)?;
        let (block, rest) = blocks.split_at_checked(HEADER_LEN + header.stored_len)?;
        raw.extend_from_slice(&frame::open(&header, block.get(HEADER_LEN..)?)?);
        blocks = rest;
    }
    let mut rest = raw.as_slice();
    let mut sections = Vec::new();
    for Place { name, length } in contents.sections {
        let (bytes, after) = rest.split_at_checked(length)?;
        sections.push(Section { name: String::from(name).into(), bytes: bytes.to_vec() });
        rest = after;
    }
    rest.is_empty().then_some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let section = |name: &'static str, length: usize| Section {
            name: name.into(),
            bytes: (0..length).map(|at| (at * at / 7) as u8).collect(),
        };
        let sections = vec![section("a", 3), section("empty", 0), section("large", 3 * BLOCK_BYTES / 2)];
        Checkpoint { version: VERSION, sections }
    }

    fn written(checkpoint: &Checkpoint) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert_eq!(write(checkpoint, &mut bytes).unwrap(), bytes.len() as u64);
        bytes
    }

    #[test]
    fn what_was_written_is_read_back() {
        assert_eq!(read(&written(&checkpoint())), Ok(checkpoint()));
        let nothing = Checkpoint { version: VERSION, sections: Vec::new() };
        assert_eq!(read(&written(&nothing)), Ok(nothing));
    }

    #[test]
    fn one_that_is_damaged_cut_or_longer_is_refused() {
        let sound = written(&checkpoint());
        // Head and header of the first block byte by byte, then a byte here and there.
        let places = || (HEAD_LEN..100).chain((100..sound.len()).step_by(1009)).chain([sound.len() - 1]);
        for cut in places() {
            assert_eq!(read(&sound[..cut]), Err(CheckpointFileError::Damaged), "{cut}");
        }
        for at in places() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged), Err(CheckpointFileError::Damaged), "{at}");
        }
        assert_eq!(read(&[sound.as_slice(), b"x"].concat()), Err(CheckpointFileError::Damaged));
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let said = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(said(b"").contains("no checkpoint"));
        assert!(said(b"BWREC\r\n\x1a").contains("no checkpoint"));
        assert!(said(b"BWCP\x05\0\0\0rest").contains("baselines start again"));
        let mut newer = written(&checkpoint());
        newer[8] = 9;
        assert!(said(&newer).contains("version 9"), "{}", said(&newer));
    }
}
