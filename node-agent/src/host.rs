//! The machine and the rights that this process has on it.

/// Release of the running kernel.
#[must_use]
pub fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// Capabilities that matter to the agent, by name and bit (`linux/capability.h`).
const CAPABILITIES: [(&str, u32); 4] = [("BPF", 39), ("PERFMON", 38), ("NET_ADMIN", 12), ("SYS_PTRACE", 19)];

/// Those of [`CAPABILITIES`] that this process has.
#[must_use]
pub fn capabilities() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    CAPABILITIES.iter().filter(|(_, bit)| mask >> bit & 1 == 1).map(|(name, _)| (*name).to_owned()).collect()
}

/// Whether executables of processes of other users can be opened.
#[must_use]
pub fn may_trace() -> bool {
    capabilities().iter().any(|name| name == "SYS_PTRACE")
}

/// The same in words.
pub(crate) fn rights() -> String {
    let had = capabilities();
    let parts = CAPABILITIES.map(|(name, _)| {
        let has = if had.iter().any(|capability| capability == name) { "yes" } else { "no" };
        format!("CAP_{name} {has}")
    });
    parts.join(", ")
}
