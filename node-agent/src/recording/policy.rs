//! How policies are written in a recording.

use beaconwatch_engine::policy::{
    BalanceKnobs, BeaconKnobs, Detectors, DnsKnobs, Exception, IrcKnobs, LongConnectionKnobs, Mode, Policy,
    PolicyId, PolicySet, PortKnobs, Requirement, RetryKnobs, Thresholds, WorkloadSelector,
};

use super::wire::{Cursor, Wire, choices, fields};

fields!(PolicySet { policies });
fields!(PolicyId { namespace, name });
fields!(Policy { id, generation, created, workloads, mode, thresholds, detectors, exceptions });
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
