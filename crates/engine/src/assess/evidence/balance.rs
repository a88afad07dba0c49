//! Balance of bytes each way.

use super::term_level::{Group, Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::detector::balance::producer_consumer_ratio;
use crate::assess::scope::Scope;
use crate::text::bytes_text;

/// From this much on a one-sided exchange is bulk.
const BULK_BYTES: u64 = 10 << 20;
/// Below this much each time, the balance is that of handshakes and headers.
const SMALL_BYTES: u64 = 16 << 10;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balance {
    /// Sends more than it receives.
    Push,
    /// Both alike.
    Balanced,
    /// Receives more than it sends.
    Pull,
    /// A bulk upload.
    BulkPush,
}

impl TermLevel for Balance {
    const ALL: &'static [Self] = &[Self::Push, Self::Balanced, Self::Pull, Self::BulkPush];
    const GROUP: Option<Group> = Some(Group::Exchange);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let c = about.conversation;
        let ratio = producer_consumer_ratio(c)?;
        let typical = c.typical();
        let small = typical.sent.saturating_add(typical.received) < SMALL_BYTES && c.bytes.sent < BULK_BYTES;
        // Handshakes and headers outweigh the payload.
        if small && about.scope == Scope::Network {
            None
        } else if ratio > 0.9 && c.bytes.sent >= BULK_BYTES {
            Some(Self::BulkPush)
        } else if ratio > 0.6 {
            Some(Self::Push)
        } else if ratio < -0.6 {
            Some(Self::Pull)
        } else {
            Some(Self::Balanced)
        }
    }

    fn row(self) -> Row {
        match self {
            Self::Push => Row::new("push", 0.11, 0.22).on_network(0.14),
            Self::Balanced => Row::new("balanced", 0.65, 0.45).on_network(0.40),
            Self::Pull => Row::new("pull", 0.20, 0.30).on_network(0.45),
            Self::BulkPush => Row::new("bulk-push", 0.04, 0.03).on_network(0.01),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let bytes = about.conversation.bytes;
        let (sent, received) = (bytes_text(bytes.sent), bytes_text(bytes.received));
        match self {
            Self::Push => format!("sends more than it receives: {sent} sent, {received} received"),
            Self::Pull => format!("receives more than it sends: {sent} sent, {received} received"),
            Self::BulkPush => format!("a bulk upload: {sent} sent, {received} received"),
            Self::Balanced => {
                let ratio = producer_consumer_ratio(about.conversation).unwrap_or_default();
                format!(
                    "sends about as much as it receives: {sent} sent, {received} received (balance {ratio:+.1})"
                )
            }
        }
    }
}
