//! What text looks like.

use super::Looks;

/// What bytes without a magic number look like.
pub(super) fn looks(begin: &[u8]) -> Looks {
    let begin = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
    if begin.iter().any(|b| matches!(b, 0..=8 | 14..=26 | 28..=31)) {
        return Looks::OtherBytes;
    }
    let mut lines = begin.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return Looks::Empty };
    match first {
        [b'{', rest @ ..] if !rest.is_empty() => of_json_line(first),
        [b'{'] | [b'['] | [b'[', b'{' | b'[' | b'"' | b' ', ..] => of_json_document(begin),
        [b'<', ..] => Looks::WebPage,
        _ if is_kubernetes_yaml(first) || lines.clone().next().is_some_and(is_kubernetes_yaml) => {
            kubernetes(begin)
        }
        _ => lines_of_text(first),
    }
}

/// By keys that only one program writes, wherever in the object they stand: shippers wrap what they carry.
fn of_json_line(line: &[u8]) -> Looks {
    let has = |key: &str| memchr::memmem::find(line, key.as_bytes()).is_some();
    let all = |keys: &[&str]| keys.iter().all(|key| has(key));
    if all(&["event_type", "src_ip"]) || all(&["event_type", "flow_id"]) {
        Looks::Suricata
    } else if has("id.orig_h") || has("id_orig_h") || all(&["\"orig_h\"", "\"resp_h\""]) || has("\"_path\"") {
        Looks::Zeek
    } else if has("\"time_unix_nano\"") {
        Looks::Events
    } else if has("\"k8s.pod.uid\"") {
        Looks::Pods
    } else if all(&["\"k8s.namespace.name\"", "\"process.executable.path\""]) {
        Looks::Baseline
    } else if all(&["\"verdict\"", "\"l4\""]) || all(&["\"flow\"", "\"source\"", "\"destination\""]) {
        Looks::Hubble
    } else if has("upstream_host") || has("downstream_remote_address") || all(&[":authority", "start_time"]) {
        Looks::Envoy
    } else if all(&["\"apiVersion\"", "\"kind\""]) {
        kubernetes(line)
    } else if line.ends_with(b"}") || line.len() > 200 {
        Looks::OtherJson
    } else {
        Looks::JsonDocument
    }
}

fn of_json_document(begin: &[u8]) -> Looks {
    let has = |key: &str| memchr::memmem::find(begin, key.as_bytes()).is_some();
    if has("\"apiVersion\"") && has("\"kind\"") { kubernetes(begin) } else { Looks::JsonDocument }
}

/// Ours, or one of the many others.
fn kubernetes(begin: &[u8]) -> Looks {
    let ours = memchr::memmem::find(begin, b"beaconwatch.io/").is_some();
    if ours { Looks::Policy } else { Looks::KubernetesObject }
}

fn is_kubernetes_yaml(line: &[u8]) -> bool {
    line.starts_with(b"apiVersion:") || line.starts_with(b"kind:")
}

fn lines_of_text(first: &[u8]) -> Looks {
    let has = |part: &str| memchr::memmem::find(first, part.as_bytes()).is_some();
    let starts = |part: &str| first.starts_with(part.as_bytes());
    let words: Vec<&[u8]> =
        first.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty()).collect();
    if starts("#separator") || starts("#fields") || starts("#path") {
        Looks::Zeek
    } else if is_vpc_flow(&words) {
        Looks::VpcFlow
    } else if is_squid(&words) {
        Looks::Squid
    } else if starts("[") && has("] \"") {
        if words.first().is_some_and(|time| time.ends_with(b"Z]")) { Looks::Envoy } else { Looks::OtherText }
    } else if has(" - ") && has(" [") && has("] \"") {
        Looks::WebServerLog
    } else if words.iter().any(|word| matches!(*word, b"IP" | b"IP6" | b"ARP,")) && has(":") {
        Looks::PacketText
    } else if is_csv_header(first) {
        Looks::ConnCsv
    } else if is_zeek_row(first) {
        Looks::Zeek
    } else {
        Looks::OtherText
    }
}

/// Version, account and interface; or the names of those.
fn is_vpc_flow(words: &[&[u8]]) -> bool {
    let named = words.iter().any(|word| matches!(*word, b"interface-id" | b"srcaddr"))
        || words.iter().any(|word| matches!(*word, b"${interface-id}" | b"${srcaddr}"));
    let row = words.len() >= 14
        && words.get(1).is_some_and(|account| account.len() == 12 && is_number(account))
        && words.get(2).is_some_and(|interface| interface.starts_with(b"eni-"));
    named || row
}

/// Time with milliseconds, duration, client, result and status.
fn is_squid(words: &[&[u8]]) -> bool {
    let [time, duration, _, result, ..] = words else { return false };
    let result_word = result.split(|b| *b == b'/').next().unwrap_or_default();
    let is_result =
        result.contains(&b'/') && result_word.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    time.contains(&b'.') && time.split(|b| *b == b'.').all(is_number) && is_number(duration) && is_result
}

/// Names of columns, at least a source and a destination among them.
fn is_csv_header(line: &[u8]) -> bool {
    let mut names = line.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    let mut found = (false, false);
    names.by_ref().for_each(|name| {
        found.0 |= matches!(name, b"src" | b"\"src\"");
        found.1 |= matches!(name, b"dst" | b"\"dst\"");
    });
    found.0 && found.1
}

/// A row without its header: a time, and Zeek's uid.
fn is_zeek_row(line: &[u8]) -> bool {
    let mut fields = line.split(|b| *b == b'\t');
    let time = fields.next().unwrap_or_default();
    let uid = fields.next().unwrap_or_default();
    let is_time = time.contains(&b'.') && time.split(|b| *b == b'.').all(is_number);
    is_time && uid.first() == Some(&b'C') && uid.len() >= 6 && uid.iter().all(u8::is_ascii_alphanumeric)
}

fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}
