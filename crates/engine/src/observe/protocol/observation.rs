//! What the parsers say: plain data, one type per kind of thing seen on the wire.
//!
//! Nothing in here is judged, and nothing refers to the packet it came from. Names and other text are
//! escaped and bounded ([`Text`]); a record of which not everything was seen says so (`cut`).

use core::net::IpAddr;

use super::app_protocol::AppProtocol;
use super::feed::Sender;
use super::fingerprint::Ja4;
use super::text::Text;

/// One thing seen in a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The protocol of the flow was recognised, or given up on ([`AppProtocol::Unknown`]); at most a few times
    /// per flow: a proxy handshake or STARTTLS is followed by the protocol inside.
    Recognised(AppProtocol),
    /// A TLS ClientHello, over TCP, QUIC or DTLS.
    TlsClientHello(TlsClientHello),
    /// A TLS ServerHello.
    TlsServerHello(TlsServerHello),
    /// The leaf certificate of a server that sent it in the clear (TLS 1.2 and older).
    TlsCertificate(TlsCertificate),
    /// A DNS message, over UDP or TCP.
    Dns(DnsMessage),
    /// An HTTP/1 request head.
    HttpRequest(HttpRequest),
    /// An HTTP/1 response head.
    HttpResponse(HttpResponse),
    /// The name or address asked of a proxy: what the flow is really to.
    ProxyTarget(ProxyTarget),
    /// One IRC message.
    Irc(IrcMessage),
    /// An IRC client registered, or its registration was confirmed.
    IrcSession(IrcSession),
    /// The first Initial packet of a QUIC connection.
    QuicInitial(QuicInitial),
    /// The SSH identification line of one side.
    SshBanner(Banner),
    /// The SMTP greeting of the server, or EHLO/HELO of the client.
    SmtpHello(Banner),
    /// The first line of a flow that is made of text lines of no known protocol.
    TextLines(Banner),
}

/// What carried a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsCarrier {
    /// TLS over a stream.
    Tcp,
    /// CRYPTO frames of QUIC.
    Quic,
    /// DTLS over datagrams.
    Dtls,
}

/// A ClientHello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsClientHello {
    /// What carried it.
    pub carrier: TlsCarrier,
    /// The version field of the message, fixed at 0x0303 since TLS 1.3.
    pub legacy_version: u16,
    /// `supported_versions` in the order sent, with GREASE values; empty without the extension.
    pub versions: Vec<u16>,
    /// The first host name of the SNI extension.
    pub server_name: Option<Text>,
    /// ALPN protocol names in the order sent.
    pub alpn: Vec<Text>,
    /// Whether Encrypted ClientHello (or its predecessor ESNI) was offered or greased: then the name is an
    /// outer one, not necessarily the destination.
    pub ech: bool,
    /// The JA4 fingerprint; `None` when the message was cut.
    pub ja4: Option<Ja4>,
    /// The JA3 text before hashing; only with [`super::Detail::Full`], and only when not cut.
    pub ja3: Option<Box<str>>,
    /// Whether the message ended before its announced length: fields behind the cut are missing.
    pub cut: bool,
}

/// A ServerHello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsServerHello {
    /// What carried it.
    pub carrier: TlsCarrier,
    /// The version field of the message.
    pub legacy_version: u16,
    /// `supported_versions` of the answer: the version chosen by TLS 1.3 servers.
    pub selected_version: Option<u16>,
    /// The chosen cipher suite.
    pub cipher: u16,
    /// The chosen ALPN name, where it is in the clear (TLS 1.2 and older).
    pub alpn: Option<Text>,
    /// The JA3S text before hashing; only with [`super::Detail::Full`].
    pub ja3s: Option<Box<str>>,
    /// Whether it is a HelloRetryRequest.
    pub retry: bool,
}

/// A server's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsCertificate {
    /// Distinguished name of the subject.
    pub subject: Text,
    /// Distinguished name of the issuer.
    pub issuer: Text,
    /// Whether issuer and subject are the same name.
    pub self_signed: bool,
    /// Start of validity, seconds since 1970.
    pub not_before_s: i64,
    /// End of validity, seconds since 1970.
    pub not_after_s: i64,
    /// DNS names and addresses of the subjectAltName extension, at most 16.
    pub names: Vec<Text>,
}

/// A DNS name in canonical form: lower case, no final dot, bytes other than letters, digits, `-` and `_` that
/// could be mistaken escaped as in RFC 1035 (`\.`, `\\`, `\DDD`). The root is `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(pub(crate) Box<str>);

