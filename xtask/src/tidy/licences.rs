//! The licence that the kernel object declares to the kernel is the one that its crate and the README give, and one
//! that the kernel takes for GPL-only helpers (`license_is_gpl_compatible` in include/linux/license.h).

use std::path::Path;

use anyhow::Context;

/// What the object declares, and how a manifest says the same.
const OBJECT: (&str, &str) = ("Dual MIT/GPL", "MIT OR GPL-2.0-only");
/// The part that object and agent share goes into both, so that it needs a licence that fits either.
const SHARED: &str = "MIT OR Apache-2.0";

/// (file, what it must have)
const SAID: &[(&str, &str)] = &[
    ("node-agent-ebpf/src/main.rs", OBJECT.0),
    ("node-agent-ebpf/Cargo.toml", OBJECT.1),
    ("node-agent-ebpf/LICENSE-MIT", "MIT License"),
    ("node-agent-ebpf/LICENSE-GPL-2.0", "GNU GENERAL PUBLIC LICENSE"),
    ("node-agent-common/Cargo.toml", SHARED),
    ("node-agent-common/LICENSE-MIT", "MIT License"),
    ("LICENSE", "Apache License"),
    ("README.md", OBJECT.1),
    ("README.md", SHARED),
];

/// Reads every place that speaks of a licence.
pub(super) fn check(root: &Path, wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for (file, expected) in SAID {
        let text = std::fs::read_to_string(root.join(file)).with_context(|| format!("read {file}"))?;
        if !text.contains(expected) {
            wrong.push(format!("{file}: must say {expected} (xtask/src/tidy/licences.rs)"));
        }
    }
    Ok(())
}
