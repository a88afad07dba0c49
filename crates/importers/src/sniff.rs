//! What a file looks like by its first bytes, whatever option named it: so that whoever takes the wrong option reads
//! which one is right.
//!
//! A guess for people, made of what is customary. No reader asks it what it may read.

use core::fmt;
use std::io::{self, Read};
use std::path::Path;

use super::stored::{Packing, Stored};

mod text;

/// Bytes of a file that are looked at.
pub const LOOKED_AT_BYTES: usize = 16 << 10;

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Looks {
    /// Not one byte.
    Empty,
    /// A capture: pcap or pcapng.
    Capture,
    /// A capture in a format of another program, which is not read: its name.
    OtherCapture(OtherCapture),
    /// A recording of `run --record`.
    Recording,
    /// Zeek's logs, tab-separated or JSON.
    Zeek,
    /// Suricata's EVE.
    Suricata,
    /// Events of the import format.
    Events,
    /// Pods of the import format.
    Pods,
    /// A baseline of the import format.
    Baseline,
    /// Connections as CSV.
    ConnCsv,
    /// Envoy's access log.
    Envoy,
    /// Squid's access log.
    Squid,
    /// AWS VPC flow logs.
    VpcFlow,
    /// Hubble's flows.
    Hubble,
    /// A policy.
    Policy,
    /// Another Kubernetes object.
    KubernetesObject,
    /// Packed in a way that is not read.
    Packed(Packing),
    /// Packed once more inside.
    PackedTwice,
    /// An archive of several files.
    Archive,
    /// Encrypted.
    Encrypted,
    /// A page of the web.
    WebPage,
    /// What tcpdump prints, instead of what it writes.
    PacketText,
    /// The access log of a web server.
    WebServerLog,
    /// One JSON value over several lines, such as an array.
    JsonDocument,
    /// JSON lines of another program.
    OtherJson,
    /// Text with two bytes for each character.
    WideText,
    /// Text of another program.
    OtherText,
    /// Bytes of another program.
    OtherBytes,
}

/// Captures of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OtherCapture {
    /// snoop of Solaris (RFC 1761).
    Snoop,
    /// Microsoft Network Monitor.
    NetworkMonitor,
    /// Sniffer of Network General.
    Sniffer,
    /// iptrace of AIX.
    Iptrace,
    /// nettl of HP-UX.
    Nettl,
    /// Event tracing of Windows (pktmon, netsh trace).
    WindowsTrace,
    /// NetFlow records as nfdump keeps them: no packets.
    NetFlow,
}

