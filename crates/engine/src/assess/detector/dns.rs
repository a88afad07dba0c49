//! Data in DNS names: how much information the questions to one registered domain can carry.
//!
//! Unique names are counted by two linear-counting maps of 512 bits, swapped every hour: constant memory, and
//! up to some 3 000 names an hour are told apart, which is more than enough.

use core::time::Duration;
use std::sync::Arc;

use crate::assess::detector::{Lasting, beacon};
use crate::assess::finding::FindingKind;
use crate::assess::policy::{BeaconKnobs, DnsKnobs};
use crate::codec::fields;
use crate::identity;
use crate::keys::ConversationKey;
use crate::observe::contact::DnsQuestion;
use crate::observe::naming::domain::below_registered;
use crate::text::duration_text;
use crate::time::Timestamp;
use crate::track::conversation::Conversation;

/// How much data the names seem to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DnsPayloadLevel {
    /// More than ordinary software asks for.
    High,
    /// More than a handful of names.
    Some,
    /// None to speak of.
    None,
}

/// Bytes an hour from which the payload is "high" whatever the record types.
const HIGH: f32 = 2000.0;
/// ... and from which it is so if a fifth of the questions ask for types that carry data.
const HIGH_WITH_ODD_TYPES: f32 = 200.0;
/// How long a query train has to last where no beacon policy says so.
const LASTING: Duration = Duration::from_secs(900);
const SOME: f32 = 150.0;
const ODD_SHARE: f32 = 0.2;
const HOUR_NS: u64 = 3600 * 1_000_000_000;
const BITS: u32 = 512;

/// What is counted within one hour.
#[derive(Clone, Debug, Default)]
struct Hour {
    names: [u64; 8],
    questions: u32,
    odd: u32,
    refused: u32,
    label_bytes: f32,
    entropy: f32,
}

/// Questions to one registered domain, this hour and the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct DnsPayload {
    begun: Timestamp,
    this: Hour,
    last: Hour,
    /// Whole names count, not only what stands before the registered domain.
    whole: bool,
    /// The last name asked for.
    pub(crate) name: Arc<str>,
}

fields!(Hour { names, questions, odd, refused, label_bytes, entropy });
fields!(DnsPayload { begun, this, last, whole, name });

impl DnsPayload {
    /// For names under no public suffix.
    pub(crate) fn of_whole_names() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Takes a question of the conversation with this key.
    pub(crate) fn question(&mut self, key: ConversationKey, at: Timestamp, question: &DnsQuestion) {
        if self.begun == Timestamp::ZERO {
            self.begun = at;
        }
        let hours = at.since(self.begun).as_nanos() / u128::from(HOUR_NS);
        if hours >= 1 {
            self.begun = at;
            let this = core::mem::take(&mut self.this);
            self.last = if hours == 1 { this } else { Hour::default() };
        }
        self.this.question(key, question, self.whole);
        if self.name != question.name {
            self.name = Arc::clone(&question.name);
        }
    }

    /// Bytes of information an hour, as far as it was watched: the larger of this hour and the last.
    pub(crate) fn information(&self, now: Timestamp) -> f32 {
        let Self { this, last, .. } = self;
        let stale = now.since(self.begun).as_nanos() > 2 * u128::from(HOUR_NS);
        if stale { 0.0 } else { this.information().max(last.information()) }
    }

    /// Share of questions that ask for TXT, NULL, CNAME, MX or other types that carry data.
    pub(crate) fn odd_share(&self) -> f32 {
        self.share(|hour| hour.odd)
    }

    /// Share of questions for names that do not exist.
    pub(crate) fn refused_share(&self) -> f32 {
        self.share(|hour| hour.refused)
    }

    /// Distinct names within the hour.
    pub(crate) fn unique(&self) -> f32 {
        let Self { this, last, .. } = self;
        this.unique().max(last.unique())
    }

