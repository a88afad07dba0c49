//! The closed sets of a finding: the engine's own, with their words on the wire.

use beaconwatch_engine::actor::ExecutableOrigin;
pub use beaconwatch_engine::assess::finding::{
    FindingKind as Behavior, FindingState as State, Severity, Term,
};
pub use beaconwatch_engine::observe::contact::NameSource;

use crate::one_of::{ClosedSet, closed_set};

closed_set!(Behavior {
    Beacon = "Beacon",
    Unbalanced = "Unbalanced",
    DnsBeacon = "DnsBeacon",
    DnsTunnel = "DnsTunnel",
    Irc = "Irc",
    LongConnection = "LongConnection",
    UnexpectedPort = "UnexpectedPort",
    FailedRetries = "FailedRetries",
});

closed_set!(State { Opened = "Opened", Updated = "Updated", Closed = "Closed" });

closed_set!(Severity { Low = "Low", Medium = "Medium", High = "High", Critical = "Critical" });

closed_set!(NameSource { Dns = "Dns", Sni = "Sni", HttpHost = "HttpHost", Proxy = "Proxy" });

/// Where an executable came from; what is not known is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The image of the container.
    Image,
    /// Written or replaced after the container started.
    Drift,
    /// A place that the workload can write to.
    Writable,
    /// Unlinked since.
    Deleted,
    /// Memory alone.
    Memfd,
}

closed_set!(Origin {
    Image = "Image",
    Drift = "Drift",
    Writable = "Writable",
    Deleted = "Deleted",
    Memfd = "Memfd",
});

impl Origin {
    /// As the engine has it.
    #[must_use]
    pub const fn of_executable(origin: ExecutableOrigin) -> Option<Self> {
        match origin {
            ExecutableOrigin::Unknown => None,
            ExecutableOrigin::Image => Some(Self::Image),
            ExecutableOrigin::Drift => Some(Self::Drift),
            ExecutableOrigin::Writable => Some(Self::Writable),
            ExecutableOrigin::Deleted => Some(Self::Deleted),
            ExecutableOrigin::Memfd => Some(Self::Memfd),
        }
    }
}

/// The engine names its terms; this is where their former names are remembered.
impl ClosedSet for Term {
    const ALL: &'static [Self] = &Self::ALL;
    const RENAMED: &'static [(&'static str, Self)] = &[
        ("who", Self::Executable),
        ("naming", Self::NameResolution),
        ("lag", Self::Onset),
        ("population", Self::ReplicaPrevalence),
        ("answer", Self::SuccessRate),
    ];

    fn word(self) -> &'static str {
        self.as_str()
    }
}
