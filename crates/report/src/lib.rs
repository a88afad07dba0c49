//! Findings for whoever reads them: on a terminal ([`text`]), as a page ([`html`]), as a flat record ([`fields`]: a JSON
//! line, the attributes of a log record) and as the object that a cluster stores ([`object`]).
//!
//! Whatever a peer or a workload chose (names, paths, arguments) is made safe here, whoever made it printable
//! before: [`sanitize`] for text, and HTML escaping on top of it for the page. Nothing here knows where a report goes.

pub mod calendar;
pub mod chart;
pub mod fields;
pub mod figure;
pub mod html;
pub mod name;
pub mod object;
mod sanitize;
pub mod text;

pub use sanitize::sanitize;
