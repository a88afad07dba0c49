use core::fmt::Debug;
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::*;
use crate::time::Timestamp;

fn written(value: &impl Coded) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    bytes
}

fn check<T: Coded + PartialEq + Debug>(value: T) {
    let bytes = written(&value);
    let mut reader = Reader::of_version(VERSION, &bytes);
    assert_eq!(T::take(&mut reader).as_ref(), Some(&value));
    assert_eq!(reader.end(), Some(Dropped::default()));
    for cut in 0..bytes.len() {
        assert_eq!(T::take(&mut Reader::of_version(VERSION, &bytes[..cut])), None, "{value:?} cut at {cut}");
    }
}

#[test]
fn what_was_written_is_read_back_and_what_is_cut_is_not() {
    for number in [0, 1, 127, 128, u64::from(u32::MAX), u64::MAX] {
        check(number);
    }
    check((u16::MAX, u32::MAX));
    check((i16::MIN, i64::MIN));
    check((u128::MAX, -0.5_f32));
    check((true, usize::MAX));
    check(vec![(Some(7_u16), Box::<str>::from("x")), (None, "ß".into())]);
    check::<Arc<[Box<str>]>>(Arc::from(["a".into(), "".into()]));
    check(([u64::MAX, 0, 1], Box::new(Arc::<str>::from("n"))));
    check((Timestamp::MAX, Duration::new(77, 999_999_999)));
    check(("2001:db8::7".parse::<IpAddr>().unwrap(), SocketAddr::from(([192, 0, 2, 1], 443))));
}

fn refuse<T: Coded + Debug>(bytes: &[u8]) {
    let read = T::take(&mut Reader::of_version(VERSION, bytes));
    assert!(read.is_none(), "{read:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    refuse::<bool>(&[2]);
    refuse::<Option<u8>>(&[2, 0]);
    refuse::<u16>(&[0x80, 0x80, 0x04]);
    refuse::<u64>(&[0xff; 10]);
    refuse::<IpAddr>(&[5, 0, 0, 0, 0]);
    refuse::<Box<str>>(&[1, 0xff]);
    refuse::<Duration>(&[0, 0x80, 0x94, 0xeb, 0xdc, 0x03]);
    // More items than there are bytes for cost no memory.
    refuse::<Vec<u64>>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]);
}

/// What a type of three versions looks like in its third.
#[derive(Debug, PartialEq)]
struct Grown {
    first: u8,
    added: u16,
    last: u8,
    sum: u32,
}

fields!(Grown {
    first,
    [moved: u64, until 1] added = since(2, u16::from(first) + 1),
    [gone: Box<str>, until 2] last,
    sum = made(u32::from(first) + u32::from(last));
    [tail: bool, until 2]
});

#[derive(Debug, PartialEq)]
enum Choice {
    Plain,
    Pair(u8, u8),
    Named { first: u8, added: u8 },
}

choices!(Choice { 0 => Plain, 1 => Pair(a, b), 7 => Named { first, added = since(3, first) } });

#[test]
fn each_version_is_read_with_what_it_had_and_told_what_is_dropped() {
    let read = |version: u16, bytes: &[u8]| {
        let mut reader = Reader::of_version(version, bytes);
        let value = Grown::take(&mut reader).unwrap();
        (value, reader.end().unwrap().to_string())
    };
    let (value, dropped) = read(1, &[7, 200, 1, 1, b'x', 9, 1]);
    assert_eq!(value, Grown { first: 7, added: 8, last: 9, sum: 16 });
    assert_eq!(dropped, "Grown.gone (1 times), Grown.moved (1 times), Grown.tail (1 times)");
    let (value, dropped) = read(2, &[7, 5, 1, b'x', 9, 1]);
    assert_eq!(value, Grown { first: 7, added: 5, last: 9, sum: 16 });
    assert_eq!(dropped, "Grown.gone (1 times), Grown.tail (1 times)");
    let now = Grown { first: 7, added: 5, last: 9, sum: 16 };
    assert_eq!(written(&now), [7, 5, 9]);
    assert_eq!(read(3, &[7, 5, 9]), (now, String::new()));
}

#[test]
fn a_choice_is_its_number_and_its_fields() {
    let read = |version: u16, bytes: &[u8]| Choice::take(&mut Reader::of_version(version, bytes));
    assert_eq!(read(3, &[0]), Some(Choice::Plain));
    assert_eq!(read(3, &written(&Choice::Pair(1, 2))), Some(Choice::Pair(1, 2)));
    assert_eq!(read(2, &[7, 4]), Some(Choice::Named { first: 4, added: 4 }));
    assert_eq!(read(3, &[7, 4, 5]), Some(Choice::Named { first: 4, added: 5 }));
    assert_eq!(written(&Choice::Named { first: 4, added: 5 }), [7, 4, 5]);
    assert_eq!(read(3, &[2]), None);
}

#[test]
fn what_was_dropped_is_counted_by_name() {
    let mut dropped = Dropped::default();
    assert!(dropped.is_empty());
    dropped.note("b", 2);
    dropped.note("a", 0);
    let mut other = Dropped::default();
    other.note("b", 1);
    other.note(String::from("\u{1b}"), 1);
    dropped.add(other);
    assert_eq!(dropped.to_string(), "\\u{1b} (1 times), b (3 times)");
    for name in 0..100 {
        dropped.note(format!("section {name:03}"), 1);
    }
    assert_eq!(dropped.iter().count(), 65);
    assert_eq!(dropped.iter().find(|(name, _)| *name == "others"), Some(("others", 38)));
}
