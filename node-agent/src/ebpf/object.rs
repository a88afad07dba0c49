//! The kernel object, compiled into the agent if there was one when it was built (`cargo xtask build-ebpf`).

use node_agent_common::{ABI_SECTION, ABI_VERSION};
use object::{Object, ObjectSection};

use super::EbpfError;

/// The object; `None` in an agent that was built without it.
#[cfg(beaconwatch_ebpf_object)]
pub(super) fn embedded() -> Option<&'static [u8]> {
    Some(aya::include_bytes_aligned!(env!("BEACONWATCH_EBPF_OBJECT_PATH")))
}

/// The object; `None` in an agent that was built without it.
#[cfg(not(beaconwatch_ebpf_object))]
pub(super) fn embedded() -> Option<&'static [u8]> {
    None
}

/// The object speaks the same language as this agent.
pub(super) fn check_version(bytes: &[u8]) -> Result<(), EbpfError> {
    let file = object::File::parse(bytes).map_err(|error| EbpfError::Object(error.to_string()))?;
    let found = file
        .section_by_name(ABI_SECTION)
        .and_then(|section| section.data().ok())
        .and_then(|data| data.first_chunk::<4>())
        .map(|bytes| u32::from_ne_bytes(*bytes));
    if found == Some(ABI_VERSION) {
        return Ok(());
    }
    Err(EbpfError::AbiVersion { found, wanted: ABI_VERSION })
}
