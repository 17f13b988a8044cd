//! What all requests have in common, whoever they are for: proxies, certificates, limits.

use std::net::IpAddr;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig};

use crate::fault::Fault;
use crate::proxy;

/// Looks up a variable of the environment.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

const MAX_HEADERS: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(10);

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

/// What sends requests to one server. It follows no redirect, since a credential is for one server, and each answer is an answer,
/// whatever its status.
///
/// # Errors
///
/// `SSL_CERT_FILE` names something that holds no certificates, or a proxy cannot be used.
pub(crate) fn agent(site: &Site, timeout: Duration, lookup: &Lookup<'_>) -> Result<Agent, Fault> {
    let tls = TlsConfig::builder().root_certs(roots(lookup)?).build();
    let config = Agent::config_builder()
        .user_agent(concat!("weave-gate/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(MAX_HEADERS)
        .timeout_connect(Some(CONNECT.min(timeout)))
        .tls_config(tls)
        .proxy(proxy::find(site, lookup)?)
        .build();
    Ok(config.new_agent())
}

/// The error without the library's word for its kind.
pub(crate) fn cause(error: &ureq::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("io: ")
        .map_or_else(|| text.clone(), str::to_owned)
}

fn roots(lookup: &Lookup<'_>) -> Result<RootCerts, Fault> {
    let Some(path) = lookup("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let fault = |problem: String| {
        Fault::evidence(format!("cannot read SSL_CERT_FILE `{path}`: {problem}"))
            .help("it names a file of trusted certificates in PEM form")
    };
    let bytes = std::fs::read(&path).map_err(|error| fault(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(&bytes) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(fault(error.to_string())),
        }
    }
    if certificates.is_empty() {
        return Err(fault("it holds no certificate".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
