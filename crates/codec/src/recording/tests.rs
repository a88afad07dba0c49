pub(crate) mod stream;

use beaconwatch_engine::engine::{Engine, drive};
use beaconwatch_engine::limits::Limits;
use beaconwatch_engine::time::Timestamp;
use stream::{Random, random_stream};

use super::*;
use crate::frame;

fn record(stream: &[(Timestamp, Input)]) -> Vec<u8> {
    record_with(&Limits::default(), stream)
}

pub(crate) fn record_with(limits: &Limits, stream: &[(Timestamp, Input)]) -> Vec<u8> {
    let mut bytes = RecordingWriter::head(limits);
    let mut writer = RecordingWriter::default();
    let mut blocks: Vec<Block> = stream.iter().filter_map(|(now, input)| writer.input(*now, input)).collect();
    let end = stream.last().map_or(Timestamp::ZERO, |(now, _)| *now + core::time::Duration::from_secs(1));
    blocks.extend(writer.end(end));
    blocks.extend(writer.close());
    blocks.iter().for_each(|block| bytes.extend_from_slice(&block.seal()));
    assert_eq!(writer.too_large(), 0);
    bytes
}

fn debug(stream: &[(Timestamp, Input)]) -> Vec<String> {
    stream.iter().map(|step| format!("{step:?}")).collect()
}

/// What can be read, and the errors in between.
pub(crate) fn read(bytes: &[u8]) -> (Vec<(Timestamp, Input)>, Vec<String>, Timestamp) {
    let mut reader = RecordingReader::open(bytes).unwrap();
    let (mut steps, mut errors) = (Vec::new(), Vec::new());
    for step in &mut reader {
        match step {
            Ok(step) => steps.push(step),
            Err(error) => errors.push(error.to_string()),
        }
    }
    (steps, errors, reader.end())
}

#[test]
fn any_stream_comes_back_as_it_was() {
    for seed in 0..5 {
        let stream = random_stream(seed, 3000);
        let (steps, errors, end) = read(&record(&stream));
        assert_eq!(errors, [""; 0]);
        assert_eq!(debug(&steps), debug(&stream));
        assert_eq!(end, stream.last().unwrap().0 + core::time::Duration::from_secs(1));
    }
    assert_eq!(read(&record(&[])).1, [""; 0]);
}

#[test]
fn the_bounds_of_the_engine_are_recorded() {
    let limits = Limits { loopback_contacts: true, sockets_max: 7, ..Limits::default() };
    let bytes = RecordingWriter::head(&limits);
    assert_eq!(RecordingReader::open(&*bytes).unwrap().limits(), &limits);
    for damaged in 8..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[damaged] ^= 4;
        assert!(RecordingReader::open(&*bytes).is_err(), "{damaged}");
    }
}

#[test]
fn a_replay_makes_the_same_contacts_and_counts_the_same() {
    let run = |stream: &[(Timestamp, Input)]| {
        let mut engine = Engine::with_limits(Limits::default());
        let mut found = Vec::new();
        for (now, input) in stream {
            drive(&mut engine, *now, input.clone(), &mut |finding| found.push(format!("{finding:?}")));
        }
        engine.finish(stream.last().unwrap().0);
        while let Some(finding) = engine.poll() {
            found.push(format!("{finding:?}"));
        }
        (found, engine.counters())
    };
    for seed in 20..24 {
        let stream = random_stream(seed, 5000);
        assert_eq!(run(&read(&record(&stream)).0), run(&stream));
    }
}

#[test]
fn damage_costs_the_block_it_touches() {
    let stream = random_stream(1, 20_000);
    let sound = record(&stream);
    let blocks = memchr::memmem::find_iter(&sound, &frame::MARKER).collect::<Vec<_>>();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    let mut damaged = sound.clone();
    damaged[blocks[1] + 100] ^= 0xff;
    damaged[blocks[3] + 10] ^= 0xff;
    let (steps, errors, _) = read(&damaged);
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors[0].contains(&format!("{} bytes at offset {}", blocks[2] - blocks[1], blocks[1])));
    assert!(errors[1].contains("1 blocks are missing"), "{errors:?}");
    assert!(steps.len() > stream.len() / 3);
    let whole = debug(&stream).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert!(debug(&steps).iter().all(|step| whole.contains(step)));
}

#[test]
fn a_recording_that_was_cut_is_read_to_the_cut() {
    let stream = random_stream(2, 20_000);
    let sound = record(&stream);
    let (steps, errors, _) = read(&sound[..sound.len() * 2 / 3]);
    assert!(steps.len() > stream.len() / 3);
    assert_eq!(debug(&steps), debug(&stream[..steps.len()]));
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[1].contains("ends early"), "{errors:?}");
}

#[test]
fn any_bytes_are_read_without_harm() {
    let sound = record(&random_stream(3, 300));
    let mut r = Random(4);
    for _ in 0..300 {
        let mut bytes = sound.clone();
        for _ in 0..=r.below(20) {
            let at = r.below(bytes.len() as u64) as usize;
            match r.below(3) {
                0 => bytes[at] = r.below(256) as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, 0xff),
            }
        }
        if let Ok(reader) = RecordingReader::open(&*bytes) {
            assert!(reader.count() < 100_000);
        }
    }
}

#[test]
fn something_else_is_refused() {
    let open = |bytes: &[u8]| RecordingReader::open(bytes).unwrap_err().to_string();
    assert!(open(b"\xd4\xc3\xb2\xa1 a capture").contains("no recording"));
    assert!(open(b"").contains("no recording"));
    let mut other = record(&[]);
    other[8] = 9;
    assert!(open(&other).contains("version 9"));
}