    /// How much data the names seem to carry.
    pub(crate) fn payload(&self, now: Timestamp) -> DnsPayloadLevel {
        let information = self.information(now);
        if information > HIGH || (information > HIGH_WITH_ODD_TYPES && self.odd_share() > ODD_SHARE) {
            DnsPayloadLevel::High
        } else if information > SOME {
            DnsPayloadLevel::Some
        } else {
            DnsPayloadLevel::None
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn share(&self, count: impl Fn(&Hour) -> u32) -> f32 {
        let Self { this, last, .. } = self;
        let questions = this.questions + last.questions;
        (count(this) + count(last)) as f32 / questions.max(1) as f32
    }
}

impl Hour {
    fn question(&mut self, key: ConversationKey, question: &DnsQuestion, whole: bool) {
        let below = if whole { &*question.name } else { below_registered(&question.name) };
        let hash = identity::place_in_sketch(key.0, Some(&question.name), None);
        if let Some(word) = self.names.get_mut(usize::try_from(hash % 8).unwrap_or_default()) {
            *word |= 1 << ((hash >> 3) % 64);
        }
        self.questions = self.questions.saturating_add(1);
        // A, AAAA, PTR, SRV, SOA, NS, SVCB, HTTPS are what ordinary software asks for.
        let ordinary = matches!(question.rr_type, 1 | 2 | 6 | 12 | 28 | 33 | 64 | 65);
        self.odd = self.odd.saturating_add(u32::from(!ordinary));
        self.refused = self.refused.saturating_add(u32::from(question.rcode == Some(3)));
        let (bytes, entropy) = label_information(below);
        self.label_bytes += bytes;
        self.entropy += entropy;
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 512")]
    fn unique(&self) -> f32 {
        let zeros: u32 = self.names.iter().map(|word| word.count_zeros()).sum();
        BITS as f32 * (BITS as f32 / zeros.max(1) as f32).ln()
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn information(&self) -> f32 {
        let questions = self.questions.max(1) as f32;
        let (bytes, entropy) = (self.label_bytes / questions, self.entropy / questions);
        // The bits of a map are saturated for small counts by no more than the questions themselves.
        self.unique().min(questions) * bytes * (entropy / 8.0)
    }
}

/// A tunnel by information rate, or a query train with a beacon's rhythm.
pub(crate) fn gate(
    c: &Conversation,
    knobs: &DnsKnobs,
    beacon: Option<&BeaconKnobs>,
    lasting: Lasting,
) -> Option<FindingKind> {
    let dns = c.dns.as_deref()?;
    let information = dns.information(c.last);
    let minimum = beacon.map_or(LASTING, |knobs| knobs.minimum_span);
    // Data that carries types of its own, or far more of it than needed, does not have to last.
    let plain = information > 5.0 * knobs.information_rate
        || (information > knobs.information_rate && dns.odd_share() > ODD_SHARE);
    if information > knobs.information_rate && (plain || lasting.at_least(minimum)) {
        return Some(FindingKind::DnsTunnel);
    }
    beacon.filter(|knobs| beacon::gate(c, knobs, lasting)).map(|_| FindingKind::DnsBeacon)
}

/// "asks for names that carry 12 KiB an hour, 310 distinct ones, in 24 s".
pub(crate) fn clause(c: &Conversation) -> String {
    let Some(dns) = &c.dns else { return String::new() };
    format!(
        "with about {:.0} distinct names an hour that carry {:.0} bytes, {} questions in {}",
        dns.unique(),
        dns.information(c.last),
        c.contacts,
        duration_text(c.span_secs())
    )
}

/// (bytes of the labels, entropy of their bytes in bits).
fn label_information(labels: &str) -> (f32, f32) {
    let mut counts = [0_u16; 256];
    let mut total = 0.0_f32;
    for byte in labels.bytes().filter(|byte| *byte != b'.') {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
            total += 1.0;
        }
    }
    if total < 1.0 {
        return (0.0, 0.0);
    }
    let entropy: f32 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f32::from(*count) / total;
            -share * share.log2()
        })
        .sum();
    (total, entropy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Id;

    const KEY: ConversationKey = ConversationKey(Id::from_bytes([7; 16]));

    /// A name that carries 128 bits.
    fn data(n: u64) -> String {
        format!("{}.t.example", identity::executable(&n.to_string()))
    }

    fn question(name: &str, rr_type: u16) -> DnsQuestion {
        DnsQuestion { name: Arc::from(name), rr_type, rcode: Some(0) }
    }

    #[test]
    fn names_that_carry_data_are_told_from_names_that_repeat() {
        let (mut tunnel, mut plain) = (DnsPayload::default(), DnsPayload::default());
        for i in 0..200_u64 {
            let at = Timestamp::from_secs_f64(1000.0 + 10.0 * i as f64);
            tunnel.question(KEY, at, &question(&data(i), 16));
            plain.question(KEY, at, &question("www.shop.example", 1));
        }
        let now = Timestamp::from_secs_f64(3000.0);
        assert_eq!(tunnel.payload(now), DnsPayloadLevel::High);
        assert_eq!(plain.payload(now), DnsPayloadLevel::None);
    }

    #[test]
    fn an_hour_is_forgotten_after_the_next() {
        let mut dns = DnsPayload::default();
        for i in 0..200_u64 {
            dns.question(KEY, Timestamp::from_secs_f64(1.0 + i as f64), &question(&data(i), 1));
        }
        assert!(dns.information(Timestamp::from_secs_f64(300.0)) > HIGH);
        assert!(dns.information(Timestamp::from_secs_f64(9000.0)) < 1.0);
    }
}