impl Looks {
    /// What a file looks like, unpacked as far as it can be.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut begin = Vec::new();
        let read = Stored::open(path)?.reader.take(LOOKED_AT_BYTES as u64).read_to_end(&mut begin);
        // Damaged compression: what came before it may tell enough.
        if begin.is_empty() {
            read?;
        }
        Ok(Self::of(&begin))
    }

    /// What these first bytes of a file, unpacked, look like.
    #[must_use]
    pub fn of(begin: &[u8]) -> Self {
        if begin.is_empty() {
            return Self::Empty;
        }
        if let Some(packing) = Packing::of(begin) {
            return if packing == Packing::Gzip { Self::PackedTwice } else { Self::Packed(packing) };
        }
        let known = MAGICS.iter().find(|(magic, _)| begin.starts_with(magic)).map(|(_, looks)| *looks);
        if let Some(looks) = known {
            return looks;
        }
        if begin.get(257..262) == Some(b"ustar") {
            return Self::Archive;
        }
        text::looks(begin)
    }

    /// The option of `replay` that reads it.
    #[must_use]
    pub const fn option(self) -> Option<&'static str> {
        Some(match self {
            Self::Capture => "--pcap",
            Self::Recording => "--recording",
            Self::Zeek => "--zeek",
            Self::Suricata => "--suricata",
            Self::Events => "--events",
            Self::Pods => "--pods",
            Self::Baseline => "--baseline",
            Self::ConnCsv => "--csv",
            Self::Envoy => "--envoy",
            Self::Squid => "--squid",
            Self::VpcFlow => "--vpc-flow",
            Self::Hubble => "--hubble",
            Self::Policy => "--policy",
            Self::Empty
            | Self::OtherCapture(_)
            | Self::Packed(_)
            | Self::PackedTwice
            | Self::Archive
            | Self::Encrypted
            | Self::WebPage
            | Self::PacketText
            | Self::WebServerLog
            | Self::KubernetesObject
            | Self::JsonDocument
            | Self::OtherJson
            | Self::WideText
            | Self::OtherText
            | Self::OtherBytes => return None,
        })
    }

    /// No reader of rows can find one in it.
    #[must_use]
    pub const fn holds_no_rows(self) -> bool {
        match self {
            Self::Empty
            | Self::Capture
            | Self::OtherCapture(_)
            | Self::Recording
            | Self::Packed(_)
            | Self::PackedTwice
            | Self::Archive
            | Self::Encrypted
            | Self::WideText
            | Self::OtherBytes => true,
            Self::Zeek
            | Self::Suricata
            | Self::Events
            | Self::Pods
            | Self::Baseline
            | Self::ConnCsv
            | Self::Envoy
            | Self::Squid
            | Self::VpcFlow
            | Self::Hubble
            | Self::Policy
            | Self::KubernetesObject
            | Self::WebPage
            | Self::PacketText
            | Self::WebServerLog
            | Self::JsonDocument
            | Self::OtherJson
            | Self::OtherText => false,
        }
    }

    /// What it is, as a noun.
    const fn noun(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::Capture => "a capture (pcap or pcapng)",
            Self::OtherCapture(other) => other.noun(),
            Self::Recording => "a recording of this agent",
            Self::Zeek => "a Zeek log",
            Self::Suricata => "Suricata's EVE log",
            Self::Events => "events in the import format",
            Self::Pods => "pods in the import format",
            Self::Baseline => "a baseline in the import format",
            Self::ConnCsv => "connections as CSV",
            Self::Envoy => "an Envoy access log",
            Self::Squid => "a Squid access log",
            Self::VpcFlow => "AWS VPC flow logs",
            Self::Hubble => "Hubble flows",
            Self::Policy => "a policy",
            Self::KubernetesObject => "a Kubernetes object",
            Self::Packed(Packing::Gzip) => "a file compressed with gzip",
            Self::Packed(Packing::Zstd) => "a file compressed with zstd",
            Self::Packed(Packing::Xz) => "a file compressed with xz",
            Self::Packed(Packing::Bzip2) => "a file compressed with bzip2",
            Self::Packed(Packing::Lz4) => "a file compressed with lz4",
            Self::Packed(Packing::Compress) => "a file compressed with compress",
            Self::PackedTwice => "a file compressed twice",
            Self::Archive => "an archive of several files",
            Self::Encrypted => "an encrypted file",
            Self::WebPage => "a web page",
            Self::PacketText => "the text that tcpdump prints",
            Self::WebServerLog => "the access log of a web server",
            Self::JsonDocument => "one JSON document over several lines",
            Self::OtherJson => "JSON of another program",
            Self::WideText => "text in UTF-16",
            Self::OtherText => "text of another program",
            Self::OtherBytes => "a binary file of another program",
        }
    }

    /// What to do with it, where no option reads it.
    const fn advice(self) -> &'static str {
        match self {
            Self::Empty => "there is nothing to read",
            Self::OtherCapture(OtherCapture::WindowsTrace) => {
                "convert it with etl2pcapng, and read the result with --pcap"
            }
            Self::OtherCapture(OtherCapture::NetFlow) => "no option reads it",
            Self::OtherCapture(
                OtherCapture::Snoop
                | OtherCapture::NetworkMonitor
                | OtherCapture::Sniffer
                | OtherCapture::Iptrace
                | OtherCapture::Nettl,
            ) => "convert it with editcap, and read the result with --pcap",
            Self::Packed(_) => "unpack it first",
            Self::PackedTwice => "unpack it once",
            Self::Archive => "unpack it, and name its files",
            Self::Encrypted => "decrypt it first",
            Self::WebPage => "was the download refused?",
            Self::PacketText => "--pcap reads what tcpdump -w writes",
            Self::WebServerLog => "it does not say who was called; no option reads it",
            Self::JsonDocument => "one JSON object a line is read: jq -c '.[]' makes them of an array",
            Self::WideText => "convert it to UTF-8",
            Self::KubernetesObject => "of those only policies are read, with --policy",
            Self::OtherJson | Self::OtherText | Self::OtherBytes => "no option reads it",
            Self::Capture
            | Self::Recording
            | Self::Zeek
            | Self::Suricata
            | Self::Events
            | Self::Pods
            | Self::Baseline
            | Self::ConnCsv
            | Self::Envoy
            | Self::Squid
            | Self::VpcFlow
            | Self::Hubble
            | Self::Policy => "",
        }
    }
}

