//! What real programs speak, named as it is: by the kernel side and the engine, on ports that say nothing.

mod dns;
mod hello;

use std::io::{Read, Write};
use std::net::TcpStream;

use beaconwatch_engine::observe::contact::Transport;
use beaconwatch_engine::observe::protocol::Observation;

use crate::stage::{CERTIFICATE, KEY, Stage, answer_http};

const HTTP: &str = "http://site.example.test:8080/";
const HTTPS: &str = "https://site.example.test:8443/";
const RESOLVE: [&str; 4] =
    ["--resolve", "site.example.test:8080:10.77.0.1", "--resolve", "site.example.test:8443:10.77.0.1"];

/// An HTTPS server of OpenSSL.
pub(crate) fn serve_https(stage: &mut Stage, port: u16) {
    let accept = format!("10.77.0.1:{port}");
    let command = ["openssl", "s_server", "-accept", &accept, "-cert", CERTIFICATE, "-key", KEY, "-www"];
    stage.serve(Transport::Tcp, port, &command);
}

#[test]
fn http_clients_are_named_by_the_host_they_ask_for() {
    let Some(mut stage) = Stage::set(&["curl", "wget"]) else { return };
    stage.play(8080, answer_http);
    let curl = stage.run(&[&["curl", "-s", HTTP][..], &RESOLVE].concat());
    let wget = stage.run(&["wget", "-qO-", "--header", "Host: site.example.test", "http://10.77.0.1:8080/"]);
    let seen = stage.end();
    for (client, agent) in [(curl, "curl/"), (wget, "Wget/")] {
        assert_eq!(client.printed, "yes");
        assert_eq!(seen.lines(&client), ["connect site.example.test by HttpHost 8080/tcp http Unknown"]);
        let user_agent = seen.contacts(&client)[0].user_agent.clone().unwrap();
        assert!(user_agent.starts_with(agent), "{user_agent}");
    }
}

#[test]
fn https_clients_are_named_by_their_server_name_and_fingerprinted() {
    let Some(mut stage) = Stage::set(&["curl", "openssl"]) else { return };
    serve_https(&mut stage, 8443);
    let curl = stage.run(&[&["curl", "-sk", "-o", "/dev/null", HTTPS][..], &RESOLVE].concat());
    let named = ["openssl", "s_client", "-connect", "10.77.0.1:8443", "-servername", "site.example.test"];
    let openssl = stage.run(&named);
    let old = stage.run(&[&named[..], &["-tls1_2", "-alpn", "http/1.1"]].concat());
    let nameless = stage.run(&["openssl", "s_client", "-connect", "10.77.0.1:8443", "-noservername"]);
    let seen = stage.end();
    for (client, fingerprint) in [(&curl, "t13d"), (&openssl, "t13d"), (&old, "t12d")] {
        assert!(client.status.is_some_and(|status| status.success()), "{}", client.printed);
        assert_eq!(seen.lines(client), ["connect site.example.test by Sni 8443/tcp tls Unknown"]);
        let ja4 = seen.contacts(client)[0].ja4.clone().unwrap();
        assert!(ja4.starts_with(fingerprint), "{ja4}");
    }
    assert_eq!(seen.lines(&nameless), ["connect 8443/tcp tls SniMissing"]);
    assert!(seen.contacts(&nameless)[0].ja4.as_ref().is_some_and(|ja4| ja4.starts_with("t13i")));
    // Certificates are in the clear only before TLS 1.3.
    let certificate = |client| {
        seen.observations(client).iter().find_map(|observation| {
            let Observation::TlsCertificate(certificate) = observation else { return None };
            Some(certificate.subject.as_str().to_owned())
        })
    };
    assert!(certificate(&old).is_some_and(|subject| subject.starts_with("CN=")), "{:?}", certificate(&old));
    assert_eq!(certificate(&openssl), None);
}

