//! Readers of recorded traffic, one per format: captures and logs, and the lists that go with them.
//!
//! A reader says what a row says and no more. Joining rows (which name belongs to which connection), putting them
//! in order of time and judging them is not its business. What it cannot read it counts by reason and skips: a
//! damaged file costs its damaged rows only. Nothing here knows policies, findings, threads or clocks.

pub mod actors;
pub mod conn_csv;
pub mod envelope;
pub mod envoy;
pub mod events;
pub mod flat_json;
pub mod hubble;
pub mod lines;
pub mod pcap;
pub mod reader;
pub mod record;
pub mod rejected;
pub mod reputation;
pub mod sniff;
pub mod squid;
pub mod stored;
pub mod suricata;
pub mod value;
pub mod vpc_flow;
pub mod zeek;

pub use reader::{OrderedSource, Reader};
pub use record::{About, Record, Uid};
pub use rejected::{Effect, Location, PacketReason, Reason, RejectedRows, Unit};
