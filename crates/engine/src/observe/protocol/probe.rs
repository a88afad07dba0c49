//! How much bytes look like the start of a protocol.

/// The answer of a protocol's probe to the first bytes of one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is this.
    Yes,
    /// As far as there are bytes.
    Maybe,
    /// It is not.
    No,
}