#[test]
fn what_is_asked_of_a_proxy_is_the_destination() {
    let Some(mut stage) = Stage::set(&["curl", "openssl", "tinyproxy"]) else { return };
    serve_https(&mut stage, 8443);
    stage.play(8080, answer_http);
    let config = "Port 3128\nListen 10.77.0.1\nTimeout 60\nConnectPort 8443\nUser root\nGroup root\n";
    let config = stage.file("tinyproxy.conf", config);
    stage.serve(Transport::Tcp, 3128, &["tinyproxy", "-d", "-c", &config]);
    // The proxy connects by address, so that it needs no resolver; the client asks for the name all the same.
    let proxy = ["curl", "-sk", "-o", "/dev/null", "--proxy", "http://10.77.0.1:3128"];
    let tunnel = stage.run(&[&proxy[..], &["https://10.77.0.1:8443/"]].concat());
    let forward = stage.run(&[&proxy[..], &["http://10.77.0.1:8080/"]].concat());
    let unresolved = stage.run(&[&proxy[..], &[HTTPS]].concat());
    let seen = stage.end();
    assert!(tunnel.status.is_some_and(|status| status.success()), "{}", tunnel.printed);
    assert!(forward.status.is_some_and(|status| status.success()), "{}", forward.printed);
    assert_eq!(seen.lines(&tunnel), ["connect - by Proxy 8443/tcp tls SniMissing"]);
    assert_eq!(seen.contacts(&tunnel)[0].destination.address, Some("10.77.0.1".parse().unwrap()));
    assert_eq!(seen.lines(&forward), ["connect - by Proxy 8080/tcp http Unknown"]);
    assert_eq!(seen.lines(&unresolved), ["connect site.example.test by Proxy 8443/tcp unknown Unknown"]);
}

#[test]
fn irc_is_recognised_on_any_port_and_its_registration_confirmed() {
    let Some(mut stage) = Stage::set(&["ngircd", "ii"]) else { return };
    let config = "[Global]\nName = irc.example.test\nInfo = test\nListen = 10.77.0.1\nPorts = 7777\n\
                  [Options]\nDNS = no\nIdent = no\nPAM = no\n";
    let config = stage.file("ngircd.conf", config);
    stage.serve(Transport::Tcp, 7777, &["ngircd", "-n", "-f", &config]);
    let heard = stage.path("irc/10.77.0.1/out");
    let welcome = || std::fs::read_to_string(&heard).is_ok_and(|text| text.contains("Welcome"));
    let client = ["ii", "-s", "10.77.0.1", "-p", "7777", "-n", "guest", "-f", "A Guest", "-i", "irc"];
    let client = stage.run_until(&client, welcome);
    let seen = stage.end();
    assert_eq!(seen.lines(&client), ["connect 7777/tcp irc Unknown"]);
    let session = seen.observations(&client).iter().rev().find_map(|observation| {
        let Observation::IrcSession(session) = observation else { return None };
        Some((session.nick.as_str(), session.confirmed))
    });
    assert_eq!(session, Some(("guest", true)));
}

#[test]
fn quic_is_named_and_fingerprinted() {
    let Some(mut stage) = Stage::set(&["gtlsserver", "gtlsclient", "dnsmasq"]) else { return };
    dns::serve_names(&mut stage, 53);
    stage.file("resolv.conf", "nameserver 10.77.0.1\n");
    stage.serve(Transport::Udp, 4433, &["gtlsserver", "-q", "10.77.0.1", "4433", KEY, CERTIFICATE]);
    let url = "https://www.shop.test:4433/";
    let client = ["gtlsclient", "-q", "--exit-on-all-streams-close", "www.shop.test", "4433", url];
    let client = stage.run(&client);
    let seen = stage.end();
    assert!(client.status.is_some_and(|status| status.success()), "{}", client.printed);
    let lines = seen.lines(&client);
    let [.., connect] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(connect, "connect www.shop.test by Dns 4433/udp quic Consistent");
    let contact = seen.contacts(&client).last().unwrap();
    assert_eq!(contact.sni.as_deref(), Some("www.shop.test"));
    let ja4 = contact.ja4.clone().unwrap();
    assert!(ja4.starts_with("q13d") && ja4[8..].starts_with("h3_"), "{ja4}");
    let hellos = seen.observations(&client).iter().filter_map(|observation| {
        let Observation::TlsClientHello(hello) = observation else { return None };
        hello.alpn.first().map(|name| name.as_str())
    });
    assert_eq!(hellos.collect::<Vec<_>>(), ["h3"]);
}

