//! From streams of events to contacts, end to end.

mod attribution;
mod bounds;
mod naming;
mod queries;
mod relay;
mod scene;
mod totals;
