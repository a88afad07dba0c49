//! What the agent itself costs, as the kernel has it.

/// The agent as a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUsage {
    /// Processor time, user and system, seconds.
    pub cpu_seconds: f64,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
}

impl ProcessUsage {
    /// Reads `/proc/self`; what cannot be read is zero.
    #[must_use]
    pub fn read() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let open_fds = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        Self {
            cpu_seconds: cpu_ticks(&stat).unwrap_or(0.0) / to_f64(ticks_per_second.max(1)),
            resident_bytes: resident_pages(&statm).unwrap_or(0) * rustix::param::page_size() as u64,
            open_fds,
        }
    }
}

/// User and system time of `/proc/PID/stat`, in ticks. The name in parentheses may hold anything, so fields are
/// counted from its end.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(to_f64(user.saturating_add(system)))
}

/// The second field of `/proc/PID/statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in doubles")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "4127 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 99";
        assert_eq!(cpu_ticks(stat), Some(300.0));
        assert_eq!(resident_pages("1000 250 30 1 0 200 0"), Some(250));
    }

    #[test]
    fn this_process_uses_memory_and_files() {
        let usage = ProcessUsage::read();
        assert!(usage.resident_bytes > 100_000 && usage.open_fds >= 3, "{usage:?}");
    }
}
