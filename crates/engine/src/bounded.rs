//! Tables that have a bound and count what it costs: the only maps that engine state may hold, which `cargo xtask
//! tidy` sees to.
//!
//! What happens at the bound: [`BoundedMap`] refuses new entries, [`FairTable`] forgets the oldest entry of the scope that
//! holds most, [`Shares`] keeps the entries that come first in a fixed order, so that it can be merged. An [`Index`] has no
//! bound of its own: it leads into a table that has one. They must not know what they hold.

mod fair;
mod index;
mod map;
mod ranking;
mod shares;

pub(crate) use fair::FairTable;
pub(crate) use index::{Index, OrderedIndex, Places};
pub(crate) use map::{BoundedMap, Inserted};
pub(crate) use ranking::Ranking;
pub(crate) use shares::{Join, Shares};
