//! The proxy that the environment names for a server, and the servers that are reached without one.

use std::net::IpAddr;

use ureq::{Proxy, ProxyProtocol};

use crate::fault::Fault;
use crate::site::{Lookup, Site};

/// The variables that name a proxy. The first one with a usable proxy is used.
const NAMES: [&str; 3] = ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"];

/// Returns the proxy for a server; `None` if the server is reached directly: no proxy is named, `NO_PROXY` exempts the
/// server, or the server is this machine.
///
/// # Errors
///
/// Proxies are named, but none of them can be used.
pub(crate) fn find(site: &Site, lookup: &Lookup<'_>) -> Result<Option<Proxy>, Fault> {
    let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let either = |name: &str| set(name).or_else(|| set(&name.to_ascii_lowercase()));
    // Unlike the other variables, this one is read in lower case first, as in curl and requests.
    let exempt = set("no_proxy").or_else(|| set("NO_PROXY"));
    if site.is_loopback || exempt.is_some_and(|list| exempts(&list, &site.host, site.port)) {
        return Ok(None);
    }
    let named = NAMES.iter().filter_map(|name| Some((name, either(name)?)));
    let mut unusable = None;
    for (name, value) in named {
        match Proxy::new(&value) {
            // The library bypasses a proxy of another kind, or panics.
            Ok(proxy) if is_known(proxy.protocol()) => return Ok(Some(proxy)),
            _ => unusable = unusable.or(Some(name)),
        }
    }
    match unusable {
        // The value may be a password, so it is not shown.
        Some(name) => Err(Fault::evidence(format!("cannot use the proxy in {name}"))
            .help("expected http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; SOCKS is not supported")),
        None => Ok(None),
    }
}

fn is_known(protocol: ProxyProtocol) -> bool {
    matches!(protocol, ProxyProtocol::Http | ProxyProtocol::Https)
}

/// Whether a list in the format of `NO_PROXY` exempts a host at a port. Commas or spaces separate the entries. An entry
/// is `*`, a name with all its subdomains, an address, or a network of addresses. Each entry except a network may have
/// a port.
fn exempts(list: &str, host: &str, port: u16) -> bool {
    let host = bare(host).trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok();
    list.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let (name, only) = parted(entry);
            let is_port = match only {
                Some(only) => only.parse() == Ok(port),
                None => true,
            };
            is_port
                && match address {
                    _ if name == "*" => true,
                    Some(address) => holds(name, address),
                    None => is_under(&host, name),
                }
        })
}

/// Splits an entry into the host and, if it has one, the port: `host:port`, `[address]:port`. An address with colons
/// has no port unless it is in brackets.
fn parted(entry: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = entry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        // The rest is a port, or the entry is invalid.
        return (
            address,
            (!rest.is_empty()).then(|| rest.trim_start_matches(':')),
        );
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => (name, Some(port)),
        _ => (entry, None),
    }
}

/// Whether a host has this name or is a subdomain of it: `a.example.com` is under `example.com` and `.example.com`, and
/// `an-example.com` is not.
fn is_under(host: &str, name: &str) -> bool {
    let name = name.strip_prefix('*').unwrap_or(name);
    let name = name.trim_matches('.').to_ascii_lowercase();
    match host.strip_suffix(&name) {
        Some(rest) => !name.is_empty() && (rest.is_empty() || rest.ends_with('.')),
        None => false,
    }
}

/// Whether an address is equal to a written address or in a written network: `10.0.0.0/8`, `fd00::/8`.
fn holds(written: &str, address: IpAddr) -> bool {
    let (network, length) = match written.split_once('/') {
        Some((network, length)) => (network, Some(length)),
        None => (written, None),
    };
    let Ok(network) = bare(network).parse::<IpAddr>() else {
        return false;
    };
    // An IPv4 address may be written as an IPv6 address.
    match (address.to_canonical(), network, length) {
        (address, network, None) => address == network.to_canonical(),
        (IpAddr::V4(address), IpAddr::V4(network), Some(length)) => {
            let mask = |length: u32| u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let fits = |length: u32| (address.to_bits() ^ network.to_bits()) & mask(length) == 0;
            length
                .parse()
                .is_ok_and(|length| length <= 32 && fits(length))
        }
        (IpAddr::V6(address), IpAddr::V6(network), Some(length)) => {
            let mask = |length: u32| u128::MAX.checked_shl(128 - length).unwrap_or(0);
            let fits = |length: u32| (address.to_bits() ^ network.to_bits()) & mask(length) == 0;
            length
                .parse()
                .is_ok_and(|length| length <= 128 && fits(length))
        }
        _ => false,
    }
}

