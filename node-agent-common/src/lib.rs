//! Kernel to user space ABI of the node agent: plain structs and constants, nothing else.
//!
//! The kernel object and the agent are built apart. [`ABI_VERSION`] is compiled into both and compared at load;
//! it must be raised with every change of a size, an offset or a meaning in this crate.
#![no_std]

pub mod event;
pub mod map;

/// Version of everything in this crate.
pub const ABI_VERSION: u32 = 2;

/// ELF section of the kernel object that holds [`ABI_VERSION`], four bytes in the object's byte order.
pub const ABI_SECTION: &str = ".beaconwatch.abi";
