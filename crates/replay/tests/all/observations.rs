//! The parsers over the labelled captures, compared with what tshark 4.0.17 and the JA4 specification say.
//!
//! The captures are not part of this repository: they are looked for in `$BEACONWATCH_SHARED/datasets`, or in
//! `../shared/datasets` beside it. Differences that remain are explained one by one in `docs/protocols.md`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use beaconwatch_replay::observations::write_observations;
use beaconwatch_skip::{skip, without_data};

/// Exact, expected, differing, missing and additional records of a protocol.
type Tally = (u64, u64, u64, u64, u64);

fn datasets() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("BEACONWATCH_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    Some(shared.join("datasets")).filter(|folder| folder.join("score.py").is_file())
}

#[test]
fn the_labelled_captures_are_read_as_their_oracles_read_them() {
    let Some(datasets) = datasets() else {
        return without_data("no labelled captures in $BEACONWATCH_SHARED or ../shared");
    };
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observations");
    fs::create_dir_all(&out).unwrap();
    let mut captures = 0;
    for capture in fs::read_dir(datasets.join("parser/pcap")).unwrap() {
        let capture = capture.unwrap().path();
        let name = capture.file_name().unwrap().to_str().unwrap();
        let mut file = File::create(out.join(format!("{name}.json"))).unwrap();
        write_observations(&capture, &mut file).unwrap();
        captures += 1;
    }
    assert_eq!(captures, 182);

    let figures = out.join("score.figures");
    let scored = Command::new("python3")
        .arg(datasets.join("score.py"))
        .arg("--parser")
        .arg(datasets.join("parser/expected"))
        .arg(&out)
        .arg("--json")
        .arg(&figures)
        .output();
    let Ok(scored) = scored else {
        return skip("python3 is needed to compare with the oracles");
    };
    let report = String::from_utf8_lossy(&scored.stdout).into_owned();
    println!("{report}");
    assert!(scored.status.success(), "{}", String::from_utf8_lossy(&scored.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&fs::read(figures).unwrap()).unwrap();
    let tally = |name: &str| -> Tally {
        let figure = |field: &str| figures[name][field].as_u64().unwrap();
        (figure("exact"), figure("expected"), figure("mismatched"), figure("missing"), figure("extra"))
    };
    assert_eq!(tally("dns"), (1401, 1416, 13, 2, 0));
    assert_eq!(tally("http"), (2224, 2227, 1, 2, 8));
    assert_eq!(tally("irc"), (11, 15, 4, 0, 2));
    assert_eq!(tally("tls_client_hello"), (316, 319, 3, 0, 6));
    assert_eq!(tally("tls_server_hello"), (127, 129, 1, 1, 3));
    // The additional ones are fingerprints over QUIC, for which there is no oracle, and of hellos it did not find.
    assert_eq!(tally("ja4 (specification, TCP)"), (118, 118, 0, 0, 198));
    for field in ["extensions_server_name", "extensions_alpn_str", "extensions.supported_version"] {
        let figure = &figures["tls_client_hello"]["fields"][format!("tls.handshake.{field}")];
        assert_eq!(figure["agree"], figure["expected"], "{field}");
    }
    for (protocol, captures) in [
        (
            "dns",
            &["dns-edns-bad-length", "dns-tunnel-iodine", "malformed_dns", "v6", "vector-max-size-crash"][..],
        ),
        ("irc", &["irc-basic", "irc-cap-req", "irc-dcc-send", "irc-dcc-state-growth", "irc"][..]),
    ] {
        for difference in figures[protocol]["diffs"].as_array().unwrap() {
            let difference = difference.as_str().unwrap();
            let capture = difference.split(".pcap").next().unwrap();
            assert!(captures.contains(&capture), "not explained: {difference}");
        }
    }
}
