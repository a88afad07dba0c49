//! The list of fields.

use beaconwatch_engine::actor::{ExecutableOrigin, Pod, Process};
use beaconwatch_engine::assess::finding::{Finding, FindingKind, Rhythm};
use beaconwatch_engine::assess::policy::Mode;
use beaconwatch_engine::observe::contact::NameSource;
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use super::value::Value::{Evidence, Flag, Number, Text, Texts, Whole, Wholes};
use super::value::{EvidenceValue, Field, Value};
use crate::sanitize;

/// A field whose name is ours.
const fn ours(name: &'static str, meaning: &'static str, read: fn(&Finding) -> Option<Value>) -> Field {
    Field { name, convention: false, meaning, read }
}

/// A field of the semantic conventions.
const fn otel(name: &'static str, meaning: &'static str, read: fn(&Finding) -> Option<Value>) -> Field {
    Field { name, convention: true, meaning, read }
}

/// Every field, in the order in which they are written.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    ours("time_unix_nano", "When this state was reached.", |f| Some(nanos(f.time))),
    ours("finding.id", "Identity: the same behaviour seen again, by another replica or after a restart, has the same. 32 hexadecimal digits.", |f| word(&f.id.to_string())),
    ours("finding.state", "`opened`, `updated` or `closed`.", |f| word(f.state.as_str())),
    ours("kind", "Kind of behaviour: `beacon`, `unbalanced`, `dns-beacon`, `dns-tunnel`, `irc`, `long-connection`, `unexpected-port`, `failed-retries`.", |f| word(f.kind.as_str())),
    ours("severity", "`low`, `medium`, `high` or `critical`, by the score and the policy's thresholds.", |f| word(f.severity.as_str())),
    ours("score", "Sum of the evidence, in bits.", |f| Some(Number(f.score))),
    ours("summary", "One sentence: who does what, how often, since when.", |f| word(&f.summary)),
    otel("source.address", "Address of the client, if known.", |f| word(&f.actor.address?.to_string())),
    otel("destination.address", "Address as the client used it, before NAT of a Service; the name if only that is known.", destination),
    ours("destination.may_be_backend", "True if the address may be a backend of the service that was asked for: a socket load balancer of this node sees addresses before the agent does.", |f| f.may_be_backend.then_some(Flag(true))),
    otel("destination.port", "Port; absent for transports without ports.", port),
    ours("server.name", "Name of the destination, lower case; for DNS the registered domain asked for.", |f| word(f.destination.name.as_ref()?)),
    ours("server.name_source", "Where the name came from: `dns` (looked up by the workload), `sni`, `http-host`, `proxy`.", |f| word(name_source(f.destination.name_source?))),
    otel("server.address", "Name of the destination, or its address.", server),
    otel("server.port", "Port of the destination.", port),
    otel("tls.client.server_name", "Server name that the client indicated (SNI).", |f| word(f.sni.as_ref()?)),
    ours("tls.client.ja4", "JA4 fingerprint of the last ClientHello.", |f| word(f.ja4.as_ref()?)),
    otel("dns.question.name", "For the kinds `dns-beacon` and `dns-tunnel`: the registered domain asked for.", dns_question),
    otel("network.transport", "`tcp`, `udp` or `other`.", |f| word(f.destination.transport.as_str())),
    otel("network.protocol.name", "Application protocol; absent if not recognised.", |f| (f.protocol != AppProtocol::Unknown).then(|| Text(f.protocol.as_str().into()))),
    otel("process.executable.path", "Real path of the executable inside its mount.", |f| word(&process(f)?.executable)),
    otel("process.executable.name", "Last part of that path.", |f| word(process(f)?.executable.rsplit('/').next()?)),
    ours("process.executable.sha256", "SHA-256 of the executable, if it was computed. Hexadecimal.", |f| word(&hex(&process(f)?.digest?))),
    ours("process.executable.origin", "Where the executable came from: `image`, `drift` (appeared later), `writable` (appeared later, in a writable place), `deleted`, `memfd`.", |f| word(origin(process(f)?.origin)?)),
    otel("process.command_args", "Arguments, including `argv[0]`; cut at 4 KiB in all.", |f| texts(&process(f)?.args)),
    otel("process.pid", "Process id in the host's pid namespace.", |f| known(process(f)?.pid.into())),
    otel("process.parent_pid", "Process id of the parent.", |f| known(process(f)?.parent_pid.into())),
    otel("process.user.id", "User id.", |f| Some(Whole(process(f)?.uid?.into()))),
    ours("process.login.uid", "Login user id of the audit session, if set.", |f| Some(Whole(process(f)?.login_uid?.into()))),
    ours("process.ancestors", "Base names of the executables of the ancestors, parent first, at most eight.", |f| texts(&process(f)?.lineage)),
    ours("process.exec_session", "`true` or `false`: the process descends from an exec session (`kubectl exec`).", |f| word(if process(f)?.exec_session? { "true" } else { "false" })),
    otel("container.id", "Id of the container, as the runtime names it.", |f| word(f.actor.container.as_ref()?)),
    otel("k8s.container.name", "Name of the container in the pod.", |f| word(f.container_name.as_ref()?)),
    otel("k8s.pod.uid", "Uid of the pod.", pod_uid),
    otel("k8s.pod.name", "Name of the pod.", |f| word(&pod(f)?.name)),
    otel("k8s.namespace.name", "Namespace of the pod.", |f| word(&pod(f)?.namespace)),
    otel("k8s.node.name", "Node of the pod.", |f| word(&pod(f)?.node)),
    ours("workload", "Kind and name of the pod's top owner, such as `Deployment/reports`.", workload),
    otel("k8s.deployment.name", "Name of the owner, if it is a Deployment.", |f| owner(f, "Deployment")),
    otel("k8s.statefulset.name", "Name of the owner, if it is a StatefulSet.", |f| owner(f, "StatefulSet")),
    otel("k8s.daemonset.name", "Name of the owner, if it is a DaemonSet.", |f| owner(f, "DaemonSet")),
    otel("k8s.cronjob.name", "Name of the owner, if it is a CronJob.", |f| owner(f, "CronJob")),
    otel("k8s.job.name", "Name of the owner, if it is a Job.", |f| owner(f, "Job")),
    ours("window.start_unix_nano", "First check-in.", |f| Some(nanos(f.window.0))),
    ours("window.end_unix_nano", "Last check-in.", |f| Some(nanos(f.window.1))),
    ours("destinations", "1; or about how many destinations, where check-ins move from one to the next: the destination is then the last one.", |f| Some(Whole(f.destinations.into()))),
    ours("check_ins", "Check-ins (connections, bursts, queries) in all.", |f| Some(Whole(f.check_ins))),
    ours("bytes.sent", "Payload bytes sent in all.", |f| Some(Whole(f.bytes.sent))),
    ours("bytes.received", "Payload bytes received in all.", |f| Some(Whole(f.bytes.received))),
    ours("bytes.sent_typical", "Payload bytes sent in a check-in (median).", |f| Some(Whole(f.bytes_typical.sent))),
    ours("bytes.received_typical", "Payload bytes received in a check-in (median).", |f| Some(Whole(f.bytes_typical.received))),
    ours("rhythm.kind", "Shape of the rhythm, if there is one: `ticker`, `wall-clock`, `fixed`, `narrow`, `medium`, `wide`.", |f| word(rhythm(f)?.kind.as_str())),
    ours("rhythm.bits", "Evidence against an irregular process, in bits: the chance that one looks as regular is at most 2 to the power of minus this.", |f| Some(Number(rhythm(f)?.bits))),
    ours("rhythm.period_seconds", "Median gap.", |f| Some(Number(rhythm(f)?.period_secs))),
    ours("rhythm.window_low_seconds", "Gaps are predicted to be at least this long ...", |f| Some(Number(rhythm(f)?.window_secs.0))),
    ours("rhythm.window_high_seconds", "... and at most this.", |f| Some(Number(rhythm(f)?.window_secs.1))),
    ours("rhythm.hits", "Of the last gaps, how many fell into the predicted window ...", |f| Some(Whole(rhythm(f)?.hits.into()))),
    ours("rhythm.gaps", "... of so many ...", |f| Some(Whole(rhythm(f)?.gaps.into()))),
    ours("rhythm.chance", "... where an irregular process would have hit with this probability each time.", |f| Some(Number(rhythm(f)?.chance))),
    ours("replicas.with", "Replicas of the workload that do this, if known.", |f| Some(Whole(f.replicas?.doing.into()))),
    ours("replicas.total", "Replicas that the workload has, if known.", |f| Some(Whole(f.replicas?.of.into()))),
    ours("replicas.at_least", "True if more replicas may do this than `replicas.with` says: beyond 64, not each is remembered.", |f| f.replicas?.at_least.then_some(Flag(true))),
    ours("lost", "Records that were lost inside the window, at whatever place.", |f| Some(Whole(f.lost))),
    ours("policy.namespace", "Namespace of the policy that judged, if it is a BeaconPolicy.", |f| word(f.policy.namespace.as_ref()?)),
    ours("policy.name", "Name of the policy that judged.", |f| word(&f.policy.name)),
    ours("policy.mode", "`observe` or `alert`.", |f| word(match f.mode { Mode::Observe => "observe", Mode::Alert => "alert" })),
    ours("recent_unix_nano", "Times of the last check-ins, oldest first.", |f| Some(Wholes(f.recent.iter().map(|t| t.as_nanos()).collect()))),
    ours("evidence", "The evidence, strongest first: `term`, `level`, `bits` (they add up to the score), `sentence`.", evidence),
];

