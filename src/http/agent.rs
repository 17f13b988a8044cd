//! Configures the HTTP client: certificates, proxy, limits.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use crate::fault::Fault;
use crate::proxy;
use crate::site::{Lookup, Site};

const MAX_HEADERS: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(10);

/// Creates the agent that sends requests to one server. It follows no redirect, because a credential is for one server.
/// It returns an answer with any status, and does not treat the status as an error.
///
/// # Errors
///
/// `SSL_CERT_FILE` names a file without certificates, or the proxy cannot be used.
pub(super) fn agent(site: &Site, timeout: Duration, lookup: &Lookup<'_>) -> Result<Agent, Fault> {
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

fn roots(lookup: &Lookup<'_>) -> Result<RootCerts, Fault> {
    let Some(path) = lookup("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    certificates(&path)
        .map(|certificates| RootCerts::new_with_certs(&certificates))
        .with_context(|| format!("cannot read SSL_CERT_FILE `{path}`"))
        .map_err(|error| {
            Fault::evidence_of(&error).help("it names a file of trusted certificates in PEM form")
        })
}

fn certificates(path: &str) -> anyhow::Result<Vec<Certificate<'static>>> {
    let bytes = std::fs::read(path)?;
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item? {
            certificates.push(certificate);
        }
    }
    ensure!(!certificates.is_empty(), "it holds no certificate");
    Ok(certificates)
}
