//! The way out: reserve, fill, submit. A full ring bumps a counter.

use core::ffi::c_void;
use core::mem::size_of;

use aya_ebpf::btf_maps::RingBuf;
use aya_ebpf::helpers::generated::{
    bpf_ktime_get_boot_ns, bpf_ringbuf_output, bpf_ringbuf_query, bpf_ringbuf_reserve, bpf_ringbuf_submit,
};
use node_agent_common::event::{Header, Kind};

use crate::maps::LOST;

const BPF_RB_AVAIL_DATA: u64 = 0;
const BPF_RB_NO_WAKEUP: u64 = 1;
const BPF_RB_FORCE_WAKEUP: u64 = 2;

/// Counts a record that could not leave.
#[inline(always)]
pub(crate) fn count_lost(kind: u32) {
    if let Some(count) = LOST.get_ptr_mut(kind) {
        // SAFETY: this CPU's own slot; an interrupt between read and write may cost one count.
        unsafe { *count += 1 };
    }
}

/// The reader polls by timer; only a ring that fills wakes it (a wake-up costs more than a record).
#[inline(always)]
fn wakeup<const BYTES: usize>(ring: &'static RingBuf<u8, BYTES>) -> u64 {
    // SAFETY: plain helper call.
    let used = unsafe { bpf_ringbuf_query(address(ring), BPF_RB_AVAIL_DATA) };
    if used > (BYTES / 8) as u64 { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP }
}

#[inline(always)]
fn address<const BYTES: usize>(ring: &'static RingBuf<u8, BYTES>) -> *mut c_void {
    core::ptr::from_ref(ring).cast_mut().cast()
}

/// Room for a record in a ring; null (and counted) if there is none.
#[inline(always)]
pub(crate) fn reserve<T, const BYTES: usize>(ring: &'static RingBuf<u8, BYTES>, kind: Kind) -> *mut T {
    // SAFETY: plain helper call.
    let record = unsafe { bpf_ringbuf_reserve(address(ring), size_of::<T>() as u64, 0) }.cast::<T>();
    if record.is_null() {
        count_lost(kind as u32);
    }
    record
}

/// Hands a reserved record over.
#[inline(always)]
pub(crate) unsafe fn submit<T, const BYTES: usize>(ring: &'static RingBuf<u8, BYTES>, record: *mut T) {
    // SAFETY: the verifier checks that the record was reserved.
    unsafe { bpf_ringbuf_submit(record.cast(), wakeup(ring)) };
}

/// Copies a record of varying length into a ring, or counts it.
#[inline(always)]
pub(crate) unsafe fn output<const BYTES: usize>(
    ring: &'static RingBuf<u8, BYTES>,
    kind: Kind,
    record: *mut c_void,
    len: u64,
) {
    // SAFETY: the verifier checks the bounds.
    if unsafe { bpf_ringbuf_output(address(ring), record, len, wakeup(ring)) } != 0 {
        count_lost(kind as u32);
    }
}

/// Fills a header; the time is now.
#[inline(always)]
pub(crate) unsafe fn fill_header(header: *mut Header, kind: Kind, cgroup: u64, len: u32) {
    // SAFETY: the caller gives a record that it owns.
    unsafe {
        (*header).time_ns = bpf_ktime_get_boot_ns();
        (*header).cgroup = cgroup;
        (*header).kind = kind as u32;
        (*header).len = len;
    }
}
