//! Replays, as their users see them: what is read, joined, judged, refused and said.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail as tests do")]
#![expect(clippy::wildcard_enum_match_arm, reason = "tests look at what they are about")]

mod captures;
mod demo;
mod directory;
mod exchange;
mod feed;
mod inputs;
mod logs;
mod naming;
mod observations;
mod program;
