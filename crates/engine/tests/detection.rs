//! Detection through the engine's contract: what becomes a finding, and what stays silent.

mod support;

use std::sync::Arc;
use std::time::Duration;

use beaconwatch_engine::actor::{Actor, Owner, Pod};
use beaconwatch_engine::assess::finding::{FindingKind, FindingState, ReplicaCount, Severity};
use beaconwatch_engine::assess::policy::{Exception, Policy, PolicySet};
use beaconwatch_engine::counters::BoundedTable;
use beaconwatch_engine::detection::Outcome;
use beaconwatch_engine::identity::Secret;
use beaconwatch_engine::input::{Input, WorkloadChange};
use beaconwatch_engine::observe::contact::Bytes;
use support::{Scene, Traffic, time};

/// A demo's policy: half a minute is long enough.
fn quick() -> Policy {
    let mut policy = Policy::everything("quick");
    if let Some(beacon) = &mut policy.detectors.beacon {
        beacon.minimum_span = Duration::from_secs(30);
    }
    policy
}

fn policies(policy: Policy) -> Input {
    Input::Policies(Arc::new(PolicySet { policies: vec![policy] }))
}

#[test]
fn a_curl_loop_of_ninety_seconds_becomes_a_finding_under_a_quick_policy() {
    let mut scene = Scene::with_policy(quick());
    scene.play(Traffic::new("/usr/bin/curl", "203.0.113.9", 8080).every(2.0, 0.15).lasting(90.0));
    let opened = scene.opened();
    assert_eq!(opened.len(), 1, "{:?}", scene.findings);
    assert_eq!(opened[0].kind, FindingKind::Beacon);
    assert!(opened[0].summary.contains("/usr/bin/curl"), "{}", opened[0].summary);
    assert!(opened[0].score >= 6.0, "{} {:?}", opened[0].score, opened[0].evidence);
}

#[test]
fn its_poisson_twin_with_varying_sizes_stays_silent() {
    let mut scene = Scene::with_policy(quick());
    scene.play(Traffic::new("/usr/bin/curl", "203.0.113.9", 8080).poisson(2.0).varying().lasting(90.0));
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
}

#[test]
fn a_download_in_one_burst_stays_silent() {
    let mut scene = Scene::with_policy(quick());
    for file in 0..60 {
        let at = f64::from(file) * 0.12;
        scene.contact(at, "/usr/lib/apt/methods/http", "151.101.2.132", 80, 180, 900_000);
    }
    scene.end(90.0);
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
}

#[test]
fn probes_of_a_nodes_own_pods_stay_silent_and_its_other_calls_do_not() {
    let mut scene = Scene::with_policy(quick());
    let pod = Pod {
        namespace: Arc::from("shop"),
        name: Arc::from("web-0"),
        uid: Arc::from("u1"),
        owner: Owner { kind: Arc::from("StatefulSet"), name: Arc::from("web") },
        addresses: Arc::from(["10.244.1.2".parse().unwrap()]),
        ..Pod::default()
    };
    scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
    scene.play(Traffic::new("", "10.244.1.2", 9464).every(2.0, 0.0).lasting(90.0));
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
    scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(2.0, 0.1).from(100.0).lasting(90.0));
    assert_eq!(scene.opened().len(), 1);
}

#[test]
fn a_finding_stays_its_pods_after_the_pod_was_deleted() {
    let mut scene = Scene::with_policy(quick());
    let container: Arc<str> = Arc::from("c".repeat(64));
    let pod = Arc::new(Pod {
        namespace: Arc::from("shop"),
        name: Arc::from("web-0"),
        uid: Arc::from("u1"),
        containers: Arc::from([(Arc::clone(&container), Box::from("app"))]),
        ..Pod::default()
    });
    let uid = Arc::clone(&pod.uid);
    scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(pod)));
    for check_in in 0..90_u32 {
        let at = f64::from(check_in) * 5.0 + f64::from(check_in * 7 % 5) * 0.1;
        if check_in == 60 {
            scene.input(time(at), Input::Workload(WorkloadChange::Deleted { uid: Arc::clone(&uid) }));
        }
        let bytes = Some(Bytes { sent: 312, received: 312 });
        let mut contact = support::contact(at, "/tmp/.x/agent", "203.0.113.9", 4444, bytes);
        let actor = Actor { container: Some(Arc::clone(&container)), ..(*contact.actor).clone() };
        (contact.actor_key, contact.actor) = (actor.key(), Arc::new(actor));
        scene.input(time(at), Input::Contact(Box::new(contact)));
    }
    scene.end(3000.0);
    assert!(scene.findings.len() > 3, "{:?}", scene.findings);
    assert!(scene.findings.iter().all(|f| f.id == scene.findings[0].id && f.pod.is_some()));
}

