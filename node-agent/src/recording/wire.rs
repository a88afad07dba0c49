//! How values are written in a recording: compact, without names, checked on the way back.
//!
//! Numbers are variable-length (LEB128), lists have a count before them, choices a number. [`fields`] and [`choices`]
//! name every field and variant: one that is added to the engine does not compile here until it is recorded. Reading
//! takes nothing for granted: `None` is a value that cannot be.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use beaconwatch_engine::time::Timestamp;

/// A value of a recording.
pub(super) trait Wire: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes one from the front.
    fn take(from: &mut Cursor<'_>) -> Option<Self>;

    /// Appends a list of them, without its count.
    fn put_all(items: &[Self], out: &mut Vec<u8>) {
        for item in items {
            item.put(out);
        }
    }

    /// Takes a list of them.
    fn take_all(count: usize, from: &mut Cursor<'_>) -> Option<Vec<Self>> {
        // The count may lie: memory is taken as items come.
        let mut items = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            items.push(Self::take(from)?);
        }
        Some(items)
    }
}

/// Bytes that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub(super) fn slice(&mut self, count: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(slice)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }
}

/// Writes and reads a struct field by field.
macro_rules! fields {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl Wire for $type {
            fn put(&self, _out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.put(_out);)*
            }

            fn take(_from: &mut Cursor<'_>) -> Option<Self> {
                $(let $field = Wire::take(_from)?;)*
                Some(Self { $($field),* })
            }
        }
    };
}

/// Writes and reads an enum: the number of the variant, then its fields.
macro_rules! choices {
    ($type:ty { $($tag:literal => $variant:ident $(($($item:ident),+))? $({ $($field:ident),+ })?),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($item),+))? $({ $($field),+ })? => {
                        out.push($tag);
                        $($($item.put(out);)+)?
                        $($($field.put(out);)+)?
                    })+
                }
            }

            fn take(from: &mut Cursor<'_>) -> Option<Self> {
                Some(match from.byte()? {
                    $($tag => {
                        $($(let $item = Wire::take(from)?;)+)?
                        $($(let $field = Wire::take(from)?;)+)?
                        Self::$variant $(($($item),+))? $({ $($field),+ })?
                    })+
                    _ => return None,
                })
            }
        }
    };
}

pub(super) use {choices, fields};

impl Wire for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        from.byte()
    }

    fn put_all(items: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(items);
    }

    fn take_all(count: usize, from: &mut Cursor<'_>) -> Option<Vec<Self>> {
        from.slice(count).map(<[u8]>::to_vec)
    }
}

impl Wire for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut left = *self;
        while left >= 0x80 {
            out.push(left.to_le_bytes()[0] | 0x80);
            left >>= 7;
        }
        out.push(left.to_le_bytes()[0]);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = from.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl Wire for u16 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        u64::take(from)?.try_into().ok()
    }
}

impl Wire for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        u64::take(from)?.try_into().ok()
    }
}

impl Wire for usize {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        u64::take(from)?.try_into().ok()
    }
}

impl Wire for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        from.array().map(Self::from_le_bytes)
    }
}

impl Wire for f32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        from.array().map(Self::from_le_bytes)
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Wire for [u8; 32] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        from.array()
    }
}

impl Wire for Timestamp {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_nanos().put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        u64::take(from).map(Self::from_nanos)
    }
}

impl Wire for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_secs().put(out);
        self.subsec_nanos().put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let (secs, nanos) = (u64::take(from)?, u32::take(from)?);
        (nanos < 1_000_000_000).then(|| Self::new(secs, nanos))
    }
}

impl Wire for IpAddr {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::V4(v4) => {
                out.push(4);
                out.extend_from_slice(&v4.octets());
            }
            Self::V6(v6) => {
                out.push(6);
                out.extend_from_slice(&v6.octets());
            }
        }
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        match from.byte()? {
            4 => from.array().map(|octets: [u8; 4]| Self::V4(Ipv4Addr::from(octets))),
            6 => from.array().map(|octets: [u8; 16]| Self::V6(Ipv6Addr::from(octets))),
            _ => None,
        }
    }
}

/// Flow label and scope of IPv6 are no part of it: no event carries them.
impl Wire for SocketAddr {
    fn put(&self, out: &mut Vec<u8>) {
        self.ip().put(out);
        self.port().put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        Some(Self::new(Wire::take(from)?, Wire::take(from)?))
    }
}

impl Wire for Box<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        take_text(from).map(Self::from)
    }
}

impl Wire for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        take_text(from).map(Self::from)
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    text.len().put(out);
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(from: &mut Cursor<'a>) -> Option<&'a str> {
    let length = usize::take(from)?;
    core::str::from_utf8(from.slice(length)?).ok()
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.put(out);
            }
        }
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(None),
            1 => T::take(from).map(Some),
            _ => None,
        }
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        T::take(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        T::take(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        T::put_all(self, out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        let count = usize::take(from)?;
        T::take_all(count, from)
    }
}

impl<T: Wire> Wire for Arc<[T]> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        T::put_all(self, out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        Vec::take(from).map(Self::from)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Cursor<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}
