use aes_gcm::aead::{AeadInOut, KeyInit};

use super::keys::PacketKeys;
use super::*;
use crate::observe::protocol::sample;

const CONNECTION_ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

fn keys() -> InitialKeys {
    InitialKeys::derive(version::version_parameters(1).unwrap(), &CONNECTION_ID).unwrap()
}

#[test]
fn the_keys_are_those_of_rfc_9001() {
    assert_eq!(
        format!("{:02x?}", keys().client),
        "PacketKeys { key: [1f, 36, 96, 13, dd, 76, d5, 46, 77, 30, ef, cb, e3, b1, a2, 2d], \
         iv: [fa, 04, 4b, 2f, 42, a3, fd, 3b, 46, fb, 25, 5c], \
         header: [9f, 50, 44, 9e, 04, a0, e8, 10, 28, 3a, 1e, 99, 33, ad, ed, d2] }"
    );
}

/// An Initial packet of the client with these frames.
fn packet(number: u8, frames: &[u8]) -> Vec<u8> {
    let mut header = vec![0xc0, 0, 0, 0, 1, 8];
    header.extend(CONNECTION_ID);
    header.extend([0, 0]);
    header.extend((0x4000 | u16::try_from(1 + frames.len() + 16).unwrap()).to_be_bytes());
    let number_at = header.len();
    header.push(number);
    keys().client.seal(&header, number_at, number, frames)
}

impl PacketKeys {
    fn seal(&self, header: &[u8], number_at: usize, number: u8, frames: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv();
        nonce[11] ^= number;
        let mut body = frames.to_vec();
        let tag = aes_gcm::Aes128Gcm::new(&self.key().into())
            .encrypt_inout_detached(&nonce.into(), header, body.as_mut_slice().into())
            .unwrap();
        let mut packet = [header, &body, &tag].concat();
        let mask = self.mask(&packet, number_at).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at] ^= mask[1];
        packet
    }
}

fn crypto(offset: u16, data: &[u8]) -> Vec<u8> {
    let len = 0x4000 | u16::try_from(data.len()).unwrap();
    [&[6][..], &(0x4000 | offset).to_be_bytes(), &len.to_be_bytes(), data].concat()
}

fn see(datagrams: &[Vec<u8>]) -> Vec<Observation> {
    let mut quic = QuicFlow::default();
    let mut seen = Vec::new();
    for datagram in datagrams {
        quic.push(Sender::Originator, datagram, Detail::Evidence, &mut seen);
    }
    quic.finish(Detail::Evidence, &mut seen);
    seen
}

#[test]
fn a_shuffled_hello_over_several_packets_is_put_together() {
    let hello = sample::client_hello("quic.example");
    let pieces: Vec<Vec<u8>> = (0..).zip(hello.chunks(100)).map(|(i, part)| crypto(i * 100, part)).collect();
    let (even, odd): (Vec<_>, Vec<_>) = pieces.into_iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let frames = |pieces: Vec<(usize, Vec<u8>)>| -> Vec<u8> {
        pieces.into_iter().rev().flat_map(|(_, piece)| [piece, vec![1, 0, 0]].concat()).collect()
    };
    let first = packet(0, &frames(odd));
    assert_eq!(probe(&first), QuicProbe::Initial(1));
    let seen = see(&[first, packet(1, &frames(even))]);
    let [Observation::QuicInitial(initial), Observation::TlsClientHello(hello)] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(initial.version, 1);
    let ja4 = hello.ja4.unwrap().to_string();
    assert_eq!(ja4[1..], sample::JA4[1..]);
    assert!(ja4.starts_with('q'));
}

#[test]
fn a_hello_of_which_a_part_is_lost_is_cut() {
    let hello = sample::client_hello("quic.example");
    let seen = see(&[packet(0, &crypto(0, &hello[..400]))]);
    let [_, Observation::TlsClientHello(hello)] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(hello.cut && hello.ja4.is_none());
}

#[test]
fn a_forged_packet_says_nothing() {
    let mut forged = packet(0, &crypto(0, &sample::client_hello("quic.example")));
    forged[200] ^= 1;
    assert_eq!(see(&[forged]), []);
}
