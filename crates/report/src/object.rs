//! A finding as the object that stores it. Pure: the same finding makes the same object.
//!
//! Texts that a workload or a peer chose are sanitized and cut before they get here.

use beaconwatch_crds::ObjectMeta;
use beaconwatch_crds::beacon_finding::{
    BeaconFinding, BeaconFindingRecord, EvidenceItem, HowMuch, IDENTITIES_LABEL, JudgedBy, Origin, When,
    Where, Who,
};
use beaconwatch_crds::one_of::OneOf;
use beaconwatch_crds::policy_rules::Mode;
use beaconwatch_crds::units::TimeText;
use beaconwatch_engine::actor::Process;
use beaconwatch_engine::assess::finding::{Finding, Rhythm};
use beaconwatch_engine::identity;
use beaconwatch_engine::observe::protocol::AppProtocol;

use super::name;
use crate::sanitize;

/// Bytes of one text in an object.
const TEXT_MAX: usize = 1024;
/// Entries of a list in an object.
const LIST_MAX: usize = 64;

/// Where this agent runs.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// Name of the node.
    pub node: String,
    /// Namespace for findings of processes that belong to no known pod.
    pub namespace: String,
}

/// The object that stores a finding.
#[must_use]
pub fn object(finding: &Finding, reporter: &Reporter) -> BeaconFinding {
    let namespace = finding.pod.as_ref().map_or(reporter.namespace.as_str(), |pod| &*pod.namespace);
    let object_name = name::of_finding(finding, &reporter.node);
    let record = BeaconFindingRecord {
        summary: text(&finding.summary),
        finding_id: finding.id.to_string(),
        behavior: finding.kind.into(),
        state: finding.state.into(),
        severity: finding.severity.into(),
        score: tenth(finding.score),
        score_text: format!("{:.1}", finding.score),
        who: who(finding, reporter),
        destination: destination(finding),
        when: when(finding),
        how_much: HowMuch {
            sent_bytes: whole(finding.bytes.sent),
            received_bytes: whole(finding.bytes.received),
            sent_bytes_typical: whole(finding.bytes_typical.sent),
            received_bytes_typical: whole(finding.bytes_typical.received),
        },
        why: finding.evidence.iter().take(LIST_MAX).map(evidence).collect(),
        not_seen: not_seen(finding),
        next: next(finding, namespace, &object_name),
        policy: JudgedBy {
            namespace: finding.policy.namespace.as_deref().map(text),
            name: text(&finding.policy.name),
            mode: Mode::from(finding.mode).into(),
        },
    };
    let metadata = ObjectMeta {
        name: Some(object_name),
        namespace: Some(namespace.to_owned()),
        labels: Some([(IDENTITIES_LABEL.to_owned(), identity::VERSION.to_string())].into()),
        ..ObjectMeta::default()
    };
    BeaconFinding { metadata, spec: record }
}

fn who(finding: &Finding, reporter: &Reporter) -> Who {
    let pod = finding.pod.as_deref();
    let process = finding.actor.process.as_ref();
    let owner = pod.map(|pod| &pod.owner).filter(|owner| !owner.name.is_empty());
    let uid = pod.map(|pod| &pod.uid).or(finding.actor.pod_uid.as_ref());
    let known = |part: fn(&Process) -> Option<String>| process.and_then(part);
    Who {
        workload: Some(owner.map_or_else(
            || format!("Node/{}", reporter.node),
            |owner| text(&format!("{}/{}", owner.kind, owner.name)),
        )),
        pod: pod.map(|pod| text(&pod.name)),
        pod_uid: uid.map(|uid| text(uid)),
        container: finding.container_name.as_deref().map(text),
        container_id: finding.actor.container.as_deref().map(text),
        node: Some(reporter.node.clone()),
        executable: known(|process| given(&process.executable)),
        digest: known(|process| process.digest.map(hex)),
        origin: process.and_then(|process| Origin::of_executable(process.origin)).map(OneOf::Known),
        arguments: process.map(|process| texts(&process.args)).unwrap_or_default(),
        pid: process.map(|process| i64::from(process.pid)).filter(|pid| *pid != 0),
        uid: process.and_then(|process| process.uid).map(i64::from),
        started_by: process.map(|process| texts(&process.lineage)).unwrap_or_default(),
        exec_session: process.and_then(|process| process.exec_session),
    }
}

fn destination(finding: &Finding) -> Where {
    let to = &finding.destination;
    let address = to.address.map(|address| address.to_string());
    let host = to.name.as_deref().map(text).or_else(|| {
        to.address.map(|address| if address.is_ipv6() { format!("[{address}]") } else { address.to_string() })
    });
    let host = host.unwrap_or_else(|| "many destinations".to_owned());
    Where {
        destination: if to.port == 0 { host } else { format!("{host}:{}", to.port) },
        address,
        port: Some(i32::from(to.port)).filter(|port| *port != 0),
        may_be_backend: finding.may_be_backend.then_some(true),
        transport: Some(to.transport.as_str().to_owned()),
        protocol: Some(finding.protocol.as_str().to_owned())
            .filter(|_| finding.protocol != AppProtocol::Unknown),
        name: to.name.as_deref().map(text),
        name_source: to.name_source.map(OneOf::Known),
        sni: finding.sni.as_deref().map(text),
        ja4: finding.ja4.as_deref().map(text),
    }
}