#[test]
fn a_beacon_is_not_told_before_it_lasted() {
    let mut scene = Scene::with_policy(Policy::everything("default"));
    let traffic = Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(20.0, 0.1);
    scene.play(traffic.clone().lasting(600.0));
    assert!(scene.findings.is_empty(), "{:?}", scene.findings);
    scene.play(traffic.from(600.0).lasting(600.0));
    assert_eq!(scene.opened().len(), 1);
}

#[test]
fn a_finding_is_closed_when_the_behaviour_ends() {
    let mut scene = Scene::with_policy(quick());
    scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(5.0, 0.1).lasting(300.0));
    scene.end(3000.0);
    let states: Vec<FindingState> = scene.findings.iter().map(|finding| finding.state).collect();
    assert_eq!(states.first(), Some(&FindingState::Opened));
    assert_eq!(states.last(), Some(&FindingState::Closed));
    assert!(states.contains(&FindingState::Updated));
}

/// A workload whose replicas all call the same destination every five seconds.
fn scene_of_replicas(names: Vec<String>) -> Scene {
    let mut policy = quick();
    policy.thresholds.record = 0.0;
    let mut scene = Scene::with_policy(policy);
    let containers: Vec<Arc<str>> = names.iter().map(|name| Arc::from(format!("{name:f>64}"))).collect();
    for container in &containers {
        let pod = Pod {
            namespace: Arc::from("shop"),
            name: Arc::clone(container),
            uid: Arc::clone(container),
            owner: Owner { kind: Arc::from("Deployment"), name: Arc::from("web") },
            containers: Arc::from([(Arc::clone(container), Box::from("app"))]),
            ..Pod::default()
        };
        scene.input(time(0.0), Input::Workload(WorkloadChange::Applied(Arc::new(pod))));
    }
    for check_in in 0..60_u32 {
        for (replica, container) in (0_u32..).zip(&containers) {
            let at = f64::from(check_in) * 5.0 + f64::from((check_in + replica) * 7 % 5) * 0.1;
            let bytes = Some(Bytes { sent: 312, received: 312 });
            let mut contact = support::contact(at, "/tmp/.x/agent", "203.0.113.9", 4444, bytes);
            let actor = Actor { container: Some(Arc::clone(container)), ..(*contact.actor).clone() };
            (contact.actor_key, contact.actor) = (actor.key(), Arc::new(actor));
            scene.input(time(at), Input::Contact(Box::new(contact)));
        }
    }
    scene
}

/// A conversation on which a finding stands is never idle: if closing it forgot one, that would stay for ever.
#[test]
fn a_closed_finding_lets_go_of_all_its_replicas() {
    let mut scene = scene_of_replicas(["a", "b", "c"].map(str::to_owned).into());
    assert_eq!((scene.opened().len(), scene.table(BoundedTable::Conversations).held), (1, 3));
    scene.end(4.0 * 86_400.0);
    let closed = scene.findings.iter().filter(|finding| finding.state == FindingState::Closed);
    assert_eq!((closed.count(), scene.table(BoundedTable::Conversations).held), (1, 0));
}

#[test]
fn a_closed_finding_carries_the_final_totals_of_its_conversation() {
    let mut scene = Scene::with_policy(quick());
    // Judged once a minute, so that the last check-ins come after the last judgement.
    scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(5.0, 0.1).lasting(290.0));
    let told = scene.findings.last().unwrap().clone();
    scene.end(3000.0);
    let closed = scene.findings.last().unwrap();
    assert_eq!(closed.state, FindingState::Closed);
    assert!(closed.check_ins > told.check_ins, "{} {}", closed.check_ins, told.check_ins);
    assert_eq!(closed.bytes.sent, closed.check_ins * 312);
    assert!(closed.window.1 > told.window.1 && closed.window.1 > time(280.0), "{:?}", closed.window);
    assert!(closed.summary.contains(&format!("{} times", closed.check_ins)), "{}", closed.summary);
    assert_eq!((closed.score, closed.severity), (told.score, told.severity));
}

/// Forty workloads that all do the same kind of thing, under a budget.
fn under_budget(budget: Option<f32>) -> Scene {
    let mut policy = quick();
    policy.thresholds.budget = budget;
    (policy.thresholds.record, policy.thresholds.alert) = (-100.0, 0.0);
    let mut scene = Scene::with_policy(policy);
    for n in 0..40_u8 {
        let traffic = Traffic::new(&format!("/tmp/.x/agent{n}"), &format!("203.0.113.{n}"), 4444);
        scene.play(traffic.every(5.0, 0.1).from(f64::from(n) * 300.0).lasting(250.0));
    }
    scene
}

