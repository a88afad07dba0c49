//! The agent as a program with exactly the chart's rights, and clients that it did not see start.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use beaconwatch_agent::ebpf::EbpfOptions;
use serde_json::Value;

use crate::scene::{SERVER, Scene, WAITS, load};

const AGENT: &str = env!("CARGO_BIN_EXE_beaconwatch-agent");
/// The capabilities of `charts/beaconwatch/values.yaml`.
const CHART: [&str; 2] = ["--inh-caps=-all", "--bounding-set=-all,+bpf,+perfmon,+net_admin"];
/// Those that a runtime gives to a container by default.
const CONTAINER: [&str; 2] = [
    "--inh-caps=-all",
    "--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,\
     +net_raw,+sys_chroot,+mknod,+audit_write,+setfcap",
];
const PATIENCE: Duration = Duration::from_secs(120);
/// A short request each second, from one process.
const BEACON: &str = "exec 9<> <(:); while :; do exec 3<>/dev/tcp/$1/$2; echo hello >&3; read -t 5 -n 1000 -u 3; \
                      exec 3>&-; read -t 1 -u 9; done";
const POLICY: &str = "apiVersion: beaconwatch.io/v1alpha1
kind: BeaconPolicy
metadata: {name: test, namespace: default}
spec:
  thresholds: {record: -100}
  detectors:
    beacon: {minimumSpan: 5s, minimumSpanExec: 5s, timingThreshold: 2, shortPeriodThreshold: 2}
";

/// A process of a container that calls the server for ever, ended with its handle.
struct Client {
    container: String,
    child: Child,
}

impl Client {
    /// As a runtime does: a process joins the cgroup of its container, gives up rights, then becomes the program.
    fn start(scene: &Scene, number: u8, rights: &[&str]) -> Self {
        let container = format!("{number:064x}");
        let scope = scene.cgroup("kubepods.slice").join(format!("cri-containerd-{container}.scope"));
        std::fs::create_dir_all(&scope).unwrap();
        let child = scene.inside(1, || {
            Command::new("sh")
                .args(["-c", "echo 0 > \"$0\" && exec \"$@\""])
                .arg(scope.join("cgroup.procs"))
                .args(rights)
                .args(["bash", "-c", BEACON, "beacon", &SERVER.to_string(), &WAITS.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        });
        Self { container, child }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a finding says of who it is about, and its id.
type Identity = BTreeMap<String, Value>;

/// An agent with the chart's rights, ended with its handle.
struct Agent {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Agent {
    fn start(scene: &Scene) -> Self {
        let policy = std::env::temp_dir().join(format!("{}.yaml", scene.name()));
        std::fs::write(&policy, POLICY).unwrap();
        let mut child = Command::new("setpriv")
            .args(CHART)
            .args([AGENT, "run", "--output", "jsonl", "--metrics-addr", "127.0.0.1:0", "--cgroup-scope"])
            .arg(format!("/{}", scene.name()))
            .arg("--policy")
            .arg(&policy)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.any(|line| line.contains("watching with")), "the agent does not start");
        let _ = std::fs::remove_file(policy);
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            // Both ends are read, so that the agent never waits.
            std::thread::spawn(move || said.for_each(drop));
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Waits until there is a finding about each client.
    fn findings(&self, clients: &[Client]) -> BTreeMap<String, Identity> {
        let mut found: BTreeMap<String, Identity> = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        while found.len() < clients.len() {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("no finding of some client; found {found:#?}"));
            let finding: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
            if finding.get("kind").and_then(Value::as_str) != Some("beacon") {
                continue;
            }
            let container =
                finding.get("container.id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let is_identity = |name: &str| name.starts_with("process.") || name == "finding.id";
            found.insert(container, finding.into_iter().filter(|(name, _)| is_identity(name)).collect());
        }
        found
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_with_the_charts_rights_knows_processes_that_are_older_than_itself() {
    if load(&EbpfOptions::default()).is_none() {
        return;
    }
    let scene = Scene::with_rooms(1);
    let root = [&["setpriv"], &CONTAINER[..]].concat();
    let user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
    let user_namespace = ["unshare", "--user", "--map-root-user"];
    let before = Agent::start(&scene);
    let clients = [
        Client::start(&scene, 1, &root),
        Client::start(&scene, 2, &user),
        Client::start(&scene, 3, &user_namespace),
    ];
    let seen_to_start = before.findings(&clients);
    drop(before);
    let restarted = Agent::start(&scene);
    let older = restarted.findings(&clients);
    for (client, uid) in clients.iter().zip([0, 1000, 0]) {
        let (seen, older) = (&seen_to_start[&client.container], &older[&client.container]);
        assert_eq!(older["process.executable.path"], "/usr/bin/bash", "{older:#?}");
        assert_eq!(older["process.pid"], client.child.id(), "{older:#?}");
        assert_eq!(older["process.user.id"], uid, "{older:#?}");
        assert_eq!(older["process.command_args"][1], "-c", "{older:#?}");
        assert!(older.contains_key("finding.id"));
        let same = |name: &&String| *name != "process.ancestors" && *name != "process.parent_pid";
        for name in seen.keys().chain(older.keys()).filter(same) {
            assert_eq!(seen.get(name), older.get(name), "{name}: {seen:#?}, after the restart {older:#?}");
        }
    }
}

#[test]
fn doctor_with_the_charts_rights_says_that_every_executable_is_known_and_digests_are_not() {
    if load(&EbpfOptions::default()).is_none() {
        return;
    }
    let doctor = |rights: &[&str], more: &[&str]| {
        let output =
            Command::new("setpriv").args(rights).args([AGENT, "doctor"]).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let report: Value = serde_json::from_str(&doctor(&CHART, &["--json"])).unwrap();
    assert!(report["processes"]["running"].as_u64() > Some(0), "{report:#}");
    assert_eq!(report["processes"]["withoutExecutable"], 0, "{report:#}");
    let digests = "digests of executables are not known";
    assert!(doctor(&CHART, &[]).contains(digests));
    assert!(
        !doctor(&["--inh-caps=-all", "--bounding-set=-all,+bpf,+perfmon,+net_admin,+sys_ptrace"], &[])
            .contains(digests)
    );
}
