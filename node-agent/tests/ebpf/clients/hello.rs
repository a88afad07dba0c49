//! Client hellos as real TLS clients send them: their fingerprints against those of the very bytes that the server
//! received, and hellos that are longer than what the kernel reports.

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};

use beaconwatch_engine::observe::contact::Contact;
use beaconwatch_engine::observe::protocol::{
    Carrier, Detail, FlowParser, Observation, Sender, TlsClientHello,
};

use crate::stage::{Client, Seen, Stage};

const NAME: &str = "long.example.test";

/// Collects the hello of each client that connects to a port.
fn collect_hellos(stage: &Stage, port: u16) -> Receiver<Vec<u8>> {
    let (sender, hellos) = channel();
    stage.play(port, move |stream| {
        let _ = sender.send(read_record(stream).unwrap_or_default());
    });
    hellos
}

/// One TLS record.
fn read_record(mut stream: TcpStream) -> std::io::Result<Vec<u8>> {
    let mut record = vec![0; 5];
    stream.read_exact(&mut record)?;
    let len = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + len, 0);
    stream.read_exact(&mut record[5..])?;
    Ok(record)
}

fn hello_in(seen: &[Observation]) -> Option<&TlsClientHello> {
    seen.iter().find_map(|observation| {
        let Observation::TlsClientHello(hello) = observation else { return None };
        Some(hello)
    })
}

/// What the engine reads of a whole hello.
fn parse(record: &[u8]) -> TlsClientHello {
    let mut seen = Vec::new();
    FlowParser::open(Carrier::Stream, 443, Detail::Evidence).push(
        Sender::Originator,
        record,
        false,
        &mut seen,
    );
    hello_in(&seen).unwrap().clone()
}

fn only_contact<'a>(seen: &'a Seen, client: &Client) -> &'a Contact {
    let [contact] = seen.contacts(client) else { panic!("{:#?}", seen.lines(client)) };
    contact
}

/// A client whose hello is about as long as this: OpenSSL with many protocol names (RFC 7301).
fn long_hello(bytes: usize) -> [String; 2] {
    let names: Vec<String> = (0..bytes / 201).map(|n| format!("{n:0>200}")).collect();
    ["-alpn".to_owned(), names.join(",")]
}

fn run_openssl(stage: &mut Stage, port: u16, more: &[String]) -> Client {
    let to = format!("10.77.0.1:{port}");
    let mut command = vec!["openssl", "s_client", "-connect", &to, "-servername", NAME];
    command.extend(more.iter().map(String::as_str));
    stage.run(&command)
}

#[test]
fn a_fingerprint_is_that_of_the_bytes_the_server_received() {
    let Some(mut stage) = Stage::set(&["curl", "openssl", "wget"]) else { return };
    let hellos = collect_hellos(&stage, 8443);
    let resolve = format!("{NAME}:8443:10.77.0.1");
    let url = format!("https://{NAME}:8443/");
    let clients = [
        stage.run(&["curl", "-sk", "--resolve", &resolve, &url]),
        stage.run(&["curl", "-sk", "--resolve", &resolve, &url]),
        stage.run(&["wget", "-q", "--tries=1", "--no-check-certificate", "https://10.77.0.1:8443/"]),
        run_openssl(&mut stage, 8443, &[]),
        // Longer than a segment; the kernel hands such a hello down in one piece.
        run_openssl(&mut stage, 8443, &long_hello(3600)),
    ];
    let seen = stage.end();
    let mut fingerprints = Vec::new();
    for client in &clients {
        let record = hellos.recv().unwrap();
        let ja4 = only_contact(&seen, client).ja4.clone().unwrap();
        assert_eq!(Some(&*ja4), parse(&record).ja4.as_ref().map(|ja4| ja4.as_str()), "{}", client.printed);
        fingerprints.push(ja4);
    }
    assert_eq!(fingerprints[0], fingerprints[1]);
    let different: std::collections::BTreeSet<_> = fingerprints.iter().collect();
    assert_eq!(different.len(), 4, "{fingerprints:?}");
}

#[test]
fn a_hello_of_several_segments_is_whole_and_one_that_is_cut_has_no_fingerprint() {
    let Some(mut stage) = Stage::set(&["openssl", "ip"]) else { return };
    let hellos = collect_hellos(&stage, 8443);
    // More in one piece than the kernel reports of one packet.
    let cut_piece = run_openssl(&mut stage, 8443, &long_hello(4000));
    // From here on every segment is a packet of its own.
    let network = stage.scene.inside(1, || {
        let command = ["link", "set", "eth0", "gso_max_segs", "1", "gso_max_size", "1500"];
        std::process::Command::new("ip").args(command).status().unwrap()
    });
    assert!(network.success());
    let whole = run_openssl(&mut stage, 8443, &long_hello(3000));
    // More segments than the kernel reports.
    let cut_segments = run_openssl(&mut stage, 8443, &long_hello(6000));
    let seen = stage.end();

    let records: Vec<TlsClientHello> = hellos.iter().take(3).map(|record| parse(&record)).collect();
    assert_eq!(only_contact(&seen, &whole).ja4.as_deref(), records[1].ja4.as_ref().map(|ja4| ja4.as_str()));
    for client in [&cut_piece, &cut_segments] {
        let contact = only_contact(&seen, client);
        assert_eq!((contact.sni.as_deref(), contact.ja4.as_deref()), (Some(NAME), None));
    }
    assert!(hello_in(seen.observations(&cut_piece)).is_some_and(|hello| hello.cut));
}

#[test]
fn a_browsers_post_quantum_hello_is_whole_and_its_fingerprint_lasts_though_it_is_shuffled() {
    let Some(mut stage) = Stage::set(&["chromium"]) else { return };
    let hellos = collect_hellos(&stage, 8443);
    let rules = format!("--host-resolver-rules=MAP {NAME} 10.77.0.1");
    let url = format!("https://{NAME}:8443/");
    let browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", &rules, &url];
    let clients = [stage.run(&browser), stage.run(&browser)];
    let seen = stage.end();
    let mut fingerprints = Vec::new();
    for client in &clients {
        let record = hellos.recv().unwrap();
        let hello = parse(&record);
        println!("{} bytes, ech {}, {:?}", record.len(), hello.ech, hello.ja4);
        assert!(record.len() > 1460, "{} bytes", record.len());
        let contacts = seen.contacts(client);
        let named: Vec<&Contact> =
            contacts.iter().filter(|contact| contact.sni.as_deref() == Some(NAME)).collect();
        assert!(!named.is_empty(), "{:#?}", seen.lines(client));
        for contact in named {
            assert_eq!(contact.ja4.as_deref(), hello.ja4.as_ref().map(|ja4| ja4.as_str()));
            fingerprints.push(contact.ja4.clone());
        }
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 1, "{fingerprints:?}");
}
