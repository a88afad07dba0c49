//! The only loop: one thread owns the engine; inputs come in, findings go out.
//!
//! Live and replay are this same loop; they differ in what [`Step`] their source returns. No clock here: the
//! source says what time it is.

use crate::assess::finding::Finding;
use crate::engine::{self, Engine};
use crate::input::Input;
use crate::time::Timestamp;

/// What a source has next.
#[derive(Debug)]
pub enum Step {
    /// An input with its time.
    Input(Timestamp, Input),
    /// Inputs that are known together, in their order, [`engine::LOOK_AHEAD`] at most: the engine asks for the memory of
    /// all at the same time.
    Inputs(Vec<(Timestamp, Input)>),
    /// Nothing, but time has come this far: timers up to here may fire.
    Idle(Timestamp),
    /// Nothing more will come; open findings are closed at this time.
    End(Timestamp),
}

/// Runs until the source ends, then closes every open finding. Returns the time of the end.
///
/// `next` is asked for the next step and learns when the engine wants to be called at the latest. `tap` sees
/// each input before the engine takes it, with the time that the engine will give it: what a recording stores.
/// `found` gets every finding state, and the engine is shown to `look` after each step (for metrics and
/// checkpoints).
pub fn run(
    engine: &mut Engine,
    mut next: impl FnMut(Option<Timestamp>) -> Step,
    mut tap: impl FnMut(Timestamp, &Input),
    mut found: impl FnMut(Finding),
    mut look: impl FnMut(&mut Engine),
) -> Timestamp {
    loop {
        match next(engine.poll_timeout()) {
            Step::Input(now, input) => take(engine, now, input, &mut tap, &mut found),
            Step::Inputs(inputs) => {
                engine.look_ahead(inputs.iter().map(|(_, input)| input));
                for (now, input) in inputs {
                    take(engine, now, input, &mut tap, &mut found);
                }
            }
            Step::Idle(now) => {
                engine::catch_up(engine, now, &mut found);
            }
            Step::End(now) => {
                let end = now.max(engine.now());
                engine::catch_up(engine, end, &mut found);
                engine.finish(end);
                while let Some(finding) = engine.poll() {
                    found(finding);
                }
                return end;
            }
        }
        look(engine);
    }
}

/// Hands one input to the engine. Due timers come first: they may raise the time that the input is given, which a
/// recording has to store.
fn take(
    engine: &mut Engine,
    now: Timestamp,
    input: Input,
    tap: &mut impl FnMut(Timestamp, &Input),
    found: &mut impl FnMut(Finding),
) {
    engine::catch_up(engine, now, found);
    let stamp = now.max(engine.now());
    tap(stamp, &input);
    engine.handle(now, input);
    while let Some(finding) = engine.poll() {
        found(finding);
    }
}
