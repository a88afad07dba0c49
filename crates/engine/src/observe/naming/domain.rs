//! Names of hosts in the form in which they are compared, and the registered domain of a name.

use std::net::IpAddr;
use std::sync::Arc;

/// The registered domain of a canonical name (what somebody registered below a public suffix); the name itself if it
/// has none (`localhost`, `com`, the root).
#[must_use]
pub fn registered(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

/// The name lies under a suffix of the public suffix list.
#[must_use]
pub fn is_listed(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// What stands before the registered domain, without the dot between.
#[must_use]
pub fn below_registered(name: &str) -> &str {
    let domain = registered(name);
    name.get(..name.len().saturating_sub(domain.len() + 1)).unwrap_or_default()
}

/// A host name as it is compared: lower case, no final dot, no port, no brackets.
#[must_use]
pub fn host_name(text: &str) -> Arc<str> {
    let host = match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !is_address(text) => host,
        _ => text,
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    Arc::from(host.to_ascii_lowercase())
}

/// Whether what stands for a name is an address.
#[must_use]
pub fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
}

/// The name that was meant by a question. A resolver that goes through the search domains itself (CoreDNS's `autopath`)
/// answers a question for `example.com.shop.svc.cluster.local` with an alias of it, `example.com`.
#[must_use]
pub fn meant<'a>(asked: &'a str, mut aliases: impl Iterator<Item = &'a str>) -> &'a str {
    let is_meant = |alias: &&str| {
        !alias.is_empty() && asked.strip_prefix(alias).is_some_and(|rest| rest.starts_with('.'))
    };
    aliases.find(is_meant).unwrap_or(asked)
}

/// Whether a looked-up name is the indicated one: as it is, or with a search domain of the cluster behind it (`api` as
/// `api.shop.svc.cluster.local`), which nobody can register.
#[must_use]
pub fn is_same(looked_up: &str, indicated: &str) -> bool {
    let domain = looked_up.strip_prefix(indicated);
    domain.is_some_and(|domain| domain.is_empty() || domain.starts_with('.') && domain.ends_with(".local"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_domain_lies_just_below_the_public_suffix() {
        for (name, domain, below) in [
            ("a.b.evil.example", "evil.example", "a.b"),
            ("www.shop.co.uk", "shop.co.uk", "www"),
            ("me.github.io", "me.github.io", ""),
            ("api.default.svc.cluster.local", "cluster.local", "api.default.svc"),
            ("localhost", "localhost", ""),
            ("com", "com", ""),
            (".", ".", ""),
            ("", "", ""),
        ] {
            assert_eq!((registered(name), below_registered(name)), (domain, below));
        }
        assert_eq!((is_listed("a.co.uk"), is_listed("a.example")), (true, false));
    }

    #[test]
    fn a_host_loses_its_port_brackets_and_final_dot() {
        for (text, host) in [
            ("Example.COM:8080", "example.com"),
            ("example.com.", "example.com"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:db8::1:2", "2001:db8::1:2"),
            ("192.0.2.1:80", "192.0.2.1"),
        ] {
            assert_eq!(&*host_name(text), host);
        }
    }

    #[test]
    fn a_search_domain_below_local_does_not_make_another_name() {
        for (looked_up, indicated, same) in [
            ("api.shop.svc.cluster.local", "api", true),
            ("a.example", "a.example", true),
            ("api.local", "ap", false),
            ("a.test.b.example", "a.test", false),
        ] {
            assert_eq!(is_same(looked_up, indicated), same);
        }
        for (asked, alias, name) in [
            ("www.shop.example", "edge.cdn.example", "www.shop.example"),
            ("www.shop.example.web.svc.cluster.local", "www.shop.example", "www.shop.example"),
            ("cdn.example", "n", "cdn.example"),
            (".", "", "."),
        ] {
            assert_eq!(meant(asked, [alias].into_iter()), name);
        }
    }
}
