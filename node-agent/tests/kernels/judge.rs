//! One kernel: what its agent saw of every container, next to what the container did.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use beaconwatch_engine::input::{Event, Input, SocketId};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, Contact};
use beaconwatch_engine::observe::session::{SessionOutput, Sessions};
use beaconwatch_engine::time::Timestamp;
use beaconwatch_replay::recording::RecordingSource;
use serde_json::Value;

use crate::Booted;
use crate::console::Console;

/// What a client sends and gets in each conversation (`e2e/kernels/src/client.rs`).
const EXCHANGE: Bytes = Bytes { sent: 200, received: 1000 };
/// What `doctor` is asked under, besides the chart's rights.
pub(crate) const TAKEN: [&str; 6] =
    ["without-BPF", "without-PERFMON", "without-NET_ADMIN", "seccomp", "apparmor", "locked-memory"];

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) booted: Booted,
    pub(crate) release: String,
    pub(crate) hooks: (usize, usize),
    /// Hooks that fail under the chart's rights, each with its cause.
    pub(crate) failing: Vec<(String, String)>,
    /// What `doctor` names as the cause, by what was taken.
    pub(crate) causes: Vec<(String, String)>,
    /// The scene with containers; `None` if only `doctor` was asked.
    pub(crate) scene: Option<Scene>,
    failed: Vec<String>,
    pub(crate) seconds: u64,
}

/// How the scene with containers went.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) beacon_found: bool,
    pub(crate) twin_silent: bool,
    /// Conversations with exact bytes each way, of all that ended.
    pub(crate) exact: (usize, usize),
    pub(crate) short_lived: (usize, usize),
    pub(crate) older: (usize, usize),
    pub(crate) lost: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

/// A container of the scene.
struct Container {
    id: String,
    pod: String,
    pid: u32,
    user: u32,
    part: String,
    server: SocketAddr,
}

impl Container {
    fn of(words: &[String]) -> Self {
        Self {
            id: words[0].clone(),
            pod: words[1].clone(),
            pid: words[2].parse().unwrap(),
            user: words[3].parse().unwrap(),
            part: words[4].clone(),
            server: words[5].parse().unwrap(),
        }
    }
}

impl Row {
    /// Judges a machine by its console.
    pub(crate) fn judge(booted: Booted, logs: &Path) -> Self {
        let console = Console::read(&logs.join(format!("{}-{}.log", booted.name, booted.architecture)));
        let report = |name: &str| -> Value {
            serde_json::from_str(&console.text(&format!("doctor-{name}.json"))).unwrap_or_default()
        };
        let chart = report("chart");
        let hooks = chart["hooks"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let failing = hooks.iter().filter(|hook| hook["state"] != "attached");
        let failing: Vec<_> = failing.map(|hook| (text(&hook["name"]), text(&hook["cause"]))).collect();
        let causes = TAKEN.map(|taken| (taken.to_owned(), causes(&report(taken))));
        let scene = booted.whole.then(|| Scene::judge(&console, logs));
        let release = console.truth("kernel").next().map(|words| words[0].clone()).unwrap_or_default();
        let mut failed = console.failed.clone();
        if hooks.is_empty() {
            failed.push(format!("doctor says nothing of hooks: {}", chart["summary"]));
        }
        Self {
            release,
            hooks: (hooks.len() - failing.len(), hooks.len()),
            failing,
            causes: causes.into(),
            scene,
            failed,
            seconds: console.times.get("scene").copied().unwrap_or_default() / 1000,
            booted,
        }
    }

    /// What must not be, whatever the table says.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = self.failed.clone();
        if let Some(scene) = &self.scene {
            let full = self.hooks.0 == self.hooks.1;
            if !(scene.beacon_found && scene.twin_silent) {
                wrong.push(format!("found {}, twin silent {}", scene.beacon_found, scene.twin_silent));
            }
            wrong.extend(scene.lost.iter().map(|lost| format!("lost: {lost}")));
            if full {
                wrong.extend(scene.wrong.iter().cloned());
            }
        }
        for (taken, cause) in &self.causes {
            let expect = match taken.strip_prefix("without-") {
                Some(right) => format!("missing-capability CAP_{right}"),
                None => taken.clone(),
            };
            // Where more is wrong than what was taken, that may be named first.
            if self.booted.whole && cause != "not asked" && !cause.contains(&expect) {
                wrong.push(format!("doctor says {cause} {taken}"));
            }
        }
        let name = format!("{} {}", self.booted.name, self.booted.architecture);
        wrong.into_iter().map(|what| format!("{name}: {what}")).collect()
    }
}

/// Every cause that a report names, each once, with the capability that is to be given.
fn causes(report: &Value) -> String {
    let mut all: Vec<String> = Vec::new();
    let hooks = report["hooks"].as_array().into_iter().flatten();
    for place in hooks.chain([report]) {
        let Some(cause) = place["cause"].as_str() else { continue };
        let change = place["change"].as_str().unwrap_or_default();
        let capability =
            change.split(' ').find(|word| cause == "missing-capability" && word.starts_with("CAP_"));
        let said = [Some(cause), capability].into_iter().flatten().collect::<Vec<_>>().join(" ");
        if !all.contains(&said) {
            all.push(said);
        }
    }
    if report.is_null() {
        return "not asked".to_owned();
    }
    if all.is_empty() { "works".to_owned() } else { all.join(", ") }
}

