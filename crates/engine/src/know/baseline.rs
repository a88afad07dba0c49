//! Signatures that are known before the start, as a file names them.

use std::net::IpAddr;
use std::sync::Arc;

use crate::actor::Owner;
use crate::codec::fields;
use crate::transport::Transport;

/// One signature of a baseline: this workload is known to do this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineEntry {
    /// Namespace and owner of the workload.
    pub namespace: Arc<str>,
    /// Owner of the workload.
    pub owner: Owner,
    /// Path of the executable.
    pub executable: Arc<str>,
    /// Names of the destination (empty if none is known).
    pub names: Vec<Arc<str>>,
    /// Its address, if known.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// Transport.
    pub transport: Transport,
}

fields!(BaselineEntry { namespace, owner, executable, names, address, port, transport });
