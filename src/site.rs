//! A server, as its URL names it.

use std::net::IpAddr;

use ureq::http::Uri;

/// Looks up an environment variable.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The parts of a URL that are checked before a secret is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// Whether the protocol is plain http.
    is_plain: bool,
    /// Whether the server is this machine.
    pub(crate) is_loopback: bool,
    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub(crate) host: String,
    /// The port; if the URL names none, that of the scheme.
    pub(crate) port: u16,
    /// The host with its port, as written in the URL.
    pub(crate) authority: String,
}

impl Site {
    /// Parses the URL of a server.
    ///
    /// # Errors
    ///
    /// The problem with the URL.
    pub(crate) fn of(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "not readable")?;
        let is_plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") => true,
            _ => return Err("expected http:// or https://"),
        };
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user name; the key comes from WANDB_API_KEY or ~/.netrc");
        }
        if url.contains(['?', '#']) {
            return Err("it has a query or a fragment");
        }
        match authority.host() {
            "" => Err("it has no host"),
            host => Ok(Self {
                is_plain,
                is_loopback: is_loopback(host),
                host: host.to_owned(),
                port: authority
                    .port_u16()
                    .unwrap_or(if is_plain { 80 } else { 443 }),
                authority: authority.to_string(),
            }),
        }
    }

    /// Whether the other server is the same one: the same host, port and protocol.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && (self.port, self.is_plain) == (other.port, other.is_plain)
    }

    /// Whether requests leave this machine without encryption.
    pub(crate) fn is_open(&self) -> bool {
        self.is_plain && !self.is_loopback
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