impl Scene {
    fn judge(console: &Console, logs: &Path) -> Self {
        let containers: Vec<Container> = console.truth("container").map(Container::of).collect();
        let mut scene = Self::default();
        let findings: Vec<Value> = console
            .text("findings.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_default())
            .collect();
        let named = |part: &str| {
            let id = containers.iter().find(|container| container.part == part).map(|found| found.id.clone());
            id.is_some_and(|id| {
                findings.iter().any(|finding| finding["container.id"] == *id && finding["kind"] == "beacon")
            })
        };
        (scene.beacon_found, scene.twin_silent) = (named("beacon"), !named("twin"));
        let metrics = console.text("metrics.txt");
        let lost = metrics.lines().filter(|line| line.starts_with("beaconwatch_agent_lost_total{"));
        scene.lost = lost.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect();
        if !metrics.contains("beaconwatch_agent_lost_total{") {
            scene.lost.push("the agent says nothing of losses".to_owned());
        }
        if console.truth("agent").next().is_none_or(|words| words[0] != "0") {
            scene.lost.push("the agent did not end in order".to_owned());
        }
        let recording = logs.join("scene.bwrec");
        std::fs::write(&recording, console.files.get("scene.bwrec").map_or(&[][..], Vec::as_slice)).unwrap();
        match Seen::of(&recording) {
            Ok(seen) => scene.compare(&containers, &seen),
            Err(error) => scene.lost.push(error),
        }
        std::fs::remove_file(&recording).unwrap();
        scene
    }

    fn compare(&mut self, containers: &[Container], seen: &Seen) {
        if containers.is_empty() {
            self.lost.push("no containers".to_owned());
        }
        for container in containers {
            let attributed = seen.attributed(container);
            let tally = match &*container.part {
                "once" | "ask" => Some(&mut self.short_lived),
                "old" => Some(&mut self.older),
                _ => None,
            };
            if let Some(tally) = tally {
                tally.1 += 1;
                tally.0 += usize::from(attributed.is_ok());
            }
            if let Err(wrong) = attributed {
                self.wrong.push(format!("{} {}: {wrong}", container.part, container.server));
            }
            if container.part != "twin" {
                let (exact, all) = seen.exact(container);
                self.exact.0 += exact;
                self.exact.1 += all;
                if exact < all {
                    self.wrong.push(format!("{}: exact bytes of {exact} of {all}", container.part));
                }
            }
        }
    }
}

/// What a recording holds, joined by the engine's session layer.
#[derive(Default)]
struct Seen {
    contacts: HashMap<String, Vec<Contact>>,
    sockets: HashMap<u32, Vec<SocketId>>,
    totals: HashMap<SocketId, Bytes>,
}

impl Seen {
    fn of(recording: &Path) -> Result<Self, String> {
        let mut source = RecordingSource::open(recording).map_err(|error| error.to_string())?;
        let mut seen = Self::default();
        let mut sessions = Sessions::with_limits(&Limits::default());
        let mut out = Vec::new();
        let mut last = Timestamp::ZERO;
        for step in Iterator::by_ref(&mut source) {
            let (now, input) = step.map_err(|error| error.to_string())?;
            match input {
                Input::Event(event) => {
                    if let Event::SocketOpened(opened) = &event
                        && opened.outbound
                    {
                        seen.sockets.entry(opened.pid).or_default().push(opened.socket);
                    }
                    if let Event::SocketClosed { socket, bytes, provisional: false, .. } = &event {
                        seen.totals.insert(*socket, *bytes);
                    }
                    sessions.handle(now, event, &mut out);
                    last = now;
                }
                Input::Lost { place, count } => return Err(format!("{count} records at {place:?}")),
                Input::Contact(_)
                | Input::ContactEnd(_)
                | Input::Workload(_)
                | Input::Digest { .. }
                | Input::Policies(_)
                | Input::Baseline(_)
                | Input::Reputation(_)
                | Input::Networks(_)
                | Input::MeshProxies(_)
                | Input::Rewritten(_)
                | Input::Secret(_) => {}
            }
        }
        sessions.finish(last, &mut out);
        for output in out {
            if let SessionOutput::Contact(contact) = output
                && let Some(container) = &contact.actor.container
            {
                seen.contacts.entry(container.to_string()).or_default().push(*contact);
            }
        }
        Ok(seen)
    }

    /// Pod, process, executable, arguments, user and destination are right in every contact.
    fn attributed(&self, container: &Container) -> Result<(), String> {
        let contacts = self.contacts.get(&container.id).map_or(&[][..], Vec::as_slice);
        if contacts.is_empty() {
            return Err("no contact".to_owned());
        }
        for contact in contacts {
            let process = contact.actor.process.clone().unwrap_or_default();
            let arguments: Vec<&str> = process.args.iter().map(AsRef::as_ref).collect();
            let destination =
                contact.destination.address.map(|a| SocketAddr::new(a, contact.destination.port));
            let wanted = ["/init", &container.part, &container.server.to_string()];
            let right = contact.actor.pod_uid.as_deref() == Some(&container.pod)
                && process.pid == container.pid
                && &*process.executable == "/init"
                && arguments == wanted
                && process.uid == Some(container.user)
                && destination == Some(container.server);
            if !right {
                return Err(format!("{:?} {destination:?} {process:?}", contact.actor.pod_uid));
            }
        }
        Ok(())
    }

    /// Conversations with exact totals, of all but the last, which may still have been open.
    fn exact(&self, container: &Container) -> (usize, usize) {
        let sockets = self.sockets.get(&container.pid).map_or(&[][..], Vec::as_slice);
        let brief = matches!(&*container.part, "once" | "ask");
        let ended = if brief { sockets } else { sockets.split_last().map_or(&[][..], |(_, ended)| ended) };
        let exact = ended.iter().filter(|socket| {
            let totals = self.totals.get(socket);
            totals.is_some_and(|totals| (totals.sent, totals.received) == (EXCHANGE.sent, EXCHANGE.received))
        });
        (exact.count(), ended.len())
    }
}
