//! Protocol metadata from the first bytes of a flow: what is spoken, to whom, by what software.
//!
//! One [`FlowParser`] per flow is fed with payload as it comes ([`FlowParser::push`]) and says what it saw as
//! [`Observation`]s. Whole streams of a capture, and payload prefixes cut by the kernel's ring, go through the
//! same code: partial input is a result, never an error. Memory is bounded per flow, and given back as soon as
//! nothing more is expected.
//!
//! It must not know time, addresses, workloads or where the bytes come from. The port is a hint for naming
//! (DNS over TLS), never a reason to recognise.

mod app_protocol;
mod dns;
mod feed;
mod fingerprint;
mod flow;
mod http;
mod http2;
mod irc;
mod lines;
mod ntp;
mod observation;
mod probe;
mod quic;
mod reader;
#[cfg(test)]
mod sample;
mod socks;
mod text;
mod tls;

#[cfg(fuzzing)]
pub mod fuzzing;

pub use app_protocol::AppProtocol;
pub use feed::{Carrier, Detail, Sender};
pub use fingerprint::Ja4;
pub use flow::FlowParser;
pub use http::host_and_port;
pub use observation::*;
pub use text::{TEXT_BYTES_MAX, Text};