impl OtherCapture {
    const fn noun(self) -> &'static str {
        match self {
            Self::Snoop => "a capture of Solaris snoop",
            Self::NetworkMonitor => "a capture of Microsoft Network Monitor",
            Self::Sniffer => "a capture of NetXray or Sniffer",
            Self::Iptrace => "a capture of AIX iptrace",
            Self::Nettl => "a capture of HP-UX nettl",
            Self::WindowsTrace => "a Windows event trace (ETL)",
            Self::NetFlow => "NetFlow records of nfdump",
        }
    }
}

impl fmt::Display for Looks {
    /// What it looks like and what to do: `looks like a Zeek log, which --zeek reads`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.option() {
            None if *self == Self::Empty => f.write_str("is empty"),
            Some(option) => write!(f, "looks like {}, which {option} reads", self.noun()),
            None => write!(f, "looks like {}: {}", self.noun(), self.advice()),
        }
    }
}

/// Bytes that files of a format begin with.
const MAGICS: &[(&[u8], Looks)] = &[
    (b"\xd4\xc3\xb2\xa1", Looks::Capture),
    (b"\xa1\xb2\xc3\xd4", Looks::Capture),
    (b"\x4d\x3c\xb2\xa1", Looks::Capture),
    (b"\xa1\xb2\x3c\x4d", Looks::Capture),
    (b"\x34\xcd\xb2\xa1", Looks::Capture),
    (b"\xa1\xb2\xcd\x34", Looks::Capture),
    (b"\x0a\x0d\x0d\x0a", Looks::Capture),
    (b"snoop\0\0\0", Looks::OtherCapture(OtherCapture::Snoop)),
    (b"GMBU", Looks::OtherCapture(OtherCapture::NetworkMonitor)),
    (b"RTSS", Looks::OtherCapture(OtherCapture::NetworkMonitor)),
    (b"XCP\0", Looks::OtherCapture(OtherCapture::Sniffer)),
    (b"TRSNIFF data", Looks::OtherCapture(OtherCapture::Sniffer)),
    (b"iptrace ", Looks::OtherCapture(OtherCapture::Iptrace)),
    (b"\x54\x52\x00\x64\x00", Looks::OtherCapture(OtherCapture::Nettl)),
    (b"\x0c\xa5", Looks::OtherCapture(OtherCapture::NetFlow)),
    (b"\xa5\x0c", Looks::OtherCapture(OtherCapture::NetFlow)),
    (b"BWREC\r\n\x1a", Looks::Recording),
    (b"PK\x03\x04", Looks::Archive),
    (b"PK\x05\x06", Looks::Archive),
    (b"7z\xbc\xaf\x27\x1c", Looks::Archive),
    (b"Rar!\x1a\x07", Looks::Archive),
    (b"Salted__", Looks::Encrypted),
    (b"age-encryption.org/", Looks::Encrypted),
    (b"-----BEGIN PGP MESSAGE", Looks::Encrypted),
    (b"-----BEGIN AGE ENCRYPTED", Looks::Encrypted),
    (b"$ANSIBLE_VAULT", Looks::Encrypted),
    // OpenPGP: a session key for RSA keys of 2048, 3072 and 4096 bits, or for a password
    (b"\x85\x01\x0c\x03", Looks::Encrypted),
    (b"\x85\x01\x8c\x03", Looks::Encrypted),
    (b"\x85\x02\x0c\x03", Looks::Encrypted),
    (b"\x8c\x0d\x04", Looks::Encrypted),
    (b"\xff\xfe", Looks::WideText),
    (b"\xfe\xff", Looks::WideText),
];

#[cfg(test)]
mod tests;
