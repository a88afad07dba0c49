//! The server: a process outside of every container.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use crate::Outcome;
use crate::machine::{SERVER, SERVER_V6};

/// TCP: reads a request, answers, and waits until the client closes. UDP: answers each datagram.
pub(crate) const PORT: u16 = 8443;
/// Where the beacon connects.
pub(crate) const BEACON_PORT: u16 = 9443;
/// Where its twin connects.
pub(crate) const TWIN_PORT: u16 = 9444;
/// Bytes of an answer.
pub(crate) const ANSWER: usize = 1000;

/// Serves for ever.
pub(crate) fn serve() -> Outcome<()> {
    for port in [PORT, BEACON_PORT, TWIN_PORT] {
        for address in [IpAddr::V4(SERVER), IpAddr::V6(SERVER_V6)] {
            let listener = TcpListener::bind(SocketAddr::new(address, port))?;
            std::thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    std::thread::spawn(move || {
                        let mut request = [0; 4096];
                        while let Ok(1..) = stream.read(&mut request) {
                            if stream.write_all(&[b'a'; ANSWER]).is_err() {
                                return;
                            }
                        }
                    });
                }
            });
        }
    }
    let socket = UdpSocket::bind(SocketAddr::from((SERVER, PORT)))?;
    println!("serving");
    let mut question = [0; 4096];
    loop {
        let (_, from) = socket.recv_from(&mut question)?;
        socket.send_to(&[b'a'; ANSWER], from)?;
    }
}
