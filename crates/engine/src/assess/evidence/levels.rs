//! From what is known about a conversation to a level of each item. What is not known gets no level.

use std::sync::Arc;

use super::table::{Scope, index_of};
use crate::actor::{ExecutableOrigin, Pod, Process};
use crate::assess::detector::beacon;
use crate::assess::detector::dns::Payload;
use crate::assess::detector::ports::PortFit;
use crate::assess::finding::{ReplicaCount, RhythmKind, Term};
use crate::inside::is_private;
use crate::keys::ReplicaKey;
use crate::know::{BaselineState, Prevalence, Profile, ReplicaSet};
use crate::observe::contact::{Bytes, NameSource, Naming};
use crate::observe::protocol::AppProtocol;
use crate::participant::{Participant, is_job};
use crate::time::Timestamp;
use crate::track::conversation::Conversation;
use crate::track::rhythm::{Shape, kind_of};

/// A level for each item, four bits each; 0: does not apply or is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels(u64);

impl Levels {
    /// The level of an item.
    pub(crate) const fn get(self, term: Term) -> u8 {
        ((self.0 >> (4 * index_of(term))) & 0xf) as u8
    }

    /// As they are counted among what is usual in a scope.
    pub(crate) fn profile(self, scope: Scope) -> Profile {
        Profile { levels: self.0, scope: u8::try_from(scope.index()).unwrap_or(u8::MAX) }
    }

    /// Sets the level of an item.
    pub(crate) const fn set(&mut self, term: Term, level: u8) {
        let shift = 4 * index_of(term);
        self.0 = (self.0 & !(0xf << shift)) | ((level as u64 & 0xf) << shift);
    }
}

/// Everything the levels depend on.
pub(crate) struct Circumstances<'a> {
    pub(crate) conversation: &'a Conversation,
    pub(crate) participant: &'a Participant,
    pub(crate) baseline: BaselineState,
    pub(crate) prevalence: Prevalence,
    /// The replicas of the workload whose traffic can be seen here; `None` if there are none to compare with.
    pub(crate) replicas: Option<Replicas>,
    /// When the engine began to watch.
    pub(crate) watched_since: Timestamp,
    pub(crate) port: PortFit,
    /// A user-supplied list that names the destination.
    pub(crate) listed: Option<Arc<str>>,
    pub(crate) scope: Scope,
    /// Bits from which a rhythm counts as proven.
    pub(crate) timing_threshold: f32,
    pub(crate) shape: Option<Shape>,
}

/// A pod's conversations that begin within this long of its start belong to its start.
const START_SECS: f64 = 600.0;
/// What an older pod did before the engine watched it this long is not known.
const SETTLING_SECS: f64 = 3600.0;

/// The levels.
pub(crate) fn levels_of(about: &Circumstances<'_>) -> Levels {
    let mut levels = Levels::default();
    let c = about.conversation;
    let external = matches!(about.scope, Scope::External | Scope::Network);
    levels.set(Term::Who, who(about));
    levels.set(Term::Ja4, c.ja4_odd.map_or(0, |odd| if odd { 1 } else { 2 }));
    if external {
        levels.set(Term::Naming, naming(about));
        levels.set(Term::Port, port(about));
    }
    levels.set(Term::Destination, destination(about));
    levels.set(Term::Baseline, baseline(about.baseline));
    levels.set(Term::Lag, lag(about));
    levels.set(Term::Population, population(about));
    let by_design = asks_for_the_time(c);
    if !by_design {
        levels.set(Term::Timing, timing(about.rhythm()));
        levels.set(Term::Size, size(c));
    }
    levels.set(Term::Balance, balance(c, about.scope));
    levels.set(Term::Answer, answer(c));
    levels.set(Term::DnsPayload, dns_payload(c));
    levels.set(Term::Reputation, u8::from(about.listed.is_some()));
    levels.set(Term::Protocol, protocol(c.protocol));
    if about.scope == Scope::Network && about.rhythm() != RhythmKind::None && !by_design {
        levels.set(Term::Period, period(c));
    }
    levels
}

impl Circumstances<'_> {
    /// Kind of the rhythm; `None` unless it is proven.
    pub(crate) fn rhythm(&self) -> RhythmKind {
        match &self.shape {
            Some(shape) if self.conversation.rhythm_bits >= self.timing_threshold => kind_of(shape),
            Some(_) | None => RhythmKind::None,
        }
    }
}

/// Replicas of a workload, compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    /// How many do this, of how many.
    pub(crate) count: ReplicaCount,
    /// Those of which it is known whether they do.
    compared: u32,
    /// Those that do not are all older than the one that is judged: a roll-out looks like this, so it says nothing.
    pub(crate) rolling_out: bool,
}

