//! Initial secrets (RFC 9001, 5.2), packet and header protection.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::AeadInOut;
use hkdf::Hkdf;
use sha2::Sha256;

use super::packet::Initial;
use super::version::{Labels, Version};

const TAG_BYTES: usize = 16;
/// Largest packet that is decrypted; a datagram is not larger.
const PACKET_BYTES_MAX: usize = 65535;

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
