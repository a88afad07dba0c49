//! Attaching one program after the other, and saying in one line what went wrong with each.

use std::error::Error;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use super::cause::{Cause, Facts, Refusal};
use super::first::{self, AddressHook};
use super::{
    CgroupAttachMode, CgroupSkbAttachType, EbpfOptions, Group, HOOKS, Hook, HookKind, HookReport, HookState,
    Iter, Program,
};

/// Longest reason in a report; a verifier's log is longer.
const REASON_MAX: usize = 300;

/// Loads and attaches every hook that is wanted.
pub(super) fn all(
    object: &mut aya::Ebpf,
    types: &aya::Btf,
    (cgroup, links): (&File, &mut Vec<OwnedFd>),
    options: &EbpfOptions,
    missing: &[(Group, String)],
) -> Vec<HookReport> {
    let mut reports = Vec::with_capacity(HOOKS.len());
    for hook in HOOKS {
        let lacks = missing.iter().find(|(group, _)| hook.needs.contains(group));
        let state =
            if !options.payload && matches!(hook.kind, HookKind::PacketSent | HookKind::PacketReceived) {
                HookState::Off
            } else if let Some((_, member)) = lacks {
                HookState::Failed { reason: format!("this kernel has no {member}"), cause: Cause::Kernel }
            } else {
                match one(object, types, (cgroup, &mut *links), hook) {
                    Ok(()) => HookState::Attached,
                    Err(error) => failed(hook.kind, error.as_ref()),
                }
            };
        reports.push(HookReport { hook: *hook, state });
    }
    reports
}

fn failed(kind: HookKind, error: &(dyn Error + 'static)) -> HookState {
    let cause = Cause::of_hook(kind, &Refusal::of(error), &Facts::read());
    HookState::Failed { reason: reason(error), cause }
}

fn one(
    object: &mut aya::Ebpf,
    types: &aya::Btf,
    (cgroup, links): (&File, &mut Vec<OwnedFd>),
    hook: &Hook,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Links of several owners live beside each other in any mode; `AllowMultiple` is refused for links.
    let mode = CgroupAttachMode::Single;
    let program = object.program_mut(hook.name).ok_or("the object has no such program")?;
    match hook.kind {
        HookKind::Tracepoint => {
            let Program::BtfTracePoint(program) = program else { return Err(other_type()) };
            program.load(hook.name, types)?;
            program.attach()?;
        }
        HookKind::CgroupAddress => {
            let Program::CgroupSockAddr(program) = program else { return Err(other_type()) };
            program.load()?;
            let place = AddressHook::of(hook.name).ok_or("no such place for addresses")?;
            match first::attach(program.fd()?.as_fd(), cgroup, place) {
                Ok(link) => links.push(link),
                // An older kernel: behind those that are there already.
                Err(_) => {
                    program.attach(cgroup, mode)?;
                }
            }
        }
        HookKind::CgroupSocket => {
            let Program::CgroupSock(program) = program else { return Err(other_type()) };
            program.load()?;
            program.attach(cgroup, mode)?;
        }
        HookKind::PacketSent | HookKind::PacketReceived => {
            let Program::CgroupSkb(program) = program else { return Err(other_type()) };
            program.load()?;
            let received = hook.kind == HookKind::PacketReceived;
            let way = if received { CgroupSkbAttachType::Ingress } else { CgroupSkbAttachType::Egress };
            program.attach(cgroup, way, mode)?;
        }
        HookKind::Iterator => {
            let Program::Iter(program) = program else { return Err(other_type()) };
            program.load(hook.name, types)?;
        }
    }
    Ok(())
}

/// Whether others look at addresses in this cgroup besides the agent.
pub(super) fn others_look_first(cgroup: &File, reports: &[HookReport]) -> bool {
    let attached = |report: &&HookReport| report.state == HookState::Attached;
    let mut hooks = reports.iter().filter(attached).filter_map(|report| AddressHook::of(report.hook.name));
    hooks.any(|hook| first::programs(cgroup, hook) > 1)
}

fn other_type() -> Box<dyn Error + Send + Sync> {
    "the program in the object is of another type".into()
}

/// Opens an iterator, if it was loaded. Nothing runs until it is read.
pub(super) fn open_iterator(object: &mut aya::Ebpf, name: &str) -> Option<File> {
    let program: &mut Iter = object.program_mut(name)?.try_into().ok()?;
    let link = program.attach().ok()?;
    program.take_link(link).ok()?.into_file().ok()
}

/// An error with its causes, in one bounded line.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    one_line(&text)
}

/// Of a verifier's log, the end says what is wrong; of anything else, the beginning.
fn one_line(text: &str) -> String {
    let (said, log) = text.split_once("Verifier output:").unwrap_or((text, ""));
    let verdict = log.lines().rev().map(str::trim).find(|line| !line.is_empty() && !is_statistics(line));
    let text = verdict.map_or_else(|| said.to_owned(), |verdict| format!("{said}{verdict}"));
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_MAX).collect()
}

/// Ends of a verifier's log that say nothing about the fault.
fn is_statistics(line: &str) -> bool {
    ["processed ", "verification time", "stack depth", "max_states_per_insn"]
        .iter()
        .any(|begin| line.starts_with(begin))
}

/// The reason that the first failed hook gives.
pub(super) fn first_reason(reports: &[HookReport]) -> (String, Cause) {
    reports
        .iter()
        .find_map(|report| match &report.state {
            HookState::Failed { reason, cause } => Some((reason.clone(), *cause)),
            HookState::Attached | HookState::Off => None,
        })
        .unwrap_or((String::new(), Cause::Unknown))
}

/// Kernels before 5.11 count maps against this limit. Without the right to raise it, loading says so.
pub(super) fn raise_memlock_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let unlimited = Rlimit { current: None, maximum: None };
    let _ = setrlimit(Resource::Memlock, unlimited);
}

/// Loading needs some 40 MB for a moment, which the allocator would keep.
#[cfg(target_env = "gnu")]
pub(super) fn give_memory_back() {
    #[expect(unsafe_code, reason = "glibc has no safe binding; the call takes no pointers")]
    // SAFETY: `malloc_trim` may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators give memory back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(super) fn give_memory_back() {}
