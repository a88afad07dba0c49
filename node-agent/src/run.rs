//! The only loop: one thread owns the engine; inputs come in, findings go out.