fn nanos(time: Timestamp) -> Value {
    Whole(time.as_nanos())
}

/// Sanitized text; nothing if empty, which is how unknown text is written.
fn word(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Text(sanitize(text).into_owned()))
}

fn texts(list: &[Box<str>]) -> Option<Value> {
    (!list.is_empty()).then(|| Texts(list.iter().map(|text| sanitize(text).into_owned()).collect()))
}

/// A number whose zero means unknown.
fn known(number: u64) -> Option<Value> {
    (number != 0).then_some(Whole(number))
}

fn process(finding: &Finding) -> Option<&Process> {
    finding.actor.process.as_ref()
}

fn pod(finding: &Finding) -> Option<&Pod> {
    finding.pod.as_deref()
}

fn rhythm(finding: &Finding) -> Option<&Rhythm> {
    finding.rhythm.as_ref()
}

fn destination(finding: &Finding) -> Option<Value> {
    match finding.destination.address {
        Some(address) => word(&address.to_string()),
        None => word(finding.destination.name.as_ref()?),
    }
}

fn server(finding: &Finding) -> Option<Value> {
    match &finding.destination.name {
        Some(name) => word(name),
        None => word(&finding.destination.address?.to_string()),
    }
}

fn port(finding: &Finding) -> Option<Value> {
    known(finding.destination.port.into())
}

