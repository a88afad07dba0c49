//! A file as it is stored: opened once, unpacked by its content whatever its name, its stored bytes counted.
//!
//! Shared by the readers of rows and of packets, so that what one of them can open the others can.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

mod zstd;

use zstd::Zstd;

/// Bytes that tell how a file is packed.
const MAGIC_BYTES: usize = 6;
/// Bytes of a packed file that are read at once.
const PACKED_BYTES: usize = 64 << 10;

/// A file that is read from start to end.
pub struct Stored {
    /// What it holds, unpacked.
    pub reader: Box<dyn Read + Send>,
    /// Bytes that were read of it, packed as they are.
    pub bytes: Arc<AtomicU64>,
}

/// How a file may be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Packing {
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// LZ4.
    Lz4,
    /// compress (`.Z`).
    Compress,
}

impl Packing {
    /// By the first bytes of a file; `None`: it is none of those.
    #[must_use]
    pub fn of(begin: &[u8]) -> Option<Self> {
        let magics: [(&[u8], Self); 6] = [
            (b"\x1f\x8b", Self::Gzip),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            (b"\xfd7zXZ\0", Self::Xz),
            (b"BZh", Self::Bzip2),
            (b"\x04\x22\x4d\x18", Self::Lz4),
            (b"\x1f\x9d", Self::Compress),
        ];
        magics.into_iter().find(|(magic, _)| begin.starts_with(magic)).map(|(_, packing)| packing)
    }

    /// Name of the program that unpacks it.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
            Self::Compress => "uncompress",
        }
    }
}

impl core::fmt::Debug for Stored {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stored").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Stored {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        Self::over(File::open(path)?)
    }

    /// Reads a file from anywhere. What is packed in a way that is not known comes as it is.
    ///
    /// # Errors
    ///
    /// When the first bytes cannot be read.
    pub fn over(reader: impl Read + Send + 'static) -> Result<Self> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut counted = Counted { reader, bytes: Arc::clone(&bytes) };
        // Not by going back: a pipe cannot.
        let mut magic = Vec::with_capacity(MAGIC_BYTES);
        counted.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
        let packing = Packing::of(&magic);
        let whole = Cursor::new(magic).chain(counted);
        let reader: Box<dyn Read + Send> = match packing {
            Some(Packing::Gzip) => {
                Box::new(MultiGzDecoder::new(BufReader::with_capacity(PACKED_BYTES, whole)))
            }
            Some(Packing::Zstd) => Box::new(Zstd::over(BufReader::with_capacity(PACKED_BYTES, whole))),
            Some(Packing::Xz | Packing::Bzip2 | Packing::Lz4 | Packing::Compress) | None => Box::new(whole),
        };
        Ok(Self { reader, bytes })
    }
}

/// Counts what is read of a file, before it is unpacked.
struct Counted<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
