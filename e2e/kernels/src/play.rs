//! The scene from its beginning to its end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::container::{Container, PROGRAM, entering};
use crate::machine::{self, SERVER, SERVER_V6};
use crate::server::{BEACON_PORT, PORT, TWIN_PORT};
use crate::{Outcome, console};

const AGENT: &str = "/usr/bin/beaconwatch-agent";
const POLICY: &str = "/policy.yaml";
/// Made of `apparmor.profile` by AppArmor's own parser.
const PROFILE: &str = "/apparmor.bin";
const PROFILE_NAME: &str = "scene";
const FINDINGS: &str = "/tmp/findings.jsonl";
const RECORDING: &str = "/tmp/scene.bwrec";
const METRICS: &str = "127.0.0.1:9464";
/// Containers that live for one conversation.
const SHORT_LIVED: u64 = 12;
/// The twin is to have as many chances as the beacon: not less than this is watched.
const WATCHED_MIN: Duration = Duration::from_secs(14);
/// The beacon is found by then, or never.
const WATCHED_MAX: Duration = Duration::from_secs(90);
/// Nothing else takes as long, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(20);
/// `RLIM_INFINITY`.
const NO_LIMIT: u64 = u64::MAX;
/// What every process has by default.
const LOCKED_MEMORY: u64 = 64 << 10;

/// What the kernel's command line asks for.
struct Orders {
    whole: bool,
    rights: String,
    /// Memory that the agent may lock.
    locked_memory: u64,
}

/// Plays what the kernel's command line asks for.
pub(crate) fn play() -> Outcome<()> {
    machine::mount_all()?;
    machine::set_addresses()?;
    let orders = orders()?;
    console::truth(&format!("kernel {}", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()));
    ask_doctor(&orders)?;
    if orders.whole {
        watch(&orders)?;
    }
    console::time("scene", Duration::from_millis(uptime_ms()?));
    Ok(())
}

fn orders() -> Outcome<Orders> {
    let line = fs::read_to_string("/proc/cmdline")?;
    let value = |name: &str| {
        let mut words = line.split_whitespace();
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    let rights = value("scene.rights").ok_or("the command line names no scene.rights")?;
    let whole = value("scene.play").as_deref() == Some("whole");
    // As a runtime with LimitMEMLOCK=infinity gives it; else what a process has where nobody gives it more.
    let free = value("scene.locked-memory").as_deref() == Some("unlimited");
    Ok(Orders { whole, rights, locked_memory: if free { NO_LIMIT } else { LOCKED_MEMORY } })
}

fn uptime_ms() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds: f64 = text.split_whitespace().next().ok_or("no uptime")?.parse()?;
    Ok((seconds * 1000.0) as u64)
}

/// What `doctor` says with the chart's rights, and with less.
fn ask_doctor(orders: &Orders) -> Outcome<()> {
    let without = |name: &str| {
        let rights = orders.rights.split(',').filter(|right| *right != name);
        rights.collect::<Vec<_>>().join(",")
    };
    let begin = Instant::now();
    doctor("chart", &orders.rights, orders.locked_memory, false)?;
    console::time("doctor", begin.elapsed());
    if orders.locked_memory != LOCKED_MEMORY {
        doctor("locked-memory", &orders.rights, LOCKED_MEMORY, false)?;
    }
    doctor("seccomp", &orders.rights, NO_LIMIT, true)?;
    confine()?;
    let mut command = entering("", &orders.rights, &[AGENT, "doctor", "--json"]);
    command.env("SCENE_APPARMOR", PROFILE_NAME).env("SCENE_LOCKED_MEMORY", NO_LIMIT.to_string());
    report("apparmor", &mut command)?;
    for right in ["BPF", "PERFMON", "NET_ADMIN"] {
        doctor(&format!("without-{right}"), &without(right), NO_LIMIT, false)?;
    }
    Ok(())
}

fn doctor(name: &str, rights: &str, locked_memory: u64, seccomp: bool) -> Outcome<()> {
    let mut command = entering("", rights, &[AGENT, "doctor", "--json"]);
    command.env("SCENE_LOCKED_MEMORY", locked_memory.to_string());
    if seccomp {
        command.env("SCENE_SECCOMP", "1");
    }
    report(name, &mut command)
}

/// Loads the AppArmor profile that allows everything but the capability BPF.
fn confine() -> Outcome<()> {
    // The kernel wants a policy in one write.
    let mut place = fs::OpenOptions::new().write(true).open("/sys/kernel/security/apparmor/.load")?;
    let policy = fs::read(PROFILE)?;
    if place.write(&policy)? < policy.len() {
        return Err("the kernel took half a profile".into());
    }
    Ok(())
}

