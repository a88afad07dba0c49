//! `doctor`: what this kernel and these rights allow, hook by hook, and what stays invisible.
//!
//! It attaches every hook for a moment, as `run` would, since no table of kernel versions knows what a vendor
//! built or a container runtime took away.

use std::fmt::Write as _;
use std::process::ExitCode;

use beaconwatch_engine::engine::Engine;
use beaconwatch_engine::input::Input;
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;
use serde_json::json;

use crate::args::DoctorArgs;
use crate::chain::chain;
use crate::decode::Decoded;
use crate::digest::NOT_KNOWN;
use crate::ebpf::{Cause, Ebpf, EbpfError, HookReport, HookState};
use crate::source::snapshot::{self, OlderProcesses};
use crate::{host, sandboxes};

/// Every hook works.
const EVERYTHING: u8 = 0;
/// The agent would run, but some things stay invisible.
const PARTLY: u8 = 3;
/// The agent cannot watch here.
const NOTHING: u8 = 4;

/// Runs `doctor`. Exit code: 0 everything works, 3 some hooks are missing, 4 nothing can be watched.
pub fn main(args: &DoctorArgs) -> ExitCode {
    let diagnosis = Diagnosis::make(Ebpf::load(&args.kernel.options()));
    let text = if args.json { diagnosis.json() } else { diagnosis.text() };
    print!("{text}");
    ExitCode::from(diagnosis.code())
}

struct Diagnosis {
    kernel: String,
    rights: String,
    cgroups: Option<String>,
    older: OlderProcesses,
    hooks: Vec<HookReport>,
    invisible: Vec<String>,
    failure: Option<String>,
    cause: Option<Cause>,
}

impl Diagnosis {
    fn make(loaded: Result<(Ebpf, Vec<HookReport>), EbpfError>) -> Self {
        let (kernel, rights) = (host::kernel(), host::rights());
        match loaded {
            Ok((mut ebpf, hooks)) => {
                let walk = snapshot::take(&ebpf.cgroup_root().clone(), ebpf.take_older());
                let older = OlderProcesses { found: walk.processes, nameless: walk.nameless };
                let root = ebpf.cgroup_root();
                let cgroups = format!("{} ({:?})", root.path.display(), root.layout).to_lowercase();
                let mut invisible: Vec<String> = Vec::new();
                let of_hooks = hooks.iter().filter_map(HookReport::invisible);
                let digests = (!host::may_trace()).then_some(NOT_KNOWN);
                let texts = of_hooks.chain(ebpf.limits()).chain(digests).map(str::to_owned);
                let sandboxes = sandboxes_among(walk.events);
                for text in texts.chain(older.limit()).chain(sandboxes) {
                    if !invisible.contains(&text) {
                        invisible.push(text);
                    }
                }
                Self {
                    kernel,
                    rights,
                    cgroups: Some(cgroups),
                    older,
                    hooks,
                    invisible,
                    failure: None,
                    cause: None,
                }
            }
            Err(error) => {
                let failure = chain(&error);
                Self {
                    kernel,
                    rights,
                    cgroups: None,
                    older: OlderProcesses::default(),
                    hooks: Vec::new(),
                    invisible: Vec::new(),
                    failure: Some(failure),
                    cause: error.cause(),
                }
            }
        }
    }

    fn attached(&self) -> usize {
        self.hooks.iter().filter(|report| report.state == HookState::Attached).count()
    }

    fn code(&self) -> u8 {
        match &self.failure {
            Some(_) => NOTHING,
            None if self.attached() == self.hooks.len() => EVERYTHING,
            None => PARTLY,
        }
    }

    /// Why something does not work, each once.
    fn causes(&self) -> Vec<Cause> {
        let failed = self.hooks.iter().filter_map(|report| match report.state {
            HookState::Failed { cause, .. } => Some(cause),
            HookState::Attached | HookState::Off => None,
        });
        let mut all = Vec::new();
        for cause in self.cause.into_iter().chain(failed) {
            if !all.contains(&cause) {
                all.push(cause);
            }
        }
        all
    }

