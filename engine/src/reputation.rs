//! User-supplied lists of destinations: addresses, networks, domains. One evidence term, never a verdict.

/// A compiled list; see [`crate::input::Input::Reputation`].
#[derive(Clone, Debug, Default)]
pub struct ReputationList {}
