//! What the kernel side counts: records that a full ring did not take, and run time.

use std::borrow::Borrow;
use std::os::fd::AsFd;

use aya::maps::{Map, MapData, PerCpuArray};
use beaconwatch_engine::input::LossPlace;
use node_agent_common::event::Kind;
use node_agent_common::map::LOST;

use super::{Duration, HOOKS};

/// Counters of the kernel side, since load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EbpfCounters {
    /// Lost records by kind; only kinds with a loss.
    pub lost: Vec<(Kind, u64)>,
    /// Sockets that got no state for want of memory: they are not followed.
    pub sockets_without_state: u64,
    /// Run time of each program; empty unless it is measured.
    pub run_time: Vec<ProgramTime>,
}

/// Run time of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramTime {
    /// Name of the hook.
    pub hook: &'static str,
    /// How often it ran.
    pub runs: u64,
    /// How long in all, the measurement's own cost included.
    pub time: Duration,
}

impl EbpfCounters {
    /// Losses in all at a place.
    #[must_use]
    pub fn lost_at(&self, place: LossPlace) -> u64 {
        let of_kinds = self.lost.iter().filter(|(kind, _)| place_of(*kind) == place).map(|(_, count)| count);
        let states = if place == LossPlace::FlowRing { self.sockets_without_state } else { 0 };
        of_kinds.sum::<u64>() + states
    }
}

/// The ring that a kind of record goes through.
fn place_of(kind: Kind) -> LossPlace {
    match kind {
        Kind::CgroupCreated
        | Kind::CgroupRemoved
        | Kind::Exec
        | Kind::Fork
        | Kind::Exit
        | Kind::ProcessSnapshot => LossPlace::IdentityRing,
        Kind::SocketOpened
        | Kind::SocketListening
        | Kind::SocketClosed
        | Kind::SocketBurst
        | Kind::SocketSnapshot => LossPlace::FlowRing,
        Kind::Payload => LossPlace::PayloadRing,
    }
}

/// Reads them all.
pub(super) fn read(object: &aya::Ebpf) -> EbpfCounters {
    let lost = object.map(LOST).and_then(|map| PerCpuArray::try_from(map).ok());
    let mut counters = lost.map_or_else(EbpfCounters::default, |lost| read_lost(&lost));
    for hook in HOOKS {
        let Some(info) = object.program(hook.name).and_then(|program| program.info().ok()) else { continue };
        if info.run_count() > 0 {
            counters.run_time.push(ProgramTime {
                hook: hook.name,
                runs: info.run_count(),
                time: info.run_time(),
            });
        }
    }
    counters
}

/// Reads the losses only: one system call per kind.
pub(crate) fn read_lost<T: Borrow<MapData>>(lost: &PerCpuArray<T, u64>) -> EbpfCounters {
    let total = |index: u32| lost.get(&index, 0).map_or(0, |per_cpu| per_cpu.iter().sum::<u64>());
    let lost =
        Kind::RING.into_iter().map(|kind| (kind, total(kind as u32))).filter(|(_, n)| *n > 0).collect();
    EbpfCounters { lost, sockets_without_state: total(0), run_time: Vec::new() }
}

/// A second handle of the loss counters.
pub(super) fn another_handle(object: &aya::Ebpf) -> Option<PerCpuArray<MapData, u64>> {
    let Map::PerCpuArray(data) = object.map(LOST)? else { return None };
    let fd = data.fd().as_fd().try_clone_to_owned().ok()?;
    PerCpuArray::try_from(Map::PerCpuArray(MapData::from_fd(fd).ok()?)).ok()
}
