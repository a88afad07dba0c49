//! Rhythm: does the next gap fall where the last ones say it will, more often than an irregular process allows?
//!
//! A [`Tracker`] keeps the last 32 gaps of one conversation and bets on the next one. What it wins is evidence in
//! bits against every irregular process: P(ever this much by chance) <= 2^-bits, however often one looks
//! (Ville's inequality). [`SizeBet`] plays the same game on request sizes; [`Shape`] describes a rhythm that was
//! proven. Nothing in here knows what the gaps belong to.

#[cfg(test)]
mod bound;
mod kind;
mod shape;
mod size;
mod tracker;
mod window;

pub use kind::RhythmKind;
pub(crate) use shape::{Shape, kind_of};
pub(crate) use size::{Modal, SizeBet};
pub(crate) use tracker::{Tracker, Train};