#[test]
fn a_budget_of_alarms_raises_the_alert_threshold_and_never_lowers_it() {
    let severities = |scene: &Scene| {
        let mut all: Vec<_> = scene.opened().iter().map(|finding| finding.severity).collect();
        all.sort_unstable();
        all
    };
    let free = under_budget(None);
    assert_eq!(free.engine.alert_thresholds().count(), 0);
    assert!(
        severities(&free).iter().all(|severity| *severity >= Severity::Medium),
        "{:?}",
        severities(&free)
    );

    // As many alarms as a thousand pods could ever make: everything stays as it was.
    let ample = under_budget(Some(1e6));
    assert_eq!(severities(&ample), severities(&free));
    let threshold = ample.engine.alert_thresholds().next().unwrap();
    assert_eq!((threshold.raised, threshold.alert, threshold.identities), (0.0, 0.0, 40));

    let tight = under_budget(Some(1.0));
    let threshold = tight.engine.alert_thresholds().next().unwrap();
    assert!(threshold.raised > 0.0, "{threshold:?}");
    let opened = tight.opened();
    let last = opened.last().unwrap();
    assert_eq!(last.severity, Severity::Low, "{} {threshold:?}", last.score);
    assert_eq!(opened.len(), free.opened().len(), "findings are recorded as before");
}

#[test]
fn the_scores_behind_a_budget_survive_a_restart() {
    let first = under_budget(Some(1.0));
    let before: Vec<_> = first.engine.alert_thresholds().collect();
    let mut policy = quick();
    policy.thresholds.budget = Some(1.0);
    (policy.thresholds.record, policy.thresholds.alert) = (-100.0, 0.0);
    let mut second = Scene::with_policy(policy.clone());
    second.engine.restore(&first.engine.checkpoint()).unwrap();
    second.input(time(40.0 * 300.0), policies(policy));
    let traffic = Traffic::new("/tmp/.x/agent40", "203.0.113.40", 4444).every(5.0, 0.1);
    second.play(traffic.from(40.0 * 300.0).lasting(250.0));
    let after = second.engine.alert_thresholds().next().unwrap();
    assert_eq!(after.identities, 41);
    assert!(after.raised >= before[0].raised, "{before:?} {after:?}");
}

#[test]
fn the_same_input_gives_the_same_findings() {
    let run = || {
        let mut scene = Scene::with_policy(quick());
        scene.play(Traffic::new("/usr/bin/curl", "203.0.113.9", 8080).every(2.0, 0.15).lasting(90.0));
        scene.end(3000.0);
        assert_eq!(scene.opened().len(), 1);
        scene.findings
    };
    assert_eq!(run(), run());
}

#[test]
fn findings_are_the_same_under_any_secret() {
    let run = |secret| {
        let mut scene = Scene::with_policy(quick());
        scene.input(time(0.0), Input::Secret(Secret([secret; 16])));
        for host in 9..14 {
            let (executable, to) = (format!("/tmp/.x/agent-{host}"), format!("203.0.113.{host}"));
            let traffic = Traffic::new(&executable, &to, 8080).every(2.0, 0.15);
            scene.play(traffic.from(400.0 * f64::from(host)).lasting(90.0));
        }
        scene.end(9000.0);
        assert_eq!(scene.opened().len(), 5);
        (scene.engine.secret(), scene.findings)
    };
    let ((one, findings), (other, same)) = (run(1), run(2));
    assert_ne!(one, other);
    assert_eq!(findings, same);
}

#[test]
fn a_finding_says_at_least_when_replicas_are_too_many_to_remember() {
    let scene = scene_of_replicas((0..70).map(|replica| format!("{replica:x}")).collect());
    let last = scene.findings.last().unwrap();
    assert_eq!(last.replicas, Some(ReplicaCount { doing: 64, of: 70, at_least: true }));
    let sentence = last.evidence.iter().find(|item| item.sentence.contains("replicas")).unwrap();
    assert_eq!(sentence.sentence, "at least 64 of 70 replicas do this");
}

#[test]
fn an_exception_keeps_a_finding_silent_until_it_expires() {
    let exception = |expires| {
        let mut policy = quick();
        policy.exceptions.push(Exception {
            name: Arc::from("agent"),
            reason: Arc::from("known"),
            executables: vec!["/tmp/**".into()],
            expires,
            ..Exception::default()
        });
        let mut scene = Scene::with_policy(policy);
        scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(5.0, 0.1).lasting(600.0));
        scene
    };
    let silent = exception(None);
    assert!(silent.findings.is_empty());
    assert_eq!(silent.engine.counters().findings_excepted, 1);
    let used: Vec<_> = silent.engine.exceptions_used().collect();
    assert!(matches!(used[..], [(_, "agent", at)] if at > support::time(500.0)), "{used:?}");
    let expiring = exception(Some(support::time(300.0)));
    assert_eq!(expiring.opened().len(), 1);
    assert!(expiring.opened()[0].time >= support::time(300.0));
}