/// An address without its brackets.
fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_curl_and_requests_read_them() {
        for (list, host, is_exempt) in [
            ("*", "trace.wandb.ai", true),
            ("a,*", "10.1.2.3", true),
            ("wandb.ai", "wandb.ai", true),
            ("wandb.ai", "trace.wandb.ai", true),
            (".wandb.ai", "trace.wandb.ai", true),
            (".wandb.ai", "wandb.ai", true),
            ("*.wandb.ai", "trace.wandb.ai", true),
            ("Wandb.AI.", "TRACE.wandb.ai.", true),
            ("wandb.ai", "notwandb.ai", false),
            ("trace.wandb.ai", "wandb.ai", false),
            ("wandb.ai", "wandb.ai.example.com", false),
            ("andb.ai", "trace.wandb.ai", false),
            ("a.test , wandb.ai", "trace.wandb.ai", true),
            ("a.test wandb.ai", "trace.wandb.ai", true),
            ("a.test\twandb.ai", "trace.wandb.ai", true),
            ("a.test,,.,", "trace.wandb.ai", false),
            ("wandb.ai:443", "trace.wandb.ai", true),
            ("wandb.ai:8443", "trace.wandb.ai", false),
            ("wandb.ai:", "trace.wandb.ai", false),
            ("https://wandb.ai", "trace.wandb.ai", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("10.1.2.3:80", "10.1.2.3", false),
            ("2.3", "10.1.2.3", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.2/32", "10.1.2.3", false),
            ("10.1.2.2/31", "10.1.2.3", true),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("10.0.0.0/33", "10.1.2.3", false),
            ("10.0.0.0/", "10.1.2.3", false),
            ("10.0.0.0/8", "ten.example.com", false),
            ("fd00::1", "[fd00::1]", true),
            ("[fd00::1]", "[fd00::1]", true),
            ("[fd00::1]:443", "[fd00::1]", true),
            ("[fd00::1]:80", "[fd00::1]", false),
            ("fd00:0:0::1", "[fd00::1]", true),
            ("fd00::/8", "[fd12::1]", true),
            ("[fd00::]/8", "[fd12::1]", false),
            ("fd00::/8", "[fe12::1]", false),
            ("::/0", "[fe12::1]", true),
            ("fd00::/129", "[fd12::1]", false),
            ("10.0.0.0/8", "[fd12::1]", false),
            ("10.0.0.0/8", "[::ffff:10.1.2.3]", true),
            ("", "trace.wandb.ai", false),
        ] {
            assert_eq!(exempts(list, host, 443), is_exempt, "{list:?}, {host}");
        }
    }

    fn found(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxy = find(&Site::of(url).unwrap(), &lookup).unwrap();
        proxy.map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn a_proxy_of_another_kind_is_not_gone_around() {
        let site = Site::of("https://trace.wandb.ai").unwrap();
        let socks = |name: &str| (name == "ALL_PROXY").then(|| "socks5://p.test".to_owned());
        assert!(find(&site, &socks).is_err());
        let other = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://proxy.test".to_owned()),
            _ => socks(name),
        };
        let found = find(&site, &other).unwrap().unwrap();
        assert_eq!(found.host(), "proxy.test");
    }

    #[test]
    fn a_proxy_is_used_unless_the_server_is_exempt() {
        let trace = "https://trace.wandb.ai";
        let proxy = ("HTTPS_PROXY", "http://proxy.test:3128");
        let used = Some("proxy.test".to_owned());
        assert_eq!(found(trace, &[]), None);
        assert_eq!(found(trace, &[("HTTPS_PROXY", "")]), None);
        assert_eq!(found(trace, &[proxy]), used);
        assert_eq!(found(trace, &[("https_proxy", proxy.1)]), used);
        assert_eq!(found("http://127.0.0.1:80", &[proxy]), None);
        assert_eq!(found("https://[::1]", &[proxy]), None);
        assert_eq!(
            found(trace, &[proxy, ("NO_PROXY", "a.test, .wandb.ai")]),
            None
        );
        assert_eq!(found(trace, &[proxy, ("no_proxy", "wandb.ai:443")]), None);
        let other = [proxy, ("NO_PROXY", "wandb.ai:443")];
        assert_eq!(found("https://trace.wandb.ai:8443", &other), used);
        // The lower-case variable has priority, unless it is empty.
        let both = [proxy, ("NO_PROXY", "wandb.ai"), ("no_proxy", "a.test")];
        assert_eq!(found(trace, &both), used);
        let both = [proxy, ("NO_PROXY", "wandb.ai"), ("no_proxy", "")];
        assert_eq!(found(trace, &both), None);
    }
}
