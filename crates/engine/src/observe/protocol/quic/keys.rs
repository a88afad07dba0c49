//! Initial secrets (RFC 9001, 5.2), packet and header protection.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::AeadInOut;
use hkdf::Hkdf;
use sha2::Sha256;

use super::packet::Initial;

const TAG_BYTES: usize = 16;
/// Largest packet that is decrypted; a datagram is not larger.
const PACKET_BYTES_MAX: usize = 65535;

/// What differs between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    salt: &'static [u8; 20],
    labels: Labels,
    /// Type bits of an Initial packet.
    pub(super) initial_type: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Labels {
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

/// Which end protects a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// The keys of both ends.
#[derive(Debug)]
pub(super) struct InitialKeys {
    pub(super) client: PacketKeys,
    server: PacketKeys,
}

/// The keys of one end, as bytes: expanded only while a packet is opened.
#[derive(Debug)]
pub(super) struct PacketKeys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl InitialKeys {
    pub(super) fn derive(version: Version, connection_id: &[u8]) -> Option<Self> {
        let (_, initial) = Hkdf::<Sha256>::extract(Some(version.salt), connection_id);
        Some(Self {
            client: PacketKeys::derive(&initial, b"client in", version.labels)?,
            server: PacketKeys::derive(&initial, b"server in", version.labels)?,
        })
    }

    pub(super) fn of(&self, side: Side) -> &PacketKeys {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl PacketKeys {
    fn derive(initial: &Hkdf<Sha256>, end: &[u8], labels: Labels) -> Option<Self> {
        let secret: [u8; 32] = expand(initial, end)?;
        let secret = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let [key, iv, header] = match labels {
            Labels::One => [&b"quic key"[..], b"quic iv", b"quic hp"],
            Labels::Two => [&b"quicv2 key"[..], b"quicv2 iv", b"quicv2 hp"],
        };
        Some(Self { key: expand(&secret, key)?, iv: expand(&secret, iv)?, header: expand(&secret, header)? })
    }

    /// Removes the protection of a packet; `None` when these are not its keys.
    pub(super) fn open(&self, initial: &Initial<'_>) -> Option<Vec<u8>> {
        if initial.packet.len() > PACKET_BYTES_MAX {
            return None;
        }
        let mask = self.mask(initial.packet, initial.number_at)?;
        let [first_mask, number_mask @ .., _, _, _, _, _, _, _, _, _, _, _] = mask;

        let mut packet = initial.packet.to_vec();
        let first = packet.first_mut()?;
        *first ^= first_mask & 0x0f;
        let number_len = usize::from(*first & 0x3) + 1;
        let mut number = 0_u32;
        for (byte, mask) in packet.get_mut(initial.number_at..)?.iter_mut().zip(number_mask).take(number_len)
        {
            *byte ^= mask;
            number = number << 8 | u32::from(*byte);
        }
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(8).zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        let (header, body) = packet.split_at_mut_checked(initial.number_at + number_len)?;
        let (body, tag) = body.split_at_mut_checked(body.len().checked_sub(TAG_BYTES)?)?;
        let tag: [u8; TAG_BYTES] = (&*tag).try_into().ok()?;
        Aes128Gcm::new(&self.key.into())
            .decrypt_inout_detached(&nonce.into(), header, (&mut *body).into(), &tag.into())
            .ok()?;
        Some(body.to_vec())
    }
}

impl PacketKeys {
    /// The header protection of a packet, which follows from a sample of its encrypted part.
    pub(super) fn mask(&self, packet: &[u8], number_at: usize) -> Option<[u8; 16]> {
        let sample: [u8; 16] = packet.get(number_at + 4..)?.first_chunk().copied()?;
        let mut mask = sample.into();
        Aes128::new(&self.header.into()).encrypt_block(&mut mask);
        Some(mask.into())
    }
}

#[cfg(test)]
impl PacketKeys {
    pub(super) fn key(&self) -> [u8; 16] {
        self.key
    }

    pub(super) fn iv(&self) -> [u8; 12] {
        self.iv
    }
}

/// HKDF-Expand-Label of TLS 1.3 with an empty context.
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &[u8]) -> Option<[u8; N]> {
    let len = u16::try_from(N).ok()?.to_be_bytes();
    let label_len = [u8::try_from(label.len() + 6).ok()?];
    let mut out = [0; N];
    secret.expand_multi_info(&[&len, &label_len, b"tls13 ", label, &[0]], &mut out).ok()?;
    Some(out)
}
