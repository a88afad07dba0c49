//! The ClientHello message: a borrowed view over its bytes, whole or cut.
//!
//! Our own code and not tls-parser: that one copies every list into a `Vec`, and gives up on the message at
//! the first field that is cut, where we want what came before, without allocation, in under a microsecond.

use super::ja4;
use crate::observe::protocol::feed::Detail;
use crate::observe::protocol::observation::{TlsCarrier, TlsClientHello};
use crate::observe::protocol::reader::{Reader, u16_values};
use crate::observe::protocol::text::Text;

const SERVER_NAME: u16 = 0x0000;
const SUPPORTED_GROUPS: u16 = 0x000a;
const POINT_FORMATS: u16 = 0x000b;
const SIGNATURE_ALGORITHMS: u16 = 0x000d;
const ALPN: u16 = 0x0010;
const SUPPORTED_VERSIONS: u16 = 0x002b;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// The drafts before ECH: ESNI, and ECH draft numbers in use for a while.
const ENCRYPTED_NAME_DRAFTS: [u16; 4] = [0xffce, 0xff02, 0xff03, 0xfe0a];

/// ALPN names that are looked at; a client offers two or three.
const ALPN_NAMES_MAX: usize = 32;
/// Versions kept of `supported_versions`.
const VERSIONS_MAX: usize = 32;

/// A ClientHello body, borrowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientHello<'a> {
    pub(crate) legacy_version: u16,
    pub(crate) ciphers: &'a [u8],
    /// The list of ciphers ends before the message does.
    ciphers_whole: bool,
    /// The extension block without its length.
    pub(crate) extensions: &'a [u8],
    pub(crate) server_name: Option<&'a [u8]>,
    pub(crate) server_name_offered: bool,
    /// The ALPN list without its length.
    pub(crate) alpn: &'a [u8],
    /// The `supported_versions` list without its length.
    pub(crate) versions: &'a [u8],
    pub(crate) signature_algorithms: &'a [u8],
    pub(crate) groups: &'a [u8],
    pub(crate) point_formats: &'a [u8],
    pub(crate) ech: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads a body (behind the four bytes of the handshake header). `None` when not even a version is there.
    pub(crate) fn read(body: &'a [u8], carrier: TlsCarrier) -> Option<Self> {
        let mut reader = Reader::over(body);
        let mut hello = Self { legacy_version: reader.u16()?, ..Self::default() };
        hello.read_lists(&mut reader, carrier);
        Some(hello)
    }

    fn read_lists(&mut self, reader: &mut Reader<'a>, carrier: TlsCarrier) -> Option<()> {
        reader.take(32)?;
        let session_id_len = reader.u8()?;
        reader.take(usize::from(session_id_len))?;
        if carrier == TlsCarrier::Dtls {
            let cookie_len = reader.u8()?;
            reader.take(usize::from(cookie_len))?;
        }
        let ciphers_len = reader.u16()?;
        let (ciphers, whole) = reader.take_up_to(usize::from(ciphers_len));
        self.ciphers = ciphers;
        let compression_len = whole.then(|| reader.u8()).flatten()?;
        self.ciphers_whole = true;
        reader.take(usize::from(compression_len))?;
        if reader.is_empty() {
            return Some(());
        }
        let extensions_len = reader.u16()?;
        let (extensions, _) = reader.take_up_to(usize::from(extensions_len));
        self.extensions = extensions;
        self.read_extensions(extensions);
        Some(())
    }

    fn read_extensions(&mut self, block: &'a [u8]) {
        let mut reader = Reader::over(block);
        while let (Some(kind), Some(len)) = (reader.u16(), reader.u16()) {
            self.read_extension(kind, reader.take_up_to(usize::from(len)).0);
        }
    }

    fn read_extension(&mut self, kind: u16, data: &'a [u8]) {
        match kind {
            SERVER_NAME => {
                self.server_name_offered = true;
                self.server_name = self.server_name.or_else(|| first_host_name(data));
            }
            SUPPORTED_GROUPS => self.groups = after_u16_len(data),
            POINT_FORMATS => self.point_formats = after_u8_len(data),
            SIGNATURE_ALGORITHMS => self.signature_algorithms = after_u16_len(data),
            ALPN => self.alpn = after_u16_len(data),
            SUPPORTED_VERSIONS => self.versions = after_u8_len(data),
            ENCRYPTED_CLIENT_HELLO => self.ech = true,
            _ if ENCRYPTED_NAME_DRAFTS.contains(&kind) => self.ech = true,
            _ => {}
        }
    }

    /// The types of all extensions in the order sent.
    pub(crate) fn extension_kinds(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        let mut reader = Reader::over(self.extensions);
        core::iter::from_fn(move || {
            let kind = reader.u16()?;
            let len = reader.u16()?;
            reader.take_up_to(usize::from(len));
            Some(kind)
        })
    }

    /// ALPN names in the order sent.
    pub(crate) fn alpn_names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::over(self.alpn);
        core::iter::from_fn(move || {
            let len = reader.u8()?;
            reader.take(usize::from(len))
        })
    }

    /// The observation. `cut` when the message is longer than the bytes that were read; a message that is whole,
    /// but whose inner lengths make no sense, is fingerprinted by what can be read if that holds all its ciphers.
    pub(crate) fn observe(&self, carrier: TlsCarrier, cut: bool, detail: Detail) -> TlsClientHello {
        let fingerprinted = !cut && self.ciphers_whole;
        TlsClientHello {
            carrier,
            legacy_version: self.legacy_version,
            versions: u16_values(self.versions).take(VERSIONS_MAX).collect(),
            server_name: self.server_name.map(|name| Text::escape_up_to(name, 255)),
            alpn: self.alpn_names().take(ALPN_NAMES_MAX).map(Text::escape).collect(),
            ech: self.ech,
            ja4: fingerprinted.then(|| ja4::fingerprint(self, carrier)),
            ja3: (fingerprinted && detail == Detail::Full).then(|| ja4::ja3_text(self)),
            cut,
        }
    }
}

/// The bytes behind a two-byte length, no more than it says.
fn after_u16_len(data: &[u8]) -> &[u8] {
    let mut reader = Reader::over(data);
    let len = reader.u16().unwrap_or_default();
    reader.take_up_to(usize::from(len)).0
}

fn after_u8_len(data: &[u8]) -> &[u8] {
    let mut reader = Reader::over(data);
    let len = reader.u8().unwrap_or_default();
    reader.take_up_to(usize::from(len)).0
}

/// The first entry of type host_name. A name that is cut is no name: half of one names another host.
fn first_host_name(data: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::over(after_u16_len(data));
    loop {
        let kind = reader.u8()?;
        let len = reader.u16()?;
        let name = reader.take(usize::from(len))?;
        if kind == 0 {
            return Some(name);
        }
    }
}
