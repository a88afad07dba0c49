//! Every packet is used or refused for a reason: counted by an independent reader, `capinfos` of Wireshark.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use beaconwatch_importers::pcap::{PayloadLimit, PcapInputs};
use beaconwatch_importers::sniff::Looks;
use beaconwatch_importers::{Effect, OrderedSource, PacketReason, Reason, RejectedRows};
use beaconwatch_skip::{skip, without_data};

use super::{WRAPS, connections};
use crate::directory::Directory;

/// Packets used, and refused by reason; the packets that were changed and used are not among those.
fn read(path: &Path) -> (u64, Vec<(Reason, u64)>) {
    let mut inputs = PcapInputs::open(path, PayloadLimit::ALL).unwrap();
    let mut rejected = RejectedRows::default();
    while inputs.next(&mut rejected).is_some() {}
    let refused = rejected.iter().filter(|(reason, ..)| reason.effect() != Effect::Changed);
    let refused = refused.filter(|(reason, ..)| *reason != Reason::Unreadable);
    (inputs.counters().used, refused.map(|(reason, count, _)| (reason, count)).collect())
}

/// Captures of labelled traffic, which are not part of this repository: looked for in `$BEACONWATCH_SHARED/datasets`,
/// or in `../shared/datasets` beside it.
fn labelled() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("BEACONWATCH_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut found = Vec::new();
    let mut directories = vec![shared.join("datasets")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if Looks::of_file(&path).unwrap() == Looks::Capture {
                found.push(path);
            }
        }
    }
    found
}

/// Packets of each file, as `capinfos` counts them; `None`: it is not there.
fn counted(paths: &[PathBuf]) -> Option<BTreeMap<PathBuf, u64>> {
    let output = Command::new("capinfos").args(["-T", "-r", "-M", "-c"]).args(paths).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| line.rsplit_once('\t').unwrap());
    Some(rows.map(|(path, count)| (PathBuf::from(path), count.parse().unwrap())).collect())
}

#[test]
fn every_packet_of_every_capture_is_used_or_refused_for_a_reason() {
    let dir = Directory::of("differential");
    let made = WRAPS.iter().map(|wrap| dir.file(&format!("{}.pcap", wrap.name), connections(wrap)));
    let mut paths: Vec<PathBuf> = made.map(PathBuf::from).collect();
    let labelled = labelled();
    if labelled.is_empty() {
        without_data(
            "no labelled captures in $BEACONWATCH_SHARED or ../shared: only those that are made here",
        );
    }
    paths.extend(labelled);
    let Some(counted) = counted(&paths) else {
        return skip("not installed: capinfos (scripts/setup.sh test)");
    };
    assert_eq!(counted.len(), paths.len(), "capinfos reads them all");
    let mut reasons: BTreeMap<Reason, u64> = BTreeMap::new();
    let mut packets = 0;
    for path in &paths {
        let (used, refused) = read(path);
        let of_all = refused.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(used + of_all, counted[path], "{}: {used} used, {refused:?}", path.display());
        packets += counted[path];
        for (reason, count) in refused {
            *reasons.entry(reason).or_default() += count;
        }
    }
    let words: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    println!("{packets} packets of {} captures; not used: {}", paths.len(), words.join("; "));
    // Reasons that say little are rare: what they count has no better name.
    let vague = |reason: &Reason| {
        let Reason::Packet(packet) = reason else { panic!("a reason that is not about packets: {reason:?}") };
        matches!(
            packet,
            PacketReason::FurtherLinkTypes
                | PacketReason::FurtherIpProtocols
                | PacketReason::FurtherEtherTypes
                | PacketReason::FurtherPppProtocols
                | PacketReason::HeadersMalformed
        )
    };
    let vague: u64 = reasons.iter().filter(|(reason, _)| vague(reason)).map(|(_, count)| count).sum();
    assert!(vague * 100 <= packets, "{vague} of {packets}");
}