fn when(finding: &Finding) -> When {
    When {
        first: TimeText::from_nanos(finding.window.0.as_nanos()),
        last: TimeText::from_nanos(finding.window.1.as_nanos()),
        check_ins: whole(finding.check_ins),
        every: finding.rhythm.as_ref().map(every),
        period_seconds: finding.rhythm.as_ref().map(|rhythm| tenth(rhythm.period_secs)),
        rhythm: finding.rhythm.as_ref().map(|rhythm| {
            let Rhythm { bits, hits, gaps, chance, .. } = rhythm;
            let chance = crate::figure::percent(f64::from(*chance));
            let window = rhythm.window_text();
            format!(
                "{hits} of {gaps} gaps fell in the predicted {window} (chance {chance}): {bits:.0} bits of rhythm"
            )
        }),
    }
}

/// `60s ±20%`.
fn every(rhythm: &Rhythm) -> String {
    let (low, high) = rhythm.window_secs;
    let period = rhythm.period_secs;
    let vary = if period > 0.0 { (high - low) / 2.0 / period * 100.0 } else { 0.0 };
    let period = match period {
        secs if secs < 10.0 => format!("{secs:.1}s"),
        secs if secs < 180.0 => format!("{secs:.0}s"),
        secs if secs < 10_800.0 => format!("{:.0}m", secs / 60.0),
        secs => format!("{:.0}h", secs / 3600.0),
    };
    if vary < 1.0 { period } else { format!("{period} ±{vary:.0}%") }
}

fn evidence(item: &beaconwatch_engine::assess::finding::Evidence) -> EvidenceItem {
    EvidenceItem {
        term: item.term.into(),
        level: item.level.to_owned(),
        bits: tenth(item.bits),
        sentence: text(&item.sentence),
    }
}

fn not_seen(finding: &Finding) -> Vec<String> {
    let mut not_seen = Vec::new();
    match finding.protocol {
        AppProtocol::Tls
        | AppProtocol::Dtls
        | AppProtocol::Dot
        | AppProtocol::Doh
        | AppProtocol::Ssh
        | AppProtocol::Quic => not_seen.push("content (encrypted)".to_owned()),
        AppProtocol::Unknown => not_seen.push("the application protocol (not recognised)".to_owned()),
        AppProtocol::Http
        | AppProtocol::Http2
        | AppProtocol::Dns
        | AppProtocol::Irc
        | AppProtocol::Smtp
        | AppProtocol::Ntp
        | AppProtocol::Grpc
        | AppProtocol::Socks
        | AppProtocol::Text => {}
    }
    if finding.may_be_backend {
        not_seen.push(
            "the service that was asked for, if this is its backend (a socket load balancer looks first)"
                .to_owned(),
        );
    }
    if finding.pod.is_none() {
        not_seen.push("the pod (the process belongs to no pod that is known)".to_owned());
    }
    not_seen.push(match finding.lost {
        0 => "nothing was lost: every record of this window was judged".to_owned(),
        lost => format!("{lost} records lost in this window"),
    });
    not_seen
}

fn next(finding: &Finding, namespace: &str, object_name: &str) -> Vec<String> {
    let mut next = Vec::new();
    if let Some(pod) = &finding.pod {
        let (space, name) = (text(&pod.namespace), text(&pod.name));
        next.push(format!("look inside: kubectl exec -n {space} {name} -- ps -ef"));
        next.push(format!("keep new pods off the node: kubectl cordon {}", text(&pod.node)));
        next.push(format!(
            "take the pod out of its workload and keep it for a look: kubectl label pod -n {space} {name} \
             pod-template-hash- beaconwatch.io/isolated=true"
        ));
    }
    next.push(format!(
        "approve it: add an exception to the policy {} (kubectl get bf -n {namespace} {object_name} -o yaml \
         shows executable and destination)",
        policy(finding)
    ));
    next
}

fn policy(finding: &Finding) -> String {
    match &finding.policy.namespace {
        Some(namespace) => format!("BeaconPolicy {namespace}/{}", finding.policy.name),
        None => format!("ClusterBeaconPolicy {}", finding.policy.name),
    }
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn given(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| text(value))
}

fn texts(list: &[Box<str>]) -> Vec<String> {
    list.iter().take(LIST_MAX).map(|value| text(value)).collect()
}

/// Sanitized, and cut to the length of one text in an object.
#[must_use]
pub fn text(value: &str) -> String {
    cut(&sanitize(value), TEXT_MAX).to_owned()
}

/// The longest start of at most `max` bytes.
#[must_use]
pub fn cut(value: &str, max: usize) -> &str {
    let end = (0..=value.len().min(max)).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
    value.get(..end).unwrap_or_default()
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Rounded to tenths, so that noise in the last digits is no change; zero for what is no number.
fn tenth(number: f32) -> f32 {
    if number.is_finite() { (number * 10.0).round() / 10.0 } else { 0.0 }
}

#[cfg(test)]
mod tests;