#[test]
fn protocols_on_ports_of_others_are_what_they_are() {
    let Some(mut stage) = Stage::set(&["curl", "openssl", "ssh", "nc"]) else { return };
    serve_https(&mut stage, 53);
    stage.play(443, answer_http);
    stage.play(80, |mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").and_then(|()| stream.read(&mut [0; 4096]));
    });
    let tls = stage.run(&["openssl", "s_client", "-connect", "10.77.0.1:53", "-servername", "a.test"]);
    let http = stage.run(&["curl", "-s", "http://10.77.0.1:443/"]);
    let http2 = stage.run(&["curl", "-s", "--http2-prior-knowledge", "http://10.77.0.1:443/"]);
    let ssh = stage.run(&["ssh", "-p", "80", "-o", "StrictHostKeyChecking=no", "root@10.77.0.1"]);
    let text = stage.run(&["sh", "-c", "echo who are you | nc -N 10.77.0.1 443"]);
    let seen = stage.end();
    assert_eq!(seen.lines(&tls), ["connect a.test by Sni 53/tcp tls Unknown"]);
    assert_eq!(seen.lines(&http), ["connect 443/tcp http Unknown"]);
    assert_eq!(seen.lines(&http2), ["connect 443/tcp http2 Unknown"]);
    assert_eq!(seen.lines(&ssh), ["connect 80/tcp ssh Unknown"]);
    assert_eq!(seen.lines(&text), ["connect 443/tcp text Unknown"]);
}

#[test]
fn after_starttls_only_the_hello_of_tls_is_read() {
    let Some(mut stage) = Stage::set(&["openssl"]) else { return };
    stage.play(2525, |stream| {
        talk(
            stream,
            b"220 mail.example.test ESMTP\r\n",
            &[("EHLO", b"250-mail.example.test\r\n250 STARTTLS\r\n"), ("STARTTLS", b"220 go ahead\r\n")],
        )
    });
    stage.play(7000, |stream| talk(stream, b"", &[("STARTTLS", b":irc.example.test 670 * :go ahead\r\n")]));
    let hidden = ["-servername", "hidden.example.test"];
    let mail = ["openssl", "s_client", "-connect", "10.77.0.1:2525", "-starttls", "smtp"];
    let mail = stage.run(&[&mail[..], &hidden].concat());
    let irc = ["openssl", "s_client", "-connect", "10.77.0.1:7000", "-starttls", "irc"];
    let irc = stage.run(&[&irc[..], &hidden].concat());
    let seen = stage.end();
    for (client, protocol) in [(mail, "smtp"), (irc, "irc")] {
        assert_eq!(seen.contacts(&client)[0].protocol.as_str(), protocol);
        let observations = seen.observations(&client);
        let Some(Observation::TlsClientHello(hello)) = observations.last() else {
            panic!("{observations:#?}")
        };
        assert_eq!(hello.server_name.as_ref().map(|name| name.as_str()), Some("hidden.example.test"));
        assert!(hello.ja4.is_some());
    }
}

/// A server that says its greeting, then to each line that begins with a word its answer; after the last it reads
/// once more and closes.
fn talk(mut stream: TcpStream, greeting: &[u8], answers: &[(&str, &[u8])]) {
    let mut said = [0; 4096];
    let _ = stream.write_all(greeting);
    for (word, answer) in answers {
        let len = stream.read(&mut said).unwrap_or_default();
        if !said[..len].starts_with(word.as_bytes()) || stream.write_all(answer).is_err() {
            return;
        }
    }
    let _ = stream.read(&mut said);
}
