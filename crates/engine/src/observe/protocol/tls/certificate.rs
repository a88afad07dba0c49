//! The leaf certificate of a Certificate message (TLS 1.2 and older, where it is in the clear).

use core::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::observe::protocol::observation::TlsCertificate;
use crate::observe::protocol::reader::Reader;
use crate::observe::protocol::text::Text;

/// Alternative names kept of one certificate.
const NAMES_MAX: usize = 16;
/// Bytes kept of a distinguished name.
const DISTINGUISHED_NAME_BYTES_MAX: usize = 512;

/// Reads the first certificate of a Certificate body (behind the handshake header).
pub(crate) fn read_leaf(body: &[u8]) -> Option<TlsCertificate> {
    let mut reader = Reader::over(body);
    reader.u24()?;
    let len = usize::try_from(reader.u24()?).ok()?;
    read_der(reader.take(len)?)
}

/// Reads one certificate.
pub(crate) fn read_der(der: &[u8]) -> Option<TlsCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(TlsCertificate {
        subject: distinguished_name(&certificate.subject().to_string()),
        issuer: distinguished_name(&certificate.issuer().to_string()),
        self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
        not_before_s: validity.not_before.timestamp(),
        not_after_s: validity.not_after.timestamp(),
        names: alternative_names(&certificate),
    })
}

fn distinguished_name(text: &str) -> Text {
    Text::escape_up_to(text.as_bytes(), DISTINGUISHED_NAME_BYTES_MAX)
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<Text> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension.value.general_names.iter().filter_map(name_text).take(NAMES_MAX).collect()
}

fn name_text(name: &GeneralName<'_>) -> Option<Text> {
    match name {
        GeneralName::DNSName(name) => Some(Text::escape_up_to(name.as_bytes(), 255)),
        GeneralName::IPAddress(address) => address_text(address),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

fn address_text(address: &[u8]) -> Option<Text> {
    let text = match address.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).to_string(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).to_string(),
        _ => return None,
    };
    Some(Text::escape(text.as_bytes()))
}
