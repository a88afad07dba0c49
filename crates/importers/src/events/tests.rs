use super::*;

fn read(text: &str) -> (Vec<(Timestamp, Record)>, RejectedRows) {
    let mut reader = EventsReader::over(Lines::from_bytes("test.jsonl", text.as_bytes().to_vec()), true);
    let mut rejected = RejectedRows::default();
    let mut records = Vec::new();
    while let Some(record) = reader.next(&mut rejected) {
        records.push(record);
    }
    (records, rejected)
}

fn only_contact(line: &str) -> Contact {
    let (mut records, rejected) = read(line);
    assert_eq!(rejected.total(), 0);
    match records.pop() {
        Some((_, Record::Contact(contact))) => *contact,
        other => panic!("{other:?}"),
    }
}

const WHO: &str = r#""time_unix_nano":1767571200190855899,"k8s.pod.uid":"u","k8s.pod.name":"p","k8s.namespace.name":"n","k8s.owner.kind":"Deployment","k8s.owner.name":"o","container.id":"c","process.executable.path":"/tmp/x","process.executable.origin":"writable","process.parent.exec_session":true,"process.command":"x""#;

#[test]
fn a_connection_names_its_process_and_its_destination() {
    let contact = only_contact(&format!(
        r#"{{{WHO},"event":"connect","network.transport":"tcp","network.protocol":"tls","destination.address":"198.19.1.2","destination.port":443,"server.name":"a.example","tls.sni":"a.example","tls.ja4_odd":true,"bytes_sent":5,"bytes_received":6,"duration_nano":7}}"#
    ));
    assert_eq!(contact.start.as_nanos(), 1_767_571_200_190_855_899);
    assert_eq!(contact.naming, Naming::Consistent);
    assert_eq!(contact.destination.name.as_deref(), Some("a.example"));
    assert_eq!(contact.ja4_odd, Some(true));
    let process = contact.actor.process.as_ref().unwrap();
    assert_eq!(process.origin, beaconwatch_engine::actor::ExecutableOrigin::Writable);
    assert_eq!(process.exec_session, Some(true));
}

#[test]
fn what_a_missing_name_means_depends_on_who_saw_it() {
    let flow = r#""event":"connect","network.transport":"tcp","network.protocol":"tls","destination.address":"198.19.1.2","destination.port":443"#;
    assert_eq!(only_contact(&format!("{{{WHO},{flow}}}")).naming, Naming::NoLookup);
    assert_eq!(
        only_contact(&format!(r#"{{{WHO},{flow},"server.name":"a.example"}}"#)).naming,
        Naming::SniMissing
    );
    let other = format!(r#"{{{WHO},{flow},"server.name":"a.example","tls.sni":"b.example"}}"#);
    assert_eq!(only_contact(&other).naming, Naming::SniMismatch);
    assert_eq!(only_contact(&format!(r#"{{"time_unix_nano":1,{flow}}}"#)).naming, Naming::Unknown);
    // Whoever does not see every look-up cannot say that the other name was not looked up.
    let unseen = other.replace("\"tls.sni\"", "\"lookups_visible\":false,\"tls.sni\"");
    assert_eq!(only_contact(&unseen).naming, Naming::Unknown);
    let inside = other.replace("a.example", "b.example.shop.svc.cluster.local");
    assert_eq!(only_contact(&inside).naming, Naming::Consistent);
    assert_eq!(only_contact(&format!(r#"{{{WHO},{flow},"lookups_visible":false}}"#)).naming, Naming::Unknown);
}

#[test]
fn a_question_goes_to_the_registered_domain() {
    let contact = only_contact(&format!(
        r#"{{{WHO},"event":"dns_query","network.transport":"udp","network.protocol":"dns","destination.address":"10.96.0.10","destination.port":53,"dns.question.name":"X1.t.bad.example","dns.question.type":"TXT","dns.response_code":"NXDOMAIN"}}"#
    ));
    assert_eq!(contact.destination.name.as_deref(), Some("bad.example"));
    let ContactKind::DnsQuery(question) = contact.kind else { panic!("{:?}", contact.kind) };
    assert_eq!((question.name.as_ref(), question.rr_type, question.rcode), ("x1.t.bad.example", 16, Some(3)));
}

#[test]
fn a_pod_is_announced_before_its_first_event_and_once() {
    let line =
        format!(r#"{{{WHO},"event":"burst","destination.address":"198.19.1.2","destination.port":443}}"#);
    let (records, _) = read(&format!("{line}\n{line}\n"));
    let kinds: Vec<_> = records.iter().map(|(_, r)| matches!(r, Record::Workload(_))).collect();
    assert_eq!(kinds, [true, false, false]);
}

#[test]
fn damaged_lines_cost_only_themselves() {
    let good =
        format!(r#"{{{WHO},"event":"burst","destination.address":"198.19.1.2","destination.port":443}}"#);
    let (records, rejected) = read(&format!(
        "{{\n{good}\n{}\n{}\n",
        good.replace("burst", "noise"),
        good.replace("198.19.1.2", "nowhere")
    ));
    assert_eq!(records.len(), 2);
    let all: Vec<_> = rejected.iter().map(|(reason, _, place)| (reason, place.line)).collect();
    assert_eq!(all, [(Reason::NotJson, 1), (Reason::BadAddress, 4), (Reason::UnknownKind, 3)]);
}
