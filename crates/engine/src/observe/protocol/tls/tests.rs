use sha2::Digest;

use super::*;
use crate::observe::protocol::sample;

fn see(sender: Sender, stream: &[u8]) -> Vec<Observation> {
    let mut tls = TlsStream::start();
    let mut seen = Vec::new();
    tls.push(sender, stream, false, Detail::Full, &mut seen);
    tls.finish(Detail::Full, &mut seen);
    seen
}

#[test]
fn a_server_hello_says_version_cipher_and_alpn() {
    let stream = sample::records(&sample::server_hello(), 16384);
    let seen = see(Sender::Responder, &stream);
    let [Observation::TlsServerHello(hello)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((hello.legacy_version, hello.cipher, hello.retry), (0x0303, 0xc02f, false));
    assert_eq!(hello.alpn.as_ref().map(crate::observe::protocol::Text::as_str), Some("h2"));
    assert_eq!(hello.ja3s.as_deref(), Some("771,49199,16"));
}

#[test]
fn encryption_is_not_read() {
    let mut stream = sample::records(&sample::client_hello("a.example"), 16384);
    stream.extend([20, 3, 3, 0, 1, 1]);
    stream.extend([22, 3, 3, 0, 40]);
    stream.extend([0xab; 40]);
    stream.extend([23, 3, 3, 0, 4, 1, 2, 3, 4]);
    stream.extend(sample::records(&sample::client_hello("never.example"), 16384));
    assert_eq!(see(Sender::Originator, &stream).len(), 1);
}

#[test]
fn a_second_hello_after_a_retry_is_seen() {
    let hello = sample::records(&sample::client_hello("a.example"), 16384);
    let stream = [hello.clone(), vec![20, 3, 3, 0, 1, 1], hello].concat();
    assert_eq!(see(Sender::Originator, &stream).len(), 2);
}

#[test]
fn the_server_hello_after_a_retry_is_seen_and_what_is_encrypted_then_is_not() {
    let hello = sample::server_hello();
    let mut retry = hello.clone();
    retry[6..38].copy_from_slice(&server_hello::RETRY_RANDOM);
    let record = |message: &[u8]| sample::records(message, 16384);
    let change = vec![20, 3, 3, 0, 1, 1];
    let stream = [record(&retry), change.clone(), record(&hello), change, record(&hello)].concat();
    for at in 0..stream.len() {
        let mut tls = TlsStream::start();
        let mut seen = Vec::new();
        for part in [&stream[..at], &stream[at..]] {
            tls.push(Sender::Responder, part, false, Detail::Full, &mut seen);
        }
        let retries: Vec<bool> = seen
            .iter()
            .filter_map(|o| if let Observation::TlsServerHello(hello) = o { Some(hello.retry) } else { None })
            .collect();
        assert_eq!(retries, [true, false], "split at {at}");
    }
}

#[test]
fn a_fingerprint_sorts_any_number_of_ciphers() {
    for count in [1, 64, 65, 200] {
        let ciphers: Vec<u16> = (0..count).map(|n| 0xd000 - n * 7).collect();
        let wire: Vec<u8> = ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()).collect();
        let len = u16::try_from(wire.len()).unwrap().to_be_bytes();
        let body = [&[3, 3][..], &[7; 32], &[0], &len, &wire, &[1, 0]].concat();
        let mut sorted: Vec<String> = ciphers.iter().map(|cipher| format!("{cipher:04x}")).collect();
        sorted.sort();
        let digest = sha2::Sha256::digest(sorted.join(","));
        let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let seen = see(Sender::Originator, &sample::records(&sample::handshake(1, &body), 16384));
        let [Observation::TlsClientHello(hello)] = seen.as_slice() else { panic!("{seen:?}") };
        let expected = format!("t12i{:02}0000_{hash}_000000000000", count.min(99));
        assert_eq!(hello.ja4.as_ref().map(crate::observe::protocol::Ja4::as_str), Some(&*expected));
    }
}

#[test]
fn a_hello_of_ssl_2_form_gives_its_version() {
    let mut stream = vec![0x80, 9 + 3 + 16, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 0x39];
    stream.extend([1; 16]);
    assert_eq!(probe(&stream), Probe::Yes);
    let seen = see(Sender::Originator, &stream);
    let [Observation::TlsClientHello(hello)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((hello.legacy_version, hello.ja4, hello.cut), (0x0301, None, false));
}

#[test]
fn a_huge_message_is_read_as_cut_and_passed_over() {
    let mut body = vec![3, 3];
    body.extend([0; 200_000]);
    let mut handshake = sample::handshake(1, &body);
    handshake.extend(sample::client_hello("behind.example"));
    let seen = see(Sender::Originator, &sample::records(&handshake, 16384));
    let [Observation::TlsClientHello(huge), Observation::TlsClientHello(behind)] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert!(huge.cut && !behind.cut);
}
