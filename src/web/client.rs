//! Who is asking: the address of the other end, or the one that the proxy in front writes down.

use std::net::{IpAddr, SocketAddr};

use hyper::{HeaderMap, header::HeaderName};

/// What proxies and networks in front of a site write the visitor's address, or their own part in it, into.
const FORWARDING: [&str; 15] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "x-azure-clientip",
    "x-appengine-user-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "do-connecting-ip",
    "x-nf-client-connection-ip",
];

/// The whole family of `X-Forwarded-For`, `-Host`, `-Proto` and the like.
const FAMILY: &str = "x-forwarded";

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    /// The visitor's address; that of a proxy, where nothing says what the proxy writes down.
    pub(super) address: IpAddr,
    /// The header by which a proxy is known whose word for the address was not found: everybody behind it has the
    /// address above.
    pub(super) behind: Option<HeaderName>,
}

impl Client {
    /// The address that the header `trusted` says, else the other end's.
    pub(super) fn of(headers: &HeaderMap, peer: IpAddr, trusted: Option<&HeaderName>) -> Self {
        match trusted.and_then(|name| written(headers, name)) {
            Some(address) => Self { address, behind: None },
            None => Self { address: peer, behind: forwarding(headers, trusted) },
        }
    }

    /// Whether it is this machine or the own network, as far as one can see.
    pub(super) fn is_near(&self) -> bool {
        self.behind.is_none() && is_near(self.address)
    }
}

/// Whether an address is this machine's or one of a private network.
pub(super) fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// The address that the proxy in front of us wrote last; what stands before it may be anybody's words.
fn written(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let last = value.rsplit(',').next()?.trim();
    // RFC 7239: `for="[2001:db8::1]:4711";proto=https`.
    let pairs = last.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut named =
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case("for")).map(|(_, value)| value.trim_matches('"'));
    let last = named.next_back().unwrap_or(last);
    let bare = last.trim_start_matches('[').trim_end_matches(']');
    last.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| bare.parse()).ok()
}

/// A header by which a proxy is known.
fn forwarding(headers: &HeaderMap, trusted: Option<&HeaderName>) -> Option<HeaderName> {
    let is_one = |name: &&HeaderName| {
        FORWARDING.contains(&name.as_str()) || name.as_str().starts_with(FAMILY) || Some(*name) == trusted
    };
    headers.keys().find(is_one).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(headers: &[(&'static str, &str)], trusted: Option<&'static str>) -> Client {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Client::of(&map, "192.0.2.9".parse().unwrap(), trusted.map(HeaderName::from_static).as_ref())
    }

    #[test]
    fn only_the_proxys_word_counts_for_the_address() {
        let check = |values: &[&str], expected: &str| {
            let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-for", *value)).collect();
            let client = client(&headers, Some("x-forwarded-for"));
            assert_eq!(client.address.to_string(), expected, "{values:?}");
            assert_eq!(client.behind.is_some(), !values.is_empty() && expected == "192.0.2.9", "{values:?}");
        };
        check(&[], "192.0.2.9");
        check(&["198.51.100.1"], "198.51.100.1");
        check(&["10.0.0.1, 198.51.100.1"], "198.51.100.1");
        check(&["10.0.0.1", "198.51.100.2"], "198.51.100.2");
        check(&["[2001:db8::1]:443"], "2001:db8::1");
        check(&["2001:db8::2"], "2001:db8::2");
        check(&["unknown"], "192.0.2.9");
        check(&["unknown, "], "192.0.2.9");
    }

    #[test]
    fn the_standard_header_is_read_as_well() {
        let check = |value: &str, expected: &str| {
            let found = client(&[("forwarded", value)], Some("forwarded"));
            assert_eq!(found.address.to_string(), expected, "{value}");
        };
        check("for=198.51.100.1;proto=https;by=203.0.113.43", "198.51.100.1");
        check("for=10.0.0.1, For=\"[2001:db8::1]:4711\"", "2001:db8::1");
        check("proto=https;for=198.51.100.2", "198.51.100.2");
        check("for=_hidden", "192.0.2.9");
    }

    #[test]
    fn a_proxy_whose_word_is_not_taken_is_known_by_its_headers() {
        let check = |name: &'static str, trusted: Option<&'static str>, expected: bool| {
            let found = client(&[("user-agent", "x"), (name, "203.0.113.7")], trusted);
            assert_eq!(found.behind.is_some_and(|header| header == name), expected, "{name}");
        };
        for name in FORWARDING.into_iter().chain(["x-forwarded-for", "x-forwarded-proto"]) {
            check(name, None, true);
        }
        // The settings name another header than the proxy writes.
        check("x-forwarded-for", Some("x-real-ip"), true);
        check("x-real-ip", Some("x-real-ip"), false);
        check("accept", None, false);
    }
}
