#![no_main]
//! DNS messages: names are bounded and canonical, whatever the message.
use beaconwatch_engine::observe::protocol::DnsData;
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(message) = beaconwatch_engine::observe::protocol::fuzzing::dns_message(data) else { return };
    let names = message.questions.iter().map(|q| &q.name).chain(message.records.iter().map(|r| &r.name));
    let targets = message.records.iter().filter_map(|r| match &r.data {
        DnsData::Name(name) | DnsData::Service { target: name, .. } => Some(name),
        DnsData::Address(_) | DnsData::Other => None,
    });
    for name in names.chain(targets) {
        let text = name.as_str();
        assert!(!text.is_empty() && text.len() <= 4 * 255, "{text}");
        assert!(text.bytes().all(|b| matches!(b, 0x21..=0x7e) && !b.is_ascii_uppercase()), "{text}");
    }
});
