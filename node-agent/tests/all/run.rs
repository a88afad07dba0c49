//! The agent as a program, on this kernel: start, reload, stop, recording and replay. Where it cannot watch (not
//! root, no BTF, built without eBPF), each test says so in one line and passes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use beaconwatch_skip::skip;

const AGENT: &str = env!("CARGO_BIN_EXE_beaconwatch-agent");
const PATIENCE: Duration = Duration::from_secs(30);

/// A policy that records all that repeats itself for some seconds.
const POLICY: &str = "apiVersion: beaconwatch.io/v1alpha1
kind: BeaconPolicy
metadata: {name: test, namespace: default}
spec:
  thresholds: {record: 0.5}
  detectors:
    beacon: {minimumSpan: 5s}
";

/// False where the kernel cannot be watched.
#[track_caller]
fn can_watch() -> bool {
    let output = Command::new(AGENT).arg("doctor").output().unwrap();
    let can = matches!(output.status.code(), Some(0 | 3));
    if !can {
        let said = String::from_utf8_lossy(&output.stdout);
        skip(said.lines().find(|line| line.starts_with("Nothing")).unwrap_or("no eBPF"));
    }
    can
}

/// A directory of this test alone.
struct Directory(PathBuf);

impl Directory {
    fn of(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("beaconwatch-run-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running agent; what it says on standard error comes line by line.
struct Agent {
    child: Child,
    said: Receiver<String>,
}

impl Agent {
    /// Starts one and waits until it watches.
    fn start(policy: &Path, more: &[&str]) -> Self {
        let agent = Self::spawn(policy, more);
        agent.wait_for("watching with");
        agent
    }

    fn spawn(policy: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(AGENT)
            .args(["run", "--output", "none", "--metrics-addr", "127.0.0.1:0", "--policy"])
            .arg(policy)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, said) = channel();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, said }
    }

    /// The next line with this text.
    fn wait_for(&self, text: &str) -> String {
        loop {
            let line =
                self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the agent never said `{text}`"));
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn stop(mut self, signal: &str) {
        self.signal(signal);
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "the agent ends in order after {signal}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_wrong_policy_is_named_with_file_line_and_field_and_nothing_starts() {
    let directory = Directory::of("wrong");
    let policy = directory.file("wrong.yaml", &POLICY.replace("minimumSpan: 5s", "minimumSpan: 5 parsecs"));
    let output = Command::new(AGENT).args(["run", "--policy"]).arg(&policy).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("wrong.yaml:7") && said.contains("spec.detectors.beacon.minimumSpan"), "{said}");
}

#[test]
fn sighup_reads_policies_again_and_a_bad_file_keeps_the_last_good_one() {
    if !can_watch() {
        return;
    }
    let directory = Directory::of("reload");
    let policy = directory.file("policy.yaml", POLICY);
    let agent = Agent::spawn(&policy, &[]);
    let line = agent.wait_for("metrics at http://");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").to_owned();
    let stale = |expected: &str| {
        let line = format!("\nbeaconwatch_agent_policies_stale {expected}\n");
        until(|| get(&address, "/metrics").filter(|page| page.contains(&line)));
    };
    stale("0");
    agent.signal("-HUP");
    agent.wait_for("1 policies read again");
    std::fs::write(&policy, "kind: Nonsense\n").unwrap();
    agent.signal("-HUP");
    agent.wait_for("policy.yaml");
    agent.wait_for("the last good policies stay in force");
    stale("1");
    std::fs::write(&policy, POLICY).unwrap();
    agent.signal("-HUP");
    agent.wait_for("1 policies read again");
    stale("0");
    agent.stop("-TERM");
}

#[test]
fn the_metrics_page_shows_hooks_and_counters_while_the_agent_runs() {
    if !can_watch() {
        return;
    }
    let directory = Directory::of("metrics");
    let policy = directory.file("policy.yaml", POLICY);
    let mut agent = Agent::spawn(&policy, &[]);
    let line = agent.wait_for("metrics at http://");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").to_owned();
    let page = until(|| {
        let page = get(&address, "/metrics")?;
        // Not the line that explains it.
        page.contains("\nbeaconwatch_agent_ready 1\n").then_some(page)
    });
    assert!(page.contains("beaconwatch_agent_hook_attached{hook=\"connect4\"} 1"), "{page}");
    assert!(agent.child.try_wait().unwrap().is_none());
    agent.stop("-INT");
}

#[test]
fn a_live_run_and_the_replay_of_its_recording_find_the_same() {
    if !can_watch() {
        return;
    }
    let directory = Directory::of("record");
    let policy = directory.file("policy.yaml", POLICY);
    let (findings, recording) = (directory.0.join("findings.jsonl"), directory.0.join("run.bwrec"));
    let more = [
        "--loopback",
        "--findings-file",
        findings.to_str().unwrap(),
        "--record",
        recording.to_str().unwrap(),
    ];
    let agent = Agent::start(&policy, &more);
    let port = server();
    let opened = || std::fs::read_to_string(&findings).ok().filter(|text| text.contains("\"opened\""));
    let mut tries = 0;
    while opened().is_none() {
        tries += 1;
        assert!(tries < 200, "no finding after {tries} requests");
        let url = format!("http://127.0.0.1:{port}/");
        assert!(Command::new("curl").args(["-s", "-o", "/dev/null", &url]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(250));
    }
    agent.stop("-TERM");
    let live = std::fs::read_to_string(&findings).unwrap();
    assert!(live.contains("\"process.executable.path\":\"/usr/bin/curl\""), "{live}");
    let replay = Command::new(AGENT)
        .args(["replay", "--output", "jsonl", "--recording"])
        .arg(&recording)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(replay.stdout).unwrap(), live);
}

/// Answers every request on loopback; returns its port.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 2048];
            let _ = stream.read(&mut request);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
        }
    });
    port
}

fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

/// Asks until there is an answer, with a bound.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no answer in time");
}