#[test]
fn a_switched_off_detector_is_silent() {
    let mut policy = quick();
    policy.detectors.beacon = None;
    let mut scene = Scene::with_policy(policy);
    scene.play(Traffic::new("/tmp/.x/agent", "203.0.113.9", 4444).every(5.0, 0.1).lasting(600.0));
    assert!(scene.findings.is_empty());
}

#[test]
fn a_million_destinations_of_one_workload_leave_the_others_findings_as_they_were() {
    let run = |flood: u32| {
        let mut scene = Scene::with_policy(quick());
        for second in 0..100_u32 {
            let at = f64::from(second);
            if second % 5 == 0 {
                scene.contact(at, "/tmp/.x/agent", "203.0.113.9", 4444, 312, 600);
            }
            for n in 0..flood / 100 {
                let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + second * (flood / 100) + n);
                let mut contact = support::contact(at, "/app/scanner", "203.0.113.9", 80, None);
                contact.destination.address = Some(address.into());
                let mut actor = (*contact.actor).clone();
                actor.cgroup = 7;
                contact.actor_key = actor.key();
                contact.actor = Arc::new(actor);
                scene.input(support::time(at), Input::Contact(Box::new(contact)));
            }
        }
        scene
    };
    let (quiet, flooded) = (run(0), run(1_000_000));
    let of_agent = |scene: &Scene| {
        let all = scene.findings.iter().filter(|f| f.summary.contains("agent"));
        all.cloned().collect::<Vec<_>>()
    };
    assert!(!of_agent(&quiet).is_empty());
    assert_eq!(of_agent(&quiet), of_agent(&flooded), "to the last bit of evidence");
    assert!(flooded.table(BoundedTable::Conversations).held <= 65);
    assert!(flooded.table(BoundedTable::Conversations).refused > 500_000);
}

/// A look-up of a name every three seconds or so, each followed by a connection to `a.cdn-sync.example`, or not.
fn look_ups(name: &str, connects: bool) -> Scene {
    let mut policy = quick();
    policy.thresholds.record = 2.0;
    let mut scene = Scene::with_policy(policy);
    for check_in in 0..600_u32 {
        let at = f64::from(check_in) * 3.0 + f64::from(check_in * 7 % 5) * 0.15;
        scene.input(support::time(at), Input::Contact(Box::new(look_up(at, name))));
        if connects {
            let mut contact = support::contact(
                at,
                "/usr/bin/curl",
                "203.0.113.9",
                443,
                Some(Bytes { sent: 312, received: 900 }),
            );
            contact.destination.name = Some(Arc::from("a.cdn-sync.example"));
            scene.input(support::time(at), Input::Contact(Box::new(contact)));
        }
    }
    scene
}

fn look_up(at: f64, name: &str) -> beaconwatch_engine::observe::contact::Contact {
    use beaconwatch_engine::observe::contact::{ContactKind, DnsQuestion, NameSource, Naming, Transport};
    let bytes = Bytes { sent: 36, received: 52 };
    let mut contact = support::contact(at, "/usr/bin/curl", "10.96.0.10", 53, Some(bytes));
    contact.destination.transport = Transport::Udp;
    contact.destination.name = Some(Arc::from("cdn-sync.example"));
    contact.destination.name_source = Some(NameSource::Dns);
    contact.naming = Naming::Unknown;
    contact.protocol = beaconwatch_engine::observe::protocol::AppProtocol::Dns;
    contact.kind = ContactKind::DnsQuery(DnsQuestion { name: Arc::from(name), rr_type: 1, rcode: Some(0) });
    contact
}

#[test]
fn look_ups_that_connections_explain_are_judged_with_them() {
    let kinds = |scene: &Scene| scene.opened().iter().map(|finding| finding.kind).collect::<Vec<_>>();
    for name in ["a.cdn-sync.example", "a.cdn-sync.example.shop.svc.cluster.local"] {
        assert_eq!(kinds(&look_ups(name, true)), [FindingKind::Beacon], "{name}");
        assert_eq!(kinds(&look_ups(name, false)), [FindingKind::DnsBeacon], "{name}");
        let explained = look_ups(name, true).engine.explain(|_| true);
        let look_ups = explained.iter().find(|one| one.kind == FindingKind::DnsBeacon).unwrap();
        assert!(
            matches!(&look_ups.outcome, Outcome::Closed(why) if why.contains("belongs to")),
            "{look_ups:?}"
        );
    }
}
