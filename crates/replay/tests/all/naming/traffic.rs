//! What happens, whatever form it is written down in.

use std::net::{IpAddr, SocketAddr};

use beaconwatch_engine::time::Timestamp;

/// Where all begins.
pub(crate) const BEGIN_SECS: u64 = 1_700_000_000;
pub(crate) const CLIENT: &str = "10.0.0.5";
pub(crate) const RESOLVER: &str = "10.0.0.53:53";

/// So many seconds after the start.
pub(crate) fn at(secs: u64) -> u64 {
    BEGIN_SECS + secs
}

/// One thing that the client does.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) secs: u64,
    pub(crate) does: Does,
}

#[derive(Clone, Debug)]
pub(crate) enum Does {
    LookUp {
        name: String,
        rr_type: u16,
        alias: Option<String>,
        addresses: Vec<IpAddr>,
        ttl_s: u32,
    },
    /// `sni` of `None`: TLS without one.
    Tls {
        to: SocketAddr,
        sni: Option<String>,
        ech: bool,
    },
    Says {
        to: SocketAddr,
        bytes: String,
    },
}

/// Looks a name up.
pub(crate) fn look_up(secs: u64, name: &str, addresses: &[&str], ttl_s: u32) -> Step {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Step { secs, does: Does::LookUp { name: name.to_owned(), rr_type: 1, alias: None, addresses, ttl_s } }
}

/// Opens a TLS connection; `-` stands for no server name.
pub(crate) fn connect(secs: u64, address: &str, sni: &str) -> Step {
    let sni = Some(sni.to_owned()).filter(|sni| sni != "-");
    Step { secs, does: Does::Tls { to: SocketAddr::new(address.parse().unwrap(), 443), sni, ech: false } }
}

/// Opens a connection of no known protocol.
pub(crate) fn plain(secs: u64, address: &str, port: u16) -> Step {
    let to = SocketAddr::new(address.parse().unwrap(), port);
    Step { secs, does: Does::Says { to, bytes: "\u{1}\u{2}\u{3}\u{4}binary".to_owned() } }
}

impl Step {
    pub(crate) fn with_alias(mut self, of: &str) -> Self {
        if let Does::LookUp { alias, .. } = &mut self.does {
            *alias = Some(of.to_owned());
        }
        self
    }

    pub(crate) fn of_type(mut self, asked: u16) -> Self {
        if let Does::LookUp { rr_type, .. } = &mut self.does {
            *rr_type = asked;
        }
        self
    }

    pub(crate) fn with_ech(mut self) -> Self {
        if let Does::Tls { ech, .. } = &mut self.does {
            *ech = true;
        }
        self
    }

    pub(crate) fn saying(mut self, head: &str) -> Self {
        if let Does::Says { bytes, .. } = &mut self.does {
            head.clone_into(bytes);
        }
        self
    }

    pub(crate) fn is_look_up(&self) -> bool {
        matches!(self.does, Does::LookUp { .. })
    }

    pub(crate) fn to(&self) -> SocketAddr {
        match &self.does {
            Does::LookUp { .. } => RESOLVER.parse().unwrap(),
            Does::Tls { to, .. } | Does::Says { to, .. } => *to,
        }
    }

    /// So many milliseconds after the step began.
    pub(crate) fn time(&self, ms: u64) -> Timestamp {
        Timestamp::from_nanos(self.secs * 1_000_000_000 + ms * 1_000_000)
    }
}
