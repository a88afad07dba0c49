//! What the session layer hands on.

use crate::observe::contact::{Contact, ContactEnd};

/// What the session layer hands on.
#[derive(Clone, Debug)]
pub enum SessionOutput {
    /// A contact, named as far as possible.
    Contact(Box<Contact>),
    /// Totals of a contact delivered before.
    End(ContactEnd),
}