fn dns_question(finding: &Finding) -> Option<Value> {
    let about_dns = matches!(finding.kind, FindingKind::DnsBeacon | FindingKind::DnsTunnel);
    about_dns.then(|| word(finding.destination.name.as_ref()?)).flatten()
}

fn pod_uid(finding: &Finding) -> Option<Value> {
    match &finding.pod {
        Some(pod) => word(&pod.uid),
        None => word(finding.actor.pod_uid.as_ref()?),
    }
}

fn workload(finding: &Finding) -> Option<Value> {
    let owner = &pod(finding)?.owner;
    (!owner.name.is_empty()).then(|| Text(sanitize(&format!("{}/{}", owner.kind, owner.name)).into_owned()))
}

fn owner(finding: &Finding, kind: &str) -> Option<Value> {
    let owner = &pod(finding)?.owner;
    if *owner.kind == *kind { word(&owner.name) } else { None }
}

fn evidence(finding: &Finding) -> Option<Value> {
    let items = finding.evidence.iter().map(|item| EvidenceValue {
        term: item.term.as_str(),
        level: item.level,
        bits: item.bits,
        sentence: sanitize(&item.sentence).into_owned(),
    });
    Some(Evidence(items.collect()))
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn name_source(source: NameSource) -> &'static str {
    match source {
        NameSource::Dns => "dns",
        NameSource::Sni => "sni",
        NameSource::HttpHost => "http-host",
        NameSource::Proxy => "proxy",
    }
}

fn origin(origin: ExecutableOrigin) -> Option<&'static str> {
    match origin {
        ExecutableOrigin::Unknown => None,
        ExecutableOrigin::Image => Some("image"),
        ExecutableOrigin::Drift => Some("drift"),
        ExecutableOrigin::Writable => Some("writable"),
        ExecutableOrigin::Deleted => Some("deleted"),
        ExecutableOrigin::Memfd => Some("memfd"),
    }
}
