//! The registered domain of a name: what somebody registered below a public suffix.

use std::sync::Arc;

/// The registered domain of a canonical name; the name itself if it has none (`localhost`, `com`, the root).
#[must_use]
pub fn registered(name: &str) -> Arc<str> {
    let domain = psl::domain(name.as_bytes()).and_then(|d| core::str::from_utf8(d.as_bytes()).ok());
    Arc::from(domain.unwrap_or(name))
}

/// A host name as the tables hold it: lower case, no final dot, no port.
pub(super) fn host_name(text: &str) -> Arc<str> {
    let host = match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => host,
        _ => text,
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    Arc::from(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_domain_lies_just_below_the_public_suffix() {
        for (name, domain) in [
            ("a.b.evil.example", "evil.example"),
            ("www.shop.co.uk", "shop.co.uk"),
            ("me.github.io", "me.github.io"),
            ("api.default.svc.cluster.local", "cluster.local"),
            ("localhost", "localhost"),
            ("com", "com"),
            (".", "."),
            ("", ""),
        ] {
            assert_eq!(&*registered(name), domain);
        }
    }

    #[test]
    fn a_host_loses_its_port_brackets_and_final_dot() {
        for (text, host) in [
            ("Example.COM:8080", "example.com"),
            ("example.com.", "example.com"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("192.0.2.1:80", "192.0.2.1"),
        ] {
            assert_eq!(&*host_name(text), host);
        }
    }
}
