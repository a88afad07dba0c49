//! How a destination is named, and what that says: one rule for live traffic, for captures and for logs.
//!
//! A name that the client looked up comes first: it is what it meant. Then comes what it indicates itself: the server
//! name of TLS, the `Host` of HTTP. What is asked of a proxy is the destination instead of the proxy. Why each line of
//! the rule is as it is: decision 36. It must not know sockets, processes, packets or rows.

pub mod domain;
mod look_ups;
mod rule;

pub use look_ups::{Client, ClientKey, LookUps};
pub use rule::{Asked, Indicated, name_from_log};
