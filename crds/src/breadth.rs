//! Exceptions that match everything, or nearly so: they turn a policy off while it seems to be on.
//!
//! `policy check` warns of them, and the status of a policy lists them, by this one function.

use std::net::IpAddr;

use beaconwatch_engine::assess::policy::Exception;
use beaconwatch_engine::inside::Network;
use beaconwatch_engine::observe::naming::domain;
use beaconwatch_engine::observe::protocol::AppProtocol;
use beaconwatch_engine::time::Timestamp;

use crate::protocol::Protocol;

/// A part of the addresses of one family from which it counts as all of them.
const NEARLY_ALL: f64 = 0.5;

/// Suffixes under which only the owner of a network names hosts.
const INTERNAL: [&str; 7] = ["home.arpa", "internal", "lan", "local", "localhost", "svc", "test"];

/// What an exception matches, in words, if it is everything or nearly so: no part of it that is given leaves much
/// out. `None`: at least one part is narrow.
#[must_use]
pub fn too_broad(exception: &Exception) -> Option<String> {
    let Exception { name: _, reason: _, expires: _, executables, digests, names, networks, ports, protocols } =
        exception;
    if !digests.is_empty() || !ports.is_empty() {
        return None;
    }
    let mut broad = Vec::new();
    if !executables.is_empty() {
        let all = executables.iter().find(|glob| is_every_path(glob))?;
        broad.push(format!("every executable ({all})"));
    }
    if !(names.is_empty() && networks.is_empty()) {
        broad.push(broad_destinations(names, networks)?);
    }
    if !protocols.is_empty() {
        let all = Protocol::ALL.into_iter().map(AppProtocol::from).all(|one| protocols.contains(&one));
        broad.push(all.then(|| "every protocol".to_owned())?);
    }
    (!broad.is_empty()).then(|| broad.join(", "))
}

/// Names of the exceptions of a list that still hold and are too broad, each once, with what they match.
#[must_use]
pub fn all_too_broad(exceptions: &[Exception], now: Timestamp) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for exception in exceptions.iter().filter(|one| one.expires.is_none_or(|until| until > now)) {
        if found.iter().any(|(name, _)| *name == &*exception.name) {
            continue;
        }
        if let Some(matched) = too_broad(exception) {
            found.push((&exception.name, matched));
        }
    }
    found
}

/// `/**`, `**`, `/**/*`.
fn is_every_path(glob: &str) -> bool {
    glob.contains("**") && glob.bytes().all(|byte| matches!(byte, b'*' | b'/'))
}

fn broad_destinations(names: &[Box<str>], networks: &[Network]) -> Option<String> {
    let (v4, v6) = (share_of_v4(networks), share_of_v6(networks));
    let mut broad = Vec::new();
    for (share, family) in [(v4, "IPv4"), (v6, "IPv6")] {
        if share >= 1.0 {
            broad.push(format!("every {family} address"));
        } else if share >= NEARLY_ALL {
            broad.push(format!("{:.0} % of all {family} addresses", share * 100.0));
        }
    }
    broad.extend(
        names.iter().filter(|name| is_public_suffix(name)).map(|name| format!("every name in {name}")),
    );
    (!broad.is_empty()).then(|| broad.join(" and "))
}

/// `*.com`, `*.co.uk`: everything below a suffix under which anybody registers names.
fn is_public_suffix(name: &str) -> bool {
    name.strip_prefix("*.").filter(|suffix| !INTERNAL.contains(suffix)).is_some_and(|suffix| {
        // A name that somebody registered below it has it as its suffix.
        let below = format!("x.{suffix}");
        domain::registered(&below) == below
    })
}

fn share_of_v4(networks: &[Network]) -> f64 {
    let ranges = networks.iter().map(|network| network.parts()).filter_map(|(address, bits)| match address {
        IpAddr::V4(v4) => Some(range(u128::from(v4.to_bits()), 32, bits)),
        IpAddr::V6(_) => None,
    });
    share(ranges.collect(), (0, u128::from(u32::MAX)))
}