impl Replicas {
    /// Compares a pod with the others of its workload at `now`; `doing` are those that did it lately.
    pub(crate) fn compare<'a>(
        pod: &Pod,
        replicas: impl Iterator<Item = (ReplicaKey, &'a Pod)>,
        doing: Option<&ReplicaSet>,
        now: Timestamp,
    ) -> Option<Self> {
        if is_job(&pod.owner) {
            return None;
        }
        let started = pod.started.unwrap_or_default();
        let (mut seen, mut known, mut do_it, mut others_older) = (0, 0, 0, true);
        for (key, replica) in replicas {
            let begun = replica.started.unwrap_or_default();
            let does = doing.map_or(Some(false), |doing| doing.does(key));
            // A replica that has only just started had no time yet.
            if now.secs_since(begun) < START_SECS && does != Some(true) {
                continue;
            }
            seen += 1;
            known += u32::from(does.is_some());
            do_it += u32::from(does == Some(true));
            others_older &= does != Some(false) || begun < started;
        }
        let of = pod.replicas.map_or(seen, |wanted| wanted.min(seen));
        let at_least = known < seen;
        // Those of which it is known are a fair sample of all.
        let compared = if at_least { known } else { of };
        let rolling_out = others_older && do_it < compared;
        let count = ReplicaCount { doing: do_it.clamp(1, of.max(1)), of, at_least };
        (of >= 2).then_some(Self { count, compared, rolling_out })
    }
}

fn who(about: &Circumstances<'_>) -> u8 {
    let Some(process) = &about.conversation.actor.process else { return 0 };
    let job = about.participant.pod.as_ref().is_some_and(|pod| is_job(&pod.owner));
    match (process.origin, kind_of_program(process)) {
        (ExecutableOrigin::Memfd, _) => 1,
        (ExecutableOrigin::Deleted, _) if is_writable_place(&process.executable) => 1,
        (ExecutableOrigin::Writable, _) => 2,
        (ExecutableOrigin::Drift, _) => 3,
        (ExecutableOrigin::Deleted, _) => 4,
        (_, Program::NetworkTool) => 5 + u8::from(job),
        (_, Program::Shell) => 7,
        (_, Program::Interpreter) => 8,
        (ExecutableOrigin::Image, Program::Other) => 9,
        (ExecutableOrigin::Unknown, Program::Other) => 0,
    }
}

enum Program {
    NetworkTool,
    Shell,
    Interpreter,
    Other,
}

fn kind_of_program(process: &Process) -> Program {
    let stem = process.program().trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    match stem {
        "curl" | "wget" | "nc" | "ncat" | "netcat" | "socat" | "openssl" | "telnet" => Program::NetworkTool,
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "busybox" | "fish" => Program::Shell,
        "python" | "node" | "nodejs" | "ruby" | "perl" | "java" | "php" | "php-fpm" | "lua" | "deno"
        | "bun" => Program::Interpreter,
        _ => Program::Other,
    }
}

fn is_writable_place(path: &str) -> bool {
    ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/", "/var/run/"].iter().any(|place| path.starts_with(place))
}

fn naming(about: &Circumstances<'_>) -> u8 {
    // On a network nobody looks up the neighbours' private addresses.
    let neighbour =
        about.scope == Scope::Network && about.conversation.destination.address.is_some_and(is_private);
    match about.conversation.naming {
        Naming::NoLookup if neighbour => 0,
        Naming::Unknown => 0,
        Naming::NoLookup => 1,
        Naming::SniMismatch => 2,
        Naming::SniMissing => 3,
        Naming::Consistent => 4,
    }
}

fn port(about: &Circumstances<'_>) -> u8 {
    // The port of a proxy says nothing about the destination behind it.
    if about.conversation.destination.name_source == Some(NameSource::Proxy) {
        return 0;
    }
    match about.port {
        PortFit::Unknown => 0,
        PortFit::Usual => 1,
        PortFit::Registered => 2,
        PortFit::Unusual => 3,
        PortFit::Mismatch => 4,
    }
}

/// Workloads that must be watched before it says something that only one of them turns to a destination.
const WORKLOADS_MIN: usize = 3;

fn destination(about: &Circumstances<'_>) -> u8 {
    // Others turn to what an aggregate went to, or do not: that is told of each destination alone.
    if about.conversation.spread.is_some() {
        return 0;
    }
    match (about.scope, about.prevalence.workloads) {
        (Scope::Internal, _) => 4,
        (_, 0) => 0,
        // Among so few it says nothing that the others do not turn to it.
        (_, 1) if about.prevalence.watched < WORKLOADS_MIN => 0,
        (_, 1) => 1,
        (_, 2 | 3) => 2,
        (_, _) => 3,
    }
}

