//! How policies are written in a recording.

use beaconwatch_engine::policy::{
    BalanceKnobs, BeaconKnobs, Detectors, DnsKnobs, Exception, IrcKnobs, LongConnectionKnobs, Mode, Policy,
    PolicyId, PolicySet, PolicySource, PortKnobs, Requirement, RetryKnobs, Thresholds, WorkloadSelector,
};

use super::wire::{Cursor, Wire, choices, fields};

fields!(PolicySet { policies });
fields!(PolicyId { namespace, name });
fields!(Policy { id, source, created, workloads, mode, thresholds, detectors, exceptions });

/// The generation; 0 stands for a file, since the API server counts from 1.
impl Wire for PolicySource {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::File => 0_i64.put(out),
            Self::Cluster { generation } => generation.put(out),
        }
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        Some(match i64::take(from)? {
            0 => Self::File,
            generation => Self::Cluster { generation },
        })
    }
}

choices!(Mode { 0 => Observe, 1 => Alert });
fields!(WorkloadSelector { pod, namespace, owners, containers });

choices!(Requirement {
    0 => In(key, values), 1 => NotIn(key, values), 2 => Exists(key), 3 => DoesNotExist(key),
});

fields!(Thresholds { record, alert, high, critical, budget });
fields!(Detectors { beacon, balance, dns, irc, long_connection, ports, retries });
fields!(BeaconKnobs { timing_threshold, short_period_threshold, minimum_span, minimum_span_exec });
fields!(BalanceKnobs { minimum_bytes, minimum_span });
fields!(DnsKnobs { information_rate });
fields!(IrcKnobs {});
fields!(LongConnectionKnobs { minimum_duration });
fields!(PortKnobs { known });
fields!(RetryKnobs { minimum_tries });
fields!(Exception { name, reason, expires, executables, digests, names, networks, ports, protocols });
