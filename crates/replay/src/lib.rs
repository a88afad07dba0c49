//! Recorded traffic through the same engine as live traffic: inputs merged and put in order of time ([`feed`]), judged
//! ([`run`]), summed up ([`summary`]), explained ([`explain`]) and turned into exceptions ([`suggest`]).
//!
//! Also what is said of policy files without a cluster ([`policy_check`]). Nothing here waits: time is that of the
//! traffic. It must not know the kernel, Kubernetes or sinks.

pub mod args;
pub mod captures;
pub mod command;
mod coverage;
pub mod error;
pub mod explain;
pub mod feed;
pub mod formats;
mod home_networks;
pub mod inputs;
pub mod joined;
pub mod limits;
pub mod merge;
pub mod observations;
mod output;
pub mod policy_check;
pub mod policy_files;
mod progress;
mod reading;
pub mod recording;
pub mod reorder;
pub mod run;
pub mod score;
mod span;
pub mod suggest;
pub mod summary;
mod tally;

pub use args::{ReplayArgs, ReplayOutput};
pub use error::ReplayError;
pub use feed::{Feed, FeedItem};
pub use formats::FileKind;
pub use policy_files::default_policy;
pub use run::{Replayed, run};
pub use span::LeftOut;
pub use summary::Summary;
