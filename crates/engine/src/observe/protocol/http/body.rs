//! Bodies, which are passed over to find the next head.

/// What a head says about the body behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
}

/// What of a body is still to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Body {
    /// No body: a head follows.
    #[default]
    None,
    /// Bytes left.
    Length(u64),
    /// In chunks: the size line so far.
    ChunkSize { size: u64, digits: u8, in_extension: bool },
    /// In chunks: bytes left of the chunk with its line end.
    Chunk(u64),
    /// In chunks: the lines behind the last chunk; bytes of the current line.
    Trailer { line_bytes: u32 },
    /// Until the end of the flow.
    Endless,
}

const FIRST_CHUNK: Body = Body::ChunkSize { size: 0, digits: 0, in_extension: false };

impl Body {
    pub(super) fn of_request(framing: Framing) -> Self {
        match framing {
            Framing { chunked: true, length: _ } => FIRST_CHUNK,
            Framing { chunked: false, length } => length.filter(|l| *l > 0).map_or(Self::None, Self::Length),
        }
    }

    pub(super) fn of_response(framing: Framing) -> Self {
        match framing {
            Framing { chunked: true, length: _ } => FIRST_CHUNK,
            Framing { chunked: false, length: None } => Self::Endless,
            Framing { chunked: false, length: Some(0) } => Self::None,
            Framing { chunked: false, length: Some(length) } => Self::Length(length),
        }
    }

    /// Passes over what belongs to the body; how many of `bytes` that was.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            match self {
                Self::None => break,
                Self::Endless => return bytes.len(),
                Self::Length(left) => {
                    let part = part_of(*left, rest);
                    used += part;
                    *left -= part as u64;
                    if *left == 0 {
                        *self = Self::None;
                    }
                }
                Self::Chunk(left) => {
                    let part = part_of(*left, rest);
                    used += part;
                    *left -= part as u64;
                    if *left == 0 {
                        *self = FIRST_CHUNK;
                    }
                }
                Self::ChunkSize { .. } | Self::Trailer { .. } => {
                    used += 1;
                    self.pass_line_byte(rest.first().copied().unwrap_or_default());
                }
            }
        }
        used
    }

    fn pass_line_byte(&mut self, byte: u8) {
        match self {
            Self::ChunkSize { size, digits, in_extension } => match (byte, char::from(byte).to_digit(16)) {
                (b'\n', _) if *digits == 0 => *self = Self::Endless,
                (b'\n', _) if *size == 0 => *self = Self::Trailer { line_bytes: 0 },
                (b'\n', _) => *self = Self::Chunk(size.saturating_add(2)),
                (_, Some(digit)) if !*in_extension && *digits < 15 => {
                    *size = *size << 4 | u64::from(digit);
                    *digits += 1;
                }
                _ => *in_extension = true,
            },
            Self::Trailer { line_bytes } => match byte {
                b'\n' if *line_bytes == 0 => *self = Self::None,
                b'\n' => *line_bytes = 0,
                b'\r' => {}
                _ => *line_bytes = line_bytes.saturating_add(1),
            },
            Self::None | Self::Length(_) | Self::Chunk(_) | Self::Endless => {}
        }
    }

    /// A known number of bytes is missing; whether they were all of this body.
    pub(super) fn skip(&mut self, bytes: u64) -> bool {
        match self {
            Self::Endless => true,
            Self::Length(left) if *left >= bytes => {
                *left -= bytes;
                if *left == 0 {
                    *self = Self::None;
                }
                true
            }
            Self::Chunk(left) if *left > bytes => {
                *left -= bytes;
                true
            }
            Self::None | Self::Length(_) | Self::Chunk(_) | Self::ChunkSize { .. } | Self::Trailer { .. } => {
                false
            }
        }
    }
}

fn part_of(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}