/// Of the addresses that are given out, 2000::/3.
fn share_of_v6(networks: &[Network]) -> f64 {
    let ranges = networks.iter().map(|network| network.parts()).filter_map(|(address, bits)| match address {
        IpAddr::V6(v6) => Some(range(v6.to_bits(), 128, bits)),
        IpAddr::V4(_) => None,
    });
    share(ranges.collect(), (1 << 125, (1 << 126) - 1))
}

/// First and last address of a network.
fn range(address: u128, length: u32, bits: u8) -> (u128, u128) {
    let hosts = u128::MAX.checked_shr(128 - (length - u32::from(bits).min(length))).unwrap_or(0);
    (address & !hosts, address | hosts)
}

/// How much of `whole` the ranges cover together.
#[expect(clippy::cast_precision_loss, reason = "a share in words")]
fn share(mut ranges: Vec<(u128, u128)>, whole: (u128, u128)) -> f64 {
    ranges.sort_unstable();
    let (mut covered, mut next) = (0.0, Some(whole.0));
    for (first, last) in ranges {
        let Some(from) = next.map(|next| next.max(first)) else { break };
        let last = last.min(whole.1);
        if from <= last {
            covered += (last - from) as f64 + 1.0;
            next = last.checked_add(1);
        }
    }
    covered / ((whole.1 - whole.0) as f64 + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(executables: &[&str], destinations: &[&str], ports: &[u16], expect: Option<&str>) {
        let mut exception = Exception {
            name: "e".into(),
            executables: executables.iter().map(|glob| (*glob).into()).collect(),
            ports: ports.to_vec(),
            ..Exception::default()
        };
        for text in destinations {
            match text.parse() {
                Ok(network) => exception.networks.push(network),
                Err(_) => exception.names.push((*text).into()),
            }
        }
        assert_eq!(too_broad(&exception).as_deref(), expect, "{executables:?} {destinations:?} {ports:?}");
    }

    #[test]
    fn what_matches_everything_is_told() {
        check(&["/**"], &[], &[], Some("every executable (/**)"));
        check(&["/usr/bin/curl", "**"], &[], &[], Some("every executable (**)"));
        check(&[], &["0.0.0.0/0", "::/0"], &[], Some("every IPv4 address and every IPv6 address"));
        check(&[], &["0.0.0.0/0"], &[], Some("every IPv4 address"));
        check(&[], &["0.0.0.0/1", "128.0.0.0/2"], &[], Some("75 % of all IPv4 addresses"));
        check(&[], &["128.0.0.0/1", "0.0.0.0/1", "10.0.0.0/8"], &[], Some("every IPv4 address"));
        check(&[], &["2000::/3"], &[], Some("every IPv6 address"));
        check(&[], &["*.com"], &[], Some("every name in *.com"));
        check(&[], &["*.co.uk"], &[], Some("every name in *.co.uk"));
        check(&["/**"], &["::/0"], &[], Some("every executable (/**), every IPv6 address"));
    }

    #[test]
    fn one_narrow_part_is_enough() {
        check(&["/usr/bin/*"], &["0.0.0.0/0"], &[], None);
        check(&["/**"], &["good.example"], &[], None);
        check(&["/**"], &["*.good.example"], &[], None);
        check(&["/*"], &[], &[], None);
        check(&[], &["0.0.0.0/0"], &[443], None);
        check(&[], &["*.internal"], &[], None);
        check(&[], &["10.0.0.0/8", "192.168.0.0/16", "fd00::/8", "64.0.0.0/2"], &[], None);
        check(&[], &[], &[443], None);
        check(&[], &[], &[], None);
    }

    #[test]
    fn all_protocols_together_leave_nothing_out() {
        let mut exception =
            Exception { protocols: Protocol::ALL.map(AppProtocol::from).to_vec(), ..Exception::default() };
        assert_eq!(too_broad(&exception).as_deref(), Some("every protocol"));
        exception.protocols.pop();
        assert_eq!(too_broad(&exception), None);
    }
}
