//! A server as its URL names it.

use std::net::IpAddr;

use ureq::http::Uri;

/// Looks up a variable of the environment.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// What matters of a URL before a secret is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// Whether it is plain http.
    is_plain: bool,
    /// Whether it is this machine.
    pub(crate) is_loopback: bool,
    /// The host: a name, an address, or an address of version 6 in brackets.
    pub(crate) host: String,
    /// Its port, where none is named that of the scheme.
    pub(crate) port: u16,
    /// The host with its port, as they are written.
    pub(crate) authority: String,
}

impl Site {
    /// Reads a URL of a server.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
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

    /// Whether it is the same server: the same host, port and protocol.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && (self.port, self.is_plain) == (other.port, other.is_plain)
    }

    /// Whether others on the way could read what is sent.
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
