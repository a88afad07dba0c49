//! Zstandard: frame after frame, as they are written one behind the other; what a file holds before it breaks comes out
//! before the error does.

use std::io::{Cursor, Error, ErrorKind, Read, Result, copy, sink};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// An empty block that is the last one, and any checksum.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Unpacks what it reads.
pub(super) struct Zstd<R> {
    source: Watched<R>,
    frame: FrameDecoder,
    in_frame: bool,
    /// Why nothing follows what is left of the frame.
    broken: Option<Error>,
}

impl<R: Read> Zstd<R> {
    pub(super) fn over(reader: R) -> Self {
        let source = Watched { reader, at_end: false };
        Self { source, frame: FrameDecoder::new(), in_frame: false, broken: None }
    }

    /// Goes to the next frame; false at the end.
    fn begin_frame(&mut self) -> Result<bool> {
        loop {
            let mut magic = Vec::with_capacity(4);
            self.source.by_ref().take(4).read_to_end(&mut magic)?;
            if magic.is_empty() {
                return Ok(false);
            }
            match self.frame.reset(Cursor::new(magic).chain(&mut self.source)) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    magic_number: _,
                })) => {
                    let length = u64::from(length);
                    if copy(&mut self.source.by_ref().take(length), &mut sink())? < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.source.error(error)),
            }
        }
    }

    /// Unpacks a block. One that cannot be ends the frame, so that what came before it is let go of.
    fn next_block(&mut self) {
        let one = BlockDecodingStrategy::UptoBlocks(1);
        if let Err(error) = self.frame.decode_blocks(&mut self.source, one) {
            self.broken = Some(self.source.error(error));
            let ended = self.frame.decode_blocks(LAST_BLOCK.as_slice(), BlockDecodingStrategy::All);
            self.in_frame = ended.is_ok();
        }
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.in_frame {
                if self.frame.can_collect() > 0 {
                    return self.frame.read(buffer);
                }
                self.in_frame = !self.frame.is_finished();
                if self.in_frame {
                    self.next_block();
                }
            } else if let Some(error) = self.broken.take() {
                return Err(error);
            } else if self.begin_frame()? {
                self.in_frame = true;
            } else {
                return Ok(0);
            }
        }
    }
}

/// Knows whether the end was reached: an error there is that of a file that was cut.
struct Watched<R> {
    reader: R,
    at_end: bool,
}

impl<R> Watched<R> {
    fn error(&self, error: FrameDecoderError) -> Error {
        if self.at_end { ErrorKind::UnexpectedEof.into() } else { Error::new(ErrorKind::InvalidData, error) }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.reader.read(buffer)?;
        self.at_end |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    /// What comes out before the end or an error, and the kind of the error.
    fn unpack(packed: &[u8]) -> (Vec<u8>, Option<ErrorKind>) {
        let mut reader = Zstd::over(packed);
        let (mut unpacked, mut part) = (Vec::new(), [0; 999]);
        loop {
            match reader.read(&mut part) {
                Ok(0) => return (unpacked, None),
                Ok(read) => unpacked.extend_from_slice(&part[..read]),
                Err(error) => return (unpacked, Some(error.kind())),
            }
        }
    }

    fn text(lines: u32) -> Vec<u8> {
        (0..lines)
            .flat_map(|line| format!("{line}\t{}\n", line.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    fn pack(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    #[test]
    fn frames_come_one_after_the_other() {
        let (one, other) = (text(100_000), text(10));
        let skipped = b"\x5f\x2a\x4d\x18\x02\0\0\0xy";
        let packed = [&pack(&one)[..], skipped, &pack(b""), &pack(&other)].concat();
        assert_eq!(unpack(&packed), ([one, other].concat(), None));
        assert_eq!(unpack(b""), (Vec::new(), None));
    }

    #[test]
    fn what_comes_before_a_cut_is_let_go_of() {
        let whole = text(100_000);
        let packed = pack(&whole);
        for cut in [packed.len() / 2, packed.len() - 1] {
            let (unpacked, error) = unpack(&packed[..cut]);
            assert_eq!(error, Some(ErrorKind::UnexpectedEof), "{cut}");
            assert!(whole.starts_with(&unpacked), "{cut}");
            assert!(unpacked.len() + (128 << 10) >= whole.len() * cut / packed.len() * 9 / 10, "{cut}");
        }
        for short in [1, 3, 5] {
            assert_eq!(unpack(&packed[..short]).1, Some(ErrorKind::UnexpectedEof), "{short}");
        }
        assert_eq!(unpack(b"\x5f\x2a\x4d\x18\x09\0\0\0xy").1, Some(ErrorKind::UnexpectedEof));
    }

    #[test]
    fn damage_is_told_from_a_cut() {
        let whole = text(100_000);
        let mut packed = pack(&whole);
        let middle = packed.len() / 2;
        packed[middle..middle + 3000].fill(0xff);
        let (_, error) = unpack(&packed);
        assert_eq!(error, Some(ErrorKind::InvalidData));
        let behind = [&pack(b"a")[..], b"not a frame, and long enough to be told"].concat();
        assert_eq!(unpack(&behind), (b"a".to_vec(), Some(ErrorKind::InvalidData)));
    }
}