fn baseline(state: BaselineState) -> u8 {
    match state {
        BaselineState::Unknown | BaselineState::Unvetted => 0,
        BaselineState::New => 1,
        BaselineState::Known => 2,
    }
}

fn lag(about: &Circumstances<'_>) -> u8 {
    let Some(started) = about.participant.pod.as_ref().and_then(|pod| pod.started) else { return 0 };
    let first = about.conversation.first;
    let older = started < about.watched_since;
    if older && first.secs_since(about.watched_since) < SETTLING_SECS {
        0
    } else if !older && first.secs_since(started) < START_SECS {
        2
    } else {
        1
    }
}

fn population(about: &Circumstances<'_>) -> u8 {
    match about.replicas {
        None | Some(Replicas { rolling_out: true, .. }) => 0,
        Some(Replicas { count, compared, .. }) if count.doing * 5 >= compared * 4 => 3,
        Some(Replicas { count: ReplicaCount { doing: 1, at_least: false, .. }, .. }) => 1,
        Some(Replicas { .. }) => 2,
    }
}

fn timing(kind: RhythmKind) -> u8 {
    match kind {
        RhythmKind::None => 1,
        RhythmKind::Ticker => 2,
        RhythmKind::WallClock => 3,
        RhythmKind::Fixed => 4,
        RhythmKind::Narrow => 5,
        RhythmKind::Medium => 6,
        RhythmKind::Wide => 7,
    }
}

/// In a cluster every period is usual; between hosts and the Internet, timers of programs run for minutes or hours.
fn period(c: &Conversation) -> u8 {
    let secs = beacon::effective_period(c);
    if secs < 60.0 {
        1
    } else if secs < 600.0 {
        2
    } else {
        3
    }
}

fn size(c: &Conversation) -> u8 {
    if c.size.trials() < 3.0 {
        0
    } else if c.size.share() >= 0.6 || c.size.evidence() >= 30.0 {
        1
    } else if c.size.evidence() >= 10.0 {
        2
    } else {
        3
    }
}

/// (sent - received) / (sent + received).
#[expect(clippy::cast_precision_loss, reason = "a ratio")]
pub(crate) fn producer_consumer_ratio(c: &Conversation) -> Option<f32> {
    let (sent, received) = (c.bytes.sent as f32, c.bytes.received as f32);
    (sent + received > 0.0).then(|| (sent - received) / (sent + received))
}

/// From this much on a one-sided exchange is bulk.
pub(crate) const BULK_BYTES: u64 = 10 << 20;
/// Below this much each time, the balance is that of handshakes and headers.
const SMALL_BYTES: u64 = 16 << 10;

fn balance(c: &Conversation, scope: Scope) -> u8 {
    let typical = c.typical();
    let small = typical.sent.saturating_add(typical.received) < SMALL_BYTES && c.bytes.sent < BULK_BYTES;
    match producer_consumer_ratio(c) {
        None => 0,
        // Handshakes and headers outweigh what is said.
        Some(_) if small && scope == Scope::Network => 0,
        Some(ratio) if ratio > 0.9 && c.bytes.sent >= BULK_BYTES => 4,
        Some(ratio) if ratio > 0.6 => 1,
        Some(ratio) if ratio < -0.6 => 3,
        Some(_) => 2,
    }
}

/// A client of a time server asks in intervals that the server and the clock's drift set, with packets of one size that
/// are answered by packets of the same size (RFC 5905, sections 7.3 and 13): neither says anything. What is merely
/// sent from or to that port is something else.
pub(crate) fn asks_for_the_time(c: &Conversation) -> bool {
    const PORT: u16 = 123;
    /// With an authenticator and the extension fields of RFC 8915.
    const PACKET_MAX: u64 = 1024;
    let Bytes { sent, received } = c.typical();
    c.protocol == AppProtocol::Ntp
        && c.destination.port == PORT
        && (1..=PACKET_MAX).contains(&sent)
        && sent.abs_diff(received) <= sent / 8
}

fn protocol(protocol: AppProtocol) -> u8 {
    if protocol == AppProtocol::Irc {
        1
    } else if protocol == AppProtocol::Unknown {
        0
    } else {
        2
    }
}

fn answer(c: &Conversation) -> u8 {
    let tries = c.answered.saturating_add(c.unanswered);
    if tries < 5 {
        0
    } else if c.answered == 0 {
        1
    } else if c.unanswered > c.answered {
        2
    } else {
        3
    }
}

fn dns_payload(c: &Conversation) -> u8 {
    c.dns.as_ref().map_or(0, |dns| match dns.payload(c.last) {
        Payload::High => 1,
        Payload::Some => 2,
        Payload::None => 3,
    })
}