    fn summary(&self) -> String {
        match &self.failure {
            Some(reason) => format!("nothing can be watched here: {reason}"),
            None if self.attached() == self.hooks.len() => {
                format!("all {} hooks work", self.hooks.len())
            }
            None => format!("{} of {} hooks work", self.attached(), self.hooks.len()),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "Kernel   {}", self.kernel);
        let _ = writeln!(text, "Rights   {}", self.rights);
        if let Some(cgroups) = &self.cgroups {
            let _ = writeln!(text, "Cgroups  {cgroups}");
        }
        if self.failure.is_none() {
            let OlderProcesses { found, nameless } = self.older;
            let named = found.saturating_sub(nameless);
            let _ = writeln!(text, "Running  {found} processes, {named} with their executable");
        }
        for report in &self.hooks {
            let (mark, what) = match &report.state {
                HookState::Attached => ("works", report.hook.shows.to_owned()),
                HookState::Off => ("off", report.hook.without.to_owned()),
                HookState::Failed { reason, cause } => {
                    ("FAILS", format!("{}: {reason}; {}", cause.name(), report.hook.without))
                }
            };
            let _ = writeln!(text, "  {mark:<6} {:<20} {what}", report.hook.name);
        }
        let _ = writeln!(text, "\n{}", sentence(&self.summary()));
        if self.failure.is_none() {
            let _ = writeln!(
                text,
                "Not seen by design: content of encrypted connections; traffic of kernel modules."
            );
        }
        for limit in &self.invisible {
            let _ = writeln!(text, "Not seen here: {limit}.");
        }
        for cause in self.causes() {
            let _ = writeln!(text, "To change ({}): {}.", cause.name(), cause.remedy());
        }
        text
    }

    fn json(&self) -> String {
        let hooks: Vec<_> = self
            .hooks
            .iter()
            .map(|report| {
                let (state, reason, cause) = match &report.state {
                    HookState::Attached => ("attached", None, None),
                    HookState::Off => ("off", None, None),
                    HookState::Failed { reason, cause } => ("failed", Some(reason), Some(cause)),
                };
                json!({"name": report.hook.name, "state": state, "reason": reason, "shows": report.hook.shows,
                       "without": report.hook.without, "cause": cause.map(|cause| cause.name()),
                       "change": cause.map(|cause| cause.remedy())})
            })
            .collect();
        let report = json!({
            "kernel": self.kernel, "rights": self.rights, "cgroups": self.cgroups, "hooks": hooks,
            "processes": {"running": self.older.found, "withoutExecutable": self.older.nameless},
            "invisible": self.invisible, "summary": self.summary(),
            "cause": self.cause.map(Cause::name), "change": self.cause.map(Cause::remedy),
        });
        format!("{report:#}\n")
    }
}

/// Sandboxes whose insides are not seen, as the running processes show them.
fn sandboxes_among(events: Vec<Decoded>) -> Vec<String> {
    let mut engine = Engine::with_limits(Limits::default());
    for decoded in events {
        engine.handle(Timestamp::ZERO, Input::Event(decoded.event));
    }
    sandboxes::limits(&engine.sandboxes())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use beaconwatch_engine::input::{Event, ProcessStarted};

    use super::*;

    #[test]
    fn sandboxes_that_run_are_named() {
        let of = |event| Decoded { boot_ns: 0, cgroup: 7, root_level: 0, event };
        let uid = "0d4f0a4e-8c1e-4b0c-9a53-3d2f4c9d7f10";
        let path = format!("/kubepods/burstable/pod{uid}/{}", "a".repeat(64)).into();
        let serves = ProcessStarted {
            pid: 40,
            cgroup: 7,
            executable: "/opt/kata/bin/cloud-hypervisor".into(),
            snapshot: true,
            ..ProcessStarted::default()
        };
        let walk =
            vec![of(Event::CgroupCreated { cgroup: 7, path }), of(Event::ProcessStarted(Box::new(serves)))];
        let expect = format!("inside of virtual machines (Kata and others) nothing is seen: pod {uid}");
        assert_eq!(sandboxes_among(walk), [expect]);
        assert_eq!(sandboxes_among(Vec::new()), [""; 0]);
    }
}
