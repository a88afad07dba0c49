//! What a level is worth, by how often it is met among this cluster's own signatures.
//!
//! Shares are smoothed towards the belief held before the cluster was seen, and kept near it: a mass compromise cannot
//! make itself usual, and a quiet start makes nothing rare.

use crate::assess::evidence::Level;
use crate::assess::scope::Scope;
use crate::know::UsualRates;

/// Weight of the belief before, in signatures.
const WEIGHT: f32 = 20.0;
/// A share stays at most this many times the belief before ...
const GUARD: f32 = 4.0;
/// ... and at least this part of it: what was rarely seen in the first hours is not proven rare by that.
const GUARD_BELOW: f32 = 2.0;
/// A recording of a network is short and of few hosts: what was not seen in it is not much rarer for that.
const NETWORK_GUARD: f32 = 1.5;
/// Fewer signatures than this teach nothing: so few may all be relatives of the one that is judged.
const SIGNATURES_MIN: u32 = 10;

/// Bits of a level before clipping: positive speaks for a beacon.
pub(super) fn bits(scope: Scope, level: Level, rates: UsualRates<'_>) -> f32 {
    let Some(row) = level.row() else { return 0.0 };
    (row.prior / share(scope, level, row.usual(scope), rates)).log2()
}

#[expect(clippy::cast_precision_loss, reason = "counts are bounded by the table of signatures")]
fn share(scope: Scope, level: Level, usual: f32, rates: UsualRates<'_>) -> f32 {
    if !level.is_learned() {
        return usual;
    }
    let rate = rates.rate(scope.index(), level.term().index(), level.number());
    if rate.of < SIGNATURES_MIN {
        return usual;
    }
    let share = (rate.with as f32 + WEIGHT * usual) / (rate.of as f32 + WEIGHT);
    let least = if scope == Scope::Network { usual / NETWORK_GUARD } else { usual / GUARD_BELOW };
    share.clamp(least, usual * GUARD)
}
