//! The ServerHello message.

use super::ja4;
use crate::observe::protocol::feed::Detail;
use crate::observe::protocol::observation::{TlsCarrier, TlsServerHello};
use crate::observe::protocol::reader::Reader;
use crate::observe::protocol::text::Text;

/// The random of a HelloRetryRequest (RFC 8446, 4.1.3).
pub(super) const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
const ALPN: u16 = 0x0010;
const SUPPORTED_VERSIONS: u16 = 0x002b;
/// Drafts of TLS 1.3 up to 21 had neither session id nor compression in the ServerHello.
const SHORT_FORM_DRAFTS: core::ops::RangeInclusive<u16> = 0x7f00..=0x7f15;

/// Reads a body (behind the four bytes of the handshake header); `None` when it does not reach the cipher.
pub(crate) fn read(body: &[u8], carrier: TlsCarrier, detail: Detail) -> Option<TlsServerHello> {
    let mut reader = Reader::over(body);
    let legacy_version = reader.u16()?;
    let random = reader.take(32)?;
    let short_form = SHORT_FORM_DRAFTS.contains(&legacy_version);
    if !short_form {
        let session_id_len = reader.u8()?;
        reader.take(usize::from(session_id_len))?;
    }
    let cipher = reader.u16()?;
    if !short_form {
        reader.u8()?;
    }
    let mut hello = TlsServerHello {
        carrier,
        legacy_version,
        selected_version: None,
        cipher,
        alpn: None,
        ja3s: None,
        retry: random == RETRY_RANDOM,
    };
    let extensions_len = reader.u16().unwrap_or_default();
    let extensions = Reader::over(reader.take_up_to(usize::from(extensions_len)).0);
    for (kind, data) in entries(extensions) {
        match kind {
            ALPN => hello.alpn = data.get(3..).map(Text::escape),
            SUPPORTED_VERSIONS => hello.selected_version = Reader::over(data).u16(),
            _ => {}
        }
    }
    if detail == Detail::Full {
        let kinds = entries(extensions).map(|(kind, _)| kind);
        hello.ja3s = Some(ja4::ja3s_text(legacy_version, cipher, kinds));
    }
    Some(hello)
}

fn entries(mut reader: Reader<'_>) -> impl Iterator<Item = (u16, &[u8])> {
    core::iter::from_fn(move || {
        let kind = reader.u16()?;
        let len = reader.u16()?;
        Some((kind, reader.take_up_to(usize::from(len)).0))
    })
}
