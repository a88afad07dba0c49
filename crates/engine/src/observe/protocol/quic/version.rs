//! What differs between versions of QUIC.

/// What differs between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) salt: &'static [u8; 20],
    pub(super) labels: Labels,
    /// Type bits of an Initial packet.
    pub(super) initial_type: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Labels {
    One,
    Two,
}

const DRAFT_22: [u8; 20] =
    *b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";
const DRAFT_23: [u8; 20] =
    *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
const DRAFT_29: [u8; 20] =
    *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
const VERSION_1: [u8; 20] =
    *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
const VERSION_2: [u8; 20] =
    *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
const GOOGLE_Q050: [u8; 20] =
    *b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45";
const GOOGLE_T050: [u8; 20] =
    *b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10";
const GOOGLE_T051: [u8; 20] =
    *b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d";

/// The parameters of a version; `None` for one that is not known.
pub(super) fn version_parameters(version: u32) -> Option<Version> {
    let one = |salt| Some(Version { salt, labels: Labels::One, initial_type: 0 });
    match version {
        0x0000_0001 | 0xff00_0021..=0xff00_0022 => one(&VERSION_1),
        0x6b33_43cf => Some(Version { salt: &VERSION_2, labels: Labels::Two, initial_type: 1 }),
        0xff00_001d..=0xff00_0020 => one(&DRAFT_29),
        0xff00_0017..=0xff00_001c => one(&DRAFT_23),
        0xff00_0015..=0xff00_0016 => one(&DRAFT_22),
        // mvfst: its first version is draft 22, the later ones draft 27.
        0xface_b001 => one(&DRAFT_22),
        0xface_b002 | 0xface_b00e => one(&DRAFT_23),
        // Versions that exist to be refused (RFC 9000, 15): what the client encrypts with is its own choice.
        greased if greased & 0x0f0f_0f0f == 0x0a0a_0a0a => one(&DRAFT_29),
        0x5130_3530 => one(&GOOGLE_Q050),
        0x5430_3530 => one(&GOOGLE_T050),
        0x5430_3531 => one(&GOOGLE_T051),
        _ => None,
    }
}

/// The version that a client of a greased version may have encrypted with as well.
pub(super) fn second_choice(version: u32) -> Option<Version> {
    version_parameters(1).filter(|_| version & 0x0f0f_0f0f == 0x0a0a_0a0a)
}
