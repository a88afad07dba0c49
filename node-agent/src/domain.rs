//! Registered domains: what somebody bought, by the public suffix list.

/// The registered domain of a name (`a.b.example.co.uk`: `example.co.uk`); the name itself where there is none.
/// The name is in canonical form: lower case, no final dot.
#[must_use]
pub fn registered_domain(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_a_registered_domain_are_cut() {
        for (name, domain) in [
            ("a.b.example.co.uk", "example.co.uk"),
            ("x.y.pirate.sea", "pirate.sea"),
            ("example.com", "example.com"),
            ("com", "com"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(registered_domain(name), domain);
        }
    }
}
