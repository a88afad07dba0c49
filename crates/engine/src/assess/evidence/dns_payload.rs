//! Data in DNS names.

use super::term_level::{Row, TermLevel};
use crate::assess::circumstances::Circumstances;
use crate::assess::detector::dns::{DnsPayloadLevel, payload_level};
use crate::text::bytes_text;

/// How much data the names seem to carry.
pub(super) type DnsPayload = DnsPayloadLevel;

impl TermLevel for DnsPayload {
    const ALL: &'static [Self] = &[Self::High, Self::Some, Self::None];

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let c = about.conversation;
        c.dns.as_ref().map(|dns| payload_level(dns, c.last))
    }

    fn row(self) -> Row {
        match self {
            Self::High => Row::new("high", 0.40, 0.03),
            Self::Some => Row::new("some", 0.30, 0.07),
            Self::None => Row::new("none", 0.30, 0.90),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let c = about.conversation;
        let Some(dns) = &c.dns else { return String::new() };
        format!(
            "about {:.0} distinct names an hour carry {} of data ({:.0} % of the queries ask for record types that carry \
             data, {:.0} % got NXDOMAIN)",
            dns.unique(),
            bytes_text_f32(dns.information(c.last)),
            dns.odd_share() * 100.0,
            dns.nxdomain_share() * 100.0
        )
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
fn bytes_text_f32(bytes: f32) -> String {
    bytes_text(bytes as u64)
}
