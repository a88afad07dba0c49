//! Kernel side: one probe per hook. Read fields, filter, emit; no verdict is made here.
//!
//! Offsets of kernel structs and options come in as read-only globals ([`kernel`]); every record leaves through
//! [`emit`], which counts what a full ring does not take. Cgroup programs always return 1: with 0 they would cut
//! the network of the node.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod emit;
mod executable;
mod kernel;
mod maps;
mod probes {
    mod cgroup;
    mod connect;
    mod exec;
    mod exit;
    mod fork;
    mod packet;
    mod post_bind;
    mod sendmsg;
    mod sock_release;
    mod task;
    mod task_file;
    mod tcp_state;
}
mod payload;
mod socket;

use node_agent_common::ABI_VERSION;

/// Compared with the agent's own constant at load.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".beaconwatch.abi")]
static ABI: u32 = ABI_VERSION;

/// Helpers of tracing programs are for GPL-compatible ones. The kernel knows a list of words; Apache is not among them.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
