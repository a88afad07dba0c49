//! Questions of real resolvers, and the names that connections have from their answers.

use beaconwatch_engine::observe::contact::Transport;

use crate::clients::serve_https;
use crate::stage::{CERTIFICATE, KEY, Stage, answer_http};

/// A DNS server that knows a few names; all others do not exist.
pub(super) fn serve_names(stage: &mut Stage, port: u16) {
    let port_option = format!("--port={port}");
    let command = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file",
        "--user=root",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--listen-address=10.77.0.1",
        "--local=/#/",
        "--host-record=edge.cdn.test,10.77.0.1",
        "--cname=www.shop.test,edge.cdn.test",
        "--txt-record=note.shop.test,some text",
        &port_option,
    ];
    stage.serve(Transport::Udp, port, &command);
}

#[test]
fn questions_are_told_by_name_type_and_response_code() {
    let Some(mut stage) = Stage::set(&["dig", "dnsmasq"]) else { return };
    serve_names(&mut stage, 53);
    serve_names(&mut stage, 5300);
    let plain = stage.run(&["dig", "@10.77.0.1", "edge.cdn.test"]);
    let tcp = stage.run(&["dig", "@10.77.0.1", "+tcp", "WWW.shop.test", "AAAA"]);
    let text = stage.run(&["dig", "@10.77.0.1", "-p", "5300", "note.shop.test", "TXT"]);
    let null = stage.run(&["dig", "@10.77.0.1", "-p", "5300", "+tcp", "x.shop.test", "TYPE10"]);
    let missing = stage.run(&["dig", "@10.77.0.1", "a\\.b.nowhere.test"]);
    let silent = stage.run(&["dig", "@10.77.0.1", "-p", "5301", "+tries=1", "+time=1", "edge.cdn.test"]);
    let seen = stage.end();
    for (client, line) in [
        (plain, "query edge.cdn.test type 1 rcode 0 for cdn.test by Dns 53/udp dns"),
        (tcp, "query www.shop.test type 28 rcode 0 for shop.test by Dns 53/tcp dns"),
        (text, "query note.shop.test type 16 rcode 0 for shop.test by Dns 5300/udp dns"),
        (null, "query x.shop.test type 10 rcode 3 for shop.test by Dns 5300/tcp dns"),
        (missing, "query a\\.b.nowhere.test type 1 rcode 3 for nowhere.test by Dns 53/udp dns"),
        (silent, "query edge.cdn.test type 1 rcode none for cdn.test by Dns 5301/udp dns"),
    ] {
        assert_eq!(seen.lines(&client), [line], "{}", client.printed);
    }
}

#[test]
fn a_connection_has_the_name_that_was_looked_up_through_search_domains_and_aliases() {
    let Some(mut stage) = Stage::set(&["curl", "wget", "dnsmasq", "openssl"]) else { return };
    serve_names(&mut stage, 53);
    serve_https(&mut stage, 8443);
    stage.play(8080, answer_http);
    let resolver = "nameserver 10.77.0.1\nsearch default.svc.cluster.local cluster.local\noptions ndots:5\n";
    stage.file("resolv.conf", resolver);
    let http = stage.run(&["wget", "-qO-", "http://www.shop.test:8080/"]);
    let https = stage.run(&["curl", "-sk", "-o", "/dev/null", "https://www.shop.test:8443/"]);
    let other = ["-k", "-s", "-o", "/dev/null", "--connect-to", "www.shop.test:8443:edge.cdn.test:8443"];
    let other = stage.run(&[&["curl"], &other[..], &["https://www.shop.test:8443/"]].concat());
    let seen = stage.end();
    for (client, connect) in [
        (&http, "connect www.shop.test by Dns 8080/tcp http Consistent"),
        (&https, "connect www.shop.test by Dns 8443/tcp tls Consistent"),
        (&other, "connect edge.cdn.test by Dns 8443/tcp tls SniMismatch"),
    ] {
        let lines = seen.lines(client);
        assert_eq!(lines.last().map(String::as_str), Some(connect), "{lines:#?}");
    }
    let lines = seen.lines(&http);
    for (suffix, rcode) in [(".default.svc.cluster.local", 3), (".cluster.local", 3), ("", 0)] {
        let question = format!("query www.shop.test{suffix} type 1 rcode {rcode} for ");
        assert!(lines.iter().any(|line| line.starts_with(&question)), "{question}: {lines:#?}");
    }
}

#[test]
fn encrypted_questions_are_known_by_port_and_name() {
    let Some(mut stage) = Stage::set(&["kdig", "openssl", "gtlsserver", "gtlsclient"]) else { return };
    serve_https(&mut stage, 853);
    serve_https(&mut stage, 443);
    stage.serve(Transport::Udp, 853, &["gtlsserver", "-q", "10.77.0.1", "853", KEY, CERTIFICATE]);
    let ask = ["kdig", "@10.77.0.1", "+timeout=1", "+retry=0", "edge.cdn.test"];
    let dot = stage.run(&[&ask[..], &["+tls", "+tls-sni=dot.example.test"]].concat());
    let doh = stage.run(&[&ask[..], &["+https=dns.google/dns-query", "+tls-sni=dns.google"]].concat());
    // It calls a server that it knows by address only so.
    let quic = ["gtlsclient", "-q", "--exit-on-all-streams-close", "10.77.0.1", "853", "https://localhost/"];
    let doq = stage.run(&quic);
    let seen = stage.end();
    for (client, line) in [
        (dot, "connect dot.example.test by Sni 853/tcp dot Unknown"),
        (doh, "connect dns.google by Sni 443/tcp doh Unknown"),
        (doq, "connect localhost by Sni 853/udp dot Unknown"),
    ] {
        assert_eq!(seen.lines(&client), [line], "{}", client.printed);
    }
}
