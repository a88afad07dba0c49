//! Kernel to user space ABI: plain structs and constants, nothing else.
#![no_std]
