//! Exit codes of the commands that need no kernel.

use std::path::Path;
use std::process::Command;

fn agent(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_beaconwatch-agent")).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_answer_is_a_success_and_silence_a_failure() {
    let sample = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/samples").join(name);
        path.to_str().unwrap().to_owned()
    };
    let log = sample("squid.log");
    let (code, said) = agent(&["replay", "--squid", &log]);
    assert!(code == Some(0) && said.contains("findings: "), "{said}");
    let (code, said) = agent(&["policy", "suggest", "--squid", &log]);
    assert!(code == Some(0) && said.contains("findings: "), "{said}");
    let (code, said) = agent(&["replay", "--pcap", &log]);
    assert!(code == Some(1) && said.starts_with("no connections found: "), "{said}");
    let (code, said) = agent(&["replay", "--pcap", "/nowhere"]);
    assert!(code == Some(1) && said.starts_with("beaconwatch-agent: opening /nowhere: "), "{said}");
    let (code, said) = agent(&["replay"]);
    assert!(code == Some(2) && said.contains("Usage:"), "{said}");
    assert_eq!(agent(&["policy", "check", &log]).0, Some(1));
}
