//! Clients: what the processes of the containers do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::server::ANSWER;

/// Bytes of a request.
pub(crate) const REQUEST: usize = 200;
/// Time between two calls of the beacon, and of the process that is older than the agent.
const PERIOD: Duration = Duration::from_millis(400);
const OLD_PERIOD: Duration = Duration::from_secs(2);

/// Plays a part against a server.
pub(crate) fn play(part: &str, server: &str) -> Outcome<()> {
    let server: SocketAddr = server.parse()?;
    match part {
        "once" => call(server, REQUEST),
        "ask" => ask(server),
        "beacon" => every(PERIOD, || call(server, REQUEST)),
        "old" => every(OLD_PERIOD, || call(server, REQUEST)),
        "twin" => memoryless(server),
        _ => Err(format!("no such part: {part}").into()),
    }
}

/// The steps are those of a clock: work takes no time from them.
fn every(period: Duration, mut work: impl FnMut() -> Outcome<()>) -> Outcome<()> {
    let start = Instant::now();
    for turn in 1.. {
        work()?;
        std::thread::sleep((period * turn).saturating_sub(start.elapsed()));
    }
    Ok(())
}

/// As often as the beacon, at times that do not know each other, with requests of many sizes.
fn memoryless(server: SocketAddr) -> Outcome<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = (state >> 40) as f64 / f64::from(1 << 24);
        let wait = -(1.0 - random).ln() * PERIOD.as_secs_f64();
        std::thread::sleep(Duration::from_secs_f64(wait.min(3.0)));
        call(server, 50 + (state >> 33) as usize % 1500)?;
    }
}

fn call(server: SocketAddr, bytes: usize) -> Outcome<()> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(&vec![b'q'; bytes])?;
    stream.read_exact(&mut [0; ANSWER])?;
    Ok(())
}

fn ask(server: SocketAddr) -> Outcome<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.send_to(&[b'q'; REQUEST], server)?;
    socket.recv(&mut [0; 4096])?;
    Ok(())
}