fn report(name: &str, command: &mut Command) -> Outcome<()> {
    let output = command.output()?;
    console::file(&format!("doctor-{name}.json"), &output.stdout);
    if !output.stderr.is_empty() {
        println!("doctor-{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The agent among containers.
fn watch(orders: &Orders) -> Outcome<()> {
    let mut server = Command::new(PROGRAM).arg("serve").stdout(Stdio::piped()).spawn()?;
    lines(server.stdout.take()).recv_timeout(PATIENCE)?;
    let to = |address: IpAddr, port: u16| SocketAddr::new(address, port).to_string();
    let (v4, v6) = (IpAddr::V4(SERVER), IpAddr::V6(SERVER_V6));

    let mut running = Vec::new();
    for (number, user) in [(1, 0), (2, 1000)] {
        let old = Resident::start(number, user, "old", &to(v4, PORT))?;
        old.wait_until_it_runs()?;
        running.push(old);
    }
    let begin = Instant::now();
    let mut agent = Agent::start(orders)?;
    console::time("start", begin.elapsed());
    let begin = Instant::now();
    running.push(Resident::start(3, 0, "beacon", &to(v4, BEACON_PORT))?);
    running.push(Resident::start(4, 0, "twin", &to(v4, TWIN_PORT))?);
    for number in 0..SHORT_LIVED {
        let (part, server) = match number % 3 {
            0 => ("once", to(v4, PORT)),
            1 => ("once", to(v6, PORT)),
            _ => ("ask", to(v4, PORT)),
        };
        let mut brief = Resident::start(100 + number, 0, part, &server)?;
        let status = brief.child.wait()?;
        brief.container.remove();
        if !status.success() {
            return Err(format!("{part} ended with {status}").into());
        }
    }
    while begin.elapsed() < WATCHED_MIN || (begin.elapsed() < WATCHED_MAX && !opened()) {
        std::thread::sleep(TICK);
    }
    console::time("watched", begin.elapsed());
    for mut resident in running {
        resident.child.kill()?;
        resident.child.wait()?;
    }
    agent.end()?;
    server.kill()?;
    for (name, path) in [("findings.jsonl", FINDINGS), ("scene.bwrec", RECORDING)] {
        console::file(name, &fs::read(path)?);
    }
    Ok(())
}

fn opened() -> bool {
    fs::read_to_string(FINDINGS).is_ok_and(|text| text.contains("\"finding.state\":\"opened\""))
}

/// A process in a container of its own.
struct Resident {
    container: Container,
    child: Child,
}

impl Resident {
    fn start(number: u64, user: u32, part: &str, server: &str) -> Outcome<Self> {
        let container = Container::create(number)?;
        let child = container.start(user, &[part, server])?;
        let Container { id, pod, .. } = &container;
        console::truth(&format!("container {id} {pod} {} {user} {part} {server}", child.id()));
        Ok(Self { container, child })
    }

    /// It has become its program.
    fn wait_until_it_runs(&self) -> Outcome<()> {
        let begin = Instant::now();
        let place = format!("/proc/{}/cmdline", self.child.id());
        while !fs::read(&place)?.starts_with(b"/init\0old\0") {
            if begin.elapsed() > PATIENCE {
                return Err("the old process does not start".into());
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }
}

/// The agent, with the chart's rights.
struct Agent {
    child: Child,
    said: Receiver<String>,
}

impl Agent {
    /// Starts it, and waits until it watches.
    fn start(orders: &Orders) -> Outcome<Self> {
        let arguments = [
            AGENT,
            "run",
            "--policy",
            POLICY,
            "--output",
            "none",
            "--findings-file",
            FINDINGS,
            "--record",
            RECORDING,
            "--metrics-addr",
            METRICS,
        ];
        let mut command = entering("", &orders.rights, &arguments);
        command.env("SCENE_LOCKED_MEMORY", orders.locked_memory.to_string()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let said = lines(child.stderr.take());
        loop {
            let line = said.recv_timeout(PATIENCE).map_err(|_| "the agent does not start")?;
            println!("agent: {line}");
            if line.contains("watching with") {
                return Ok(Self { child, said });
            }
        }
    }

    /// Tells what it counted, and ends it as a kubelet does.
    fn end(&mut self) -> Outcome<()> {
        console::file("metrics.txt", page()?.as_bytes());
        machine::signal(self.child.id(), 15);
        let status = self.child.wait()?;
        for line in self.said.try_iter() {
            println!("agent: {line}");
        }
        console::truth(&format!("agent {}", status.code().unwrap_or(-1)));
        Ok(())
    }
}

fn page() -> Outcome<String> {
    let mut stream = TcpStream::connect(METRICS)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: scene\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

fn lines(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(from) = from {
        std::thread::spawn(move || {
            BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
    }
    receiver
}
