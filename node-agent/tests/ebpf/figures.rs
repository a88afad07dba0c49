//! What the kernel side costs. Not run by `cargo test`; `cargo xtask bench-ebpf` asks for it.
//!
//! Client and server are processes in one cgroup, both on CPU 0; the cost is the CPU time of that cgroup for each
//! request or connection, with and without the agent, in rounds that alternate. Both ends are on this host, so a
//! real node pays about half.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use beaconwatch_agent::ebpf::EbpfOptions;

use crate::container::{self, Mode};
use crate::scene::{SERVER, Scene, Watch};

/// Number of rounds.
const ROUNDS: &str = "BEACONWATCH_BENCH_ROUNDS";
/// Says to a process of this bench what to do.
const ROLE: &str = "BEACONWATCH_BENCH_ROLE";
const PORT: u16 = 7000;
const REQUEST: usize = 8;
const ANSWER: usize = 200;
const SECONDS: f64 = 1.5;

#[test]
#[ignore = "`cargo xtask bench-ebpf` runs it"]
fn figures() {
    let rounds = std::env::var(ROUNDS).expect("the number of rounds");
    let scene = Scene::with_rooms(1);
    std::fs::create_dir(scene.cgroup("bench")).unwrap();
    let mut server = start(&scene, None, "serve");
    std::thread::sleep(Duration::from_millis(300));
    let mut memory = start(&scene, None, "agent");
    let status = std::io::read_to_string(memory.stdout.take().unwrap()).unwrap();
    memory.wait().unwrap();
    println!("memory: {}", status.lines().find(|line| line.contains("VmRSS")).unwrap_or("?"));
    run_times(&scene);
    for kind in ["requests", "connections"] {
        for (name, payload) in [("all hooks", true), ("no packet hooks", false)] {
            let options = EbpfOptions { payload, ..scene.options() };
            compare(&scene, kind, name, &options, rounds.parse().unwrap());
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Run time of each program, over a mix of everything.
fn run_times(scene: &Scene) {
    let options = EbpfOptions { run_time: true, ..scene.options() };
    let watch = Watch::begin(&options).expect("the bench needs eBPF");
    for kind in ["requests", "connections"] {
        load(scene, kind);
    }
    scene.inside(1, || {
        for job in 0..200 {
            container::run(scene, job, Mode::ALL[job % Mode::ALL.len()]);
        }
    });
    let counters = watch.ebpf.counters();
    println!("{:<22} {:>9} {:>9}  (the measurement itself is some 55 ns of it)", "program", "runs", "ns/run");
    for time in &counters.run_time {
        let each = time.time.as_nanos() as f64 / time.runs as f64;
        println!("{:<22} {:>9} {each:>9.0}", time.hook, time.runs);
    }
    println!("lost: {:?}", counters.lost);
}

/// CPU per unit with the agent against without, in pairs.
fn compare(scene: &Scene, kind: &str, name: &str, options: &EbpfOptions, rounds: usize) {
    let (mut ratios, mut without, mut with) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let watched = || {
            let watch = Watch::begin(options).expect("the bench needs eBPF");
            let cost = load(scene, kind);
            drop(watch);
            cost
        };
        let (none, all) = if round % 2 == 0 {
            let none = load(scene, kind);
            (none, watched())
        } else {
            let all = watched();
            (load(scene, kind), all)
        };
        ratios.push(all / none);
        without.push(none);
        with.push(all);
    }
    let (low, high) = (quantile(&mut ratios, 0.25), quantile(&mut ratios, 0.75));
    println!(
        "{kind:<12} {name:<16} without {:>7.2} us, with {:>7.2} us, ratio {:.3} (quartiles {low:.3}..{high:.3})",
        quantile(&mut without, 0.5),
        quantile(&mut with, 0.5),
        quantile(&mut ratios, 0.5),
    );
}

fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * at).round() as usize]
}

/// Runs a load and returns its CPU time per unit, in microseconds.
fn load(scene: &Scene, kind: &str) -> f64 {
    let used = || {
        let stat = std::fs::read_to_string(scene.cgroup("bench/cpu.stat")).unwrap();
        stat.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    };
    let before = used();
    let mut child = start(scene, Some(1), kind);
    let said = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    child.wait().unwrap();
    let units: f64 = said.lines().find_map(|line| line.strip_prefix("units ")).unwrap().parse().unwrap();
    (used() - before) / units
}

/// Starts this binary again, in a room, with a role; all but the agent in the measured cgroup.
fn start(scene: &Scene, room: Option<u8>, role: &str) -> Child {
    let procs = if role == "agent" { "/dev/null".into() } else { scene.cgroup("bench/cgroup.procs") };
    let inside = || {
        Command::new("/bin/sh")
            .args(["-c", "echo 0 > \"$0\" && exec \"$@\""])
            .arg(procs)
            .arg(std::env::current_exe().unwrap())
            .args(["figures::process", "--ignored", "--exact", "--nocapture"])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    std::thread::scope(|threads| {
        threads
            .spawn(|| {
                scene.enter(room);
                inside()
            })
            .join()
            .unwrap()
    })
}

/// Not a test: a process of the bench.
#[test]
#[ignore = "the bench starts it"]
fn process() {
    let role = std::env::var(ROLE).expect("what to do");
    if role == "agent" {
        let watch = Watch::with_queue(&EbpfOptions::default(), 4096).expect("the bench needs eBPF");
        std::thread::sleep(Duration::from_secs(1));
        println!("{}", memory());
        drop(watch);
        std::process::exit(0);
    }
    let mut first = rustix::thread::CpuSet::new();
    first.set(0);
    rustix::thread::sched_setaffinity(None, &first).unwrap();
    // Else the search for a port that is free again soon costs more than the connection.
    std::fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "1").unwrap();
    std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "10000 65000").unwrap();
    match role.as_str() {
        "serve" => serve(),
        "requests" => println!("units {}", requests()),
        _ => println!("units {}", connections()),
    }
    std::process::exit(0);
}

fn memory() -> String {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let wanted = |line: &&str| line.starts_with("VmRSS") || line.starts_with("VmHWM");
    status.lines().filter(wanted).collect::<Vec<_>>().join(" ")
}

fn serve() {
    let listener = TcpListener::bind((SERVER, PORT)).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        // A usual stack may be one huge page, and clearing it would be most of the cost.
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        let serve = move || {
            while stream.read_exact(&mut [0; REQUEST]).is_ok() && stream.write_all(&[1; ANSWER]).is_ok() {}
        };
        thread.spawn(serve).unwrap();
    }
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(&[1; REQUEST]).unwrap();
    stream.read_exact(&mut [0; ANSWER]).unwrap();
}

fn open() -> TcpStream {
    TcpStream::connect(SocketAddr::from((SERVER, PORT))).unwrap()
}

fn until_the_end(mut work: impl FnMut()) -> u64 {
    let begin = Instant::now();
    let mut units = 0;
    while begin.elapsed().as_secs_f64() < SECONDS {
        work();
        units += 1;
    }
    units
}

/// Eight connections, one small request after the other.
fn requests() -> u64 {
    let mut streams: Vec<TcpStream> = (0..8).map(|_| open()).collect();
    let count = streams.len() as u64;
    count * until_the_end(|| streams.iter_mut().for_each(ask))
}

/// A connection for each request.
fn connections() -> u64 {
    until_the_end(|| ask(&mut open()))
}