impl DnsName {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A DNS message. Malformed ones give what was read before the fault, and `cut`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsMessage {
    /// Transaction number.
    pub id: u16,
    /// Query or response.
    pub response: bool,
    /// Operation: 0 query, 4 notify, 5 update.
    pub opcode: u8,
    /// Response code, with the extended bits of EDNS. Meaningless in queries.
    pub rcode: u16,
    /// The server says that the answer did not fit.
    pub truncated: bool,
    /// Questions (the zone, for updates).
    pub questions: Vec<DnsQuestion>,
    /// Questions that were read and found no place there.
    pub questions_left_out: u16,
    /// Records of all sections, at most [`DNS_RECORDS_MAX`].
    pub records: Vec<DnsRecord>,
    /// Record counts of the header: questions, answers, authority, additional.
    pub counts: [u16; 4],
    /// Size of the message on the wire in bytes, without the length prefix of TCP.
    pub size: u32,
    /// EDNS of the sender.
    pub edns: Option<DnsEdns>,
    /// For a response: the size of the query it answers, when that was seen in the same flow.
    pub query_size: Option<u32>,
    /// Whether the message ended or broke before all announced records were read.
    pub cut: bool,
}

/// Records kept of one message; further ones are skipped.
pub const DNS_RECORDS_MAX: usize = 128;

/// EDNS parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsEdns {
    /// Largest response the sender takes over UDP, in bytes.
    pub udp_size: u16,
    /// Version, 0 today.
    pub version: u8,
    /// DNSSEC records wanted.
    pub dnssec_ok: bool,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The name asked for.
    pub name: DnsName,
    /// Record type asked for.
    pub kind: DnsType,
    /// Class, 1 for the Internet.
    pub class: u16,
}

/// A record type by number; its name by [`DnsType::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsType(pub u16);

/// Which part of the message a record stood in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsSection {
    /// Answers (prerequisites, for updates).
    Answer,
    /// Authority (changes, for updates).
    Authority,
    /// Additional.
    Additional,
}

/// One resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// Where it stood.
    pub section: DnsSection,
    /// Owner name.
    pub name: DnsName,
    /// Record type.
    pub kind: DnsType,
    /// Class, 1 for the Internet.
    pub class: u16,
    /// Time to live in seconds.
    pub ttl_s: u32,
    /// Size of the data on the wire in bytes.
    pub size: u16,
    /// What the data says, for the types that matter to us.
    pub data: DnsData,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsData {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME, DNAME, NS, PTR: a name. MX and SRV: the target.
    Name(DnsName),
    /// HTTPS and SVCB.
    Service {
        /// Target name; `.` stands for the owner name.
        target: DnsName,
        /// Addresses given as hints.
        hints: Vec<IpAddr>,
        /// Whether an ECH configuration is offered.
        ech: bool,
    },
    /// Any other type, or data that could not be read.
    Other,
}

/// An HTTP/1 request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Method.
    pub method: Text,
    /// Request target as sent.
    pub target: Text,
    /// Protocol version as sent, `HTTP/1.1`; empty when cut before.
    pub version: Text,
    /// Host header.
    pub host: Option<Text>,
    /// User-Agent header.
    pub user_agent: Option<Text>,
    /// Content-Type header.
    pub content_type: Option<Text>,
    /// Content-Length header.
    pub content_length: Option<u64>,
    /// Whether the head ended before its empty line.
    pub cut: bool,
}

/// An HTTP/1 response head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Server header.
    pub server: Option<Text>,
    /// Content-Type header.
    pub content_type: Option<Text>,
    /// Content-Length header.
    pub content_length: Option<u64>,
    /// Whether the head ended before its empty line.
    pub cut: bool,
}

/// A destination asked of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyTarget {
    /// How it was asked.
    pub via: ProxyKind,
    /// Name or address, without the port.
    pub host: Text,
    /// Port.
    pub port: u16,
}

/// A kind of proxy handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP CONNECT.
    HttpConnect,
    /// HTTP request with an absolute target.
    HttpAbsolute,
    /// SOCKS4 and 4a.
    Socks4,
    /// SOCKS5.
    Socks5,
}

/// One IRC message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrcMessage {
    /// Who sent it.
    pub sender: Sender,
    /// Prefix without its colon.
    pub prefix: Option<Text>,
    /// Command word or numeric as sent.
    pub command: Text,
    /// The numeric of a server reply.
    pub numeric: Option<u16>,
    /// Middle parameters.
    pub parameters: Vec<Text>,
    /// The parameter after ` :`. Only with [`super::Detail::Full`] for PRIVMSG, NOTICE and PASS: what people
    /// say is no evidence.
    pub trailing: Option<Text>,
}

/// The registration of an IRC client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrcSession {
    /// NICK.
    pub nick: Text,
    /// First parameter of USER.
    pub user: Text,
    /// Whether the server answered with a numeric.
    pub confirmed: bool,
}

/// A QUIC Initial packet that opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuicInitial {
    /// Version number on the wire.
    pub version: u32,
}

/// A first line that names software or intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// Who sent it.
    pub sender: Sender,
    /// The line without its end, at most 256 bytes.
    pub line: Text,
}
