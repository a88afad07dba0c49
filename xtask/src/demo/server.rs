//! The scene's servers: HTTPS that answers every request alike, and HTTP that serves packages of bytes.
//!
//! They run in a child process inside the server's network namespace: `cargo xtask demo-server`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Serves until it is killed: HTTPS on these addresses, HTTP on the last.
pub(crate) fn serve(directory: &Path, https: &[String], http: &str) -> anyhow::Result<()> {
    let tls = Arc::new(tls_config(directory)?);
    for address in https {
        let listener = TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
        let tls = Arc::clone(&tls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(connection) = ServerConnection::new(Arc::clone(&tls)) else { continue };
                std::thread::spawn(move || {
                    answer(StreamOwned::new(connection, stream), |_| b"{\"status\":\"idle\"}\n".to_vec())
                });
            }
        });
    }
    let listener = TcpListener::bind(http).with_context(|| format!("listen on {http}"))?;
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream, package));
    }
    Ok(())
}

/// One request, one answer, then the end of the connection. A client that breaks off is none of our business.
fn answer<S: Read + Write>(stream: S, body: impl Fn(&str) -> Vec<u8>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    let body = body(&request);
    let stream = reader.get_mut();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    stream.flush()
}

/// `GET /900.deb` is a package of 900 KiB.
fn package(request: &str) -> Vec<u8> {
    let digits: String = request.chars().filter(char::is_ascii_digit).take(4).collect();
    vec![b'x'; digits.parse::<usize>().unwrap_or(1) << 10]
}

fn tls_config(directory: &Path) -> anyhow::Result<ServerConfig> {
    let certificate =
        CertificateDer::from_pem_file(directory.join("server.crt")).context("read the certificate")?;
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).context("read the key")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .context("use the certificate")
}
