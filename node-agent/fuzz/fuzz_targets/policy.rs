//! Policy files: any text gives policies or problems, each on a line of the file and safe for a terminal, and an end.
#![no_main]

use std::path::Path;

use beaconwatch_crds::breadth;
use beaconwatch_crds::file::{Loaded, Refused, parse};
use beaconwatch_engine::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lines = 1 + text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    let of_file = |line: usize| assert!((1..=lines).contains(&line), "line {line} of {lines}");
    let told = |said: String| assert!(!said.is_empty() && !said.contains(char::is_control), "{said:?}");
    let Loaded { policies, notes } = match parse(Path::new("p.yaml"), text) {
        Ok(loaded) => {
            assert!(!loaded.policies.is_empty());
            loaded
        }
        Err(Refused { problems, rest }) => {
            assert!(!problems.is_empty());
            for problem in problems {
                problem.line.map(of_file);
                told(problem.to_string());
            }
            rest
        }
    };
    for note in notes {
        of_file(note.line);
        told(note.to_string());
    }
    for placed in policies {
        of_file(placed.line);
        for (_, matched) in breadth::all_too_broad(&placed.policy.exceptions, Timestamp::ZERO) {
            told(matched);
        }
    }
});
