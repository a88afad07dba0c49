//! The agent and its sinks, from outside: one program, since each is a large one to link.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail as tests do")]

mod api_server_in_trouble;
mod collector;
mod commands;
mod docs;
#[path = "../../../crates/report/tests/example/mod.rs"]
mod example;
mod otlp;
mod recording;
mod run;
#[path = "../scripted_finding/mod.rs"]
mod scripted_finding;
mod sinks;
