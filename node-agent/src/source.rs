//! Where live traffic comes from: what runs already when the agent starts ([`snapshot`]), and what the kernel's rings
//! bring from then on ([`ringbuf`]).

pub mod ringbuf;
pub mod snapshot;
