//! One entry of a list: what it names, and where it stands in CSV and STIX.

use std::net::IpAddr;

/// Column names that hold the indicator in a CSV file, in order of preference.
const CSV_COLUMNS: [&str; 13] = [
    "indicator",
    "ioc",
    "ioc_value",
    "value",
    "domain",
    "host",
    "hostname",
    "cidr",
    "network",
    "ip",
    "address",
    "dst_ip",
    "url",
];

/// What an entry names.
pub(super) enum Entry<'a> {
    Domain(&'a str),
    Network(IpAddr, u8),
}

/// An address, a network or a domain. A URL stands for its host, and so does a host with a port.
pub(super) fn entry(text: &str) -> Option<Entry<'_>> {
    let host = host(text);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Entry::Network(address, if address.is_ipv4() { 32 } else { 128 }));
    }
    if let Some((address, length)) = host.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = length.parse().ok()?;
        let fits = length <= if address.is_ipv4() { 32 } else { 128 };
        return fits.then_some(Entry::Network(address, length));
    }
    let domain = host.strip_prefix("*.").unwrap_or(host).trim_end_matches('.');
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let is_domain = domain.contains('.') && domain.len() <= 253 && domain.split('.').all(label);
    // What ends in a number is an address that was written wrongly.
    let is_number = domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (is_domain && !is_number).then_some(Entry::Domain(domain))
}

fn host(text: &str) -> &str {
    let host = match text.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            authority.rsplit('@').next().unwrap_or_default()
        }
        None => text,
    };
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.split_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// `0.0.0.0 name`: the format of hosts files.
pub(super) fn is_hosts_line(line: &str) -> bool {
    ["0.0.0.0 ", "127.0.0.1 ", "0.0.0.0\t", "127.0.0.1\t"].iter().any(|start| line.starts_with(start))
}

/// The column of the indicator, if this is the header of a CSV file.
pub(super) fn csv_column(header: &str) -> Option<usize> {
    let names: Vec<String> =
        header.split(',').map(|n| n.trim().trim_matches('"').to_ascii_lowercase()).collect();
    CSV_COLUMNS.iter().find_map(|wanted| names.iter().position(|name| name == wanted))
}

/// Values of the comparisons in a STIX pattern that name a destination:
/// `[ipv4-addr:value = '198.51.100.3'] OR [domain-name:value = 'x.example']`.
pub(super) fn stix_values(pattern: &str) -> impl Iterator<Item = &str> {
    const OBJECTS: [&str; 4] = ["ipv4-addr:value", "ipv6-addr:value", "domain-name:value", "url:value"];
    let comparisons = OBJECTS.iter().flat_map(move |object| pattern.split(object).skip(1));
    comparisons.filter_map(|rest| {
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').or_else(|| rest.strip_prefix("ISSUBSET"))?;
        rest.trim_start().strip_prefix('\'')?.split('\'').next()
    })
}
