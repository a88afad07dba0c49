//! Data in DNS names: how much information the questions to one registered domain can carry.
//!
//! Unique names are counted in two sketches, swapped every hour: constant memory, and up to some 3,000 names an hour
//! are distinguished, which is more than enough.

use std::sync::Arc;

use crate::codec::fields;
use crate::distinct::DistinctCount;
use crate::identity;
use crate::keys::ConversationKey;
use crate::observe::contact::DnsQuestion;
use crate::observe::naming::domain::below_registered;
use crate::time::Timestamp;

const HOUR_NS: u64 = 3600 * 1_000_000_000;

/// What is counted within one hour.
#[derive(Clone, Debug, Default)]
struct Hour {
    names: DistinctCount,
    questions: u32,
    odd: u32,
    nxdomain: u32,
    label_bytes: f32,
    entropy: f32,
}

/// Questions to one registered domain, this hour and the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct DnsVolume {
    begun: Timestamp,
    this: Hour,
    last: Hour,
    /// Whole names count, not only what stands before the registered domain.
    whole: bool,
    /// The last name asked for.
    pub(crate) name: Arc<str>,
}

fields!(Hour { names, questions, odd, nxdomain, label_bytes, entropy });
fields!(DnsVolume { begun, this, last, whole, name });

impl DnsVolume {
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
    pub(crate) fn nxdomain_share(&self) -> f32 {
        self.share(|hour| hour.nxdomain)
    }

    /// Distinct names within the hour.
    pub(crate) fn unique(&self) -> f32 {
        let Self { this, last, .. } = self;
        this.unique().max(last.unique())
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
        self.names.add(hash);
        self.questions = self.questions.saturating_add(1);
        // A, AAAA, PTR, SRV, SOA, NS, SVCB, HTTPS are what ordinary software asks for.
        let ordinary = matches!(question.rr_type, 1 | 2 | 6 | 12 | 28 | 33 | 64 | 65);
        self.odd = self.odd.saturating_add(u32::from(!ordinary));
        self.nxdomain = self.nxdomain.saturating_add(u32::from(question.rcode == Some(3)));
        let (bytes, entropy) = label_information(below);
        self.label_bytes += bytes;
        self.entropy += entropy;
    }

    fn unique(&self) -> f32 {
        self.names.about()
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn information(&self) -> f32 {
        let questions = self.questions.max(1) as f32;
        let (bytes, entropy) = (self.label_bytes / questions, self.entropy / questions);
        // The bits of a map are saturated for small counts by no more than the questions themselves.
        self.unique().min(questions) * bytes * (entropy / 8.0)
    }
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
