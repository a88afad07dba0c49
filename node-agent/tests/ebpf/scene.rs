//! What the tests on the running kernel share: loading, or saying why not.

use beaconwatch_agent::ebpf::{Ebpf, EbpfError, EbpfOptions, HookReport};

/// Loads the object, or prints why the test is skipped.
pub(crate) fn load(options: &EbpfOptions) -> Option<(Ebpf, Vec<HookReport>)> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: loading eBPF programs needs root");
        return None;
    }
    match Ebpf::load(options) {
        Ok(loaded) => Some(loaded),
        Err(error @ (EbpfError::BuiltWithout | EbpfError::NoBtf(_) | EbpfError::NoCgroup2)) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{}", chain(&error)),
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
