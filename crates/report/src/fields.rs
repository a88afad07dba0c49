//! One finding state as a flat record: the JSON line, and the attributes of the OTLP log record.
//!
//! [`FIELDS`] is the one list of fields: their names, what they hold, and how each is read from a finding. The
//! JSON line, the OTLP attributes and `docs/finding-format.md` are all made from it.

mod line;
mod list;
pub mod page;
mod value;

pub use line::{json_line, values};
pub use list::FIELDS;
pub use value::{EvidenceValue, Field, Value, widened};
