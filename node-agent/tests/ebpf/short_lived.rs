//! Late is not never: containers that live for milliseconds are attributed in full.
//!
//! The judge knows only what came out of the kernel's rings: no look at `/proc` or cgroups afterwards would find
//! anything, since containers and processes are gone.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use beaconwatch_engine::input::{Event, Input, SocketId};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::observe::contact::{Bytes, Contact, ContactKind};
use beaconwatch_engine::observe::session::{SessionOutput, Sessions};
use beaconwatch_engine::time::Timestamp;

use crate::container::{self, Mode, Truth};
use crate::scene::{Scene, Watch, load};

/// Containers in all, and at once.
const CONTAINERS: usize = 1000;
const AT_ONCE: u8 = 8;

#[test]
fn a_thousand_containers_that_live_for_milliseconds_are_attributed_in_full() {
    if load(&beaconwatch_agent::ebpf::EbpfOptions::default()).is_none() {
        return;
    }
    let scene = Scene::with_rooms(AT_ONCE);
    let watch = Watch::begin(&scene.options()).unwrap();
    let truths = play(&scene);
    let lost = watch.ebpf.counters().lost;
    let inputs = watch.end();
    assert_eq!(lost, vec![], "records were lost");

    let seen = Seen::of(inputs);
    let wrong: Vec<String> = truths.iter().filter_map(|truth| seen.judge(truth).err()).collect();
    let mut lives: Vec<_> = truths.iter().map(|truth| truth.life).collect();
    lives.sort();
    println!(
        "{} of {CONTAINERS} attributed in full; life of a process: median {:?}, longest {:?}",
        CONTAINERS - wrong.len(),
        lives[lives.len() / 2],
        lives[lives.len() - 1]
    );
    assert!(wrong.is_empty(), "{} wrong, such as:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}

fn play(scene: &Scene) -> Vec<Truth> {
    let next = AtomicUsize::new(0);
    let truths = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for room in 1..=AT_ONCE {
            let (next, truths) = (&next, &truths);
            threads.spawn(move || {
                scene.enter(Some(room));
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= CONTAINERS {
                        return;
                    }
                    let truth = container::run(scene, job, Mode::ALL[job % Mode::ALL.len()]);
                    truths.lock().unwrap().push(truth);
                }
            });
        }
    });
    truths.into_inner().unwrap()
}

/// What the rings told, joined by the engine's session layer.
#[derive(Default)]
struct Seen {
    /// Contacts by container.
    contacts: HashMap<String, Vec<Contact>>,
    /// Sockets by process.
    sockets: HashMap<u32, Vec<SocketId>>,
    /// Final totals by socket.
    totals: HashMap<SocketId, Bytes>,
}

impl Seen {
    fn of(inputs: Vec<(Timestamp, Input)>) -> Self {
        let mut seen = Self::default();
        let mut sessions = Sessions::with_limits(&Limits::default());
        let mut out = Vec::new();
        let mut last = Timestamp::ZERO;
        for (now, input) in inputs {
            let Input::Event(event) = input else { panic!("{input:?}") };
            assert!(now >= last, "time goes back by {:?} at {event:?}", last.since(now));
            last = now;
            if let Event::SocketOpened(opened) = &event {
                seen.sockets.entry(opened.pid).or_default().push(opened.socket);
            }
            if let Event::SocketClosed { socket, bytes, provisional: false, .. } = &event {
                seen.totals.insert(*socket, *bytes);
            }
            sessions.handle(now, event, &mut out);
        }
        sessions.finish(last, &mut out);
        for output in out {
            if let SessionOutput::Contact(contact) = output
                && let Some(container) = &contact.actor.container
            {
                seen.contacts.entry(container.to_string()).or_default().push(*contact);
            }
        }
        seen
    }

    fn judge(&self, truth: &Truth) -> Result<(), String> {
        let fail = |what: String| Err(format!("job {} ({:?}): {what}", truth.job, truth.mode));
        let contacts = self.contacts.get(&truth.container).map_or(&[][..], Vec::as_slice);
        let [contact] = contacts else { return fail(format!("{} contacts: {contacts:#?}", contacts.len())) };
        let process = contact.actor.process.clone().unwrap_or_default();
        let args: Vec<String> = process.args.iter().map(ToString::to_string).collect();
        let destination = (contact.destination.address, contact.destination.port);
        let wanted = truth.mode.destination();
        if contact.actor.pod_uid.as_deref() != Some(&truth.pod_uid) {
            return fail(format!("pod {:?}", contact.actor.pod_uid));
        }
        if (process.pid, &*process.executable) != (truth.pid, &*truth.args[0]) || args != truth.args {
            return fail(format!("process {process:?}, should be {} {:?}", truth.pid, truth.args));
        }
        if destination != (Some(wanted.ip()), wanted.port()) {
            return fail(format!("destination {destination:?}"));
        }
        if let Some(wrong) = wrong_name(truth, contact) {
            return fail(wrong);
        }
        let sockets = self.sockets.get(&truth.pid).map_or(&[][..], Vec::as_slice);
        let totals = sockets.first().and_then(|socket| self.totals.get(socket));
        let (sent, received) = truth.mode.bytes(truth.job);
        match totals {
            Some(totals) if totals.sent == sent && received.is_none_or(|bytes| bytes == totals.received) => {
                Ok(())
            }
            _ => fail(format!("bytes {totals:?}, should be {sent} and {received:?}")),
        }
    }
}

fn wrong_name(truth: &Truth, contact: &Contact) -> Option<String> {
    let name = container::name(truth.job);
    if truth.mode.is_dns() {
        let ContactKind::DnsQuery(question) = &contact.kind else {
            return Some(format!("no question: {:?}", contact.kind));
        };
        return (*question.name != name || question.rcode != Some(0))
            .then(|| format!("question {question:?}"));
    }
    let seen = contact.destination.name.as_deref();
    (truth.mode == Mode::Tls && seen != Some(&name)).then(|| format!("name {seen:?}"))
}
